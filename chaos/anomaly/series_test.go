package anomaly

import (
	"math"
	"math/rand/v2"
)

const (
	day  = 24
	week = 7 * day
	// weeks of a series: the first six have no loss.
	weeks   = 10
	hours   = weeks * week
	quietly = 6 * week
)

// first is the hour, since 1970, with which generated series begin: a Thursday of 2026.
const first = 2922 * week

// shape is what a generated series looks like.
type shape struct {
	mean   float64 // records of an hour
	daily  float64 // amplitude of the day, as a part of the mean
	rest   float64 // part of the mean on days 2 and 3 of the week
	trend  float64 // per day, as a part of the mean
	noise  float64 // deviation of an hour
	days   float64 // deviation of a whole day
	bursts float64 // part of the hours that have any records; 0 for all
}

// plain is a topic as most are.
func plain(r *rand.Rand) shape {
	return shape{
		mean: math.Pow(10, 2+3*r.Float64()), daily: 0.8 * r.Float64(), rest: 0.3 + 0.7*r.Float64(), trend: 0.008 * (r.Float64() - 0.3),
		noise: 0.02 + 0.08*r.Float64(), days: 0.04 * r.Float64(),
	}
}

// still is a topic of few records, which come as they like.
func still(r *rand.Rand) shape {
	s := shape{mean: 0.2 + 6*r.Float64(), daily: r.Float64(), rest: r.Float64(), noise: 0.2}
	if r.IntN(2) == 0 {
		s.bursts = 0.02 + 0.2*r.Float64()
	}
	return s
}

// draw makes the hours of a series.
func (s shape) draw(r *rand.Rand) []float64 {
	out := make([]float64, hours)
	phase, dayOff := r.Float64(), 0.0
	for h := range out {
		if h%day == 0 {
			dayOff = s.days * r.NormFloat64()
		}
		mean := s.mean * (1 + s.daily*math.Sin(2*math.Pi*(float64(h%day)/day+phase))) * (1 + s.trend*float64(h)/day)
		if d := h % week / day; d == 2 || d == 3 {
			mean *= s.rest
		}
		mean *= max(1+dayOff+s.noise*r.NormFloat64(), 0)
		if s.bursts > 0 {
			if r.Float64() >= s.bursts {
				continue
			}
			mean /= s.bursts
		}
		out[h] = poisson(r, mean)
	}
	return out
}

// poisson draws a count of independent arrivals.
func poisson(r *rand.Rand, mean float64) float64 {
	if mean > 40 {
		return max(math.Round(mean+math.Sqrt(mean)*r.NormFloat64()), 0)
	}
	n, p, limit := 0.0, r.Float64(), math.Exp(-mean)
	for ; p > limit; n++ {
		p *= r.Float64()
	}
	return n
}

// thin takes the part away of what an hour has, each record by itself.
func thin(r *rand.Rand, count, part float64) float64 {
	lost := count * part
	if part < 1 {
		lost = min(poisson(r, lost), count)
	}
	return count - lost
}

// label is a loss: hours of a series, counted from its begin.
type label struct{ from, to int }

package bench

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// Interval is a median with its bootstrap 95 % interval.
type Interval struct{ Median, Low, High float64 }

// Bars of what the engine and its steps may cost: the CPU of doing the same by hand over ours.
const (
	PassThroughBar = 0.85 // records that are written as they were read, under every compression
	ThreeStepsBar  = 0.7  // three steps of a transform on JSON of 500 bytes
)

// Below reports whether x is below bar for sure: the whole interval is.
func (x Interval) Below(bar float64) bool { return x.High < bar }

// apart reports whether x, of one way against itself, is so far from 1 that the machine was too busy to tell anything.
func (x Interval) apart() bool { return x.High < 0.96 || x.Low > 1.04 }

// resamples is how often the bootstrap draws.
const resamples = 4000

// Bootstrap returns the median of xs and where it lies in 95 % of resamples.
func Bootstrap(xs []float64, rng *rand.Rand) Interval {
	medians := make([]float64, resamples)
	draw := make([]float64, len(xs))
	for i := range medians {
		for j := range draw {
			draw[j] = xs[rng.IntN(len(xs))]
		}
		medians[i] = median(draw)
	}
	slices.Sort(medians)
	return Interval{Median: median(xs), Low: medians[resamples*25/1000], High: medians[resamples*975/1000]}
}

func median(xs []float64) float64 {
	s := slices.Sorted(slices.Values(xs))
	n := len(s)
	if n%2 == 1 {
		return s[n/2]
	}
	return (s[n/2-1] + s[n/2]) / 2
}

// mid returns the run in the middle by CPU per record.
func mid(fs []Figures) Figures {
	s := slices.Clone(fs)
	slices.SortFunc(s, func(a, b Figures) int { return cmp.Compare(a.PerRecord(), b.PerRecord()) })
	return s[len(s)/2]
}

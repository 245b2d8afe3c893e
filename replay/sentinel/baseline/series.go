package baseline

import (
	"errors"
	"fmt"
	"math"
)

// Hours that something takes.
const (
	hoursOfDay  = 24
	hoursOfWeek = 7 * hoursOfDay
	// WarmHours are what is seen before anything is judged: each hour of the week twice.
	WarmHours = 2 * hoursOfWeek
	// RelearnHours is how long an alarm lasts before what it is about is taken for what is usual from now on.
	RelearnHours = hoursOfWeek
)

// How fast what was seen is forgotten, as what stays of it after one more observation. Half of a level is younger than four days, of an hour of
// the day than two weeks, of an hour or a day of the week than two and a half.
const (
	keepLevel   = 0.99281 // 0.5^(1/96)
	keepDay     = 0.95
	keepWeek    = 0.75
	keepWeekday = 0.9885  // 0.75^(1/24)
	keepSpread  = 0.99794 // 0.5^(1/336)
)

const (
	// prior is how many observations, and priorCount how many arrivals, the next coarser estimate counts for. The second keeps places with few
	// records from taking chance for a season; records that come in bursts are as many arrivals as bursts.
	prior      = 0.25
	priorCount = 8
	// leastSpread is by what part of itself a count may be off, however even it was.
	leastSpread = 0.03
	// leastShare is what a share of records (Shares) may be off by.
	leastShare = 0.005
	// clipLow and clipHigh are how many deviations of a difference are learned. Of more records more is: a topic in which they come in bursts
	// has all of its records far above the mean.
	clipLow, clipHigh = 2.5, 6
	// spreadClip is clipLow for how far counts are off; it is more, so that a spread can grow.
	spreadClip = 3
)

// Kind says what a series is of.
type Kind uint8

// The kinds of series.
const (
	Counts Kind = iota // records of an hour
	Shares             // records of a certain kind among all of an hour, e.g. those that are late
)

// ErrOrder says that an hour was observed twice, or after a later one.
var ErrOrder = errors.New("hours must ascend")

// pair is an estimate: a quotient of two sums that fade.
type pair struct{ Sum, Of float32 }

func (p *pair) add(sum, of, keep float64) {
	p.Sum = float32(float64(p.Sum)*keep + sum)
	p.Of = float32(float64(p.Of)*keep + of)
}

// or is the quotient, with other counting for weight of it; other where there is nothing else.
func (p pair) or(other, weight float64) float64 {
	if of := float64(p.Of) + weight; of > 0 {
		return (float64(p.Sum) + other*weight) / of
	}
	return other
}

// Observation is what an hour had.
type Observation struct {
	Hour  int64   // since 1970, UTC
	Count float64 // records
	Of    float64 // of Shares: among how many; of Counts ignored
}

// Series is what is known of one measure of one place. The zero value has seen nothing and is of Counts.
type Series struct {
	kind    Kind
	last    int64 // the newest hour
	seen    int64 // hours
	warm    []Observation
	level   pair             // records, over what an hour of factor 1 would count as
	day     [hoursOfDay]pair // records, over what the level says
	weekday [7]pair          // the same of days of the week, over what the hour of the day says
	week    [hoursOfWeek]pair
	spread  pair // squared differences beyond chance, over squared expectations
	wide    [hoursOfDay]pair
	daily   pair  // mean squared standardized difference of whole days
	today   pair  // since a day ended: sum of standardized differences, and how many
	low     cusum // evidence for fewer than expected
	high    cusum
	whole   cusum // for whole days with fewer
	hush    cusum // for nothing, or nearly
	alarm   pair  // the level of an alarm
	lasts   int64 // hours of it
	tuning  Tuning
}

// New returns a series that has seen nothing.
func New(k Kind) *Series { return &Series{kind: k} }

// Last is the newest hour that was observed; 0 for none.
func (s *Series) Last() int64 { return s.last }

// Learned is how many hours were observed.
func (s *Series) Learned() int64 { return s.seen }

// slots are an hour's place in the day and in the week. Hour 0 of the week is that of 1970-01-01, a Thursday.
func slots(hour int64) (day, week int) {
	week = int(((hour % hoursOfWeek) + hoursOfWeek) % hoursOfWeek)
	return week % hoursOfDay, week
}

func (s *Series) base() float64 { return s.level.or(0, 0) }

// factors are how an hour of the day, a day of the week, and their hour of the week stand to the level. What was seen seldom leans on the
// coarser two.
func (s *Series) factors(hour int64) (day, days, both float64) {
	hour = s.tuning.local(hour)
	d, w := slots(hour)
	base := s.base()
	weight := prior*base + priorCount*(1+max(s.spread.or(0, 0), 0)*base)
	day = s.day[d].or(1, weight)
	days = s.weekday[weekday(hour)].or(1, weight)
	return day, days, s.week[w].or(day*days, weight)
}

// expect is what an hour should have, and the deviation that is usual.
func (s *Series) expect(o Observation) (mean, deviation float64) {
	_, _, f := s.factors(o.Hour)
	mean = s.base() * f * o.Of
	d, _ := slots(s.tuning.local(o.Hour))
	return mean, math.Sqrt(chance(mean) + s.uneven(d, mean)*mean*mean + s.grain(o))
}

// uneven is the square of the part of itself by which a count is off in an hour of the day, beyond chance.
func (s *Series) uneven(d int, mean float64) float64 {
	return max(s.wide[d].or(max(s.spread.or(0, 0), 0), 3*mean*mean), leastSpread*leastSpread)
}

// chance is the variance of a count of independent arrivals. One more is for what is expected to be nothing.
func chance(mean float64) float64 { return mean + 1 }

// grain is the variance that a share has by being small.
func (s *Series) grain(o Observation) float64 {
	if s.kind == Shares {
		return leastShare * leastShare * o.Of * o.Of
	}
	return 0
}

// Observe judges an hour, and learns from it. Hours that nobody knows anything of are left out.
func (s *Series) Observe(o Observation) (Judgement, error) {
	if s.seen > 0 && o.Hour <= s.last {
		return Judgement{}, fmt.Errorf("baseline: hour %d after hour %d: %w", o.Hour, s.last, ErrOrder)
	}
	if s.kind == Counts {
		o.Of = 1
	}
	s.last = o.Hour
	s.seen++
	j := Judgement{Hour: o.Hour, Count: o.Count, Of: o.Of, State: Learning, Weeks: s.seen / hoursOfWeek}
	if s.seen <= WarmHours {
		s.warm = append(s.warm, o)
		if s.seen == WarmHours {
			s.fit()
		}
		return j, nil
	}
	mean, dev := s.expect(o)
	j.Expected, j.From, j.To = mean, max(0, mean-2*dev), mean+2*dev
	z := (o.Count - mean) / dev
	d, _ := slots(s.tuning.local(o.Hour))
	uneven := s.uneven(d, mean)
	slack, ease := s.slack(), s.tuning.evidence()
	s.low.add(o.Hour, min(-z, most)-slack, enough*ease, calm)
	// Where records come in bursts, many at once are nothing new.
	s.high.add(o.Hour, min(z, most)-slack-2*math.Sqrt(uneven), enough*ease, calm)
	s.hush.add(o.Hour, min(silence(o.Count, mean, max(uneven, s.spread.or(0, 0))), enoughSilence*ease/2), enoughSilence*ease, calm)
	if s.today.add(z, 1, 1); s.low.alarmed || s.hush.alarmed {
		s.today = pair{} // what hours have told needs no day to tell it again
	}
	s.endDay(o.Hour)
	j.State, j.SinceHour = s.state()
	if j.State == Usual {
		s.lasts, s.alarm = 0, pair{}
		s.learn(o, mean, dev)
		return j, nil
	}
	j.Relearned = s.outlast(o)
	return j, nil
}

// state is what all evidence comes to, and since when it adds up.
func (s *Series) state() (State, int64) {
	var since int64
	for _, c := range []cusum{s.low, s.hush, s.whole} {
		if c.alarmed && (since == 0 || c.since < since) {
			since = c.since
		}
	}
	switch {
	case since != 0:
		return Low, since
	case s.high.alarmed:
		return High, s.high.since
	}
	return Usual, 0
}

// learn takes an hour for usual, as far as it is.
func (s *Series) learn(o Observation, mean, dev float64) {
	local := s.tuning.local(o.Hour)
	d, w := slots(local)
	base := s.base()
	day, days, f := s.factors(o.Hour)
	count := min(max(o.Count, mean-clipLow*dev), mean+clipHigh*dev)
	s.level.add(count, f*o.Of, keepLevel)
	s.day[d].add(count, base*days*o.Of, keepDay)
	s.weekday[weekday(local)].add(count, base*day*o.Of, keepWeekday)
	s.week[w].add(count, base*o.Of, keepWeek)
	off := min(max(o.Count-mean, -spreadClip*dev), clipHigh*dev)
	extra := off*off - chance(mean) - s.grain(o)
	s.spread.add(extra, mean*mean, keepSpread)
	s.wide[d].add(extra, mean*mean, keepDay)
}

// outlast takes the level of an alarm that has lasted for long over.
func (s *Series) outlast(o Observation) bool {
	_, _, f := s.factors(o.Hour)
	s.alarm.add(o.Count, f*o.Of, 1)
	if s.lasts++; s.lasts < RelearnHours {
		return false
	}
	s.level, s.alarm, s.lasts = s.alarm, pair{}, 0
	s.low, s.high, s.whole, s.hush = cusum{}, cusum{}, cusum{}, cusum{}
	return true
}

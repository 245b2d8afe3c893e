package baseline

import (
	"cmp"
	"math"
	"slices"
)

// fit makes the first estimates of what was seen while nothing was judged. All hours are there at once, so that the first night does not
// stand for the level, and the first Monday not for every day.
func (s *Series) fit() {
	var count, of float64
	for _, o := range s.warm {
		count, of = count+o.Count, of+o.Of
	}
	if of == 0 {
		s.warm = nil
		return
	}
	base := count / of
	for _, o := range s.warm {
		d, w := slots(s.tuning.local(o.Hour))
		s.level.add(base*o.Of, o.Of, keepLevel)
		s.day[d].add(o.Count, base*o.Of, keepDay)
		s.week[w].add(o.Count, base*o.Of, keepWeek)
	}
	s.weeks(base)
	for _, o := range s.warm {
		day, _, _ := s.factors(o.Hour)
		s.weekday[weekday(s.tuning.local(o.Hour))].add(o.Count, base*day*o.Of, keepWeekday)
	}
	// Two observations stand at a mean that they made themselves: their differences from it are smaller than those of a third will be, by
	// half of the variance.
	const own = 2
	for _, o := range s.warm {
		d, _ := slots(s.tuning.local(o.Hour))
		_, _, f := s.factors(o.Hour)
		mean := s.base() * f * o.Of
		extra := own*(o.Count-mean)*(o.Count-mean) - chance(mean) - s.grain(o)
		s.wide[d].add(extra, mean*mean, keepDay)
	}
	for _, o := range s.warm {
		mean, dev := s.expect(o)
		s.today.add(math.Sqrt(own)*(o.Count-mean)/dev, 1, 1)
		s.endDay(fitting)
	}
	s.warm = nil
}

// fitting is the hour of days that are learned and not judged.
const fitting = -1

// weeks sets each hour against the same of the other week, which no estimate has seen, to tell seasons from records that come in bursts: these
// do not come again.
func (s *Series) weeks(base float64) {
	var off, common, n float64
	for i, o := range s.warm {
		later := s.warm[i+1:]
		at, there := slices.BinarySearchFunc(later, o.Hour+hoursOfWeek, func(p Observation, hour int64) int { return cmp.Compare(p.Hour, hour) })
		if !there || later[at].Of == 0 {
			continue
		}
		other := later[at].Count * o.Of / later[at].Of
		off += (o.Count-other)*(o.Count-other)/2 - chance((o.Count+other)/2) - s.grain(o)
		common += o.Count * other
		n += base * base * o.Of * o.Of
	}
	// Where hardly any hour comes again, the mean says how much that would have been.
	const least = 0.02
	s.spread = pair{float32(off), float32(max(common, least*n))}
}

// keepDaily is what stays of how whole days differ, after one more day: half is younger than two weeks.
const keepDaily = 0.95

// endDay looks, after as many hours as a day has, at the whole of them.
func (s *Series) endDay(hour int64) {
	if s.today.Of < hoursOfDay {
		return
	}
	mean := s.today.or(0, 0)
	s.today = pair{}
	if hour != fitting {
		s.whole.add(hour-hoursOfDay+1, min(-mean/s.dayOff(), mostOfDay)-slackOfDay, enoughDays*s.tuning.evidence(), 1)
	}
	if state, _ := s.state(); state == Usual {
		mean = min(max(mean, -2), 2)
		s.daily.add(mean*mean, 1, keepDaily)
	}
}

// dayOff is by how many deviations of an hour the mean of a day is off. It is not less than what independent hours make of it.
func (s *Series) dayOff() float64 {
	const independent = 1.0 / hoursOfDay
	return math.Sqrt(max(s.daily.or(independent, 1), independent))
}

// slack is how many deviations of a difference are no evidence. Where a whole day is often below what is expected, an hour of it says
// little, and has to be further away.
func (s *Series) slack() float64 { return 0.5 + 2.5*s.dayOff() }

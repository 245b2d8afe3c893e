package orders

import "time"

// Hole is a stretch of time that some partitions lose whole.
type Hole struct {
	Partitions []int32
	From, To   time.Duration // since the set's day
}

// Loss says what is broken on purpose.
type Loss struct {
	Holes []Hole
	// OneIn loses every record outside the holes with a chance of one in so many; 0 loses none.
	OneIn uint64
	// Twice is a run of offsets of one partition that is written twice.
	Twice          int32
	TwiceFrom, End int64
}

// DefaultLoss loses a bit more than a quarter of the records: ten hours of eight partitions, and one record in a thousand
// elsewhere. It writes 5,000 records of partition 2 twice, fewer in a small set.
func DefaultLoss(s Set) Loss {
	run := min(5000, s.Count(2)/10)
	return Loss{
		Holes: []Hole{
			{Partitions: []int32{0, 1, 3, 4}, From: 2 * time.Hour, To: 12 * time.Hour},
			{Partitions: []int32{7, 8}, From: 2 * time.Hour, To: 12 * time.Hour},
			{Partitions: []int32{10, 11}, From: 9*time.Hour + 30*time.Minute, To: 19*time.Hour + 30*time.Minute},
		},
		OneIn: 1000, Twice: 2, TwiceFrom: s.Count(2) / 2, End: s.Count(2)/2 + run,
	}
}

// Lost reports whether record n is lost.
func (l Loss) Lost(s Set, n int64) bool {
	partition, at := int32(n%Partitions), s.Time(n).Sub(s.Day)
	for _, h := range l.Holes {
		for _, p := range h.Partitions {
			if p == partition && at >= h.From && at < h.To {
				return true
			}
		}
	}
	return l.OneIn > 0 && partition != l.Twice && mix(n)%l.OneIn == 0
}

// Doubled reports whether the record at an offset of the complete topic is written twice.
func (l Loss) Doubled(partition int32, offset int64) bool {
	return partition == l.Twice && offset >= l.TwiceFrom && offset < l.End
}

// Total counts the lost records.
func (l Loss) Total(s Set) int64 {
	var lost int64
	for n := range s.Records {
		if l.Lost(s, n) {
			lost++
		}
	}
	return lost
}

// Found judges ranges of offsets that somebody says are missing: how many of them are lost, and how many are not.
func (l Loss) Found(s Set, partition int32, from, to int64) (found, wrong int64) {
	for o := from; o < to; o++ {
		if o < s.Count(partition) && l.Lost(s, s.Number(partition, o)) {
			found++
		} else {
			wrong++
		}
	}
	return found, wrong
}

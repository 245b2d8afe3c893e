package kafka

import (
	"iter"
	"math"
	"sync/atomic"

	"backstitch/replay/repartition"
)

// spans are the first and the last offset of one transaction's records, by partition. The client adds to them from a goroutine of its own;
// who reads them has waited for all of its records.
type spans struct {
	first int32 // partition that all[0] is of
	all   []struct{ from, to atomic.Int64 }
}

// make makes room for a writer of one partition, or of all that a rule knows.
func (s *spans) make(part int32, rule *repartition.Rule) {
	n := int32(1)
	if rule != nil {
		part, n = 0, rule.Partitions
	}
	s.first, s.all = part, make([]struct{ from, to atomic.Int64 }, n)
	s.reset()
}

// reset begins a transaction.
func (s *spans) reset() {
	for i := range s.all {
		s.all[i].from.Store(math.MaxInt64)
		s.all[i].to.Store(-1)
	}
}

// add notes a record. Of one partition the client acknowledges one at a time.
func (s *spans) add(part int32, offset int64) {
	a := &s.all[part-s.first]
	if offset < a.from.Load() {
		a.from.Store(offset)
	}
	if offset > a.to.Load() {
		a.to.Store(offset)
	}
}

// of is the span of one partition, false when nothing was written to it.
func (s *spans) of(part int32) (from, to int64, ok bool) {
	a := &s.all[part-s.first]
	return a.from.Load(), a.to.Load(), a.to.Load() >= 0
}

// written yields the partitions that were written to.
func (s *spans) written() iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for i := range s.all {
			if s.all[i].to.Load() >= 0 && !yield(s.first+int32(i)) {
				return
			}
		}
	}
}

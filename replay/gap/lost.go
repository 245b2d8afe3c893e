package gap

import (
	"iter"

	"backstitch/partition"
	"backstitch/replay/gap/match"
)

// Scattered losses make a range each, and as a list they would take as much memory as there are of them: 24 bytes a range, several times
// over, where a bit per position is enough to know them all. So a partition keeps the set, whoever needs all ranges walks it, and what is
// listed ends after Config.MaxRanges. What is beyond that is counted, and is part of ids and estimates as if it were listed.

// places are ranges in ascending order, each with the number of records in it.
type places = iter.Seq2[partition.Range, int64]

// lost is what is missing in a partition.
type lost struct {
	positions match.Positions
	holes     partition.Ranges // of the reference
	// partly is set where there is a finding of that kind, of what is no run of at least so many records or beyond so many runs.
	partly bool
	least  int64
	most   int
}

func (l *lost) all() places { return l.positions.Runs(l.holes) }

// runs yields those that have at least so many records, the first of them up to a number; scattered yields the others.
func (l *lost) runs(records int64, most int) places {
	return l.some(records, most, true)
}

func (l *lost) scattered(records int64, most int) places {
	return l.some(records, most, false)
}

func (l *lost) some(records int64, most int, long bool) places {
	return func(yield func(partition.Range, int64) bool) {
		runs := 0
		for r, n := range l.all() {
			run := n >= records && runs < most
			if run {
				runs++
			}
			if run == long && !yield(r, n) {
				return
			}
		}
	}
}

// listed are places as a report has them.
type listed struct {
	all     places
	ranges  partition.Ranges // the first of them
	counts  []int64          // of records in each of ranges
	left    int64            // how many more there are
	span    partition.Range  // of all
	records int64            // in all
}

// list walks all once and lists at most so many.
func list(all places, most int) listed {
	l := listed{all: all}
	for r, n := range all {
		if l.records == 0 {
			l.span.From = r.From
		}
		l.span.To = r.To
		l.records += n
		if len(l.ranges) < most {
			l.ranges, l.counts = append(l.ranges, r), append(l.counts, n)
		} else {
			l.left++
		}
	}
	return l
}

// several leaves out what Finding.Range says already.
func (l *listed) several() partition.Ranges {
	if len(l.ranges)+int(min(l.left, 1)) < 2 {
		return nil
	}
	return l.ranges
}

// one is a single place.
func one(r partition.Range, n int64) places {
	return func(yield func(partition.Range, int64) bool) { yield(r, n) }
}

// rangesOf are places without their counts.
func rangesOf(all places) iter.Seq[partition.Range] {
	return func(yield func(partition.Range) bool) {
		for r := range all {
			if !yield(r) {
				return
			}
		}
	}
}

// Lost yields all that is missing, also where Missing lists a part of it: ranges in ascending order, and how many records are in each. A
// result that was joined of pieces knows what it lists.
func (r *Result) Lost() iter.Seq2[partition.Range, int64] {
	if r.lost != nil {
		return r.lost.all()
	}
	return func(yield func(partition.Range, int64) bool) {
		for i, rg := range r.Missing {
			n := rg.Len()
			if r.MissingCounts != nil {
				n = r.MissingCounts[i]
			}
			if !yield(rg, n) {
				return
			}
		}
	}
}

// Scattered yields all that the finding of kind Partly is about, also where it lists a part of it. Nothing where there is no such finding, and
// of a result that was joined of pieces.
func (r *Result) Scattered() iter.Seq2[partition.Range, int64] {
	if r.lost == nil || !r.lost.partly {
		return func(func(partition.Range, int64) bool) {}
	}
	return r.lost.scattered(r.lost.least, r.lost.most)
}

// setLost lists what is missing; nil for nothing.
func (r *Result) setLost(x *lost, most int) {
	r.lost, r.Missing, r.MissingCounts, r.MissingLeft = x, nil, nil, 0
	if x != nil {
		l := list(x.all(), most)
		r.Missing, r.MissingCounts, r.MissingLeft = l.ranges, l.counts, l.left
	}
}

// add adds a finding about places. Where not all of them are listed, what its hash is over is kept beside it.
func (r *Result) add(f Finding, l *listed) {
	f.Range, f.Ranges, f.RangesLeft, f.Count = l.span, l.several(), l.left, l.records
	if l.left > 0 {
		if r.whole == nil {
			r.whole = map[int]iter.Seq[partition.Range]{}
		}
		r.whole[len(r.findings)] = rangesOf(l.all)
	}
	r.findings = append(r.findings, f)
}

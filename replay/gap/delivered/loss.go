package delivered

import (
	"iter"

	"backstitch/partition"
	"backstitch/replay/gap"
)

// Scattered losses may be millions of ranges, and a finding lists the first of them. What is due of them, and what damage hides, is told by walking
// through all of them as often as it takes: they are kept as bits, and no list of them is made.

// places are ranges in ascending order, each with the number of records in it.
type places = iter.Seq2[partition.Range, int64]

// placesOf are all that a finding of loss is about.
func placesOf(f *gap.Finding, res *gap.Result) places {
	if f.Kind == gap.Partly {
		return res.Scattered()
	}
	r, n := f.Range, f.Count
	return func(yield func(partition.Range, int64) bool) { yield(r, n) }
}

// due leaves out what lies at end or behind it. No place reaches over it: where it is moved, it is moved to the begin of one.
func due(all places, end partition.Offset) places {
	return func(yield func(partition.Range, int64) bool) {
		for r, n := range all {
			if r.From >= end || !yield(r, n) {
				return
			}
		}
	}
}

// loss is what is left of a finding.
type loss struct {
	ranges  iter.Seq[partition.Range]
	records int64
}

// say makes f that of the loss, with at most so many ranges listed.
func (l *loss) say(f *gap.Finding, res *gap.Result, most int) {
	f.Ranges, f.RangesLeft, f.Count = nil, 0, l.records
	first := true
	for r := range l.ranges {
		if first {
			f.Range, first = r, false
		}
		f.Range.To = r.To
		if len(f.Ranges) < most {
			f.Ranges = append(f.Ranges, r)
		} else {
			f.RangesLeft++
		}
	}
	if len(f.Ranges) == 1 && f.RangesLeft == 0 {
		f.Ranges = nil // Range says it
	}
	f.Bytes, f.FirstMs, f.LastMs = res.Estimate(l.ranges, l.records)
}

package gap

import (
	"cmp"
	"fmt"
	"slices"

	"backstitch/partition"
)

// Why records may be missing. None of this is part of a finding's id: that is over what was found, and this is what is thought
// of it. A cause is named only where the reference knows the offsets of the very topic that it is compared with.

// EpochRange is a stretch of a reference that was written under one leader epoch.
type EpochRange struct {
	Epoch int32
	Range partition.Range
}

// EpochEnd is where the target has that epoch end.
type EpochEnd struct {
	Epoch int32 // the newest that it knows and that is not above, -1 when there is none
	End   int64
}

// Cut is a stretch of the reference that the target's log once had: at an election it was cut off at At, and offsets from there on
// were given to other records.
type Cut struct {
	Range partition.Range `json:"range"`
	Epoch int32           `json:"epoch"` // under which its records were acknowledged
	At    int64           `json:"at"`
}

// Cuts compares the epochs of a reference with where a target has them end. start is where the target's log begins: what retention
// took was not cut off, and of epochs that ended before nothing is known.
func Cuts(reference []EpochRange, ends map[int32]EpochEnd, start int64) []Cut {
	var out []Cut
	for _, e := range reference {
		end, ok := ends[e.Epoch]
		if !ok || end.Epoch < 0 || end.End <= start {
			continue
		}
		if r := (partition.Range{From: max(e.Range.From, end.End), To: e.Range.To}); !r.Empty() {
			out = append(out, Cut{Range: r, Epoch: e.Epoch, At: end.End})
		}
	}
	slices.SortFunc(out, func(a, b Cut) int { return cmp.Compare(a.Range.From, b.Range.From) })
	return out
}

// Blame writes the probable cause onto the findings of records that are missing. cuts are by partition.
func (r *Report) Blame(cuts map[int32][]Cut) {
	if r.Facts.Recreated == "" {
		return // another topic on purpose, or nobody knows: offsets do not meet
	}
	r.Facts.Cuts = cuts
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Kind != Missing && f.Kind != Partly {
			continue
		}
		f.Cause = r.cause(f)
	}
}

func (r *Report) cause(f *Finding) string {
	if r.Facts.Recreated == "yes" {
		return "the topic was deleted and created again"
	}
	for _, c := range r.Facts.Cuts[f.Partition] {
		if c.Range.From <= f.Range.From && f.Range.To <= c.Range.To {
			return fmt.Sprintf("the log was cut off at offset %s: what leader epoch %d had acknowledged from there on is gone, and later epochs have given these offsets to other records (unclean election, or acks=1)",
				Count(c.At), c.Epoch)
		}
	}
	if start := r.Facts.TargetStarts[f.Partition]; start > 0 && f.Range.To <= start {
		return fmt.Sprintf("retention or DeleteRecords: the topic begins at offset %s now", Count(start))
	}
	return ""
}

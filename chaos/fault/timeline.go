package fault

import (
	"cmp"
	"slices"
	"time"
)

// Step is one thing that an injector has to do.
type Step struct {
	At    time.Duration // from the beginning of the timeline
	Index int           // of the fault in the timeline that was given
	Fault Fault
	Heal  bool // otherwise it begins
}

// Steps puts the beginnings and the ends of faults in the order in which they come. What heals at a moment does so before
// something else begins at it. A fault without a length has no end.
func Steps(faults []Fault) []Step {
	var out []Step
	for i, f := range faults {
		out = append(out, Step{At: f.At, Index: i, Fault: f})
		if f.Lasts() > 0 {
			out = append(out, Step{At: f.Ends(), Index: i, Fault: f, Heal: true})
		}
	}
	slices.SortStableFunc(out, func(a, b Step) int {
		return cmp.Or(cmp.Compare(a.At, b.At), -cmp.Compare(b2i(a.Heal), b2i(b.Heal)), cmp.Compare(a.Index, b.Index))
	})
	return out
}

// End is when the last fault is healed.
func End(faults []Fault) time.Duration {
	var end time.Duration
	for _, f := range faults {
		end = max(end, f.Ends())
	}
	return end
}

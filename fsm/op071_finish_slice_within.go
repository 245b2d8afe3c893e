package fsm

import (
	"fmt"

	"backstitch/partition"
)

// FinishSliceWithin is FinishSlice for a fill slice that has set something aside, under the limit of its job: what all its slices have set
// aside together may not be more. The slice that would be one too many is refused as it is, and its owner fails it. Slices that run at
// the same time are judged one after the other, as they end.
//
// Since: 5. Proposed by: the owner. Refused: as FinishSlice, and TooManyAside.
type FinishSliceWithin struct {
	Finish        FinishSlice
	MaxQuarantine int64 // positions, of the job
}

// Op returns 71.
func (FinishSliceWithin) Op() uint16 { return 71 }

func (c FinishSliceWithin) subject() string { return c.Finish.subject() }

func (c FinishSliceWithin) apply(t *tx) Result {
	f := c.Finish
	s, answer := t.ending(f.Slice, f.Owner, f.Epoch, f.subject())
	if answer != nil {
		return *answer
	}
	if s.Kind != partition.SliceFill || c.MaxQuarantine < 0 {
		return t.refuse(Invalid, fmt.Sprintf("%s: a limit of %d for a %s slice", f.subject(), c.MaxQuarantine, s.Kind))
	}
	if n := t.setAside(f.Slice.Job) + f.Checkpoint.Quarantined; n > c.MaxQuarantine {
		return t.refuse(TooManyAside, fmt.Sprintf("with %s job %s has set aside %d of at most %d", f.subject(), f.Slice.Job, n, c.MaxQuarantine))
	}
	return f.apply(t)
}

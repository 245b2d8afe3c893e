package fsm

import (
	"fmt"

	"backstitch/partition"
)

// FailSlice records that the owner could not go on. With Retry the slice waits again and counts an attempt; without, it
// has failed for good; a job that makes a plan, which has no other slice, has failed with it.
//
// Since: 1. Proposed by: the owner. Refused: UnknownSlice, StaleEpoch, WrongState, Invalid (no Err, or one
// that is too long).
type FailSlice struct {
	Slice              partition.SliceID
	Owner              partition.NodeID
	Epoch              partition.Epoch
	Err                string // at most 4 KiB, starts with a stable code
	Retry              bool
	NotBeforeUnixNanos int64
}

// Op returns 22.
func (FailSlice) Op() uint16 { return 22 }

// MaxErrBytes is the longest FailSlice.Err.
const MaxErrBytes = 4 << 10

func (c FailSlice) subject() string { return "slice " + c.Slice.String() }

func (c FailSlice) apply(t *tx) Result {
	s, ok := t.state(c.Slice)
	if !ok {
		return t.refuse(UnknownSlice, c.subject())
	}
	if code := held(s, c.Owner, c.Epoch); code != OK {
		return t.refuse(code, c.subject())
	}
	if c.Err == "" || len(c.Err) > MaxErrBytes {
		return t.refuse(Invalid, fmt.Sprintf("%s: an error of %d bytes, want 1 to %d", c.subject(), len(c.Err), MaxErrBytes))
	}
	t.dropLease(s)
	s.Status, s.Owner, s.Err, s.NotBeforeUnixNanos = SliceWaiting, "", c.Err, c.NotBeforeUnixNanos
	s.Attempts++
	if !c.Retry {
		s.Status, s.NotBeforeUnixNanos = SliceFailed, 0
		j, _ := t.job(c.Slice.Job)
		j.FailedSlices++
		t.putJob(j)
	}
	t.putState(s)
	if j, ok := t.job(c.Slice.Job); ok && s.Status == SliceFailed && s.Kind == partition.SlicePlan {
		t.planFailed(j, c.Err)
	}
	return t.ok()
}

package fsm

import (
	"fmt"

	"backstitch/partition"
)

// BeginVerify moves a running job whose fill slices are all done to verifying.
//
// Since: 1. Proposed by: the leader. Refused: UnknownJob, WrongState, Incomplete. A job that
// verifies already is OK. A scan, or what makes a plan, is in the wrong state for it at any time.
type BeginVerify struct {
	ID partition.JobID
}

// Op returns 15.
func (BeginVerify) Op() uint16 { return 15 }

func (c BeginVerify) subject() string { return "job " + string(c.ID) }

func (c BeginVerify) apply(t *tx) Result {
	return t.changeJob(c.ID, func(j Job) Result {
		switch {
		case j.State == JobVerifying:
			return t.ok()
		case j.State != JobRunning:
			return t.wrongState(j)
		case t.reads(j.ID) != "":
			return t.refuse(WrongState, t.reads(j.ID))
		case j.FillDone != j.FillSlices:
			return t.refuse(Incomplete, fmt.Sprintf("job %s has filled %d of %d slices", j.ID, j.FillDone, j.FillSlices))
		}
		j.State = JobVerifying
		t.putJob(j)
		return t.ok()
	})
}

package fsm

import "backstitch/partition"

// CancelJob ends a job that is not terminal. What it has written stays; its leases and locks end.
//
// Since: 1. Proposed by: the API. Refused: UnknownJob, WrongState. Cancelling a cancelled job is OK.
type CancelJob struct {
	ID partition.JobID
}

// Op returns 14.
func (CancelJob) Op() uint16 { return 14 }

func (c CancelJob) subject() string { return "job " + string(c.ID) }

func (c CancelJob) apply(t *tx) Result {
	return t.changeJob(c.ID, func(j Job) Result {
		switch {
		case j.State == JobCancelled:
			return t.ok()
		case j.State.Terminal():
			return t.wrongState(j)
		}
		t.retire(j, JobCancelled)
		t.tell(NoticeCancelled, j, t.env.Reason, "")
		return t.ok()
	})
}

package fsm

import (
	"fmt"

	"backstitch/partition"
)

// StartJob seals a planned job whose slices are all there and lets it run. A job without fill slices starts verifying.
//
// Since: 1. Proposed by: the API. Refused: UnknownJob, WrongState, Incomplete. Starting a running job is OK.
type StartJob struct {
	ID partition.JobID
}

// Op returns 11.
func (StartJob) Op() uint16 { return 11 }

func (c StartJob) subject() string { return "job " + string(c.ID) }

func (c StartJob) apply(t *tx) Result {
	return t.changeJob(c.ID, func(j Job) Result {
		switch {
		case j.State == JobRunning || j.State == JobVerifying:
			return t.ok()
		case j.State != JobPlanned:
			return t.wrongState(j)
		case j.Added != j.Slices:
			return t.refuse(Incomplete, fmt.Sprintf("job %s has %d of %d slices", j.ID, j.Added, j.Slices))
		}
		j.State, j.StartedUnixNanos = JobRunning, t.env.UnixNanos
		if j.FillSlices == 0 {
			j.State = JobVerifying
		}
		t.putJob(j)
		t.tell(NoticeStarted, j, t.env.Reason, "")
		return t.ok()
	})
}

package fsm

import "backstitch/partition"

// ResumeJob lets a paused job go on where it was.
//
// Since: 1. Proposed by: the API. Refused: UnknownJob, WrongState. Resuming a job that runs or verifies is OK.
type ResumeJob struct {
	ID partition.JobID
}

// Op returns 13.
func (ResumeJob) Op() uint16 { return 13 }

func (c ResumeJob) subject() string { return "job " + string(c.ID) }

func (c ResumeJob) apply(t *tx) Result {
	return t.changeJob(c.ID, func(j Job) Result {
		switch j.State {
		case JobRunning, JobVerifying:
			return t.ok()
		case JobPaused:
		default:
			return t.wrongState(j)
		}
		j.State, j.ResumeState, j.Why = j.ResumeState, 0, t.env.Reason
		t.putJob(j)
		return t.ok()
	})
}

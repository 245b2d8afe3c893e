package fsm

import "backstitch/partition"

// PauseJob stops a running or verifying job at its checkpoints: all its leases end, progress is kept.
//
// Since: 1. Proposed by: the API. Refused: UnknownJob, WrongState. Pausing a paused job is OK.
type PauseJob struct {
	ID partition.JobID
}

// Op returns 12.
func (PauseJob) Op() uint16 { return 12 }

func (c PauseJob) subject() string { return "job " + string(c.ID) }

func (c PauseJob) apply(t *tx) Result {
	return t.changeJob(c.ID, func(j Job) Result {
		switch j.State {
		case JobPaused:
			return t.ok()
		case JobRunning, JobVerifying:
		default:
			return t.wrongState(j)
		}
		t.releaseJob(j.ID)
		j.ResumeState, j.State, j.Why = j.State, JobPaused, t.env.Reason
		t.putJob(j)
		return t.ok()
	})
}

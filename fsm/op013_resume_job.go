package fsm

import "backstitch/partition"

// ResumeJob lets a paused job go on where it was.
//
// Since: 1. Proposed by: the API. Refused: UnknownJob, WrongState. Resuming a running job is OK.
type ResumeJob struct {
	ID partition.JobID
}

// Op returns 13.
func (ResumeJob) Op() uint16 { return 13 }

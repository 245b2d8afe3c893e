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

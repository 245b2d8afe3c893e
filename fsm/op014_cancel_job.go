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

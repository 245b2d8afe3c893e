package fsm

import "backstitch/partition"

// RetryJob takes a failed job up again and its locks with it: failed slices wait again, and every verify slice is run anew.
//
// Since: 1. Proposed by: the API. Refused: UnknownJob, WrongState, Overlap.
type RetryJob struct {
	ID partition.JobID
}

// Op returns 17.
func (RetryJob) Op() uint16 { return 17 }

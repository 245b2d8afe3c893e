package fsm

import "backstitch/partition"

// BeginVerify moves a running job whose fill slices are all done to verifying.
//
// Since: 1. Proposed by: the leader. Refused: UnknownJob, WrongState, Incomplete.
type BeginVerify struct {
	ID partition.JobID
}

// Op returns 15.
func (BeginVerify) Op() uint16 { return 15 }

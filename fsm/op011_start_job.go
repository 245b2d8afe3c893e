package fsm

import "backstitch/partition"

// StartJob seals a planned job whose slices are all there and lets it run. A job without fill slices starts verifying.
//
// Since: 1. Proposed by: the API. Refused: UnknownJob, WrongState, Incomplete. Starting a running job is OK.
type StartJob struct {
	ID partition.JobID
}

// Op returns 11.
func (StartJob) Op() uint16 { return 11 }

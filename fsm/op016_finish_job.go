package fsm

import "backstitch/partition"

// FinishJob ends a job. Succeeded needs a recorded passing proof of this job; Failed needs a failed slice or a recorded
// proof that did not pass.
//
// Since: 1. Proposed by: the leader. Refused: UnknownJob, WrongState, UnknownProof, Incomplete, Invalid.
type FinishJob struct {
	ID    partition.JobID
	State JobState // JobSucceeded or JobFailed
	Proof ProofID  // "" only when State is JobFailed
}

// Op returns 16.
func (FinishJob) Op() uint16 { return 16 }

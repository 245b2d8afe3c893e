package fsm

import "backstitch/partition"

// JobState is where a job is in its life. The numbers are stored; never reuse one.
type JobState uint8

const (
	JobPlanned   JobState = 1 // submitted; its slices are still being added and nothing runs
	JobRunning   JobState = 2 // fill slices run
	JobVerifying JobState = 3 // every fill slice is done; verify slices run
	JobSucceeded JobState = 4 // a passing proof is recorded
	JobFailed    JobState = 5 // a slice failed for good, or the proof did not pass
	JobPaused    JobState = 6 // an operator stopped it; ResumeState says where it goes on
	JobCancelled JobState = 7 // an operator ended it
)

// String returns the word that status output, the API and metrics use.
func (s JobState) String() string {
	switch s {
	case JobPlanned:
		return "planned"
	case JobRunning:
		return "running"
	case JobVerifying:
		return "verifying"
	case JobSucceeded:
		return "succeeded"
	case JobFailed:
		return "failed"
	case JobPaused:
		return "paused"
	case JobCancelled:
		return "cancelled"
	}
	return "unknown"
}

// Terminal reports whether a job in state s holds no locks and grants no leases any more. A failed job can be retried.
func (s JobState) Terminal() bool {
	return s == JobSucceeded || s == JobFailed || s == JobCancelled
}

// Job is one accepted plan.
type Job struct {
	ID        partition.JobID
	Name      string
	Namespace string
	State     JobState
	// ResumeState is the state a paused job returns to; zero otherwise.
	ResumeState JobState
	// Why is the last reason that somebody or something gave: a pause, a failure.
	Why string
	// Recipe is what a worker needs besides its slice: the canonical JSON of replay/recovery.Recipe. The book does not read it.
	Recipe   []byte
	PlanHash [32]byte
	// Locks are the targets that this job writes, "kafka:CLUSTER-ID/TOPIC/PARTITION" or "dir:PATH/PARTITION". Two jobs that
	// are not terminal never hold the same lock.
	Locks    []string
	Priority uint8 // 0-100, higher first

	Records int64  // planned records over all fill slices
	Bytes   int64  // planned bytes over all fill slices
	Slices  uint32 // declared number of slices of both kinds
	Added   uint32 // slices added so far; StartJob wants Added == Slices

	FillSlices   uint32
	FillDone     uint32
	VerifySlices uint32
	VerifyDone   uint32
	FailedSlices uint32

	CreatedBy         string
	CreatedUnixNanos  int64
	StartedUnixNanos  int64
	FinishedUnixNanos int64
	CreateIndex       uint64
	ModifyIndex       uint64

	Proof ProofID // the newest proof, "" when there is none
}

package fsm

import "backstitch/partition"

// SubmitJob makes a job in state planned and takes its locks.
//
// Since: 1. Proposed by: the API. Refused: Exists (same id, other plan hash), Overlap, Invalid. The same plan again is OK and
// changes nothing.
type SubmitJob struct {
	ID        partition.JobID
	Name      string
	Namespace string
	Recipe    []byte
	PlanHash  [32]byte
	Locks     []string
	Priority  uint8
	Records   int64
	Bytes     int64
	Slices    uint32
}

// Op returns 10.
func (SubmitJob) Op() uint16 { return 10 }

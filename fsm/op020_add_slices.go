package fsm

import "backstitch/partition"

// AddSlices adds slices to a planned job. All slices of one lane are numbered in the order of their ranges, fill slices
// before verify slices.
//
// Since: 1. Proposed by: the API, in batches of at most MaxSlicesBytes. Refused: UnknownJob, WrongState, Exists (same number,
// other content), Invalid. Slices that are there already are left alone.
type AddSlices struct {
	Job    partition.JobID
	Slices []partition.Slice
}

// MaxSlicesBytes is the encoded size at which a proposer starts another AddSlices.
const MaxSlicesBytes = 512 << 10

// Op returns 20.
func (AddSlices) Op() uint16 { return 20 }

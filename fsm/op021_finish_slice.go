package fsm

import "backstitch/partition"

// FinishSlice records that the owner completed a slice.
//
// Since: 1. Proposed by: the owner. Refused: UnknownSlice, StaleEpoch, WrongState, Invalid (a verify slice without a
// comparison). Finishing a done slice under the epoch that finished it is OK.
type FinishSlice struct {
	Slice      partition.SliceID
	Owner      partition.NodeID
	Epoch      partition.Epoch
	Checkpoint Checkpoint
	Comparison *Comparison // verify slices only
	Quarantine []Quarantined
}

// Op returns 21.
func (FinishSlice) Op() uint16 { return 21 }

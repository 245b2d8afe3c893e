package fsm

import "backstitch/partition"

// FailSlice records that the owner could not go on. With Retry the slice waits again and counts an attempt; without, it
// has failed for good.
//
// Since: 1. Proposed by: the owner. Refused: UnknownSlice, StaleEpoch, WrongState.
type FailSlice struct {
	Slice              partition.SliceID
	Owner              partition.NodeID
	Epoch              partition.Epoch
	Err                string // at most 4 KiB, starts with a stable code
	Retry              bool
	NotBeforeUnixNanos int64
}

// Op returns 22.
func (FailSlice) Op() uint16 { return 22 }

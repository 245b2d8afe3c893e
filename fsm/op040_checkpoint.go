package fsm

import "backstitch/partition"

// SaveCheckpoints records the progress of all slices of one node: one command per node and interval, never one per slice.
//
// Since: 1. Proposed by: the owner. Refused per entry: UnknownSlice, StaleEpoch, WrongState (a cursor that falls, a slice
// that is not leased).
type SaveCheckpoints struct {
	Owner   partition.NodeID
	Entries []SliceCheckpoint
}

// SliceCheckpoint is the progress of one slice; Checkpoint.Epoch is the epoch it was made under.
type SliceCheckpoint struct {
	Slice      partition.SliceID
	Checkpoint Checkpoint
}

// Op returns 40.
func (SaveCheckpoints) Op() uint16 { return 40 }

package fsm

import (
	"fmt"

	"backstitch/partition"
)

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

func (c SaveCheckpoints) subject() string {
	return fmt.Sprintf("%d slices of node %s", len(c.Entries), c.Owner)
}

func (c SaveCheckpoints) apply(t *tx) Result {
	r := t.ok()
	for _, e := range c.Entries {
		s, ok := t.state(e.Slice)
		code := UnknownSlice
		if ok {
			code = held(s, c.Owner, e.Checkpoint.Epoch)
		}
		if code == OK && e.Checkpoint.Cursor < s.Checkpoint.Cursor {
			code = WrongState
		}
		if code != OK {
			r.Refused = append(r.Refused, Refusal{Slice: e.Slice, Code: code})
			continue
		}
		s.Checkpoint = e.Checkpoint
		t.putState(s)
	}
	return r
}

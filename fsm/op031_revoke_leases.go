package fsm

import (
	"fmt"

	"backstitch/partition"
)

// RevokeLeases ends leases: the slice waits again, the epoch stays, and the old owner's next word is refused.
//
// Since: 1. Proposed by: the leader (owner lost), or the owner (draining, giving back). Refused per entry: UnknownSlice,
// StaleEpoch, WrongState.
type RevokeLeases struct {
	Leases []Lease
}

// Lease names a lease by slice and epoch.
type Lease struct {
	Slice partition.SliceID
	Owner partition.NodeID
	Epoch partition.Epoch
}

// Op returns 31.
func (RevokeLeases) Op() uint16 { return 31 }

func (c RevokeLeases) subject() string { return fmt.Sprintf("%d leases", len(c.Leases)) }

func (c RevokeLeases) apply(t *tx) Result {
	r := t.ok()
	for _, l := range c.Leases {
		s, ok := t.state(l.Slice)
		code := UnknownSlice
		if ok {
			code = held(s, l.Owner, l.Epoch)
		}
		if code != OK {
			r.Refused = append(r.Refused, Refusal{Slice: l.Slice, Code: code})
			continue
		}
		t.release(s)
	}
	return r
}

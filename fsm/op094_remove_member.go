package fsm

import "backstitch/partition"

// RemoveMember forgets a node. Its leases end.
//
// Since: 1. Proposed by: the leader or the API. Removing an unknown member is OK.
type RemoveMember struct {
	ID partition.NodeID
}

// Op returns 94.
func (RemoveMember) Op() uint16 { return 94 }

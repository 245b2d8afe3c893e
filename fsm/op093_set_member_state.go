package fsm

import "backstitch/partition"

// SetMemberState drains a node, makes it eligible again, or records that it left.
//
// Since: 1. Proposed by: the API. Refused: UnknownMember, WrongState (leaving while it holds leases).
type SetMemberState struct {
	ID    partition.NodeID
	State MemberState
}

// Op returns 93.
func (SetMemberState) Op() uint16 { return 93 }

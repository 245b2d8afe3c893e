package fsm

import (
	"fmt"

	"backstitch/partition"
)

// SetMemberState drains a node, makes it eligible again, or records that it left.
//
// Since: 1. Proposed by: the API. Refused: UnknownMember, WrongState (leaving while it holds leases), Invalid (no
// such state). The state that it is in already is OK.
type SetMemberState struct {
	ID    partition.NodeID
	State MemberState
}

// Op returns 93.
func (SetMemberState) Op() uint16 { return 93 }

func (c SetMemberState) subject() string { return "member " + string(c.ID) }

func (c SetMemberState) apply(t *tx) Result {
	m, ok := t.member(c.ID)
	switch {
	case c.State != MemberActive && c.State != MemberDraining && c.State != MemberLeft:
		return t.refuse(Invalid, fmt.Sprintf("member state %d", c.State))
	case !ok:
		return t.refuse(UnknownMember, string(c.ID))
	case m.State == c.State:
		return t.ok()
	case c.State == MemberLeft && t.holdsLeases(c.ID):
		return t.refuse(WrongState, fmt.Sprintf("member %s still holds leases", c.ID))
	}
	m.State, m.Why = c.State, t.env.Reason
	t.putMember(m)
	return t.ok()
}

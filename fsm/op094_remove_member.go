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

func (c RemoveMember) subject() string { return "member " + string(c.ID) }

func (c RemoveMember) apply(t *tx) Result {
	m, ok := t.member(c.ID)
	if !ok {
		return t.ok()
	}
	t.releaseNode(m.ID)
	t.remove(key(kindMemberName, []byte(m.Name)))
	t.remove(key(kindMember, []byte(m.ID)))
	return t.ok()
}

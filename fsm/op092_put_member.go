package fsm

import (
	"fmt"
	"strings"
)

// PutMember adds a node or changes its addresses, version, zone and weight. State and Why of a known member are kept, but a
// member that left becomes active again.
//
// Since: 1. Proposed by: the leader for a node that joins. Refused: OtherInstance (a member that has not left has
// the id and another data directory), Exists (another id has the name), NeedsVersion (its program can not apply the ops of
// the present cluster version), Invalid. Putting the same member again is OK and changes nothing.
type PutMember struct {
	Member Member
}

// Op returns 92.
func (PutMember) Op() uint16 { return 92 }

func (c PutMember) subject() string { return "member " + string(c.Member.ID) }

func (c PutMember) apply(t *tx) Result {
	m := c.Member
	if why := m.invalid(); why != "" {
		return t.refuse(Invalid, fmt.Sprintf("%s: %s", c.subject(), why))
	}
	have, known := t.member(m.ID)
	back := known && have.State == MemberLeft
	if known && !back && have.Instance != m.Instance {
		return t.refuse(OtherInstance, c.subject())
	}
	var holder memberName
	if t.read(key(kindMemberName, []byte(m.Name)), &holder) && holder.ID != m.ID {
		return t.refuse(Exists, fmt.Sprintf("name %s belongs to member %s", m.Name, holder.ID))
	}
	if v := t.version(); v > LatestVersion || m.MaxOp < versionNeeds[v] {
		return t.refuse(NeedsVersion, c.subject())
	}
	m.State, m.Why = MemberActive, t.env.Reason
	if known && !back {
		m.State, m.Why = have.State, have.Why
	}
	if m.ModifyIndex = have.ModifyIndex; known && m == have {
		return t.ok()
	}
	if known && have.Name != m.Name {
		t.remove(key(kindMemberName, []byte(have.Name)))
	}
	t.write(key(kindMemberName, []byte(m.Name)), memberName{ID: m.ID})
	t.putMember(m)
	return t.ok()
}

func (m Member) invalid() string {
	switch {
	case m.ID == "" || len(m.ID) > maxIDBytes || strings.ContainsRune(string(m.ID), 0):
		return fmt.Sprintf("id: want 1 to %d bytes, none of them zero", maxIDBytes)
	case m.Name == "" || len(m.Name) > maxIDBytes:
		return fmt.Sprintf("name: want 1 to %d bytes", maxIDBytes)
	case m.Role != RoleVoter && m.Role != RoleWorker:
		return fmt.Sprintf("role %d", m.Role)
	case m.Instance == [16]byte{}:
		return "no instance"
	case len(m.Zone)+len(m.APIAddr)+len(m.RPCAddr)+len(m.GossipAddr)+len(m.Version) > maxMemberBytes:
		return fmt.Sprintf("zone, addresses and version take more than %d bytes", maxMemberBytes)
	}
	return ""
}

const maxMemberBytes = 4 << 10

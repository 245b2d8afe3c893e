package fsm

import "fmt"

// RaiseVersion raises the replicated cluster version: ops that came with Version may be proposed from now on. It never falls.
//
// Since: 1 (a new cluster starts at version 1). Proposed by: the leader. Refused: NeedsVersion (a member that has not left
// can not apply MaxOp of that version), Invalid (lower than the present one). The present version is OK.
type RaiseVersion struct {
	Version uint32
}

// Op returns 90.
func (RaiseVersion) Op() uint16 { return 90 }

func (c RaiseVersion) subject() string { return fmt.Sprintf("cluster version %d", c.Version) }

func (c RaiseVersion) apply(t *tx) Result {
	now := t.version()
	switch {
	case c.Version == now:
		return t.ok()
	case c.Version < now:
		return t.refuse(Invalid, fmt.Sprintf("cluster version is %d already", now))
	case c.Version > LatestVersion:
		// Replicas that do know this version say the same: this program's member is in their book with a MaxOp that is
		// too low for it.
		return t.refuse(NeedsVersion, c.subject())
	}
	for _, k := range t.keys(key(kindMember)) {
		var m Member
		t.read(k, &m)
		if m.State != MemberLeft && m.MaxOp < versionNeeds[c.Version] {
			return t.refuse(NeedsVersion, fmt.Sprintf("member %s", m.ID))
		}
	}
	t.write(key(kindVersion), clusterVersion(c))
	return t.ok()
}

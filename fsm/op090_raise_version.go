package fsm

import "fmt"

// RaiseVersion raises the replicated cluster version: ops that came with Version may be proposed from now on. It never falls.
//
// Since: 1 (a new cluster starts at version 1). Proposed by: the leader, and the API below version 8, where there is no FinishUpgrade. Refused:
// NeedsVersion (a member that has not left can not apply MaxOp of that version), Invalid (lower than the present one), WrongState (a person does it:
// Upgrade). The present version is OK.
type RaiseVersion struct {
	Version uint32
}

// Op returns 90.
func (RaiseVersion) Op() uint16 { return 90 }

func (c RaiseVersion) subject() string { return fmt.Sprintf("cluster version %d", c.Version) }

func (c RaiseVersion) apply(t *tx) Result {
	// A leader may have decided before somebody said that it is not to: the order of the log is what counts.
	if c.Version > t.version() && t.upgrade().ByHand {
		return t.refuse(WrongState, c.subject()+" is switched on by hand")
	}
	return t.raise(c.Version)
}

// raise raises the cluster version, whoever wants it.
func (t *tx) raise(to uint32) Result {
	now := t.version()
	switch {
	case to == now:
		return t.ok()
	case to < now:
		return t.refuse(Invalid, fmt.Sprintf("cluster version is %d already", now))
	case to > LatestVersion:
		// Replicas that do know this version say the same: this program's member is in their book with a MaxOp that is
		// too low for it.
		return t.refuse(NeedsVersion, fmt.Sprintf("cluster version %d", to))
	}
	for _, k := range t.keys(key(kindMember)) {
		var m Member
		t.read(k, &m)
		if m.State != MemberLeft && m.MaxOp < versionNeeds[to] {
			return t.refuse(NeedsVersion, fmt.Sprintf("member %s", m.ID))
		}
	}
	t.write(key(kindVersion), clusterVersion{Version: to})
	return t.ok()
}

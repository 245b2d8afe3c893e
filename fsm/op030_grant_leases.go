package fsm

import (
	"fmt"

	"backstitch/partition"
)

// GrantLeases gives slices to owners, waiting slices as well as leased ones: then the old owner's lease ends. Each grant
// names the epoch that it replaces, so that a leader that lost its office while planning changes nothing.
//
// Since: 1. Proposed by: the leader. Refused per entry: UnknownSlice, UnknownMember, StaleEpoch, WrongState (slice done or
// failed, job does not run slices of that kind, owner is draining or left), LaneBusy.
type GrantLeases struct {
	Grants []Grant
}

// Grant gives one slice to Owner under epoch Seen+1.
type Grant struct {
	Slice partition.SliceID
	Owner partition.NodeID
	Seen  partition.Epoch // the epoch of the slice when the leader decided
}

// Op returns 30.
func (GrantLeases) Op() uint16 { return 30 }

func (c GrantLeases) subject() string { return fmt.Sprintf("%d leases", len(c.Grants)) }

func (c GrantLeases) apply(t *tx) Result {
	r := t.ok()
	for _, g := range c.Grants {
		s, code := t.grantable(g)
		if code != OK {
			r.Refused = append(r.Refused, Refusal{Slice: g.Slice, Code: code})
			continue
		}
		t.grant(s, g.Owner)
	}
	return r
}

func (t *tx) grantable(g Grant) (SliceState, Code) {
	s, ok := t.state(g.Slice)
	if !ok {
		return s, UnknownSlice
	}
	m, ok := t.member(g.Owner)
	if !ok {
		return s, UnknownMember
	}
	j, _ := t.job(g.Slice.Job)
	switch {
	case s.Epoch != g.Seen:
		return s, StaleEpoch
	case s.Status != SliceWaiting && s.Status != SliceLeased, !j.Runs(s.Kind), m.State != MemberActive:
		return s, WrongState
	case !t.isHead(s):
		return s, LaneBusy
	}
	return s, OK
}

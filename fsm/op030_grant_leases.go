package fsm

import "backstitch/partition"

// GrantLeases gives slices to owners. Each grant names the epoch that it replaces, so that a leader that lost its office
// while planning changes nothing.
//
// Since: 1. Proposed by: the leader. Refused per entry: UnknownSlice, StaleEpoch, WrongState (done, failed, job not running),
// LaneBusy, UnknownMember.
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

package fsm

// PutMember adds a node or changes its addresses, version, zone and weight. State and Why of a known member are kept, but a
// member that left becomes active again.
//
// Since: 1. Proposed by: the leader for a node that joins. Refused: OtherInstance, Exists (another id has the name), Invalid.
type PutMember struct {
	Member Member
}

// Op returns 92.
func (PutMember) Op() uint16 { return 92 }

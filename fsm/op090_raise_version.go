package fsm

// RaiseVersion raises the replicated cluster version: ops that came with Version may be proposed from now on. It never falls.
//
// Since: 1 (a new cluster starts at version 1). Proposed by: the leader. Refused: NeedsVersion (a member that has not left
// can not apply MaxOp of that version), Invalid.
type RaiseVersion struct {
	Version uint32
}

// Op returns 90.
func (RaiseVersion) Op() uint16 { return 90 }

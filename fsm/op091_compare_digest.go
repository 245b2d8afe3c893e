package fsm

// CompareDigest carries the leader's chained digest as of Index. Each replica that still remembers its own digest of that
// index compares while applying; one that differs latches with ErrDiverged.
//
// Since: 1. Proposed by: the leader. Never refused.
type CompareDigest struct {
	Index  uint64
	Digest [32]byte
}

// Op returns 91.
func (CompareDigest) Op() uint16 { return 91 }

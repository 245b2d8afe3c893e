package fsm

// RecordProof stores a proof and makes it the newest of its job. The verdict must be the one that Judge gives.
//
// Since: 1. Proposed by: the leader, and the API for a verify that a person ran. Refused: UnknownJob, Exists, Invalid.
type RecordProof struct {
	Proof Proof
}

// Op returns 50.
func (RecordProof) Op() uint16 { return 50 }

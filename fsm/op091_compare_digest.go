package fsm

import "fmt"

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

func (c CompareDigest) subject() string { return fmt.Sprintf("digest at index %d", c.Index) }

func (c CompareDigest) apply(t *tx) Result {
	if mine, ok := t.digestAt(c.Index); ok && mine != c.Digest {
		t.err = fmt.Errorf("at index %d this book has digest %x, the leader's has %x: %w", c.Index, mine[:8], c.Digest[:8], ErrDiverged)
	}
	return t.ok()
}

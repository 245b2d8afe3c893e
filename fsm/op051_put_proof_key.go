package fsm

import "fmt"

// PutProofKey makes a key the one that speaks for the cluster. It names the key that it replaces, so that a node that still holds an
// old file changes nothing. The old key stays in the book with the time that it was in force.
//
// Since: 2. Proposed by: the leader for the first key, the API for another one. Refused: Exists (the key was in force before; a key
// does not come back), WrongState (Replaces is not the present key), Invalid. The present key again is OK.
type PutProofKey struct {
	Key      [32]byte // ed25519, public
	Replaces [32]byte // zero for the first key
}

// Op returns 51.
func (PutProofKey) Op() uint16 { return 51 }

func (c PutProofKey) subject() string { return fmt.Sprintf("proof key %x", c.Key[:4]) }

func (c PutProofKey) apply(t *tx) Result {
	if c.Key == ([32]byte{}) {
		return t.refuse(Invalid, "a proof key of zeros")
	}
	var now ProofKey
	for _, k := range t.keys(key(kindProofKey)) {
		now = ProofKey{}
		if t.read(k, &now); now.Key == c.Key && now.UntilIndex != 0 {
			return t.refuse(Exists, fmt.Sprintf("%s was in force up to index %d", c.subject(), now.UntilIndex))
		}
	}
	switch {
	case now.Key == c.Key:
		return t.ok()
	case now.Key != c.Replaces:
		return t.refuse(WrongState, fmt.Sprintf("the present proof key is %x", now.Key[:4]))
	}
	if now.SinceIndex != 0 {
		now.UntilIndex, now.UntilUnixNanos = t.index, t.env.UnixNanos
		t.write(key(kindProofKey, u64(now.SinceIndex)), &now)
	}
	t.write(key(kindProofKey, u64(t.index)), &ProofKey{Key: c.Key, SinceIndex: t.index, SinceUnixNanos: t.env.UnixNanos, By: t.env.Actor})
	return t.ok()
}

package fsm

// ProofKey is the public half of a key that signs reports, with the time during which it spoke for the cluster. The private half
// is a file on the nodes and never enters the book.
type ProofKey struct {
	Key            [32]byte // ed25519
	SinceIndex     uint64
	SinceUnixNanos int64
	By             string // who put it there
	// UntilIndex is where the next key took over, 0 for the present one.
	UntilIndex     uint64
	UntilUnixNanos int64
}

// ProofKeys returns all keys that ever spoke for the cluster, oldest first. The last one does now.
func (v *View) ProofKeys() ([]ProofKey, error) {
	var out []ProofKey
	for k, err := range each[ProofKey](v, key(kindProofKey), nil) {
		if err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	return out, nil
}

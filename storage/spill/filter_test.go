package spill

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// What was added is never denied, and of what was not few are let through.
func TestFilterDeniesNothingThatWasAdded(t *testing.T) {
	const n = 1 << 20
	hash := func(rng *rand.Rand) (h Hash) {
		binary.LittleEndian.PutUint64(h[:], rng.Uint64())
		binary.LittleEndian.PutUint64(h[8:], rng.Uint64())
		return h
	}
	f, added := newFilter(), rand.New(rand.NewPCG(1, 2))
	for range n {
		h := hash(added)
		f.add(&h)
	}
	added, others, through := rand.New(rand.NewPCG(1, 2)), rand.New(rand.NewPCG(3, 4)), 0
	for range n {
		if h := hash(added); !f.may(&h) {
			t.Fatalf("%x was added, and is denied", h)
		}
		if h := hash(others); f.may(&h) {
			through++
		}
	}
	if through > n/100 {
		t.Errorf("let through: got %d of %d that were not added, want less than 1 %%", through, n)
	}
}

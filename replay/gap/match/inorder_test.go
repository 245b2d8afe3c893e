package match

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestInOrderIsABag runs random histories over few hashes against lists in a map: nothing is lost between queue and bag, and equal
// entries leave in the order in which they came.
func TestInOrderIsABag(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bag, err := NewMemory()
		if err != nil {
			t.Fatal(err)
		}
		q := &inOrder{Bag: bag}
		model, n := map[[16]byte][]uint64{}, int64(0)
		steps := rapid.IntRange(1, 200).Draw(t, "steps")
		alone := rapid.IntRange(0, 2*steps).Draw(t, "alone from")
		for i := range steps {
			if i >= alone { // the other side has ended, and may be asked all the same
				if err := q.alone(); err != nil {
					t.Fatal(err)
				}
			}
			h := [16]byte{byte(rapid.IntRange(0, 12).Draw(t, "hash"))}
			if rapid.Bool().Draw(t, "add") {
				if err := q.Add(h, uint64(i)); err != nil {
					t.Fatal(err)
				}
				model[h], n = append(model[h], uint64(i)), n+1
				continue
			}
			got, ok, err := q.Take(h)
			if err != nil || ok != (len(model[h]) > 0) {
				t.Fatalf("Take: got %v, %v, want %v", ok, err, len(model[h]) > 0)
			}
			if ok {
				if got != model[h][0] {
					t.Fatalf("Take: got %d, want %d, the oldest", got, model[h][0])
				}
				if model[h], n = model[h][1:], n-1; len(model[h]) == 0 {
					delete(model, h)
				}
			}
			if q.Len() != n {
				t.Fatalf("Len: got %d, want %d", q.Len(), n)
			}
		}
		rest := map[[16]byte][]uint64{}
		if err := q.Each(func(h [16]byte, v uint64) error { rest[h] = append(rest[h], v); return nil }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(model, rest); diff != "" {
			t.Fatalf("rest (-want +got):\n%s", diff)
		}
	})
}

// TestTheQueueIsBounded adds more than it holds, from its beginning and with most of it taken.
func TestTheQueueIsBounded(t *testing.T) {
	for _, taken := range []uint64{0, queueMax - 1} {
		bag, err := NewMemory()
		if err != nil {
			t.Fatal(err)
		}
		q := &inOrder{Bag: bag}
		hash := func(i uint64) [16]byte { return [16]byte{byte(i), byte(i >> 8), byte(i >> 16)} }
		next := uint64(0)
		for i := range uint64(3 * queueMax) {
			if err := q.Add(hash(i), i); err != nil {
				t.Fatal(err)
			}
			if len(q.queue) > queueMax {
				t.Fatalf("queue: got %d entries, want at most %d", len(q.queue), queueMax)
			}
			if i%queueMax < taken {
				if v, ok, err := q.Take(hash(next)); !ok || v != next || err != nil {
					t.Fatalf("Take %d: got %d, %v, %v", next, v, ok, err)
				}
				next++
			}
		}
		for ; next < 3*queueMax; next++ {
			if v, ok, err := q.Take(hash(next)); !ok || v != next || err != nil {
				t.Fatalf("Take %d: got %d, %v, %v", next, v, ok, err)
			}
		}
		if q.Len() != 0 {
			t.Errorf("Len: got %d, want 0", q.Len())
		}
	}
}

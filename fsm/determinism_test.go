package fsm

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/raft"
)

// TestDeterminism feeds one list of commands to three machines: one entry at a time; in batches of random sizes with
// restarts and repeats in between; and through snapshots that replace the machine. All must end with the same book, byte by
// byte, and the same digest at every step that can be compared.
func TestDeterminism(t *testing.T) {
	r := seed(t)
	plain, digests, logs := makeHistory(t, r, 600*(*times))
	outcomes := map[Code]int{}
	batched := newNode(t)
	for i := 0; i < len(logs); {
		if r.IntN(20) == 0 {
			batched.restart()
		}
		from := max(0, i-r.IntN(10)) // Raft replays what it is not sure of
		to := min(len(logs), i+1+r.IntN(64))
		for k, out := range batched.m.ApplyBatch(logs[from:to]) {
			res, ok := out.(*Result)
			if from+k >= i && ok {
				outcomes[res.Code]++
			} else if from+k >= i || !errors.Is(out.(error), errApplied) {
				t.Fatalf("entry %d: %v", from+k, out)
			}
		}
		i = to
		if got, at := batched.m.Digest(); at != logs[i-1].Index || got != digests[at] {
			t.Fatalf("digest at index %d: got %x, want %x", at, got, digests[at])
		}
	}
	t.Logf("outcomes: %v", outcomes)
	moved := newNode(t)
	for i := 0; i < len(logs); {
		to := min(len(logs), i+1+r.IntN(500))
		moved.m.ApplyBatch(logs[i:to])
		i = to
		next := newNode(t)
		if r.IntN(2) == 0 { // into a machine that already has something
			next.m.ApplyBatch(logs[:r.IntN(i)])
		}
		if err := next.m.Restore(io.NopCloser(bytes.NewReader(moved.snapshot()))); err != nil {
			t.Fatal(err)
		}
		if r.IntN(2) == 0 {
			next.restart()
		}
		moved.stop()
		moved = next
	}
	want := plain.dump()
	if diff := cmp.Diff(batched.dump(), want); diff != "" {
		t.Errorf("batches and restarts (-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(moved.dump(), want); diff != "" {
		t.Errorf("snapshots (-got +want):\n%s", diff)
	}
	if a, b := moved.snapshot(), plain.snapshot(); !bytes.Equal(a, b) {
		t.Errorf("snapshots of equal books differ: %d and %d bytes", len(a), len(b))
	}
	for _, n := range []*node{plain, batched, moved} {
		if err := n.m.VerifyState(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// makeHistory applies n random commands one by one and returns the machine, its digest after each index, and the log.
// Indexes have gaps, as where Raft writes entries of its own.
func makeHistory(t *testing.T, r *rand.Rand, n int) (*node, map[uint64][32]byte, []*raft.Log) {
	t.Helper()
	plain := newNode(t)
	g := newGenerator(r)
	digests := map[uint64][32]byte{}
	var logs []*raft.Log
	index := uint64(0)
	for i := range n {
		index += 1 + uint64(r.IntN(20)/19)
		cmd := g.command()
		if at := index - 2; r.IntN(20) == 0 && digests[at] != ([32]byte{}) {
			cmd = CompareDigest{Index: at, Digest: digests[at]}
		}
		l := logEntry(t, index, g.envelope(), cmd)
		if r.IntN(200) == 0 {
			l.Data = l.Data[:r.IntN(len(l.Data))] // committed rubbish is refused, not fatal
		}
		logs = append(logs, l)
		if _, ok := plain.m.Apply(l).(*Result); !ok {
			t.Fatalf("entry %d: %v", index, plain.m.Err())
		}
		digests[index], _ = plain.m.Digest()
		if i%20 == 0 {
			plain.view(func(v *View) { g.learn(t, v) })
		}
	}
	return plain, digests, logs
}

package fsm

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"

	"backstitch/storage/storagetest"
)

// recovered opens what a power loss left of a node.
func recovered(t *testing.T, fs vfs.FS) *node {
	t.Helper()
	n := &node{t: t, fs: fs}
	n.start()
	return n
}

// TestPowerLoss cuts the power at random moments of a history. The book that is found must be the one of exactly one index
// (state, index and digest together), never older than the newest persisted snapshot, and the log from there on must lead
// to the same end.
func TestPowerLoss(t *testing.T) {
	r := seed(t)
	plain, digests, logs := makeHistory(t, r, 700)
	want := plain.dump()
	disk := storagetest.NewCutFS(nil)
	n := &node{t: t, fs: disk}
	n.start()
	defer n.stop()
	persisted, behind := uint64(0), 0
	for i := 0; i < len(logs); {
		to := min(len(logs), i+1+r.IntN(40))
		n.m.ApplyBatch(logs[i:to])
		i = to
		if r.IntN(4) == 0 {
			n.snapshot()
			persisted = n.m.Applied()
		}
		if r.IntN(4) > 0 {
			continue
		}
		lost := recovered(t, disk.Crash(r.IntN(101), r))
		found := lost.m.Applied()
		if found < persisted {
			t.Errorf("power loss at index %d: found index %d, a snapshot of %d is on disk", n.m.Applied(), found, persisted)
		}
		if got, _ := lost.m.Digest(); found > 0 && got != digests[found] {
			t.Errorf("power loss at index %d: digest of %d is %x, want %x", n.m.Applied(), found, got, digests[found])
		}
		if found < n.m.Applied() {
			behind++
		}
		if r.IntN(5) == 0 {
			lost.m.ApplyBatch(logs)
			if got := lost.dump(); got != want {
				t.Errorf("power loss at index %d: going on from %d leads to another book", n.m.Applied(), found)
			}
		}
		lost.stop()
	}
	if behind == 0 {
		t.Error("no power loss lost anything: the test tests nothing")
	}
	t.Logf("%d power losses lost unsynced entries", behind)
}

// TestAnEntryIsAppliedOnce, wherever a book that was found begins to go on: Raft hands out the entry again that a snapshot, or what was durable, ends with.
func TestAnEntryIsAppliedOnce(t *testing.T) {
	plain, digests, logs := makeHistory(t, seed(t), 300)
	n := newNode(t)
	n.m.ApplyBatch(logs[:1])
	for i := 1; i < len(logs); i++ {
		if out := n.m.ApplyBatch(logs[i-1 : i+1]); out[0] != error(errApplied) {
			t.Fatalf("entry %d, once more: got %v, want %v", logs[i-1].Index, out[0], errApplied)
		}
		if got, _ := n.m.Digest(); got != digests[logs[i].Index] {
			t.Fatalf("entry %d was handed out twice: digest of %d is %x, want %x", logs[i-1].Index, logs[i].Index, got, digests[logs[i].Index])
		}
	}
	if n.dump() != plain.dump() {
		t.Error("entries that were handed out twice lead to another book")
	}
}

// TestPowerLossDuringRestore cuts the power after every read of the stream and at every sync: either the old book is found,
// whole, or the new one.
func TestPowerLossDuringRestore(t *testing.T) {
	r := seed(t)
	source, _, logs := makeHistory(t, r, 400)
	stream, newBook := source.snapshot(), source.dump()
	old := newNode(t)
	old.m.ApplyBatch(logs[:150])
	oldBook := old.dump()

	var disks []*vfs.MemFS
	disk := storagetest.NewCutFS(nil)
	cut := func() { disks = append(disks, disk.Crash(r.IntN(101), r)) }
	n := &node{t: t, fs: disk}
	n.start()
	defer n.stop()
	n.m.ApplyBatch(logs[:150])
	n.snapshot() // makes it durable
	disk.OnSync = func(int64) { cut() }
	if err := n.m.Restore(io.NopCloser(&cuttingReader{r: bytes.NewReader(stream), cut: cut})); err != nil {
		t.Fatal(err)
	}
	cut()
	found := map[string]int{}
	for i, fs := range disks {
		lost := recovered(t, fs)
		switch lost.dump() {
		case oldBook:
			found["old"]++
		case newBook:
			found["new"]++
		default:
			t.Errorf("disk %d: neither the old book nor the new one, index %d", i, lost.m.Applied())
		}
		lost.stop()
	}
	if got := n.dump(); got != newBook {
		t.Error("the restored book is not the one of the snapshot")
	}
	if found["old"] == 0 || found["new"] == 0 {
		t.Errorf("found %v, want both", found)
	}
	t.Logf("%d power losses: %v", len(disks), found)
}

type cuttingReader struct {
	r   io.Reader
	cut func()
}

func (c *cuttingReader) Read(b []byte) (int, error) {
	c.cut()
	return c.r.Read(b[:min(len(b), 1024)])
}

// TestRestoreThatFails leaves the book as it was, and usable.
func TestRestoreThatFails(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	source, _, logs := makeHistory(t, r, 300)
	stream := source.snapshot()
	n := newNode(t)
	n.m.ApplyBatch(logs[:100])
	before := n.dump()
	if err := n.m.Restore(io.NopCloser(bytes.NewReader(stream[:len(stream)-1]))); err == nil {
		t.Fatal("a cut stream was restored")
	}
	if n.dump() != before {
		t.Error("a failed restore changed the book")
	}
	v := n.m.View()
	if err := n.m.Restore(io.NopCloser(bytes.NewReader(stream))); err != nil {
		t.Fatal(err)
	}
	var seen bytes.Buffer
	if err := v.Dump(&seen); err != nil || seen.String() != before {
		t.Errorf("a view that was open during a restore sees something else: %v", err)
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
	if n.dump() != source.dump() {
		t.Error("the restored book is not the one of the snapshot")
	}
}

// TestOtherEntries: entries that are not commands change nothing and are answered with nil.
func TestOtherEntries(t *testing.T) {
	n := newNode(t)
	out := n.m.ApplyBatch([]*raft.Log{{Index: 1, Type: raft.LogConfiguration}, logEntry(t, 2, Envelope{}, RaiseVersion{1})})
	if r, ok := out[1].(*Result); out[0] != nil || !ok || r.Index != 2 {
		t.Errorf("got %v", out)
	}
}

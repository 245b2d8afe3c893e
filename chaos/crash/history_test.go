package crash

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"backstitch/chaos/sim"
	"backstitch/fsm"
	"backstitch/storage"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
)

// history is what the cluster decided: the log, and what a node to which nothing happens makes of it.
type history struct {
	logs     []*raft.Log // logs[i] has index i+1
	digests  [][32]byte  // by index
	commands []uint64    // by index: the newest command at or below it
	streams  map[uint64][]byte
}

// command is the newest command at or below index: the book counts nothing else.
func (h *history) command(index uint64) uint64 {
	if index >= uint64(len(h.commands)) {
		return h.commands[len(h.commands)-1]
	}
	return h.commands[index]
}

type memorySink struct{ bytes.Buffer }

func (*memorySink) ID() string    { return "memory" }
func (*memorySink) Close() error  { return nil }
func (*memorySink) Cancel() error { return nil }

// newHistory makes the log of a simulated job, with entries of raft's own in between.
func newHistory(t *testing.T, rng *rand.Rand) *history {
	t.Helper()
	shelf := &sim.Shelf{}
	defer func() {
		if err := shelf.Close(); err != nil {
			t.Error(err)
		}
	}()
	var data [][]byte
	for len(data) < 60 {
		p, err := sim.NewPlan(1 + rng.Uint64N(1<<40))
		if err != nil {
			t.Fatal(err)
		}
		if data, err = sim.History(p, shelf); err != nil {
			t.Fatal(err)
		}
	}
	db, err := storage.Open(dir, storage.Options{FS: vfs.NewMem(), Fatal: func(error) {}, CacheBytes: 1 << 20, MemTableBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	book, err := fsm.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	h := &history{digests: make([][32]byte, 1), commands: []uint64{0}, streams: map[uint64][]byte{}}
	for len(data) > 0 {
		index := uint64(len(h.logs) + 1)
		l := &raft.Log{Index: index, Term: 1 + index/40, Type: raft.LogNoop}
		if rng.IntN(12) > 0 {
			l.Type, l.Data = raft.LogCommand, data[0]
			data = data[1:]
		}
		book.Apply(l)
		if err := book.Err(); err != nil {
			t.Fatal(err)
		}
		d, _ := book.Digest()
		h.logs, h.digests, h.commands = append(h.logs, l), append(h.digests, d), append(h.commands, book.Applied())
		if index%25 == 0 {
			s, err := book.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			var stream memorySink
			if err := s.Persist(&stream); err != nil {
				t.Fatal(err)
			}
			s.Release()
			h.streams[index] = stream.Bytes()
		}
	}
	return h
}

// lost is an entry that a deposed leader wrote at index and that nobody committed.
func (h *history) lost(index uint64) *raft.Log {
	return &raft.Log{Index: index, Term: 1 + index/40, Type: raft.LogCommand, Data: fmt.Appendf(nil, "lost %d", index)}
}

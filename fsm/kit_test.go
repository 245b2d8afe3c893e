package fsm

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
	"go.uber.org/goleak"

	"backstitch/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node is a machine on a file system in memory with the log entries it is fed.
type node struct {
	t  testing.TB
	fs vfs.FS
	db *storage.DB
	m  *Machine
}

func newNode(t testing.TB) *node {
	n := &node{t: t, fs: vfs.NewMem()}
	n.start()
	t.Cleanup(n.stop)
	return n
}

func (n *node) start() {
	n.t.Helper()
	db, err := storage.Open("node", storage.Options{FS: n.fs, Fatal: func(error) {}, CacheBytes: 1 << 20, MemTableBytes: 1 << 20})
	if err != nil {
		n.t.Fatal(err)
	}
	m, err := Open(db)
	if err != nil {
		n.t.Fatal(err)
	}
	n.db, n.m = db, m
}

func (n *node) stop() {
	if n.db == nil {
		return
	}
	if err := n.db.Close(); err != nil {
		n.t.Error(err)
	}
	n.db, n.m = nil, nil
}

func (n *node) restart() { n.t.Helper(); n.stop(); n.start() }

// apply feeds one command at the next index.
func (n *node) apply(env Envelope, cmd Command) Result {
	n.t.Helper()
	r, ok := n.m.Apply(logEntry(n.t, n.m.Applied()+1, env, cmd)).(*Result)
	if !ok {
		n.t.Fatalf("%s: %v", OpName(cmd.Op()), n.m.Err())
	}
	return *r
}

func logEntry(t testing.TB, index uint64, env Envelope, cmd Command) *raft.Log {
	t.Helper()
	b, err := Encode(env, cmd)
	if err != nil {
		t.Fatal(err)
	}
	return &raft.Log{Index: index, Term: 1 + index/1000, Type: raft.LogCommand, Data: b}
}

// view runs f on a view and closes it.
func (n *node) view(f func(v *View)) {
	n.t.Helper()
	v := n.m.View()
	f(v)
	if err := v.Close(); err != nil {
		n.t.Error(err)
	}
}

func (n *node) dump() string {
	n.t.Helper()
	var b bytes.Buffer
	n.view(func(v *View) {
		if err := v.Dump(&b); err != nil {
			n.t.Fatal(err)
		}
	})
	return b.String()
}

// facts are the stored keys and values without what every command writes: index, audit trail and request ids. They are not decoded,
// which the scenarios would pay for twice with each of their commands.
func (n *node) facts() string {
	n.t.Helper()
	var out []byte
	n.view(func(v *View) {
		for e, err := range v.scan(nil, nil) {
			if err != nil {
				n.t.Fatal(err)
			}
			switch kind(e.key[0]) {
			case kindAudit, kindAuditHead, kindRequest, kindRequestAt, kindMeta:
				continue
			}
			for _, b := range [][]byte{e.key, e.value} {
				out = append(binary.AppendUvarint(out, uint64(len(b))), b...)
			}
		}
	})
	return string(out)
}

// sink is a raft.SnapshotSink in memory.
type sink struct {
	bytes.Buffer
	cancelled bool
}

func (s *sink) ID() string    { return "sink" }
func (s *sink) Close() error  { return nil }
func (s *sink) Cancel() error { s.cancelled = true; return nil }

func (n *node) snapshot() []byte {
	n.t.Helper()
	s, err := n.m.Snapshot()
	if err != nil {
		n.t.Fatal(err)
	}
	defer s.Release()
	var to sink
	if err := s.Persist(&to); err != nil {
		n.t.Fatal(err)
	}
	return to.Bytes()
}

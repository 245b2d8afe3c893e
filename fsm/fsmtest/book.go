// Package fsmtest has a book of record without a group around it, for tests of what reads it and proposes to it.
//
// Invariants:
//   - What is proposed has come through the codec, as an entry of the log does, and is applied by the machine that nodes run.
//   - Nothing is proposed that the test does not propose, but for the one voter and the cluster version that At begins with.
//
// Not here: groups of nodes, leaders and networks (cluster/clustertest).
package fsmtest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"backstitch/fsm"
	"backstitch/storage"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
)

// Book is a book that lives as long as its test. It is safe for concurrent use.
type Book struct {
	Machine *fsm.Machine
	t       testing.TB
	mu      sync.Mutex // orders proposals
}

// Empty is a book of no members, as before a cluster is founded.
func Empty(t testing.TB) *Book {
	t.Helper()
	return In(t, "node", storage.Options{FS: vfs.NewMem(), Fatal: func(err error) { t.Error(err) }, CacheBytes: 1 << 20, MemTableBytes: 256 << 10})
}

// In is an empty book in a directory, for what wants a disk.
func In(t testing.TB, dir string, options storage.Options) *Book {
	t.Helper()
	db, err := storage.Open(dir, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	machine, err := fsm.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	return &Book{Machine: machine, t: t}
}

// New is a book of one voter, "a", at the latest cluster version.
func New(t testing.TB) *Book {
	t.Helper()
	return At(t, fsm.LatestVersion)
}

// At is New at a cluster version.
func At(t testing.TB, version uint32) *Book {
	t.Helper()
	b := Empty(t)
	b.Must(fsm.Envelope{Actor: "test"},
		fsm.PutMember{Member: fsm.Member{ID: "a", Name: "a", Instance: [16]byte{1}, Role: fsm.RoleVoter, Weight: 1, MaxOp: fsm.MaxOp}},
		fsm.RaiseVersion{Version: version})
	return b
}

// View is what readers see.
func (b *Book) View() (*fsm.View, error) { return b.Machine.View(), nil }

// Wait is fsm.Machine.Wait.
func (b *Book) Wait(ctx context.Context, after uint64) (uint64, error) {
	return b.Machine.Wait(ctx, after)
}

// Propose applies a command at the next index. An error is one of the codec, or of a machine that is latched.
func (b *Book) Propose(_ context.Context, env fsm.Envelope, cmd fsm.Command) (fsm.Result, error) {
	data, err := fsm.Encode(env, cmd)
	if err != nil {
		return fsm.Result{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch r := b.Machine.Apply(&raft.Log{Index: b.Machine.Applied() + 1, Term: 1, Type: raft.LogCommand, Data: data}).(type) {
	case *fsm.Result:
		return *r, nil
	case error:
		return fsm.Result{}, r
	default:
		return fsm.Result{}, fmt.Errorf("apply returned %T", r)
	}
}

// Must proposes commands, and ends the test if one is refused, or one of its parts.
func (b *Book) Must(env fsm.Envelope, cmds ...fsm.Command) {
	b.t.Helper()
	for _, cmd := range cmds {
		if r, err := b.Propose(b.t.Context(), env, cmd); err != nil || r.Code != fsm.OK || len(r.Refused) > 0 {
			b.t.Fatalf("%s: got %s %s %v, %v", fsm.OpName(cmd.Op()), r.Code, r.Object, r.Refused, err)
		}
	}
}

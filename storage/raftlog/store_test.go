package raftlog_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"

	"backstitch/storage"
	"backstitch/storage/raftlog"
	"backstitch/storage/storagetest"
)

// node is an open directory with its log. Its Fatal returns, so that tests see what is latched.
type node struct {
	db  *storage.DB
	log *raftlog.Log
}

func openNode(fs vfs.FS, dir string) (*node, error) {
	db, err := storage.Open(dir, storage.Options{FS: fs, Fatal: func(error) {}, MemTableBytes: 256 << 10, CacheBytes: 1 << 20})
	if err != nil {
		return nil, err
	}
	log, err := raftlog.Open(db)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &node{db: db, log: log}, nil
}

func mustOpen(tb testing.TB, fs vfs.FS, dir string) *node {
	tb.Helper()
	n, err := openNode(fs, dir)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

func (n *node) close() error { return errors.Join(n.log.Close(), n.db.Close()) }

func (n *node) mustClose(tb testing.TB) {
	tb.Helper()
	if err := n.close(); err != nil {
		tb.Fatal(err)
	}
}

func TestConformance(t *testing.T) {
	t.Run("ours", func(t *testing.T) {
		storagetest.TestStore(t, func(testing.TB) storagetest.Opener {
			fs := vfs.NewMem()
			return func(tb testing.TB) (storagetest.Store, func()) {
				n := mustOpen(tb, fs, "node")
				return n.log, func() { n.mustClose(tb) }
			}
		}, nil)
	})
	// The yardsticks: the suite must ask for what raft needs, not for what we happen to do.
	t.Run("raft-wal", func(t *testing.T) {
		storagetest.TestStore(t, func(tb testing.TB) storagetest.Opener {
			dir := tb.TempDir()
			return func(tb testing.TB) (storagetest.Store, func()) { return openWAL(tb, dir) }
		}, map[string]string{
			"the tail can be deleted and written anew":                      noIndexBlock,
			"a random history gives the same bounds and entries as a slice": noIndexBlock,
		})
	})
	t.Run("raft-boltdb", func(t *testing.T) {
		storagetest.TestStore(t, func(tb testing.TB) storagetest.Opener {
			dir := tb.TempDir()
			return func(tb testing.TB) (storagetest.Store, func()) { return openBolt(tb, dir) }
		}, nil)
	})
}

// noIndexBlock is what raft-wal 0.4.0 answers after its tail was cut and written anew, over entries before the cut.
const noIndexBlock = "raft-wal 0.4.0: sealed segment has no index block"

func openWAL(tb testing.TB, dir string) (storagetest.Store, func()) {
	tb.Helper()
	meta := &metadb.BoltMetaDB{} // not closed by the log that it belongs to
	s, err := wal.Open(dir, wal.WithMetaStore(meta))
	if err != nil {
		tb.Fatal(err)
	}
	return s, func() {
		if err := errors.Join(s.Close(), meta.Close()); err != nil {
			tb.Fatal(err)
		}
	}
}

func openBolt(tb testing.TB, dir string) (storagetest.Store, func()) {
	tb.Helper()
	s, err := raftboltdb.NewBoltStore(filepath.Join(dir, "bolt"))
	if err != nil {
		tb.Fatal(err)
	}
	return s, func() {
		if err := s.Close(); err != nil {
			tb.Fatal(err)
		}
	}
}

func TestAHoleIsRefused(t *testing.T) {
	n := mustOpen(t, vfs.NewMem(), "node")
	defer n.mustClose(t)
	if err := n.log.StoreLogs([]*raft.Log{{Index: 5}, {Index: 7}}); !errors.Is(err, raftlog.ErrGap) {
		t.Errorf("hole in a batch: got %v, want %v", err, raftlog.ErrGap)
	}
	for i := uint64(5); i < 15; i++ {
		if err := n.log.StoreLog(&raft.Log{Index: i, Term: 1}); err != nil {
			t.Fatal(err)
		}
	}
	for _, index := range []uint64{14, 16, 1} {
		if err := n.log.StoreLog(&raft.Log{Index: index}); !errors.Is(err, raftlog.ErrGap) {
			t.Errorf("entry %d after 14: got %v, want %v", index, err, raftlog.ErrGap)
		}
	}
	if err := n.log.DeleteRange(7, 9); !errors.Is(err, raftlog.ErrMiddle) {
		t.Errorf("delete inside: got %v, want %v", err, raftlog.ErrMiddle)
	}
	if err := n.db.Err(); err != nil {
		t.Errorf("a refusal must not end the database: got %v", err)
	}
}

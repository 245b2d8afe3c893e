package crash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"backstitch/fsm"
	"backstitch/storage"
	"backstitch/storage/raftlog"
	"backstitch/storage/snap"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
)

// node has the stores of one node open, in the order in which the program opens them.
type node struct {
	db    *storage.DB
	log   *raftlog.Log
	snaps *snap.Store
	book  *fsm.Machine
}

const dir = "node"

func open(fs vfs.FS) (n *node, err error) {
	n = &node{}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.close())
		}
	}()
	n.db, err = storage.Open(dir, storage.Options{FS: fs, Fatal: func(error) {}, MemTableBytes: 256 << 10, CacheBytes: 1 << 20})
	if err != nil {
		return n, err
	}
	if n.log, err = raftlog.Open(n.db); err != nil {
		return n, err
	}
	if n.snaps, err = snap.Open(storage.SnapshotDir(fs, dir), snap.Options{FS: fs, Retain: 2}); err != nil {
		return n, err
	}
	if n.book, err = fsm.Open(n.db); err != nil {
		return n, err
	}
	return n, nil
}

func (n *node) close() error {
	var errs []error
	if n.log != nil {
		errs = append(errs, n.log.Close())
	}
	if n.db != nil {
		errs = append(errs, n.db.Close())
	}
	n.log, n.db = nil, nil
	return errors.Join(errs...)
}

// bounds are the ends of the log; raft has zeros for an empty one.
func (n *node) bounds() (first, last uint64) {
	first, _ = n.log.FirstIndex() // never fails
	last, _ = n.log.LastIndex()
	return first, last
}

// newest is the index of the newest usable snapshot, 0 when there is none.
func (n *node) newest() (*raft.SnapshotMeta, uint64, error) {
	metas, err := n.snaps.List()
	if err != nil || len(metas) == 0 {
		return nil, 0, err
	}
	return metas[0], metas[0].Index, nil
}

// save writes a snapshot of index and returns when it is durable.
func (n *node) save(index, term uint64, stream []byte) error {
	sink, err := n.snaps.Create(1, index, term, raft.Configuration{}, 1, nil)
	if err != nil {
		return err
	}
	if stream == nil {
		s, err := n.book.Snapshot()
		if err != nil {
			return errors.Join(err, sink.Cancel())
		}
		defer s.Release()
		return s.Persist(sink)
	}
	if _, err := io.Copy(sink, bytes.NewReader(stream)); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}

// restore puts the newest snapshot into the book.
func (n *node) restore() error {
	meta, _, err := n.newest()
	if err != nil || meta == nil {
		return errors.Join(err, errors.New("no snapshot to restore"))
	}
	_, stream, err := n.snaps.Open(meta.ID)
	if err != nil {
		return err
	}
	return n.book.Restore(stream)
}

// recover does what raft does at a start: restore the snapshot when the book ends before it, then go on in the log.
func (n *node) recover(truth *history, until uint64) error {
	_, newest, err := n.newest()
	if err != nil {
		return err
	}
	if n.book.Applied() < truth.command(newest) {
		if err := n.restore(); err != nil {
			return fmt.Errorf("the book is at %d, behind the snapshot of %d: %w", n.book.Applied(), newest, err)
		}
	}
	first, _ := n.bounds()
	var logs []*raft.Log
	for i := max(first, newest+1, 1); i <= until; i++ {
		var l raft.Log
		if err := n.log.GetLog(i, &l); err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
		logs = append(logs, &l)
	}
	n.book.ApplyBatch(logs)
	return errors.Join(n.book.Err(), n.book.VerifyState(context.Background()))
}

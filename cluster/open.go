package cluster

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"backstitch/fsm"
	"backstitch/storage"
	"backstitch/storage/raftlog"
	"backstitch/storage/snap"

	"github.com/hashicorp/raft"
)

// This file opens what the node has on disk and decides what damage means. Data that is damaged or shorter than what this node
// acknowledged is set aside, never repaired: the node keeps its id and comes back as a learner, see join.go. Newer data, a full
// disk and a directory in use end the node; setting those aside would throw away good data.

// stores are the open data directory. Close in reverse order of opening.
type stores struct {
	db      *storage.DB
	log     *raftlog.Log
	snaps   snapshots
	machine *fsm.Machine
}

func (s *stores) Close() error {
	var errs []error
	if s.log != nil {
		errs = append(errs, s.log.Close())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	return errors.Join(errs...)
}

// hasState reports whether Raft was ever here.
func (s *stores) hasState() (bool, error) { return raft.HasExistingState(s.log, s.log, s.snaps) }

func (n *Node) open(ctx context.Context) error {
	if err := n.identify(); err != nil {
		return err
	}
	m, err := readMark(n.fs, n.cfg.DataDir)
	if err != nil {
		return err
	}
	n.mark = m
	var why error
	if m.Rebuild != "" {
		why = fmt.Errorf("%w: %s", storage.ErrDamaged, m.Rebuild)
	} else if n.stores, err = n.openStores(ctx); err != nil {
		if !damaged(err) {
			return err
		}
		why = err
	}
	if why != nil {
		if err := n.setAside(ctx, why); err != nil {
			return err
		}
	}
	n.identity = n.stores.db.Identity()
	return nil
}

// identify reads the node's id and makes one on the first start.
func (n *Node) identify() error {
	id := n.cfg.NodeID
	known, err := storage.ReadIdentity(n.fs, n.cfg.DataDir)
	switch {
	case err == nil && id == "":
		id = known.NodeID
	case errors.Is(err, storage.ErrNoIdentity) && id == "":
		var random [8]byte
		if _, err := rand.Read(random[:]); err != nil {
			return fmt.Errorf("draw a node id: %w", err)
		}
		id = hex.EncodeToString(random[:])
	case err != nil && !errors.Is(err, storage.ErrNoIdentity):
		return err
	}
	if n.identity, err = storage.EnsureIdentity(n.fs, n.cfg.DataDir, id, n.deps.Clock().UnixNano()); err != nil {
		return err
	}
	n.id = n.identity.NodeID
	n.instance, err = instanceOf(n.identity.Instance)
	return err
}

// setAside renames damaged data and opens a new, empty directory. The reason for a rebuild is forgotten only afterwards: a
// crash in between sets an empty directory aside, which costs nothing.
func (n *Node) setAside(ctx context.Context, why error) error {
	to, err := storage.SetAside(n.fs, n.cfg.DataDir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return errors.Join(why, err)
	}
	n.log.Error("data can not be trusted and was set aside; this node comes back as a learner", "err", why, "moved_to", to)
	n.state.Store(&lifecycle{Phase: PhaseOpening, Reason: why.Error(), SetAside: to})
	if n.stores, err = n.openStores(ctx); err != nil {
		return err
	}
	if n.mark.Rebuild == "" {
		return nil
	}
	n.mark.Rebuild = ""
	return writeMark(n.fs, n.cfg.DataDir, n.mark)
}

func (n *Node) openStores(ctx context.Context) (_ *stores, err error) {
	s := &stores{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	// Damage that is met while the data are checked is this function's to return: they are set aside. Pebble tells of it too, and
	// that must not end the process, at this start and at every other.
	var checked atomic.Bool
	fatal := func(err error) {
		if checked.Load() || !damaged(err) {
			n.fatal(err)
		}
	}
	if s.db, err = storage.Open(n.cfg.DataDir, storage.Options{FS: n.fs, Logger: n.log, Fatal: fatal}); err != nil {
		return nil, err
	}
	if s.log, err = raftlog.Open(s.db); err != nil {
		return nil, err
	}
	dir := storage.SnapshotDir(n.fs, n.cfg.DataDir)
	if s.snaps.Store, err = snap.Open(dir, snap.Options{FS: n.fs, Retain: n.cfg.SnapshotsKept, Logger: n.log}); err != nil {
		return nil, err
	}
	if s.machine, err = fsm.Open(s.db); err != nil {
		return nil, err
	}
	if err := s.machine.VerifyState(ctx); err != nil {
		return nil, err
	}
	if err := s.fits(); err != nil {
		return nil, err
	}
	checked.Store(true)
	return s, s.db.Err() // of something in the background, before it was checked
}

// damaged reports whether err is trouble that is answered by setting the data aside.
func damaged(err error) bool {
	return errors.Is(err, storage.ErrDamaged) || errors.Is(err, storage.ErrShortened)
}

// fits checks that log, snapshots and book belong together: what the log no longer holds must be in the book or in a snapshot.
// Each of them can be whole and their sum not, when one was lost.
func (s *stores) fits() error {
	first, err := s.log.FirstIndex()
	if err != nil {
		return err
	}
	metas, err := s.snaps.List()
	if err != nil {
		return err
	}
	var newest uint64
	if len(metas) > 0 {
		newest = metas[0].Index
	}
	if first > newest+1 {
		return storage.Damaged(s.db.Dir(), fmt.Errorf("the log begins at %d and the newest usable snapshot ends at %d", first, newest))
	}
	return nil
}

// fatal is told by storage that the disk failed. What was acknowledged until now is safe; nothing may be from here on. Damage is
// set aside at the next start, so there has to be one. That start is told: the block may be one that no check reads, only a compaction a
// moment later, and the node would end at this start and at every other.
func (n *Node) fatal(err error) {
	if damaged(err) {
		why := err.Error()
		if failed := n.changeMark(func(m *mark) { m.Rebuild = why }); failed != nil {
			err = errors.Join(err, failed)
		}
		err = fmt.Errorf("%w: %w", ErrRestart, err)
	}
	if n.deps.Fatal != nil {
		n.deps.Fatal(err)
	}
	n.die(err)
}

// snapshots lets a snapshot be closed twice, which happens at each restore: the book closes it, and so does Raft.
type snapshots struct{ *snap.Store }

// Open is that of the store.
func (s snapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	meta, r, err := s.Store.Open(id)
	if err != nil {
		return nil, nil, err
	}
	return meta, &closeOnce{ReadCloser: r}, nil
}

type closeOnce struct {
	io.ReadCloser
	once sync.Once
	err  error
}

func (c *closeOnce) Close() error {
	c.once.Do(func() { c.err = c.ReadCloser.Close() })
	return c.err
}

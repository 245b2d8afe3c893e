package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"backstitch/cluster/vitals"
	"backstitch/cluster/wire"
	"backstitch/fsm"
	"backstitch/storage"
	"backstitch/storage/failpoint"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
)

// This file saves the book as one stream and puts one back. A restore replaces everything that everybody agreed on, so the
// stream is spooled to disk and verified whole before the leader hears of it.

const (
	restoreTimeout = 5 * time.Minute
	spoolFile      = "restore.spool"
	maxRestore     = 64 << 30 // bytes; a length above it is a mistake
)

// SnapshotMeta says what SaveSnapshot returned.
type SnapshotMeta struct {
	Index, Term uint64
	Size        int64 // bytes of the stream
}

// SaveSnapshot takes a snapshot of this node's book and returns its stream, which the caller closes. The stream is
// self-contained: fsm.ReadSnapshot verifies it.
func (n *Node) SaveSnapshot(ctx context.Context) (io.ReadCloser, SnapshotMeta, error) {
	if !closed(n.started) {
		return nil, SnapshotMeta{}, n.notReady()
	}
	future := n.raft.Snapshot()
	switch err := future.Error(); {
	case err == nil:
		meta, stream, err := future.Open()
		if err != nil {
			return nil, SnapshotMeta{}, fmt.Errorf("open snapshot: %w", err)
		}
		return stream, SnapshotMeta{Index: meta.Index, Term: meta.Term, Size: meta.Size}, nil
	case !errors.Is(err, raft.ErrNothingNewToSnapshot):
		return nil, SnapshotMeta{}, fmt.Errorf("take snapshot: %w", err)
	}
	metas, err := n.stores.snaps.List()
	if err != nil || len(metas) == 0 {
		return nil, SnapshotMeta{}, fmt.Errorf("take snapshot: %w", errors.Join(err, errors.New("there is nothing to save yet")))
	}
	meta, stream, err := n.stores.snaps.Open(metas[0].ID)
	if err != nil {
		return nil, SnapshotMeta{}, fmt.Errorf("open snapshot: %w", err)
	}
	return stream, SnapshotMeta{Index: meta.Index, Term: meta.Term, Size: meta.Size}, nil
}

// RestoreSnapshot replaces the book of the whole cluster by the snapshot in r, from whichever node this is, and returns what
// was restored. Errors: fsm.ErrSnapshot and storage.ErrNewer when the stream is at fault, and then nothing was changed;
// ErrNoLeader; ErrOutcomeUnknown.
func (n *Node) RestoreSnapshot(ctx context.Context, r io.Reader) (fsm.SnapshotInfo, error) {
	if !closed(n.started) {
		return fsm.SnapshotInfo{}, n.notReady()
	}
	if d := n.vitals.Own(); d.Level == vitals.Hard {
		// What is left on the disk is for Raft: its log has to be written for this node to go on.
		return fsm.SnapshotInfo{}, &Error{Code: CodeDiskHard, Object: "node " + n.cfg.Name, Kind: ErrRefused, Cause: fmt.Errorf("its disk is %s", d),
			Hint: "free space there, or ask another node: --addr HOST:7420"}
	}
	n.restores.Lock()
	defer n.restores.Unlock()
	spool, info, size, err := n.spool(r)
	if err != nil {
		return fsm.SnapshotInfo{}, err
	}
	defer spool.drop()
	ctx, cancel := context.WithTimeout(ctx, restoreTimeout)
	defer cancel()
	id, addr, err := n.findLeader(ctx)
	if err != nil {
		return fsm.SnapshotInfo{}, err
	}
	if id == n.id {
		return info, n.operateError(n.restoreHere(ctx, spool, info, size))
	}
	f, err := spool.open()
	if err != nil {
		return fsm.SnapshotInfo{}, err
	}
	defer f.Close()
	if _, err := n.pool.Call(ctx, id, addr, &wire.Restore{From: n.who(), Size: uint64(size)}, f, false); err != nil {
		if wire.Sent(err) {
			err = fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
		}
		return fsm.SnapshotInfo{}, fmt.Errorf("restore: %w", n.operateError(err))
	}
	return info, nil
}

// restoreHere is the leader's side. Raft gives the snapshot a fresh index and sends it to everybody.
func (n *Node) restoreHere(ctx context.Context, spool *spool, info fsm.SnapshotInfo, size int64) error {
	if n.raft.State() != raft.Leader {
		return n.notLeader()
	}
	f, err := spool.open()
	if err != nil {
		return err
	}
	defer f.Close()
	meta := &raft.SnapshotMeta{Version: raft.SnapshotVersionMax, Index: info.Index, Term: info.Term, Size: size}
	n.log.Warn("replacing the whole book by a snapshot", "index", info.Index, "n", info.Entries)
	failpoint.Reach(failpoint.RestoreSpooled)
	if err := n.raft.Restore(meta, f, restoreTimeout); err != nil {
		if errors.Is(err, raft.ErrNotLeader) {
			return n.notLeader()
		}
		return fmt.Errorf("restore: %w: %w", ErrOutcomeUnknown, err)
	}
	failpoint.Reach(failpoint.RestoreDone)
	return n.forgetGhosts(ctx)
}

// forgetGhosts removes the members that the snapshot brought along and that are not of this group: their leases must not wait
// for them, and their names must be free. The living ones join again by themselves, see rejoin.
func (n *Node) forgetGhosts(ctx context.Context) error {
	future := n.raft.GetConfiguration()
	if err := future.Error(); err != nil {
		return n.raftFailure(err)
	}
	members, err := n.bookMembers()
	if err != nil {
		return err
	}
	for _, m := range members {
		if slices.ContainsFunc(future.Configuration().Servers, func(s raft.Server) bool { return string(s.ID) == string(m.ID) }) {
			continue
		}
		if _, err := n.Propose(ctx, n.envelope("member of the restored book, not of this cluster"), fsm.RemoveMember{ID: m.ID}); err != nil {
			return fmt.Errorf("forget %s: %w", m.Name, err)
		}
	}
	return nil
}

func (n *Node) serveRestore(ctx context.Context, c *muxConn, r *wire.Restore) (wire.Message, error) {
	if !closed(n.started) || n.raft.State() != raft.Leader {
		c.Close() // the body is still on its way; there is no telling it from the next request
		return nil, n.notLeader()
	}
	if r.Size > maxRestore {
		c.Close()
		return nil, &wire.Failure{Reason: wire.Refused, Code: CodeConfig, Text: fmt.Sprintf("a snapshot of %d bytes", r.Size)}
	}
	if err := c.SetReadDeadline(n.deps.Clock().Add(restoreTimeout)); err != nil {
		return nil, err
	}
	n.restores.Lock()
	defer n.restores.Unlock()
	spool, info, size, err := n.spool(io.LimitReader(c, int64(r.Size)))
	if err != nil {
		c.Close()
		return nil, err
	}
	defer spool.drop()
	if err := n.restoreHere(ctx, spool, info, size); err != nil {
		return nil, err
	}
	return &wire.Done{Cluster: n.ClusterID(), Index: info.Index}, nil
}

// spool is a verified snapshot on disk.
type spool struct {
	fs   vfs.FS
	path string
}

func (s *spool) open() (vfs.File, error) {
	f, err := s.fs.Open(s.path)
	return f, storage.Classify(s.path, err)
}

func (s *spool) drop() { _ = s.fs.Remove(s.path) }

// spool writes r to disk while reading it as a snapshot.
func (n *Node) spool(r io.Reader) (_ *spool, info fsm.SnapshotInfo, size int64, err error) {
	s := &spool{fs: n.fs, path: n.fs.PathJoin(n.cfg.DataDir, spoolFile)}
	f, err := n.fs.Create(s.path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, info, 0, storage.Classify(s.path, err)
	}
	counted := &counter{w: f}
	info, err = fsm.ReadSnapshot(io.TeeReader(r, counted))
	if err == nil {
		// Whatever follows the snapshot's own end is not part of it.
		if extra, readErr := io.Copy(io.Discard, io.LimitReader(r, 1)); readErr != nil || extra > 0 {
			err = fmt.Errorf("%w: bytes after its end", fsm.ErrSnapshot)
		}
	}
	if err = errors.Join(err, f.Close()); err != nil {
		s.drop()
		return nil, info, 0, fmt.Errorf("read snapshot: %w", err)
	}
	return s, info, counted.n, nil
}

// counter counts what it passes on. It passes on a copy: unlike other writers, a vfs.File may change the bytes that it is
// given, and the snapshot reader behind the tee still needs them.
type counter struct {
	w    io.Writer
	n    int64
	copy []byte
}

func (c *counter) Write(p []byte) (int, error) {
	c.copy = append(c.copy[:0], p...)
	n, err := c.w.Write(c.copy)
	c.n += int64(n)
	return n, err
}

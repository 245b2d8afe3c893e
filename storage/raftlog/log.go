package raftlog

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hashicorp/raft"

	"backstitch/storage"
	"backstitch/storage/failpoint"
)

// Raft stores from its main loop and compacts from its snapshot loop, at the same time. mu serialises the two, because both
// move the bounds and the mark; readers take no lock.

// Log is raft's log and stable store. Open makes it; Close must be called before the database is closed.
type Log struct {
	db     *storage.DB
	pebble *pebble.DB
	path   string // of the mark

	first, last atomic.Uint64 // both 0 when empty

	mu     sync.Mutex
	mark   *markFile
	closed bool

	dirty   chan struct{} // capacity 1: the mark has unsynced bytes
	closing chan struct{} // closed by Close
	stopped chan struct{} // closed when syncLoop is gone
}

var (
	_ raft.LogStore          = (*Log)(nil)
	_ raft.StableStore       = (*Log)(nil)
	_ raft.MonotonicLogStore = (*Log)(nil)
)

// ErrGap says that a batch would leave a hole in the log.
var ErrGap = errors.New("entries do not follow the log")

// ErrClosed says that the log was closed.
var ErrClosed = errors.New("raft log is closed")

// IsMonotonic tells raft that this log has no holes and must be emptied after a snapshot was restored.
func (l *Log) IsMonotonic() bool { return true }

// FirstIndex is the oldest index held, 0 when empty.
func (l *Log) FirstIndex() (uint64, error) { return l.first.Load(), nil }

// LastIndex is the newest index held, 0 when empty.
func (l *Log) LastIndex() (uint64, error) { return l.last.Load(), nil }

// GetLog fills out with the entry at index. Errors: raft.ErrLogNotFound; storage.ErrDamaged if it fails its checksum, which
// also ends the database, since raft would only panic over it.
func (l *Log) GetLog(index uint64, out *raft.Log) error {
	if first, last := l.first.Load(), l.last.Load(); index == 0 || index < first || index > last {
		return raft.ErrLogNotFound
	}
	value, closer, err := l.pebble.Get(entryKey(index))
	if errors.Is(err, pebble.ErrNotFound) {
		if index < l.first.Load() || index > l.last.Load() {
			return raft.ErrLogNotFound // deleted since the check above
		}
		return l.db.Fail(storage.Damaged(entryName(index), errors.New("it is missing inside the log")))
	}
	if err != nil {
		return l.db.Fail(storage.Classify(entryName(index), err))
	}
	err = getEntry(value, index, out)
	if cerr := closer.Close(); err == nil && cerr != nil {
		return l.db.Fail(storage.Classify(entryName(index), cerr))
	}
	if err != nil {
		return l.db.Fail(storage.Damaged(entryName(index), err))
	}
	return nil
}

func entryName(index uint64) string { return fmt.Sprintf("raft log entry %d", index) }

// StoreLog is StoreLogs of one.
func (l *Log) StoreLog(entry *raft.Log) error { return l.StoreLogs([]*raft.Log{entry}) }

// StoreLogs appends entries, which must follow the log and each other (ErrGap), in one synced batch. After another error
// than ErrGap the database has ended: whether the entries are durable is not known and must not be asked again.
func (l *Log) StoreLogs(entries []*raft.Log) error {
	if len(entries) == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	if err := l.follows(entries); err != nil {
		return err
	}
	batch, err := l.encode(entries)
	if err != nil {
		return l.db.Fail(err)
	}
	if err := l.commit(batch); err != nil {
		return err
	}
	failpoint.Reach(failpoint.RaftlogAfterSync)
	newest := entries[len(entries)-1]
	if err := l.mark.write(newest.Index, newest.Term); err != nil {
		return l.db.Fail(storage.Classify(l.path, err))
	}
	failpoint.Reach(failpoint.RaftlogAfterMark)
	if l.last.Load() == 0 {
		l.first.Store(entries[0].Index)
	}
	l.last.Store(newest.Index)
	select {
	case l.dirty <- struct{}{}:
	default: // a sync is due anyway
	}
	return nil
}

func (l *Log) follows(entries []*raft.Log) error {
	want := l.last.Load() + 1
	if want == 1 {
		want = max(entries[0].Index, 1) // empty: begin anywhere, as after a snapshot
	}
	for _, e := range entries {
		if e.Index != want {
			return fmt.Errorf("%w: got index %d, want %d", ErrGap, e.Index, want)
		}
		want++
	}
	return nil
}

// encode writes the entries straight into the batch, so that each byte is copied once.
func (l *Log) encode(entries []*raft.Log) (*pebble.Batch, error) {
	size := 64
	for _, e := range entries {
		size += entrySize(e) + keySize + 16
	}
	batch := l.pebble.NewBatchWithSize(size)
	if l.last.Load() == 0 {
		if err := batch.Set(firstKey(), firstValue(entries[0].Index), nil); err != nil {
			return nil, errors.Join(err, batch.Close())
		}
	}
	for _, e := range entries {
		op := batch.SetDeferred(keySize, entrySize(e))
		putEntryKey(op.Key, e.Index)
		putEntry(op.Value, e)
		if err := op.Finish(); err != nil {
			return nil, errors.Join(err, batch.Close())
		}
	}
	return batch, nil
}

// commit syncs the batch. Pebble returns nil after a fatal error whose handler returned, so the latch is asked too.
func (l *Log) commit(batch *pebble.Batch) error {
	if err := l.db.Err(); err != nil {
		return errors.Join(err, batch.Close())
	}
	if err := failpoint.Err(failpoint.RaftlogBeforeSync); err != nil {
		return errors.Join(l.db.Fail(err), batch.Close())
	}
	if err := l.pebble.Apply(batch, pebble.Sync); err != nil {
		return l.db.Fail(err)
	}
	if err := l.db.Err(); err != nil {
		return err
	}
	return batch.Close()
}

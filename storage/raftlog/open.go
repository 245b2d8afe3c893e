package raftlog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"backstitch/storage"
)

// Open checks every entry and the hard state, then the log's end against the mark. Errors: storage.ErrDamaged,
// storage.ErrShortened, storage.ErrDisk. It owns one goroutine, which syncs the mark and ends with Close.
func Open(db *storage.DB) (*Log, error) {
	l := &Log{db: db, pebble: db.Pebble(), path: storage.MarkPath(db.FS(), db.Dir()),
		dirty: make(chan struct{}, 1), closing: make(chan struct{}),
		stopped: make(chan struct{})}
	first, err := l.readFirst()
	if err != nil {
		return nil, err
	}
	last, err := l.scan(context.Background(), first)
	if err != nil {
		return nil, err
	}
	keys, err := l.scanStable(context.Background())
	if err != nil {
		return nil, err
	}
	l.first.Store(first)
	l.last.Store(last)
	if err := l.openMark(keys); err != nil {
		return nil, err
	}
	go l.syncLoop()
	return l, nil
}

// openMark compares the log with what was claimed for it, and claims what is there now.
func (l *Log) openMark(stableKeys int) error {
	_, err := l.db.FS().Stat(l.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if l.last.Load() > 0 || stableKeys > 0 {
			return storage.Damaged(l.path, errors.New("the mark is missing beside a log that was used"))
		}
		l.mark, err = createMark(l.db.FS(), l.path)
		return err
	case err != nil:
		return storage.Classify(l.path, err)
	}
	if l.mark, err = openMark(l.db.FS(), l.path); err != nil {
		return err
	}
	if err := l.checkMark(); err != nil {
		return errors.Join(err, l.mark.close())
	}
	return nil
}

func (l *Log) checkMark() error {
	claim, last := l.mark.last, l.last.Load()
	if last < claim.Index {
		return storage.Shortened(l.db.Dir(), fmt.Errorf("the log ends at index %d, index %d was acknowledged", last, claim.Index))
	}
	if claim.Index > 0 && claim.Index >= l.first.Load() {
		term, err := l.termAt(claim.Index)
		if err != nil {
			return err
		}
		if term != claim.Term {
			return storage.Damaged(entryName(claim.Index), fmt.Errorf("it has term %d, term %d was acknowledged", term, claim.Term))
		}
	}
	// Entries behind the mark were durable and not yet acknowledged. Raft builds on them from now on. The mark is written
	// even when nothing changed: it renews a slot that a crash had cut.
	term := uint64(0)
	if last > 0 {
		var err error
		if term, err = l.termAt(last); err != nil {
			return err
		}
	}
	err := l.mark.write(last, term)
	if err == nil {
		err = l.mark.sync()
	}
	return storage.Classify(l.path, err)
}

func (l *Log) termAt(index uint64) (uint64, error) {
	value, closer, err := l.pebble.Get(entryKey(index))
	if err != nil {
		return 0, storage.Damaged(entryName(index), err)
	}
	term, err := checkEntry(value, index)
	if err := errors.Join(err, closer.Close()); err != nil {
		return 0, storage.Damaged(entryName(index), err)
	}
	return term, nil
}

// Verify reads the whole log and the hard state again and returns how many entries it checked. It may run beside writes:
// it sees the log as it was when it began.
func (l *Log) Verify(ctx context.Context) (entries uint64, err error) {
	l.mu.Lock()
	first, err := l.readFirst()
	snapshotLast := l.last.Load()
	l.mu.Unlock()
	if err != nil {
		return 0, err
	}
	last, err := l.scan(ctx, first)
	if err != nil {
		return 0, err
	}
	if last < snapshotLast && l.last.Load() >= snapshotLast {
		return 0, storage.Damaged(entryName(last+1), errors.New("it is missing inside the log"))
	}
	if _, err := l.scanStable(ctx); err != nil || last == 0 {
		return 0, err
	}
	return last - first + 1, nil
}

// readFirst returns the index that the log begins with, 0 when it is empty.
func (l *Log) readFirst() (uint64, error) {
	const name = "raft log's first index"
	value, closer, err := l.pebble.Get(firstKey())
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, storage.Classify(name, err)
	}
	first, err := parseFirst(value)
	if err := errors.Join(err, closer.Close()); err != nil {
		return 0, storage.Damaged(name, err)
	}
	return first, nil
}

// scan checks all entries and returns the last index. first is where the log must begin; a log compacted meanwhile may
// begin later.
func (l *Log) scan(ctx context.Context, first uint64) (last uint64, err error) {
	const name = "raft log"
	it, err := l.pebble.NewIter(&pebble.IterOptions{LowerBound: entryKey(0), UpperBound: storage.LogSpace.Key(entryKind + 1)})
	if err != nil {
		return 0, storage.Classify(name, err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	want := first
	for ok := it.First(); ok; ok = it.Next() {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if len(it.Key()) != keySize {
			return 0, storage.Damaged(name, fmt.Errorf("unknown key %x", it.Key()))
		}
		index := binary.BigEndian.Uint64(it.Key()[2:])
		if last == 0 && index > want && l.first.Load() == index {
			want = index
		}
		if index != want || want == 0 {
			return 0, storage.Damaged(entryName(want), fmt.Errorf("it is missing, index %d comes next", index))
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return 0, storage.Classify(entryName(index), err)
		}
		if _, err := checkEntry(value, index); err != nil {
			return 0, storage.Damaged(entryName(index), err)
		}
		last, want = index, want+1
	}
	if err := it.Error(); err != nil {
		return 0, storage.Classify(name, err)
	}
	if first > 0 && last == 0 {
		return 0, storage.Damaged(entryName(first), errors.New("the log should begin with it and is empty"))
	}
	return last, nil
}

// Mark is the newest index that this log claims to have acknowledged.
func (l *Log) Mark() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mark.last.Index
}

// markSyncInterval is the least time between two syncs of the mark. One after each append would double the syncs of the disk
// and cost a third of raft's throughput (see DESIGN.md); a hundredth of them costs nothing that can be measured.
const markSyncInterval = 20 * time.Millisecond

// syncLoop makes marks durable, one sync for all that were written meanwhile. The first one after a pause is not delayed.
func (l *Log) syncLoop() {
	defer close(l.stopped)
	pause := time.NewTimer(0)
	defer pause.Stop()
	for range l.dirty {
		select {
		case <-pause.C:
		case <-l.closing:
			return // Close syncs
		}
		if err := l.mark.sync(); err != nil {
			_ = l.db.Fail(storage.Classify(l.path, err)) // Fail tells the owner
			return
		}
		pause.Reset(markSyncInterval)
	}
}

// Close syncs the mark and ends the goroutine. Later writes get ErrClosed; the database stays open.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	close(l.closing)
	close(l.dirty)
	l.mu.Unlock()
	<-l.stopped
	return storage.Classify(l.path, errors.Join(l.mark.sync(), l.mark.close()))
}

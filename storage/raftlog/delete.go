package raftlog

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"backstitch/storage"
	"backstitch/storage/failpoint"
)

// ErrMiddle says that a range to delete lies strictly inside the log.
var ErrMiddle = errors.New("range lies inside the log and would leave a hole")

// DeleteRange removes the entries min to max, both included, from the head (compaction) or the tail (entries that lost an
// election) or all of them, with one synced range tombstone. Indexes outside the log are ignored.
//
// When the tail goes, the mark is lowered durably first. A crash between the two leaves a log longer than its mark, which
// is harmless; the other order would leave an honest node that looks shortened.
func (l *Log) DeleteRange(minIndex, maxIndex uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	first, last := l.first.Load(), l.last.Load()
	minIndex, maxIndex = max(minIndex, first), min(maxIndex, last)
	if last == 0 || minIndex > maxIndex {
		return nil
	}
	if minIndex > first && maxIndex < last {
		return fmt.Errorf("%w: delete %d to %d of %d to %d", ErrMiddle, minIndex, maxIndex, first, last)
	}
	newFirst, newLast := first, last
	switch {
	case minIndex == first && maxIndex == last:
		newFirst, newLast = 0, 0
	case minIndex == first:
		newFirst = maxIndex + 1
	default:
		newLast = minIndex - 1
	}
	if newLast != last {
		if err := l.lowerMark(newLast); err != nil {
			return err
		}
	}
	if newLast != last {
		failpoint.Reach(failpoint.RaftlogMarkLowered)
	}
	// Readers must stop finding the entries before they go, or a read would take the deletion for damage.
	l.first.Store(newFirst)
	l.last.Store(newLast)
	batch := l.pebble.NewBatch()
	err := batch.DeleteRange(entryKey(minIndex), entryKey(maxIndex+1), nil)
	switch {
	case err != nil:
	case newFirst == 0:
		err = batch.Delete(firstKey(), nil)
	case newFirst != first:
		err = batch.Set(firstKey(), firstValue(newFirst), nil)
	}
	if err != nil {
		return l.db.Fail(errors.Join(err, batch.Close()))
	}
	if err := l.commit(batch); err != nil {
		return err
	}
	failpoint.Reach(failpoint.RaftlogDeleted)
	return nil
}

func (l *Log) lowerMark(index uint64) error {
	var entry raft.Log
	if index > 0 {
		if err := l.GetLog(index, &entry); err != nil {
			return err
		}
	}
	err := l.mark.write(index, entry.Term)
	if err == nil {
		err = l.mark.sync()
	}
	if err != nil {
		return l.db.Fail(storage.Classify(l.path, err))
	}
	return nil
}

package fsm

import (
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hashicorp/raft"

	"backstitch/fsm/wire"
	"backstitch/storage"
	"backstitch/storage/failpoint"
)

// A restore replaces the whole book, and a crash in the middle must leave the old one. So it streams into the slot that is
// not in use, checks everything, and then turns the pointer and drops the old slot in one synced batch. Open views keep
// what they see.

// slotRef is the value of the pointer.
type slotRef struct{ Slot uint8 }

func readSlot(r pebble.Reader) (slot, error) {
	raw, closer, err := r.Get(slotPointer())
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, storage.Classify("book of record", err)
	}
	var ref slotRef
	err = errors.Join(unseal(nil, raw, &ref), closer.Close())
	if err == nil && ref.Slot > 1 {
		err = storage.Damaged("book of record", fmt.Errorf("slot %d", ref.Slot))
	}
	return slot(ref.Slot), err
}

// clearSlot removes what is in s, if anything is.
func clearSlot(db *pebble.DB, s slot) error {
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: s.lower(), UpperBound: s.upper()})
	if err != nil {
		return storage.Classify("book of record", err)
	}
	used := it.First()
	if err := it.Close(); err != nil {
		return storage.Classify("book of record", err)
	}
	if !used {
		return nil
	}
	return storage.Classify("book of record", db.DeleteRange(s.lower(), s.upper(), pebble.NoSync))
}

// Restore replaces the book by the snapshot and closes it. An error leaves the book as it was: errors.Is ErrSnapshot or
// storage.ErrNewer when the stream is at fault. A latched machine stays latched.
func (m *Machine) Restore(stream io.ReadCloser) error {
	err := m.restore(stream)
	if closeErr := stream.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("close: %w", closeErr)
	}
	if err != nil {
		return fmt.Errorf("restore book of record: %w", err)
	}
	return nil
}

func (m *Machine) restore(stream io.Reader) error {
	if err := m.Err(); err != nil {
		return err
	}
	db, into := m.db.Pebble(), m.slot.other()
	if err := clearSlot(db, into); err != nil {
		return err
	}
	batch := db.NewBatch()
	defer func() { batch.Close() }()
	info, err := readSnapshot(stream, func(k, value []byte) error {
		if err := batch.Set(into.key(k), value, nil); err != nil {
			return err
		}
		if batch.Len() < maxRestoreBytes {
			return nil
		}
		if err := batch.Commit(pebble.NoSync); err != nil {
			return m.db.Fail(err)
		}
		batch.Reset()
		return nil
	})
	if err != nil {
		return err
	}
	if info.Version > LatestVersion {
		return fmt.Errorf("snapshot of cluster version %d, this program knows %d: %w", info.Version, LatestVersion, storage.ErrNewer)
	}
	value, err := wire.Marshal(&slotRef{Slot: uint8(into)})
	if err != nil {
		return err
	}
	if err := batch.Set(slotPointer(), seal(nil, value), nil); err != nil {
		return storage.Classify("book of record", err)
	}
	if err := batch.DeleteRange(m.slot.lower(), m.slot.upper(), nil); err != nil {
		return storage.Classify("book of record", err)
	}
	failpoint.Reach(failpoint.BookRestoreStreamed)
	if err := batch.Commit(pebble.Sync); err != nil {
		return m.db.Fail(err)
	}
	at := meta{Index: info.Index, Term: info.Term, Digest: info.Digest}
	m.digests = [digestsKept]pastDigest{}
	m.note(at.Index, at.Digest)
	failpoint.Reach(failpoint.BookRestored)
	m.publish(into, at)
	return nil
}

// maxRestoreBytes is the size of the batches of a restore.
const maxRestoreBytes = 4 << 20

// Snapshot holds on to the book as of now. It takes microseconds; writing happens in Persist, beside Apply. A latched
// machine refuses: what it holds must not replace a good book elsewhere.
func (m *Machine) Snapshot() (raft.FSMSnapshot, error) {
	v := m.View()
	if err := v.Err(); err != nil {
		return nil, errors.Join(fmt.Errorf("snapshot book of record: %w", err), v.Close())
	}
	return &snapshot{v: v}, nil
}

type snapshot struct{ v *View }

// Persist writes the snapshot. It first makes the book itself durable: Raft drops log entries up to the snapshot and does
// not restore it at the next start, so a book that fell behind it in a power failure would miss entries for ever.
func (s *snapshot) Persist(sink raft.SnapshotSink) error {
	err := s.v.m.db.Pebble().LogData(nil, pebble.Sync)
	if err != nil {
		err = s.v.m.db.Fail(err)
	} else {
		failpoint.Reach(failpoint.BookSynced)
		err = writeSnapshot(sink, s.v)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("persist book of record: %w", err), sink.Cancel())
	}
	return sink.Close()
}

// Release gives the snapshot free.
func (s *snapshot) Release() {
	if err := s.v.Close(); err != nil {
		s.v.m.latch(storage.Classify("book of record", err))
	}
}

package fsm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"backstitch/storage"
	"backstitch/storage/storagetest"
)

const flips = 200

// rawEntries reads the book around all checks.
func rawEntries(t *testing.T, n *node) (keys, values [][]byte) {
	t.Helper()
	it, err := n.db.Pebble().NewIter(&pebble.IterOptions{LowerBound: storage.BookSpace.Lower(), UpperBound: storage.BookSpace.Upper()})
	if err != nil {
		t.Fatal(err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		keys, values = append(keys, bytes.Clone(it.Key())), append(values, bytes.Clone(it.Value()))
	}
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
	return keys, values
}

// TestFlippedBitsInState changes single bits of keys and values behind the checksums of pebble. Opening must name each.
func TestFlippedBitsInState(t *testing.T) {
	r := seed(t)
	n, _, _ := makeHistory(t, r, 400)
	keys, values := rawEntries(t, n)
	db := n.db.Pebble()
	for range flips {
		i := r.IntN(len(keys))
		k, value := bytes.Clone(keys[i]), bytes.Clone(values[i])
		if r.IntN(4) == 0 && len(k) > 2 {
			flip(r, k[2:]) // the first two bytes are the book's own space
		} else {
			flip(r, value)
		}
		if err := errors.Join(db.Delete(keys[i], nil), db.Set(k, value, nil)); err != nil {
			t.Fatal(err)
		}
		_, err := Open(n.db)
		if !errors.Is(err, storage.ErrDamaged) && !errors.Is(err, storage.ErrNewer) || !strings.Contains(err.Error(), "book of record") {
			t.Errorf("%s: got %v, want a named fault", keyName(keys[i][2:]), err)
		}
		if err := errors.Join(db.Delete(k, nil), db.Set(keys[i], values[i], nil)); err != nil {
			t.Fatal(err)
		}
		if j, ok := slices.BinarySearchFunc(keys, k, bytes.Compare); ok { // one bit made it another key of the book
			if err := db.Set(keys[j], values[j], nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := Open(n.db); err != nil {
		t.Errorf("after mending everything: %v", err)
	}
}

func flip(r *rand.Rand, b []byte) { b[r.IntN(len(b))] ^= 1 << r.IntN(8) }

// TestFlippedBitsMetWhileRunning: the same faults on a machine that is up. What reads the value must fail and latch.
func TestFlippedBitsMetWhileRunning(t *testing.T) {
	r := seed(t)
	n := newNode(t)
	running(n, "bs-a", 1)
	for range 10 {
		for _, k := range [][]byte{
			sliceKey(kindSliceState, fillSlice("bs-a", 0, 0, 0, 1).ID), jobKey(kindJob, "bs-a"), key(kindMember, []byte("a")),
		} {
			stored := n.m.slot.key(k)
			value, closer, err := n.db.Pebble().Get(stored)
			if err != nil {
				t.Fatal(err)
			}
			good := bytes.Clone(value)
			if err := closer.Close(); err != nil {
				t.Fatal(err)
			}
			bad := bytes.Clone(good)
			flip(r, bad)
			if err := n.db.Pebble().Set(stored, bad, nil); err != nil {
				t.Fatal(err)
			}
			at := n.m.Applied()
			out := n.m.Apply(logEntry(t, at+1, Envelope{}, GrantLeases{[]Grant{{Slice: fillSlice("bs-a", 0, 0, 0, 1).ID, Owner: "a", Seen: 1}}}))
			if err, ok := out.(error); !ok || !errors.Is(err, storage.ErrDamaged) || n.m.Applied() != at {
				t.Errorf("%s: got %v, want ErrDamaged", keyName(k), out)
			}
			checkLatched(t, n, storage.ErrDamaged)
			if err := n.db.Pebble().Set(stored, good, nil); err != nil {
				t.Fatal(err)
			}
			n.restart()
		}
	}
}

// TestFlippedBitsInFiles changes single bits of the files of a stopped node. Pebble can not tell a damaged end of its newest
// log from one that was never synced, so a flip there may give an older book. That is harmless only if it is whole and the
// raft log leads from it to the same end, which is checked; that the raft log itself is all there is checked by its mark.
func TestFlippedBitsInFiles(t *testing.T) {
	r := seed(t)
	n, _, logs := makeHistory(t, r, 300)
	if err := n.db.Pebble().Flush(); err != nil { // part in tables, part in the write-ahead log
		t.Fatal(err)
	}
	for range 50 {
		l := logEntry(t, n.m.Applied()+1, Envelope{Actor: "late"}, PauseJob{"bs-aa"})
		n.m.Apply(l)
		logs = append(logs, l)
		if err := n.db.Pebble().LogData(nil, pebble.Sync); err != nil { // as the raft log does with each of its writes
			t.Fatal(err)
		}
	}
	want := n.dump()
	n.stop()
	older := 0
	tally := storagetest.FlipBits(t, n.fs, "node", r.Uint64(), func(path string) bool { return strings.Contains(path, "pebble") },
		func(fs vfs.FS, dir string) (storagetest.Verdict, error) {
			db, err := storage.Open(dir, storage.Options{FS: fs, Fatal: func(error) {}, CacheBytes: 1 << 20})
			if err != nil {
				return storagetest.Named, err
			}
			m, err := Open(db)
			if err != nil {
				return storagetest.Named, errors.Join(err, db.Close())
			}
			found := &node{t: t, fs: fs, db: db, m: m}
			defer found.stop()
			if m.Applied() < logs[len(logs)-1].Index {
				older++
				m.ApplyBatch(logs)
			}
			if found.dump() != want {
				return storagetest.Served, errors.New("another book")
			}
			return storagetest.Harmless, nil
		})
	t.Logf("%d of the harmless ones gave an older book that the log brought up to date", older)
	if tally.Of(storagetest.Named) == 0 {
		t.Error("no flip was named: the test tests nothing")
	}
}

// TestFlippedBitsInSnapshot: every single bit of the stream is under a checksum.
func TestFlippedBitsInSnapshot(t *testing.T) {
	r := seed(t)
	source, _, _ := makeHistory(t, r, 400)
	stream := source.snapshot()
	n := newNode(t)
	running(n, "bs-z", 1)
	before := n.dump()
	for i := range flips {
		bad := bytes.Clone(stream)
		if i < snapshotHeadLen { // each byte of the header, then anywhere
			bad[i] ^= 1 << r.IntN(8)
		} else {
			flip(r, bad)
		}
		if _, err := ReadSnapshot(bytes.NewReader(bad)); !errors.Is(err, ErrSnapshot) {
			t.Errorf("flip %d: read: got %v, want ErrSnapshot", i, err)
		}
		if err := n.m.Restore(io.NopCloser(bytes.NewReader(bad))); !errors.Is(err, ErrSnapshot) {
			t.Errorf("flip %d: restore: got %v, want ErrSnapshot", i, err)
		}
	}
	for cut := 0; cut < len(stream); cut += 1 + len(stream)/100 {
		if _, err := ReadSnapshot(bytes.NewReader(stream[:cut])); !errors.Is(err, ErrSnapshot) {
			t.Errorf("cut at %d: got %v, want ErrSnapshot", cut, err)
		}
	}
	if _, err := ReadSnapshot(bytes.NewReader(append(bytes.Clone(stream), 0))); !errors.Is(err, ErrSnapshot) {
		t.Errorf("a byte too many: got %v, want ErrSnapshot", err)
	}
	if n.dump() != before || n.m.Err() != nil {
		t.Errorf("damaged streams changed the book or latched it: %v", n.m.Err())
	}
	info, err := ReadSnapshot(bytes.NewReader(stream))
	if err != nil || info.Index != source.m.Applied() || info.Entries == 0 {
		t.Errorf("the stream itself: got %+v, %v", info, err)
	}
	var text bytes.Buffer
	if _, err := info.WriteTo(&text); err != nil || !strings.Contains(text.String(), "slice state") {
		t.Errorf("got %q, %v", text.String(), err)
	}
}

// TestSnapshotWithoutOneBlock: blocks are sound each by itself, and the keys still rise. Only the last checksum knows.
func TestSnapshotWithoutOneBlock(t *testing.T) {
	r := seed(t)
	n := newNode(t)
	for i := range 4 {
		recipe := make([]byte, blockBytes)
		for k := range recipe {
			recipe[k] = byte(r.Uint32())
		}
		n.apply(Envelope{}, SubmitJob{ID: jobName(i), Slices: 1, Recipe: recipe})
	}
	stream := n.snapshot()
	blocks := 0
	for at := snapshotHeadLen; ; blocks++ {
		size := int(binary.BigEndian.Uint32(stream[at:]))
		if size == 0 {
			break
		}
		end := at + blockHeadBytes + size
		without := append(bytes.Clone(stream[:at]), stream[end:]...)
		if _, err := ReadSnapshot(bytes.NewReader(without)); !errors.Is(err, ErrSnapshot) {
			t.Errorf("without block %d: got %v, want ErrSnapshot", blocks, err)
		}
		at = end
	}
	if blocks < 4 {
		t.Errorf("got %d blocks, want at least 4", blocks)
	}
}

// TestPersistRefusesDamage: a damaged value must not reach other nodes, nor replace an older good snapshot.
func TestPersistRefusesDamage(t *testing.T) {
	n := newNode(t)
	running(n, "bs-a", 1)
	k := n.m.slot.key(jobKey(kindJob, "bs-a"))
	if err := n.db.Pebble().Set(k, []byte("damaged value"), nil); err != nil {
		t.Fatal(err)
	}
	s, err := n.m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	var to sink
	if err := s.Persist(&to); !errors.Is(err, storage.ErrDamaged) || !to.cancelled {
		t.Errorf("got %v, cancelled %t, want ErrDamaged and a cancelled sink", err, to.cancelled)
	}
	checkLatched(t, n, storage.ErrDamaged)
}

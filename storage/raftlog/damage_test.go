package raftlog_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"

	"backstitch/storage"
	"backstitch/storage/raftlog"
	"backstitch/storage/storagetest"
)

// fill makes a stopped node whose entries lie in sstables and in the live write-ahead log.
func fill(t *testing.T, fs vfs.FS, n int) []*raft.Log {
	t.Helper()
	logs := storagetest.Entries(rand.New(rand.NewPCG(7, 7)), 1, n, 256)
	node := mustOpen(t, fs, "node")
	if err := node.log.SetUint64([]byte("CurrentTerm"), 12); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < n; i += 10 {
		if err := node.log.StoreLogs(logs[i : i+10]); err != nil {
			t.Fatal(err)
		}
		if i == n/2 {
			if err := node.db.Pebble().Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	node.mustClose(t)
	return logs
}

// judge opens a copy and reads everything, as a node that starts does.
func judge(want []*raft.Log) func(fs vfs.FS, dir string) (storagetest.Verdict, error) {
	return func(fs vfs.FS, dir string) (storagetest.Verdict, error) {
		n, err := openNode(fs, dir)
		if err != nil {
			return nameOf(err), err
		}
		defer n.close() //nolint:errcheck // the copy is thrown away
		if last, _ := n.log.LastIndex(); last != uint64(len(want)) {
			return storagetest.Served, errors.New("log has another length")
		}
		if err := storagetest.SameLogs(n.log, want); err != nil {
			return nameOf(err), err
		}
		if _, err := n.log.Verify(context.Background()); err != nil {
			return nameOf(err), err
		}
		term, err := n.log.GetUint64([]byte("CurrentTerm"))
		if err != nil {
			return nameOf(err), err
		}
		if term != 12 {
			return storagetest.Served, errors.New("hard state differs")
		}
		return storagetest.Harmless, nil
	}
}

// nameOf accepts an error only if it says damage (or newer, or shortened) and has a code that an operator can look up.
func nameOf(err error) storagetest.Verdict {
	var named *storage.Error
	var newer *storage.NewerFormatError
	if errors.As(err, &newer) || (errors.As(err, &named) && named.Object != "" && strings.HasPrefix(named.Code, "BST-E02")) {
		return storagetest.Named
	}
	return storagetest.Served
}

func TestAFlippedBitIsNeverServed(t *testing.T) {
	seed := rand.Uint64()
	fs := vfs.NewMem()
	logs := fill(t, fs, 200)
	t.Run("all files", func(t *testing.T) {
		storagetest.FlipBits(t, fs, "node", seed, nil, judge(logs))
	})
	t.Run("files with entries", func(t *testing.T) {
		newest := newestLog(t, fs, "node") // older ones only wait to be recycled
		withEntries := func(path string) bool { return path == newest || strings.HasSuffix(path, ".sst") }
		tally := storagetest.FlipBits(t, fs, "node", seed+1, withEntries, judge(logs))
		if named, all := tally.Of(storagetest.Named), tally.Flips(); named < all*3/4 {
			t.Errorf("named %d of %d, want most: the test may not be reading what it flips", named, all)
		}
	})
}

// TestOurOwnChecksumsFindWhatPebbleDoesNot writes a wrong value through pebble, whose own checksums are then right.
func TestOurOwnChecksumsFindWhatPebbleDoesNot(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	n := mustOpen(t, vfs.NewMem(), "node")
	defer n.mustClose(t)
	if err := n.log.StoreLogs(storagetest.Entries(rng, 1, 20, 100)); err != nil {
		t.Fatal(err)
	}
	it, err := n.db.Pebble().NewIter(&pebble.IterOptions{LowerBound: storage.LogSpace.Lower(), UpperBound: storage.LogSpace.Upper()})
	if err != nil {
		t.Fatal(err)
	}
	var keys, values [][]byte
	for ok := it.First(); ok; ok = it.Next() {
		keys, values = append(keys, append([]byte{}, it.Key()...)), append(values, append([]byte{}, it.Value()...))
	}
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		i := rng.IntN(len(keys))
		wrong := append([]byte{}, values[i]...)
		wrong[rng.IntN(len(wrong))] ^= 1 << rng.IntN(8)
		if err := n.db.Pebble().Set(keys[i], wrong, pebble.NoSync); err != nil {
			t.Fatal(err)
		}
		if _, err := n.log.Verify(context.Background()); !errors.Is(err, storage.ErrDamaged) {
			t.Fatalf("key %x: got %v, want %v", keys[i], err, storage.ErrDamaged)
		}
		if err := n.db.Pebble().Set(keys[i], values[i], pebble.NoSync); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := n.log.Verify(context.Background()); err != nil {
		t.Errorf("restored log: got %v, want nil", err)
	}
	// An entry in the place of another is right in itself and still wrong.
	if err := n.db.Pebble().Set(keys[3], values[4], pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	if err := n.log.GetLog(4, &raft.Log{}); !errors.Is(err, storage.ErrDamaged) {
		t.Errorf("entry of another index: got %v, want %v", err, storage.ErrDamaged)
	}
	if n.db.Err() == nil {
		t.Error("a damaged read must end the database")
	}
}

func newestLog(t *testing.T, fs vfs.FS, dir string) (newest string) {
	t.Helper()
	files, err := storagetest.Files(fs, dir)
	if err != nil {
		t.Fatal(err)
	}
	for path := range files {
		if strings.HasSuffix(path, ".log") && path > newest {
			newest = path
		}
	}
	return newest
}

// truncate cuts the newest write-ahead log to keep bytes.
func truncate(t *testing.T, fs vfs.FS, dir string, keep func(size int64) int64) *vfs.MemFS {
	t.Helper()
	newest := newestLog(t, fs, dir)
	files, err := storagetest.Files(fs, dir)
	if err != nil {
		t.Fatal(err)
	}
	files[newest] = files[newest][:keep(int64(len(files[newest])))]
	return storagetest.CloneWith(t, files, storagetest.Flip{}).(*vfs.MemFS)
}

func TestALogCutAtItsEndIsShortened(t *testing.T) {
	// The crash image of a running node: a closed one has its log rounded off.
	cut := storagetest.NewCutFS(nil)
	n := mustOpen(t, cut, "node")
	logs := storagetest.Entries(rand.New(rand.NewPCG(7, 7)), 1, 100, 512)
	for _, l := range logs {
		if err := n.log.StoreLog(l); err != nil {
			t.Fatal(err)
		}
	}
	// A killed process leaves all that it wrote: 100 percent of what was not synced.
	rng := rand.New(rand.NewPCG(1, 1))
	killed := cut.Crash(100, rng)
	n.mustClose(t)
	whole := mustOpen(t, truncate(t, killed, "node", func(size int64) int64 { return size }), "node")
	if last, _ := whole.log.LastIndex(); last != 100 {
		t.Errorf("uncut log: got last index %d, want 100", last)
	}
	whole.mustClose(t)
	for _, lost := range []int64{600, 5000, 40000} {
		fs := truncate(t, killed, "node", func(size int64) int64 { return size - lost })
		n, err := openNode(fs, "node")
		if err == nil {
			last, _ := n.log.LastIndex()
			t.Errorf("log cut by %d bytes: opened with last index %d, want an error", lost, last)
			n.mustClose(t)
			continue
		}
		if !errors.Is(err, storage.ErrShortened) && !errors.Is(err, storage.ErrDamaged) {
			t.Errorf("log cut by %d bytes: got %v, want %v", lost, err, storage.ErrShortened)
		}
	}
}

// TestTheMarkRemembersWhatPebbleForgot takes entries away with pebble's own, correct means: only the mark can tell.
func TestTheMarkRemembersWhatPebbleForgot(t *testing.T) {
	for name, c := range map[string]struct {
		forget func(db *pebble.DB) error
		want   error
	}{
		"the last entry": {func(db *pebble.DB) error {
			return db.Delete(storage.LogSpace.Key('e', 0, 0, 0, 0, 0, 0, 0, 100), pebble.Sync)
		}, storage.ErrShortened},
		"everything": {func(db *pebble.DB) error {
			return db.DeleteRange(storage.LogSpace.Lower(), storage.StableSpace.Upper(), pebble.Sync)
		}, storage.ErrShortened},
		"the first entry": {func(db *pebble.DB) error {
			return db.Delete(storage.LogSpace.Key('e', 0, 0, 0, 0, 0, 0, 0, 1), pebble.Sync)
		}, storage.ErrDamaged},
		"one inside": {func(db *pebble.DB) error {
			return db.Delete(storage.LogSpace.Key('e', 0, 0, 0, 0, 0, 0, 0, 50), pebble.Sync)
		}, storage.ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			fill(t, fs, 100)
			db, err := storage.Open("node", storage.Options{FS: fs})
			if err != nil {
				t.Fatal(err)
			}
			if err := c.forget(db.Pebble()); err != nil {
				t.Fatal(err)
			}
			if _, err := raftlog.Open(db); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestAMissingMarkIsDamage(t *testing.T) {
	fs := vfs.NewMem()
	fill(t, fs, 10)
	if err := fs.Remove(storage.MarkPath(fs, "node")); err != nil {
		t.Fatal(err)
	}
	if _, err := openNode(fs, "node"); !errors.Is(err, storage.ErrDamaged) {
		t.Errorf("got %v, want %v", err, storage.ErrDamaged)
	}
}

// What pebble returns without complaint can still be wrong: a value with a changed bit, and one that belongs to another key. A
// vote or a term that is wrong must not be used.
func TestWrongHardStateIsNamed(t *testing.T) {
	key, other := []byte("CurrentTerm"), []byte("LastVoteTerm")
	for name, change := range map[string]func(db *pebble.DB) error{
		"a bit": func(db *pebble.DB) error {
			value, closer, err := db.Get(storage.StableSpace.Key(key...))
			if err != nil {
				return err
			}
			wrong := append([]byte(nil), value...)
			wrong[3] ^= 1
			return errors.Join(closer.Close(), db.Set(storage.StableSpace.Key(key...), wrong, pebble.Sync))
		},
		"another key": func(db *pebble.DB) error {
			value, closer, err := db.Get(storage.StableSpace.Key(other...))
			if err != nil {
				return err
			}
			wrong := append([]byte(nil), value...)
			return errors.Join(closer.Close(), db.Set(storage.StableSpace.Key(key...), wrong, pebble.Sync))
		},
	} {
		fs := vfs.NewMem()
		n := mustOpen(t, fs, "node")
		if err := errors.Join(n.log.SetUint64(key, 12), n.log.SetUint64(other, 11)); err != nil {
			t.Fatal(err)
		}
		if err := change(n.db.Pebble()); err != nil {
			t.Fatal(err)
		}
		if got, err := n.log.GetUint64(key); !errors.Is(err, storage.ErrDamaged) {
			t.Errorf("%s: read: got %d, %v, want damage", name, got, err)
		}
		_ = n.close() // the damage has ended it
		if again, err := openNode(fs, "node"); !errors.Is(err, storage.ErrDamaged) {
			t.Errorf("%s: open: got %v, want damage", name, err)
			if err == nil {
				_ = again.close()
			}
		}
	}
}

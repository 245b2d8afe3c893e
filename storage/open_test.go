package storage

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/go-cmp/cmp"
)

func mustOpen(t *testing.T, fs vfs.FS, dir string) *DB {
	t.Helper()
	db, err := Open(dir, Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func mustClose(t *testing.T, db *DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestNewerDataIsRefusedByNameBeforePebble(t *testing.T) {
	fs := vfs.NewMem()
	mustClose(t, mustOpen(t, fs, "node"))
	if err := writeFormat(fs, "node/data", FormatNewest+1, "9.9"); err != nil {
		t.Fatal(err)
	}
	before, err := fs.List("node/data/pebble")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open("node", Options{FS: fs})
	var newer *NewerFormatError
	if !errors.As(err, &newer) || !errors.Is(err, ErrNewer) {
		t.Fatalf("got %v, want a NewerFormatError", err)
	}
	if diff := cmp.Diff(&NewerFormatError{Dir: "node/data", Have: FormatNewest + 1, Want: FormatNewest, Line: "9.9"}, newer); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	if text := err.Error(); !strings.Contains(text, "backstitch 9.9") || !strings.Contains(text, "BST-E0202") {
		t.Errorf("text: got %q, want the program line and the code", text)
	}
	after, err := fs.List("node/data/pebble")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(before)
	slices.Sort(after)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("pebble's files changed (-before +after):\n%s", diff)
	}
}

func TestALostFormatIsDamage(t *testing.T) {
	fs := vfs.NewMem()
	mustClose(t, mustOpen(t, fs, "node"))
	if err := fs.Remove("node/data/FORMAT"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open("node", Options{FS: fs}); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v, want %v", err, ErrDamaged)
	}
}

func TestASecondOpenIsRefused(t *testing.T) {
	dir := t.TempDir()
	db := mustOpen(t, nil, dir)
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("second open: got %v, want %v", err, ErrLocked)
	}
	if _, err := SetAside(nil, dir); !errors.Is(err, ErrLocked) {
		t.Errorf("set aside while open: got %v, want %v", err, ErrLocked)
	}
	mustClose(t, db)
	mustClose(t, mustOpen(t, nil, dir))
}

func TestTheIdentityOutlivesTheData(t *testing.T) {
	for name, fs := range map[string]vfs.FS{"memory": vfs.NewMem(), "disk": vfs.Default} {
		t.Run(name, func(t *testing.T) {
			dir := fs.PathJoin(t.TempDir(), "node")
			made, err := EnsureIdentity(fs, dir, "a", 42)
			if err != nil {
				t.Fatal(err)
			}
			if len(made.Instance) != 32 || made.Created != 42 || made.Generation != 0 {
				t.Errorf("new identity: got %+v", made)
			}
			db := mustOpen(t, fs, dir)
			if id := db.Identity(); id.Generation != 1 || !db.Fresh() || id.Instance != made.Instance {
				t.Errorf("first open: got %+v fresh %v, want generation 1, fresh", id, db.Fresh())
			}
			key := BookSpace.Key('k')
			if err := db.Pebble().Set(key, []byte("v"), pebble.Sync); err != nil {
				t.Fatal(err)
			}
			mustClose(t, db)
			db = mustOpen(t, fs, dir)
			if id := db.Identity(); id.Generation != 1 || db.Fresh() {
				t.Errorf("second open: got %+v fresh %v, want generation 1, not fresh", id, db.Fresh())
			}
			mustClose(t, db)
			for n := range 2 {
				aside, err := SetAside(fs, dir)
				if want := fs.PathJoin(dir, []string{"data.damaged-001", "data.damaged-002"}[n]); err != nil || aside != want {
					t.Fatalf("SetAside: got %q, %v, want %q", aside, err, want)
				}
				db = mustOpen(t, fs, dir)
				if id := db.Identity(); id.Generation != uint32(2+n) || !db.Fresh() || id.Instance != made.Instance {
					t.Errorf("after set aside: got %+v fresh %v, want generation %d, fresh, same instance", id, db.Fresh(), 2+n)
				}
				if _, _, err := db.Pebble().Get(key); !errors.Is(err, pebble.ErrNotFound) {
					t.Errorf("old data: got %v, want %v", err, pebble.ErrNotFound)
				}
				mustClose(t, db)
			}
			if _, err := EnsureIdentity(fs, dir, "b", 43); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), `"a"`) {
				t.Errorf("other node: got %v, want %v and the owner's name", err, ErrForeign)
			}
		})
	}
}

// TestEachDatabaseThatIsBegunIsCounted: whoever voted with one must be able to tell it from the next, however the first was lost.
func TestEachDatabaseThatIsBegunIsCounted(t *testing.T) {
	for name, lost := range map[string][]string{
		"the directory": {"node/data"}, "all in it": {"node/data/FORMAT", "node/data/pebble"}, "the database": {"node/data/pebble"},
	} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			if _, err := EnsureIdentity(fs, "node", "a", 1); err != nil {
				t.Fatal(err)
			}
			mustClose(t, mustOpen(t, fs, "node"))
			for _, path := range lost {
				if err := fs.RemoveAll(path); err != nil {
					t.Fatal(err)
				}
			}
			db := mustOpen(t, fs, "node")
			defer mustClose(t, db)
			if id := db.Identity(); id.Generation != 2 || !db.Fresh() {
				t.Errorf("got generation %d, fresh %v, want 2, fresh", id.Generation, db.Fresh())
			}
		})
	}
}

// TestALogWithoutAManifestIsDamage: pebble would begin a new database and replay the old log into it.
func TestALogWithoutAManifestIsDamage(t *testing.T) {
	fs := vfs.NewMem()
	mustClose(t, mustOpen(t, fs, "node"))
	names, err := fs.List("node/data/pebble")
	if err != nil {
		t.Fatal(err)
	}
	removed := 0
	for _, name := range names {
		if strings.HasPrefix(name, "marker.manifest.") {
			removed++
			if err := fs.Remove("node/data/pebble/" + name); err != nil {
				t.Fatal(err)
			}
		}
	}
	if removed != 1 {
		t.Fatalf("removed %d markers of the manifest among %q, want 1", removed, names)
	}
	if _, err := Open("node", Options{FS: fs}); !errors.Is(err, ErrDamaged) {
		t.Errorf("open: got %v, want %v", err, ErrDamaged)
	}
}

func TestADamagedIdentityIsNamed(t *testing.T) {
	fs := vfs.NewMem()
	if _, err := EnsureIdentity(fs, "node", "a", 1); err != nil {
		t.Fatal(err)
	}
	sealed, err := ReadFile(fs, "node/identity.json")
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(sealed) * 8 {
		flipped := append([]byte{}, sealed...)
		flipped[i/8] ^= 1 << (i % 8)
		if err := WriteFile(fs, "node/identity.json", flipped); err != nil {
			t.Fatal(err)
		}
		if _, err := Open("node", Options{FS: fs}); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNoIdentity) {
			t.Fatalf("bit %d: got %v, want %v", i, err, ErrDamaged)
		}
	}
}

// TestAWriteErrorEndsTheDatabase injects errors under an open database: nothing may be acknowledged after the first.
func TestAWriteErrorEndsTheDatabase(t *testing.T) {
	for name, c := range map[string]struct {
		inject, want error
	}{
		"full":   {syscall.ENOSPC, ErrFull},
		"broken": {syscall.EIO, ErrDisk},
	} {
		t.Run(name, func(t *testing.T) {
			var broken atomic.Bool
			inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
				if broken.Load() && strings.HasSuffix(op.Path, ".log") && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
					return c.inject
				}
				return nil
			})
			var calls atomic.Int32
			fatal := make(chan error, 10)
			db, err := Open("node", Options{FS: errorfs.Wrap(vfs.NewMem(), inject),
				Fatal: func(err error) { calls.Add(1); fatal <- err }})
			if err != nil {
				t.Fatal(err)
			}
			broken.Store(true)
			_ = db.Pebble().Set(BookSpace.Key('k'), []byte("v"), pebble.Sync) // pebble returns nil once Fatalf returned
			if err := <-fatal; !errors.Is(err, c.want) {
				t.Errorf("Fatal: got %v, want %v", err, c.want)
			}
			if err := db.Err(); !errors.Is(err, c.want) {
				t.Errorf("Err: got %v, want %v", err, c.want)
			}
			broken.Store(false)
			if err := db.Fail(errors.New("second")); !errors.Is(err, c.want) || calls.Load() != 1 {
				t.Errorf("second failure: got %v after %d calls, want the first and 1 call", err, calls.Load())
			}
			_ = db.Close() // a broken database may say so again
		})
	}
}

func TestPebbleWritesItsNewestFormat(t *testing.T) {
	db := mustOpen(t, vfs.NewMem(), "node")
	defer mustClose(t, db)
	if got := db.Pebble().FormatMajorVersion(); got != pebble.FormatNewest {
		t.Errorf("got %v, want %v: older ones drop entries in silence when a bit flips in the newest log", got, pebble.FormatNewest)
	}
}

func TestMetricsSeeAWrite(t *testing.T) {
	db := mustOpen(t, vfs.NewMem(), "node")
	defer mustClose(t, db)
	before := db.Metrics()
	if err := db.Pebble().Set(BookSpace.Key('k'), make([]byte, 1000), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	if err := db.Pebble().Flush(); err != nil {
		t.Fatal(err)
	}
	after := db.Metrics()
	if after.Flushes <= before.Flushes || after.DiskBytes == 0 || after.WALBytesWritten < 1000 {
		t.Errorf("after a write and a flush: got %+v, before %+v", after, before)
	}
}

func TestFailWithoutAnOwnerPanics(t *testing.T) {
	db := mustOpen(t, vfs.NewMem(), "node")
	defer mustClose(t, db)
	defer func() {
		if r := recover(); r == nil {
			t.Error("got no panic, want one: nobody would notice the error")
		}
	}()
	_ = db.Fail(errors.New("x"))
}

func TestSpacesDoNotOverlap(t *testing.T) {
	spaces := []Space{MetaSpace, LogSpace, StableSpace, BookSpace}
	if diff := cmp.Diff([]Space{1, 2, 3, 4}, spaces); diff != "" {
		t.Errorf("numbers are on disk (-want +got):\n%s", diff)
	}
}

// TestAFullDiskEndsOpening: pebble writes a table out of its log when it opens, and on a full disk it would try for ever.
func TestAFullDiskEndsOpening(t *testing.T) {
	var full atomic.Bool
	inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && strings.HasSuffix(op.Path, ".sst") && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return syscall.ENOSPC
		}
		return nil
	})
	mem := vfs.NewCrashableMem()
	db := mustOpen(t, mem, "node")
	value := make([]byte, 64<<10)
	for n := range byte(32) {
		if err := db.Pebble().Set(BookSpace.Key(n), value, pebble.Sync); err != nil {
			t.Fatal(err)
		}
	}
	crashed := mem.CrashClone(vfs.CrashCloneCfg{})
	mustClose(t, db)
	full.Store(true)
	fs := errorfs.Wrap(crashed, inject)
	_, err := Open("node", Options{FS: fs, MemTableBytes: 256 << 10})
	if !errors.Is(err, ErrFull) {
		t.Errorf("got %v, want %v", err, ErrFull)
	}
	full.Store(false) // what was left behind ends now; TestMain looks for it
}

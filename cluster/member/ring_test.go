package member

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"backstitch/storage"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/memberlist"
)

// made is a key that says its number.
func made(n byte) Key { return bytes.Repeat([]byte{n}, 32) }

// keyFile writes a key file and returns a function that writes another one in its place.
func keyFile(t *testing.T, keys ...Key) (string, func(...Key)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gossip.key")
	write := func(keys ...Key) {
		t.Helper()
		text := "# keys\n"
		for _, k := range keys {
			text += k.Secret() + "\n"
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(keys...)
	return path, write
}

func openRing(t *testing.T, fs vfs.FS, dir, keyFile string) *Ring {
	t.Helper()
	r, err := OpenRing(fs, dir, keyFile, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func wantRing(t *testing.T, what string, r *Ring, revision uint64, keys ...Key) {
	t.Helper()
	now := r.Keys()
	if now.Revision != revision || !sameKeys(now.Keys, keys) {
		t.Errorf("%s: got revision %d of %v, want %d of %v", what, now.Revision, now.Keys, revision, keys)
	}
	if !bytes.Equal(r.live.GetPrimaryKey(), keys[0]) || len(r.live.GetKeys()) != len(keys) {
		t.Errorf("%s: gossip encrypts with %s of %d keys, want %s of %d", what, Key(r.live.GetPrimaryKey()), len(r.live.GetKeys()), keys[0], len(keys))
	}
}

func TestAKeyShowsItsFingerprintOnly(t *testing.T) {
	k := NewKey()
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("a", "key", k, "ring", Keys{Keys: []Key{k}})
	encoded, err := json.Marshal(Keys{Keys: []Key{k}})
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprint(k), fmt.Sprintf("%x %+v %#v %q", k, Keys{Keys: []Key{k}}, k, []Key{k}), log.String(), string(encoded), k.Fingerprint()} {
		if strings.Contains(shown, k.Secret()) || strings.Contains(shown, fmt.Sprintf("%x", []byte(k))) || strings.Contains(shown, fmt.Sprint([]byte(k))) {
			t.Errorf("a key is shown: %s", shown)
		}
		if !strings.Contains(shown, k.Fingerprint()) {
			t.Errorf("no fingerprint %s in %s", k.Fingerprint(), shown)
		}
	}
}

func TestAKeyIsReadWithoutBeingRepeated(t *testing.T) {
	for _, text := range []string{"c2hvcnQ=", "not base64, and secret"} {
		if _, err := ParseKey(text); !errors.Is(err, ErrKey) || strings.Contains(err.Error(), text) {
			t.Errorf("%q: got %v, want an error that does not repeat it", text, err)
		}
	}
	for _, n := range []int{16, 24, 32} {
		k := made(7)[:n]
		if got, err := ParseKey(" " + k.Secret() + "\n"); err != nil || !bytes.Equal(got, k) {
			t.Errorf("%d bytes: got %s, %v", n, got, err)
		}
	}
}

// The ring is made of the key file once, and outlives restarts; what commands did to it is not taken back by a key file that nobody touched.
func TestTheRingOutlivesRestarts(t *testing.T) {
	path, write := keyFile(t, made(1))
	fs := vfs.NewCrashableMem()
	if err := storage.MakeDir(fs, "/data"); err != nil {
		t.Fatal(err)
	}
	r := openRing(t, fs, "/data", path)
	wantRing(t, "the first start", r, 0, made(1))
	if err := r.Put(0, Keys{7, []Key{made(2), made(1)}}); err != nil {
		t.Fatal(err)
	}
	wantRing(t, "after a command", r, 7, made(2), made(1))
	if _, err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	wantRing(t, "the same key file again", r, 7, made(2), made(1))

	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	r = openRing(t, crashed, "/data", path)
	wantRing(t, "after a power cut", r, 7, made(2), made(1))
	write(made(3), made(2))
	if _, err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	wantRing(t, "another key file", r, 7, made(3), made(2))
	write(made(4), made(2))
	wantRing(t, "another one, found at a start", openRing(t, crashed, "/data", path), 7, made(4), made(2))

	f, err := crashed.Create("/data/"+RingFile, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("torn")); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	wantRing(t, "a damaged ring", openRing(t, crashed, "/data", path), 0, made(4), made(2))
}

func TestABrokenKeyFileChangesNothingAndIsSaidOnce(t *testing.T) {
	path, _ := keyFile(t, made(1))
	r := openRing(t, vfs.NewMem(), "", path)
	if err := os.WriteFile(path, []byte("garbage\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for turn, want := range []bool{false, true} {
		if said, err := r.Reload(); err == nil || said != want {
			t.Errorf("turn %d: got said %t, %v, want %t and an error", turn, said, err, want)
		}
	}
	wantRing(t, "after a broken key file", r, 0, made(1))
}

func TestOfTwoChangesFromOneRingTheSecondIsRefused(t *testing.T) {
	path, _ := keyFile(t, made(1))
	r := openRing(t, vfs.NewMem(), "", path)
	for what, step := range map[string]struct {
		base uint64
		next Keys
		want error
	}{
		"no key":       {0, Keys{9, nil}, ErrKey},
		"a wrong key":  {0, Keys{9, []Key{made(2)[:31]}}, ErrKey},
		"no later one": {0, Keys{0, []Key{made(2)}}, ErrRingMoved},
	} {
		if err := r.Put(step.base, step.next); !errors.Is(err, step.want) {
			t.Errorf("%s: got %v, want %v", what, err, step.want)
		}
	}
	first, second := Keys{5, []Key{made(1), made(2)}}, Keys{6, []Key{made(1), made(3)}}
	for range 2 { // the same once more is taken
		if err := r.Put(0, first); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Put(0, second); !errors.Is(err, ErrRingMoved) {
		t.Errorf("a change from the ring before: got %v, want %v", err, ErrRingMoved)
	}
	wantRing(t, "after both", r, 5, made(1), made(2))
	if err := r.Put(5, second); err != nil {
		t.Errorf("a change from the present ring: %v", err)
	}
	wantRing(t, "after a third", r, 6, made(1), made(3))
}

func TestTheFileOfTheRingIsForItsOwner(t *testing.T) {
	path, _ := keyFile(t, made(1))
	dir := t.TempDir()
	r := openRing(t, vfs.Default, dir, path)
	if err := r.Put(0, Keys{5, []Key{made(1), made(2)}}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, RingFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want mode 0600", info, err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*.tmp")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// fullDisk creates no file while it is full.
type fullDisk struct {
	vfs.FS
	full bool
}

func (d *fullDisk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if d.full {
		return nil, syscall.ENOSPC
	}
	return d.FS.Create(name, c)
}

// A ring is on the disk before it is used: otherwise a node would not find back after a power cut.
func TestARingThatCanNotBeWrittenIsNotUsed(t *testing.T) {
	path, write := keyFile(t, made(1))
	disk := &fullDisk{FS: vfs.NewMem()}
	r := openRing(t, disk, "", path)
	disk.full = true
	if err := r.Put(0, Keys{5, []Key{made(2)}}); !errors.Is(err, storage.ErrFull) {
		t.Errorf("a full disk: got %v, want %v", err, storage.ErrFull)
	}
	write(made(3))
	if _, err := r.Reload(); err == nil {
		t.Errorf("a key file on a full disk: taken")
	}
	wantRing(t, "with a full disk", r, 0, made(1))
	disk.full = false
	if _, err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	wantRing(t, "with space again", r, 0, made(3))
}

// The library's list is read while it is changed. Whatever the order, what stays stays, and a list that somebody reads is not written to.
func TestSettingKeysWritesIntoNobodysList(t *testing.T) {
	ring, err := memberlist.NewKeyring([][]byte{made(2), made(3), made(4), made(5)}, made(1))
	if err != nil {
		t.Fatal(err)
	}
	read := ring.GetKeys()
	was := append([][]byte(nil), read...)
	if err := setKeys(ring, []Key{made(5), made(3)}); err != nil {
		t.Fatal(err)
	}
	if got := ring.GetKeys(); len(got) != 2 || got[0][0] != 5 || got[1][0] != 3 {
		t.Errorf("got %d keys that begin with %d, want 5 and 3", len(got), got[0][0])
	}
	for i := range was {
		if !bytes.Equal(read[i], was[i]) {
			t.Errorf("the list that was read before has another key in place %d", i)
		}
	}
}

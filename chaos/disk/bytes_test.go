//go:build chaos && linux

package disk

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// reserved writes a file that was given its size before it was filled.
func reserved(t *testing.T, written, size int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "000001.log")
	body := make([]byte, size)
	for i := range written {
		body[i] = 0xa5
	}
	must(t, os.WriteFile(path, body, 0o600))
	return path
}

func TestFlipChangesOneBitThatWasWritten(t *testing.T) {
	const written, size = 70_000, 300_000
	path := reserved(t, written, size)
	before, err := os.ReadFile(path)
	must(t, err)
	random := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		at, err := Flip(path, random)
		must(t, err)
		after, err := os.ReadFile(path)
		must(t, err)
		changed := before[at] ^ after[at]
		if at >= written || changed == 0 || changed&(changed-1) != 0 {
			t.Fatalf("flip at %d: %08b became %08b, want one bit below %d", at, before[at], after[at], written)
		}
		before[at] = after[at]
		if !bytes.Equal(before, after) {
			t.Fatalf("flip at %d changed other bytes too", at)
		}
	}
}

func TestShortenTakesTheEndOfWhatWasWritten(t *testing.T) {
	for _, size := range []int{1000, 200_000} { // given its size, and not
		path := reserved(t, 1000, size)
		must(t, Shorten(path, 300))
		got, err := os.ReadFile(path)
		must(t, err)
		wantSize := size
		if size == 1000 {
			wantSize = 700
		}
		if n := len(bytes.TrimRight(got, "\x00")); len(got) != wantSize || n != 700 {
			t.Errorf("of %d: %d bytes of which %d are written, want %d and 700", size, len(got), n, wantSize)
		}
	}
}

func TestDamageToNothingIsVacuous(t *testing.T) {
	empty := reserved(t, 0, 5000)
	_, flip := Flip(empty, rand.New(rand.NewPCG(1, 2)))
	_, of := Table.Of(t.TempDir())
	for what, err := range map[string]error{"flip": flip, "shorten": Shorten(empty, 10), "no such file": of, "no snapshot": LoseSnapshot(t.TempDir())} {
		if !errors.Is(err, ErrVacuous) {
			t.Errorf("%s: got %v, want ErrVacuous", what, err)
		}
	}
}

func TestTheNewestFileComesFirst(t *testing.T) {
	node := t.TempDir()
	dir := filepath.Join(node, "data", "pebble")
	must(t, os.MkdirAll(dir, 0o700))
	now := time.Now()
	for i, name := range []string{"000007.log", "000009.log", "000003.log", "000004.sst"} {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(name), 0o600))
		must(t, os.Chtimes(path, now, now.Add(time.Duration(-i)*time.Second)))
	}
	got, err := Log.Of(node)
	must(t, err)
	if len(got) != 3 || filepath.Base(got[0]) != "000007.log" || filepath.Base(got[2]) != "000003.log" {
		t.Errorf("logs: got %q, want the one of last write first", got)
	}
}

//go:build linux

package disk

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// This file damages files of a node that is stopped, in the directory that the node calls its own.

// Files is a kind of file in a node's directory.
type Files string

// Kinds of files; the words are those of faults as text.
const (
	Log      Files = "log"      // what was written last
	Table    Files = "sst"      // what was flushed
	Snapshot Files = "snapshot" // the state of a snapshot, not its manifest
)

// patterns are where they lie. Snapshots are directories.
var patterns = map[Files]string{
	Log:      "data/pebble/*.log",
	Table:    "data/pebble/*.sst",
	Snapshot: "data/snapshots/*/state.bin",
}

// Of lists the files of a kind in a node's directory, the one that was written last first. None is an error: a fault in a file
// that is not there hits nothing.
func (k Files) Of(node string) ([]string, error) {
	pattern, ok := patterns[k]
	if !ok {
		return nil, fmt.Errorf("there is no kind of file %q", string(k))
	}
	paths, err := filepath.Glob(filepath.Join(node, filepath.FromSlash(pattern)))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%w: no %s in %s", ErrVacuous, k, node)
	}
	when := map[string]time.Time{}
	for _, p := range paths {
		st, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		when[p] = st.ModTime()
	}
	slices.SortFunc(paths, func(a, b string) int {
		if c := when[b].Compare(when[a]); c != 0 {
			return c
		}
		return strings.Compare(b, a)
	})
	return paths, nil
}

// Flip turns one bit of a file over and returns where. Only what was ever written counts: the zeros at the end of a file that
// was given its size beforehand are nobody's data.
func Flip(path string, random *rand.Rand) (offset int64, err error) {
	written, err := writtenBytes(path)
	if err != nil {
		return 0, err
	}
	if written == 0 {
		return 0, fmt.Errorf("flip a bit in %s: %w: it is empty", path, ErrVacuous)
	}
	offset = random.Int64N(written)
	return offset, FlipAt(path, offset, byte(1)<<random.IntN(8))
}

// FlipAt turns those bits of one byte over that are set in mask.
func FlipAt(path string, offset int64, mask byte) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("flip a bit: %w", err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], offset); err != nil {
		return fmt.Errorf("flip a bit in %s: %w", path, err)
	}
	b[0] ^= mask
	if _, err := f.WriteAt(b[:], offset); err != nil {
		return fmt.Errorf("flip a bit in %s: %w", path, err)
	}
	return f.Sync()
}

// Shorten takes the last n bytes that were written away from a file, and leaves zeros in their place if the file had
// been given its size beforehand: what a disk shows that never wrote its last blocks. A log loses whole entries by it.
func Shorten(path string, n int64) error {
	written, err := writtenBytes(path)
	if err != nil {
		return err
	}
	st, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("shorten: %w", err)
	}
	if n <= 0 || written == 0 {
		return fmt.Errorf("shorten %s by %d: %w: %d bytes were written", path, n, ErrVacuous, written)
	}
	reserved := st.Size() > written
	if err := os.Truncate(path, max(0, written-n)); err != nil {
		return fmt.Errorf("shorten: %w", err)
	}
	if !reserved {
		return nil
	}
	if err := os.Truncate(path, st.Size()); err != nil {
		return fmt.Errorf("shorten: %w", err)
	}
	return nil
}

// LoseSnapshot removes the newest snapshot of a node.
func LoseSnapshot(node string) error {
	states, err := Snapshot.Of(node)
	if err != nil {
		return err
	}
	return os.RemoveAll(filepath.Dir(states[0]))
}

// writtenBytes is the size of a file without the zeros at its end.
func writtenBytes(path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	block := make([]byte, 64<<10)
	for end := st.Size(); end > 0; {
		n := min(int64(len(block)), end)
		if _, err := f.ReadAt(block[:n], end-n); err != nil {
			return 0, err
		}
		for i := n - 1; i >= 0; i-- {
			if block[i] != 0 {
				return end - n + i + 1, nil
			}
		}
		end -= n
	}
	return 0, nil
}

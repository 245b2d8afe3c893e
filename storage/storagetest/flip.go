package storagetest

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// flips is few, as each is paid for with the race detector; make test-drawn asks for more without it.
var flips = flag.Int("storagetest.flips", 50, "how many bits FlipBits flips")

// Flip is one bit of one file.
type Flip struct {
	Path string
	Byte int64
	Bit  uint // 0 to 7
}

func (f Flip) String() string { return fmt.Sprintf("%s byte %d bit %d", f.Path, f.Byte, f.Bit) }

// Verdict is what a node made of a flipped bit.
type Verdict int

const (
	// Served means that wrong bytes were returned, or right ones are missing, without an error: the one that must not be.
	Served Verdict = iota
	// Named means that an error named the damage.
	Named
	// Harmless means that all content was read and is identical to the original: the bit was in dead bytes.
	Harmless
)

// Tally counts verdicts by kind of file.
type Tally map[string]map[Verdict]int

// Of sums one verdict over all files.
func (t Tally) Of(v Verdict) (n int) {
	for _, byVerdict := range t {
		n += byVerdict[v]
	}
	return n
}

// Flips is how many bits were flipped.
func (t Tally) Flips() int { return t.Of(Served) + t.Of(Named) + t.Of(Harmless) }

func (t Tally) String() string {
	var parts []string
	for kind, v := range t {
		parts = append(parts, fmt.Sprintf("%s: named %d, harmless %d, served %d", kind, v[Named], v[Harmless], v[Served]))
	}
	return strings.Join(parts, "; ")
}

// FlipBits makes -storagetest.flips copies of the stopped node directory dir on fs, flips one random bit of one live file in each,
// and asks check for a verdict on the copy. Files are drawn evenly, so that small ones get their share, then a bit of it evenly. choose
// says which paths take part; nil is all that are not empty. Served verdicts are test errors. It logs the seed and the tally.
func FlipBits(t *testing.T, fs vfs.FS, dir string, seed uint64, choose func(path string) bool,
	check func(fs vfs.FS, dir string) (Verdict, error)) Tally {
	t.Helper()
	t.Logf("flip seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	files, err := Files(fs, dir)
	must(t, err)
	var paths []string
	for path, body := range files {
		if len(body) > 0 && (choose == nil || choose(path)) {
			paths = append(paths, path)
		}
	}
	if len(paths) == 0 {
		t.Fatal("there is no file to flip a bit in")
	}
	slices.Sort(paths)
	tally := Tally{}
	for range *flips {
		path := paths[rng.IntN(len(paths))]
		f := Flip{Path: path, Byte: rng.Int64N(int64(len(files[path]))), Bit: uint(rng.IntN(8))}
		clone := CloneWith(t, files, f)
		verdict, err := check(clone, dir)
		kind := kindOf(fs.PathBase(path))
		if tally[kind] == nil {
			tally[kind] = map[Verdict]int{}
		}
		tally[kind][verdict]++
		if verdict == Served {
			t.Errorf("%s: not found: %v", f, err)
		}
	}
	t.Logf("%d flips: named %d, harmless %d, served %d (%s)", tally.Flips(), tally.Of(Named), tally.Of(Harmless), tally.Of(Served), tally)
	return tally
}

// CloneWith returns a memory file system with files, one bit of one of them flipped.
func CloneWith(t testing.TB, files map[string][]byte, f Flip) vfs.FS {
	t.Helper()
	fs := vfs.NewMem()
	for path, body := range files {
		must(t, fs.MkdirAll(fs.PathDir(path), 0o700))
		if path == f.Path {
			body = append([]byte(nil), body...)
			body[f.Byte] ^= 1 << f.Bit
		}
		w, err := fs.Create(path, vfs.WriteCategoryUnspecified)
		must(t, err)
		// Write may change what it is given.
		_, err = w.Write(append([]byte(nil), body...))
		must(t, errors.Join(err, w.Sync(), w.Close()))
	}
	return fs
}

// Files reads all files below dir, by path. Lock files are left out.
func Files(fs vfs.FS, dir string) (map[string][]byte, error) {
	out := map[string][]byte{}
	names, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		path := fs.PathJoin(dir, name)
		info, err := fs.Stat(path)
		if err != nil {
			return nil, err
		}
		if info.IsDir() {
			below, err := Files(fs, path)
			if err != nil {
				return nil, err
			}
			for p, b := range below {
				out[p] = b
			}
			continue
		}
		if name == "LOCK" {
			continue
		}
		f, err := fs.Open(path)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
		out[path] = body
	}
	return out, nil
}

// kindOf groups files: MANIFEST-000001 is a MANIFEST, 000012.sst an sst.
func kindOf(base string) string {
	if i := strings.LastIndexByte(base, '.'); i >= 0 && !strings.HasPrefix(base, "marker.") {
		return base[i+1:]
	}
	if strings.HasPrefix(base, "marker.") {
		return "marker"
	}
	kind, _, _ := strings.Cut(base, "-")
	return kind
}

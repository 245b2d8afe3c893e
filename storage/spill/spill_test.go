package spill

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestSameAsASliceModel runs random histories over few hashes and a tiny memory, so that both parts and the border between
// them are met, against lists in a map.
func TestSameAsASliceModel(t *testing.T) {
	dir := t.TempDir()
	spilled := 0
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 50).Draw(t, "limit")
		s := New(Options{Dir: dir, MemoryBytes: int64(limit) * entryBytes})
		defer func() {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}()
		model, n := map[Hash][]uint64{}, 0
		for i := range rapid.IntRange(1, 150).Draw(t, "steps") {
			h := Hash{byte(rapid.IntRange(0, 20).Draw(t, "hash"))}
			if rapid.IntRange(0, 9).Draw(t, "op") < 6 {
				if err := s.Add(h, uint64(i)); err != nil {
					t.Fatal(err)
				}
				model[h] = append(model[h], uint64(i))
				n++
			} else {
				got, ok := s.Take(h)
				if ok != (len(model[h]) > 0) {
					t.Fatalf("Take: got %v, want %v", ok, len(model[h]) > 0)
				}
				if ok {
					if got != model[h][0] {
						t.Fatalf("Take: got %d, want %d, the oldest", got, model[h][0])
					}
					if model[h], n = model[h][1:], n-1; len(model[h]) == 0 {
						delete(model, h)
					}
				}
			}
			if s.Len() != n {
				t.Fatalf("Len: got %d, want %d", s.Len(), n)
			}
			if s.mem.count > limit {
				t.Fatalf("in memory: got %d, want at most %d", s.mem.count, limit)
			}
			spilled = max(spilled, s.OnDisk())
		}
		rest := map[Hash][]uint64{}
		if err := s.Each(func(h Hash, v uint64) error { rest[h] = append(rest[h], v); return nil }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(model, rest); diff != "" {
			t.Fatalf("rest (-want +got):\n%s", diff)
		}
	})
	if spilled == 0 {
		t.Error("nothing was ever on disk")
	}
	wantEmpty(t, dir)
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("files left: got %v, want none", left)
	}
}

func TestSweepRemovesOnlyWhatNobodyHolds(t *testing.T) {
	dir := t.TempDir()
	s := New(Options{Dir: dir, MemoryBytes: 1})
	for i := range uint64(3) {
		if err := s.Add(Hash{byte(i)}, i); err != nil {
			t.Fatal(err)
		}
	}
	dead := filepath.Join(dir, dirPrefix+"dead")
	if err := os.Mkdir(dead, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dead, "LOCK"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Sweep(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead); !os.IsNotExist(err) {
		t.Errorf("dead spill: got %v, want it gone", err)
	}
	if v, ok := s.Take(Hash{0}); !ok || v != 0 {
		t.Errorf("living spill: got %d, %v, want 0", v, ok)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantEmpty(t, dir)
}

func TestAnUnusableDirectoryIsAnErrorForGood(t *testing.T) {
	s := New(Options{Dir: filepath.Join(t.TempDir(), "missing"), MemoryBytes: 1})
	if err := s.Add(Hash{1}, 1); err != nil {
		t.Fatal(err)
	}
	if err := s.Add(Hash{2}, 2); err == nil {
		t.Fatal("second Add: got nil, want an error")
	}
	if _, ok := s.Take(Hash{1}); ok || s.Err() == nil {
		t.Errorf("Take after an error: got %v, %v, want nothing and the error", ok, s.Err())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkTakeMissSpilled(b *testing.B) {
	s := New(Options{Dir: b.TempDir(), MemoryBytes: 4 << 20})
	defer s.Close() //nolint:errcheck // benchmark
	for i := range uint64(500_000) {
		if err := s.Add(hashOf(i), i); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for i := range b.N {
		if _, ok := s.Take(hashOf(uint64(i) + 1<<40)); ok {
			b.Fatal("a hash that was never added was found")
		}
	}
}

func hashOf(i uint64) (h Hash) {
	x := i * 0x9e3779b97f4a7c15
	for j := range h {
		h[j] = byte(x >> (j % 8 * 8))
		x ^= x<<13 ^ x>>7
	}
	return h
}

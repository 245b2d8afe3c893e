package spill

import (
	"os"
	"testing"

	"pgregory.net/rapid"
)

// Random moments of few hashes under a tiny memory, so that memory, disk and the border between them are met, against lists in a map.
func TestTimesAreThoseOfAModel(t *testing.T) {
	dir := t.TempDir()
	hits := [2]int{} // of memory alone, and with something on disk
	rapid.Check(t, func(t *rapid.T) {
		s := NewTimes(Options{Dir: dir, MemoryBytes: int64(rapid.IntRange(1, 40).Draw(t, "limit")) * entryBytes})
		defer func() {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}()
		model := map[Hash][]int64{}
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			h := Hash{byte(rapid.IntRange(0, 9).Draw(t, "hash"))}
			from := rapid.Int64Range(-60, 60).Draw(t, "from")
			to := from + rapid.Int64Range(-1, 20).Draw(t, "length")
			want := false
			for _, at := range model[h] {
				want = want || at >= from && at <= to
			}
			got, err := s.Any(h, from, to)
			if err != nil || got != want {
				t.Fatalf("hash %d in [%d,%d] of %v: got %v, %v, want %v", h[0], from, to, model[h], got, err, want)
			}
			if got && s.disk != nil {
				hits[1]++
			} else if got {
				hits[0]++
			}
			at := rapid.Int64Range(-50, 50).Draw(t, "at")
			if err := s.Add(h, at); err != nil {
				t.Fatal(err)
			}
			model[h] = append(model[h], at)
		}
	})
	if hits[0] == 0 || hits[1] == 0 {
		t.Errorf("moments found in memory %d and with a disk %d times, want both", hits[0], hits[1])
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%d files left, %v, want none", len(left), err)
	}
}

func TestTimesAfterClose(t *testing.T) {
	s := NewTimes(Options{Dir: t.TempDir()})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Add(Hash{1}, 1); err == nil {
		t.Error("a closed set takes a moment, want an error")
	}
	if _, err := s.Any(Hash{1}, 0, 2); err == nil {
		t.Error("a closed set answers, want an error")
	}
}

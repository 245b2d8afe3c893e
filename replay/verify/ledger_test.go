package verify_test

import (
	"slices"
	"testing"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/verify"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// checkWindows wants that the windows are those of the plan and add up to the comparison, side by side.
func checkWindows(t *testing.T, r verify.Result) {
	t.Helper()
	var records, bytes [2]int64
	var sums [2]record.Sum
	for _, w := range r.Windows {
		for i, s := range []fsm.WindowSide{w.Expected, w.Actual} {
			records[i] += s.Records
			bytes[i] += s.Bytes
			sums[i].AddSum(record.SumFromBytes(s.Sum))
		}
	}
	for i, side := range []fsm.Side{r.Expected, r.Actual} {
		if records[i] != side.Records || bytes[i] != side.Bytes || sums[i].Bytes() != side.Sum {
			t.Errorf("side %d: windows have %d records, %d bytes, sum %x, the partition %d, %d, %x", i, records[i], bytes[i], sums[i].Bytes(),
				side.Records, side.Bytes, side.Sum)
		}
	}
	if len(r.Windows) == 0 && r.Expected.Records > 0 {
		t.Error("no windows")
	}
}

func TestWindowsAreCutEvenlyFromThePlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var rs partition.Ranges
		next := rapid.Int64Range(0, 1<<40).Draw(t, "from")
		for range rapid.IntRange(0, 20).Draw(t, "ranges") {
			next += rapid.Int64Range(1, 1000).Draw(t, "hole")
			to := next + rapid.Int64Range(1, 1000).Draw(t, "length")
			rs = append(rs, partition.Range{From: next, To: to})
			next = to
		}
		cut := verify.Windows(slices.Clone(rs))
		if want := min(rs.Len(), fsm.MaxWindows); int64(len(cut)) != want {
			t.Fatalf("got %d windows of %d positions, want %d", len(cut), rs.Len(), want)
		}
		var covered int64
		for i, w := range cut {
			if i > 0 && w.From < cut[i-1].To {
				t.Fatalf("window %s begins before %s ends", w, cut[i-1])
			}
			var here int64
			for _, r := range rs {
				here += max(0, min(r.To, w.To)-max(r.From, w.From))
			}
			if covered += here; here < rs.Len()/int64(len(cut)) || here > rs.Len()/int64(len(cut))+1 {
				t.Fatalf("window %s has %d of %d positions, there are %d windows", w, here, rs.Len(), len(cut))
			}
		}
		if covered != rs.Len() {
			t.Fatalf("windows cover %d of %d positions", covered, rs.Len())
		}
	})
}

// A fail shows which windows differ: those of the records that are missing or changed, and no others.
func TestTheWindowOfALostRecordDiffers(t *testing.T) {
	f := newFixture(nil)
	f.refill(func(o int64) bool { return o == 33 || o == 50 })
	f.target.Logs[0].Records[60].Value = []byte("changed") // reference offset 81
	r := f.compare(t)
	checkWindows(t, r)
	var got []int64
	for _, w := range r.Windows {
		if w.Expected != w.Actual {
			for _, o := range []int64{33, 50, 81} {
				if w.Range.Contains(o) {
					got = append(got, o)
				}
			}
			if w.Expected.Records-w.Actual.Records != 1 {
				t.Errorf("window %s: got %d of %d records, want one less", w.Range, w.Actual.Records, w.Expected.Records)
			}
		}
	}
	if diff := cmp.Diff(got, []int64{33, 50, 81}); diff != "" {
		t.Errorf("offsets in windows that differ (-got +want):\n%s", diff)
	}
	var filled int64
	for _, w := range r.Windows {
		filled += w.Filled
		if w.FromMs != 1000+w.Range.From || w.ToMs != 1000+w.Range.To-1 {
			t.Errorf("window %s: got times %d to %d", w.Range, w.FromMs, w.ToMs)
		}
	}
	if filled != 21 {
		t.Errorf("got %d records to fill in all windows, want 21", filled)
	}
	if again := f.compare(t); !cmp.Equal(again.Windows, r.Windows) {
		t.Errorf("another run has other windows:\n%s", cmp.Diff(again.Windows, r.Windows))
	}
}

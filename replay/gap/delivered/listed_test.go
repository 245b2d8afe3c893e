package delivered_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/gap/delivered"
	"backstitch/replay/record"

	"github.com/google/go-cmp/cmp"
)

// TestWhatIsNotListedIsCounted compares reports that list all ranges with those that list one or two: only the lists are shorter.
func TestWhatIsNotListedIsCounted(t *testing.T) {
	cut := 0
	for seed := range uint64(60) {
		for name, exact := range map[string]bool{"offsets and times": true, "values alone": false} {
			reports := map[int]*delivered.Report{}
			for _, most := range []int{1 << 17, 2, 1} {
				w := build(rand.New(rand.NewPCG(seed, 0xde11)), exact)
				cfg := config()
				cfg.MaxRanges = most
				rep, err := delivered.Scan(t.Context(), w.in, cfg)
				if err != nil {
					t.Fatalf("seed %d, %s: %v", seed, name, err)
				}
				reports[most] = rep
			}
			whole := reports[1<<17]
			for _, most := range []int{2, 1} {
				rep := reports[most]
				want := shortened(whole, most)
				if diff := cmp.Diff(want.Findings, nameless(rep)); diff != "" {
					t.Fatalf("seed %d, %s, %d ranges: - want, + got:\n%s", seed, name, most, diff)
				}
				if diff := cmp.Diff(whole.Partitions, rep.Partitions); diff != "" {
					t.Fatalf("seed %d, %s, %d ranges: - all listed, + some:\n%s", seed, name, most, diff)
				}
				for _, f := range rep.Findings {
					cut += int(f.RangesLeft)
				}
			}
		}
	}
	if cut == 0 {
		t.Error("no list was cut short")
	}
}

// TestANameIsOfAllThatIsMissing loses another record in a place that is not listed.
func TestANameIsOfAllThatIsMissing(t *testing.T) {
	cfg := config()
	cfg.MaxRanges = 1
	sets := map[string]bool{}
	for _, third := range []int64{6, 7} {
		topic := log(span(0, 12)...)
		w := small(topic, 0, map[partition.Range][]record.Record{{From: 0, To: 12}: slices.DeleteFunc(log(span(0, 12)...), func(r record.Record) bool {
			return r.Offset == 2 || r.Offset == 4 || r.Offset == third || r.Offset == 9
		})})
		rep, err := delivered.Scan(t.Context(), w.in, cfg)
		if err != nil {
			t.Fatal(err)
		}
		f := rep.Findings[0]
		if f.Count != 4 || f.RangesLeft != 3 || len(f.Ranges) != 1 {
			t.Fatalf("got %+v, want 4 records and 3 ranges that are not listed", f)
		}
		sets[rep.Set] = true
	}
	if len(sets) != 2 {
		t.Error("two losses have one name")
	}
}

// shortened is rep with lists of loss cut short, and without ids.
func shortened(rep *delivered.Report, most int) *delivered.Report {
	out := &delivered.Report{Findings: nameless(rep)}
	for i := range out.Findings {
		f := &out.Findings[i]
		if n := len(f.Ranges) - most; n > 0 && f.Kind == gap.Partly {
			f.Ranges, f.RangesLeft = f.Ranges[:most:most], int64(n)
		}
	}
	return out
}

// nameless are findings without their ids, which are made of all that is in them.
func nameless(rep *delivered.Report) []gap.Finding {
	out := append([]gap.Finding{}, rep.Findings...)
	for i := range out {
		out[i].ID = ""
		if out[i].Kind != gap.Partly { // duplicates are listed by the scan
			out[i].Ranges, out[i].RangesLeft = partition.Ranges(nil), 0
		}
	}
	return out
}

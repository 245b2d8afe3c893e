package gap_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"backstitch/partition"
	"backstitch/replay/gap"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// each makes a list of every step-th number of [from,to).
func each(from, to, step int) string {
	var out []string
	for i := from; i < to; i += step {
		out = append(out, fmt.Sprint(i))
	}
	return strings.Join(out, ",")
}

// Lists that are cut short change nothing but the lists: ids, counts, estimates and what Lost yields are those of whole ones.
func TestListsThatAreCutShort(t *testing.T) {
	text := fmt.Sprintf("p0 records 400\np0 lose %s,300-320\np0 holes 31,33\np0 twice %s\np0 extra 9\np1 records 40\np1 lose 7,9\n", each(30, 260, 2), each(1, 29, 3))
	scan := func(ranges int) *gap.Report {
		w := parse(t, text)
		w.cfg.MaxRanges = ranges
		rep, err := gap.Scan(context.Background(), w.in, w.cfg)
		if err != nil {
			t.Fatal(err)
		}
		return rep
	}
	whole := scan(1 << 20)
	if n, _ := whole.Lost(); n != 115+21+2 {
		t.Fatalf("got %d records lost, want 138", n)
	}
	for _, ranges := range []int{1, 2, 17, 100} {
		short := scan(ranges)
		lists := cmpopts.IgnoreFields(gap.Finding{}, "Ranges", "RangesLeft")
		if diff := cmp.Diff(whole.Findings, short.Findings, lists); diff != "" || short.Set != whole.Set {
			t.Errorf("%d ranges: set %s, want %s, findings (-want +got):\n%s", ranges, short.Set, whole.Set, diff)
		}
		cut := 0
		for i, f := range short.Findings {
			all := whole.Findings[i].Ranges
			if len(f.Ranges) > ranges || !slices.Equal(f.Ranges, all[:len(f.Ranges)]) || len(f.Ranges)+int(f.RangesLeft) != len(all) {
				t.Errorf("%d ranges: %s lists %d and leaves %d, want the first of %d", ranges, f.Kind, len(f.Ranges), f.RangesLeft, len(all))
			}
			if f.RangesLeft > 0 {
				cut++
			}
		}
		if cut == 0 {
			t.Errorf("%d ranges: no list was cut short", ranges)
		}
		for i := range short.Results {
			got, want := &short.Results[i], &whole.Results[i]
			if len(got.Missing) > ranges || len(got.Missing)+int(got.MissingLeft) != len(want.Missing) {
				t.Errorf("%d ranges: partition %d lists %d and leaves %d, want %d together", ranges, got.Partition, len(got.Missing), got.MissingLeft, len(want.Missing))
			}
			if diff := cmp.Diff(lostOf(want), lostOf(got)); diff != "" {
				t.Errorf("%d ranges: what partition %d lacks (-want +got):\n%s", ranges, got.Partition, diff)
			}
			if diff := cmp.Diff(want.Missing, rangesOf(lostOf(got))); diff != "" {
				t.Errorf("%d ranges: what partition %d lacks, and its whole list (-list +lost):\n%s", ranges, got.Partition, diff)
			}
		}
	}
}

// place is a range with how many records are in it.
type place struct {
	Range   partition.Range
	Records int64
}

func lostOf(r *gap.Result) (out []place) {
	for rg, n := range r.Lost() {
		out = append(out, place{rg, n})
	}
	return out
}

func rangesOf(ps []place) (out partition.Ranges) {
	for _, p := range ps {
		out = append(out, p.Range)
	}
	return out
}

package gap_test

import (
	"strings"
	"testing"

	"backstitch/partition"
	"backstitch/replay/gap"

	"github.com/google/go-cmp/cmp"
)

func rg(from, to int64) partition.Range { return partition.Range{From: from, To: to} }

func TestCuts(t *testing.T) {
	reference := []gap.EpochRange{{0, rg(0, 100)}, {1, rg(100, 150)}, {4, rg(150, 200)}}
	rows := []struct {
		name  string
		ends  map[int32]gap.EpochEnd
		start int64
		want  []gap.Cut
	}{
		{"nothing was cut off", map[int32]gap.EpochEnd{0: {0, 100}, 1: {1, 150}, 4: {4, 230}}, 0, nil},
		{"the last epoch ends early", map[int32]gap.EpochEnd{0: {0, 100}, 1: {1, 150}, 4: {4, 180}}, 0, []gap.Cut{{rg(180, 200), 4, 180}}},
		{"an epoch is not there at all", map[int32]gap.EpochEnd{0: {0, 100}, 1: {1, 150}, 4: {1, 150}}, 0, []gap.Cut{{rg(150, 200), 4, 150}}},
		{"two elections", map[int32]gap.EpochEnd{0: {0, 90}, 1: {0, 90}, 4: {0, 90}}, 0, []gap.Cut{{rg(90, 100), 0, 90}, {rg(100, 150), 1, 90}, {rg(150, 200), 4, 90}}},
		{"retention took the early ones", map[int32]gap.EpochEnd{0: {-1, -1}, 1: {0, 120}, 4: {4, 230}}, 120, nil},
		{"the leader does not know them", map[int32]gap.EpochEnd{0: {-1, -1}}, 0, nil},
	}
	for _, row := range rows {
		if diff := cmp.Diff(gap.Cuts(reference, row.ends, row.start), row.want); diff != "" {
			t.Errorf("%s (-got +want):\n%s", row.name, diff)
		}
	}
}

func TestBlame(t *testing.T) {
	cuts := map[int32][]gap.Cut{0: {{rg(180, 200), 4, 180}}}
	rows := []struct {
		name      string
		recreated string
		f         gap.Finding
		want      string
	}{
		{"inside a cut", "no", gap.Finding{Kind: gap.Missing, Range: rg(180, 200)}, "cut off at offset 180"},
		{"scattered inside a cut", "no", gap.Finding{Kind: gap.Partly, Range: rg(181, 199), Ranges: partition.Ranges{rg(181, 182), rg(198, 199)}}, "cut off at offset 180"},
		{"only partly inside", "no", gap.Finding{Kind: gap.Missing, Range: rg(170, 200)}, ""},
		{"another partition", "no", gap.Finding{Kind: gap.Missing, Partition: 1, Range: rg(180, 200)}, ""},
		{"before the log's start", "no", gap.Finding{Kind: gap.Missing, Range: rg(0, 40)}, "begins at offset 50"},
		{"a duplicate", "no", gap.Finding{Kind: gap.Duplicate, Range: rg(180, 200)}, ""},
		{"another topic of the same name", "yes", gap.Finding{Kind: gap.Missing, Range: rg(180, 200)}, "created again"},
		{"offsets that do not meet", "", gap.Finding{Kind: gap.Missing, Range: rg(180, 200)}, ""},
	}
	for _, row := range rows {
		rep := &gap.Report{Findings: []gap.Finding{row.f}, Facts: gap.Facts{Recreated: row.recreated, TargetStarts: map[int32]int64{0: 50}}}
		rep.Blame(cuts)
		if got := rep.Findings[0].Cause; row.want == "" && got != "" || !strings.Contains(got, row.want) {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

package report_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"backstitch/fsm"
	"backstitch/replay/report"

	"github.com/google/go-cmp/cmp"
)

// docs/evidence.md defines levels and results. It says what the code says, and nothing more.
func TestTheDocumentedLevelsAreThoseOfTheCode(t *testing.T) {
	text, err := os.ReadFile("../../docs/evidence.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := func(heading string) (out []string) {
		_, rest, ok := strings.Cut(string(text), "\n## "+heading+"\n")
		if !ok {
			t.Fatalf("no section %q", heading)
		}
		rest, _, _ = strings.Cut(rest, "\n## ")
		for line := range strings.Lines(rest) {
			if strings.HasPrefix(line, "|") {
				out = append(out, strings.TrimSpace(line))
			}
		}
		return out[2:] // header and rule
	}
	var results, levels []string
	for v := fsm.Pass; v <= fsm.Indeterminate; v++ {
		results = append(results, fmt.Sprintf("| %s | %d | %s |", v, report.ExitStatus(v.String()), v.Meaning()))
	}
	for e := fsm.E0; e <= fsm.E4; e++ {
		levels = append(levels, fmt.Sprintf("| %s | %s |", e, e.Meaning()))
	}
	if diff := cmp.Diff(rows("Results"), results); diff != "" {
		t.Errorf("results (-documented +code):\n%s", diff)
	}
	if diff := cmp.Diff(rows("Levels of evidence"), levels); diff != "" {
		t.Errorf("levels (-documented +code):\n%s", diff)
	}
	// What is never checked is in every report.
	r := made(cases()["pass"])
	_, never, _ := strings.Cut(string(text), "\n## Never checked\n")
	never, _, _ = strings.Cut(never, "\n## ")
	var listed []string
	for line := range strings.Lines(never) {
		if item, ok := strings.CutPrefix(line, "- "); ok {
			listed = append(listed, strings.TrimRight(item, ";.\n"))
		}
	}
	if !slices.Equal(listed, r.NotChecked) {
		t.Errorf("never checked: documented %q, in a report %q", listed, r.NotChecked)
	}
}

//go:build chaos

package mutant

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"backstitch/chaos/report"
)

var only = flag.String("mutant", "", "hunt this mutant alone")

// figures are the suite's, with what became of each mutant.
type figures struct {
	report.Figures
	Hunts []Result `json:"hunts"`
}

func TestMutants(t *testing.T) {
	module, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	f := figures{Figures: report.Figures{Suite: "mutants"}}
	controls := make(map[string]bool)
	table := &strings.Builder{}
	w := tabwriter.NewWriter(table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "mutant\toutcome\tcaught by\tseconds")
	for _, m := range All {
		if *only != "" && m.Name != *only {
			continue
		}
		if test := m.Caught.String(); !controls[test] {
			controls[test] = true
			r, err := Control(t.Context(), module, m.Caught)
			if err != nil {
				t.Fatal(err)
			}
			if r.Outcome != Passed {
				t.Errorf("without any mutant, %s: got %q, want %q\n%s", test, r.Outcome, Passed, r.Output)
			}
		}
		r, err := Hunt(t.Context(), module, t.TempDir(), m)
		if err != nil {
			t.Error(err)
			continue
		}
		f.MutantsTotal++
		if r.Outcome == Caught {
			f.MutantsCaught = append(f.MutantsCaught, m.Name)
		} else {
			f.Violations++
			t.Errorf("%s (%s): %s: got %q, want %q\n%s", m.Name, m.Why, m.Caught, r.Outcome, Caught, r.Output)
		}
		f.Hunts = append(f.Hunts, r)
		t.Logf("%s: %s in %.1f s", m.Name, r.Outcome, r.Seconds)
		by := append([]string{m.Caught.Package, m.Caught.Run}, m.Caught.Args...)
		fmt.Fprintf(w, "%s\t%s\t%s\t%.1f\n", m.Name, r.Outcome, strings.Join(by, " "), r.Seconds)
	}
	f.Seconds = time.Since(began).Seconds()
	if err := w.Flush(); err != nil {
		t.Error(err)
	}
	fmt.Fprint(os.Stdout, table)
	if err := report.Publish(os.Stdout, f); err != nil {
		t.Error(err)
	}
	if f.MutantsTotal == 0 {
		t.Errorf("no mutant is called %q; there are %s", *only, names())
	}
}

func names() string {
	var out []string
	for _, m := range All {
		out = append(out, m.Name)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

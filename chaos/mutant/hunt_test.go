//go:build chaos

package mutant

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"backstitch/chaos/report"
)

var only = flag.String("mutant", "", "hunt these mutants alone, with commas between")

// figures are the suite's, with what became of each mutant.
type figures struct {
	report.Figures
	Hunts []Result `json:"hunts"`
}

// beside is how many hunts there are at a time. Much of one is a link and a test that waits, neither of which fills two cores.
const beside = 3

// chosen are the mutants that names say, all for none.
func chosen(names string) ([]Mutant, error) {
	if names == "" {
		return All, nil
	}
	var out []Mutant
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(All, func(m Mutant) bool { return m.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no mutant %q", name)
		}
		out = append(out, All[i])
	}
	return out, nil
}

func TestMutants(t *testing.T) {
	module, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	hunted, err := chosen(*only)
	if err != nil {
		t.Fatal(err)
	}
	control := controls(t, module, hunted)
	results := make([][]Result, len(hunted))
	var g errgroup.Group
	g.SetLimit(beside)
	for i, m := range hunted {
		g.Go(func() error {
			for _, test := range m.catchers() {
				if err := control(test); err != nil {
					return err
				}
				r, err := Hunt(t.Context(), module, t.TempDir(), m, test)
				if err != nil {
					return err
				}
				results[i] = append(results[i], r)
				t.Logf("%s: %s by %s in %.1f s", m.Name, r.Outcome, test, r.Seconds)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	f := figures{Figures: report.Figures{Suite: "mutants", MutantsTotal: len(hunted)}}
	table := &strings.Builder{}
	w := tabwriter.NewWriter(table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "mutant\toutcome\tcaught by\tseconds")
	for i, m := range hunted {
		caught := true
		for n, test := range m.catchers() {
			r := results[i][n]
			if r.Outcome != Caught {
				caught = false
				f.Violations++
				t.Errorf("%s (%s): %s: got %q, want %q\n%s", m.Name, m.Why, test, r.Outcome, Caught, r.Output)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%.1f\n", m.Name, r.Outcome, strings.Join(append([]string{test.Package, test.Run}, test.Args...), " "), r.Seconds)
		}
		if caught {
			f.MutantsCaught = append(f.MutantsCaught, m.Name)
		}
		f.Hunts = append(f.Hunts, results[i]...)
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

// controls returns a function that runs a test on the program as it is, with all others of its binary, when the first of them is asked for.
// A test that does not pass is reported once.
func controls(t *testing.T, module string, hunted []Mutant) func(test Test) error {
	together := map[string][]Test{}
	for _, m := range hunted {
		for _, test := range m.catchers() {
			if group := test.control(); !slices.ContainsFunc(together[group], func(o Test) bool { return o.Run == test.Run }) {
				together[group] = append(together[group], test)
			}
		}
	}
	run := map[string]func() error{}
	for group, tests := range together {
		run[group] = sync.OnceValue(func() error {
			results, err := Control(t.Context(), module, tests)
			for _, r := range results {
				if r.Outcome != Passed {
					t.Errorf("without any mutant, %s: got %q, want %q\n%s", r.Test, r.Outcome, Passed, r.Output)
				}
			}
			return err
		})
	}
	return func(test Test) error { return run[test.control()]() }
}

func names() string {
	var out []string
	for _, m := range All {
		out = append(out, m.Name)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// catchers are the tests that have to fail.
func (m Mutant) catchers() []Test {
	if m.Also.Package == "" {
		return []Test{m.Caught}
	}
	return []Test{m.Caught, m.Also}
}

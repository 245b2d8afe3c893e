//go:build chaos

package stories

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"backstitch/chaos/fault"
	"backstitch/chaos/report"
	"backstitch/chaos/scenario"
	"backstitch/chaos/testbed"
)

var (
	seedFlag = flag.Uint64("stories.seed", 0, "make and lose the same records as the run that printed it; 0 takes a new one")
	runFlag  = flag.String("stories.run", "", "only scenarios whose name matches this expression")
)

func TestStories(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d; again: go test -tags chaos ./chaos/stories -stories.seed %d", seed, seed)
	name, err := regexp.Compile(*runFlag)
	if err != nil {
		t.Fatal(err)
	}
	list := slices.DeleteFunc(scenario.Filter(scenario.Library(), fault.RealProcess, name), func(s scenario.Scenario) bool { return !s.AboutData() })
	if len(list) == 0 {
		t.Fatalf("no story matches %q", *runFlag)
	}
	dir := t.ArtifactDir()
	servers, broker, endpoint := startDepot(t, dir)
	fleet := testbed.StartFleet(t, dir, 1, broker, endpoint)
	for _, s := range list {
		t.Run(s.Name, func(t *testing.T) {
			began := time.Now()
			r := report.ForTest(t, filepath.Join(dir, "runs"), report.Spec{
				Scenario: s, Layer: fault.RealProcess, Seed: seed,
				Command: fmt.Sprintf("go test -tags chaos ./chaos/stories -stories.run '^%s$' -stories.seed %d", s.Name, seed),
			})
			defer r.Guard()
			tell(t, newWorld(t, s, seed, fleet, servers, broker, r))
			if t.Failed() {
				r.Break("a promise is broken, see the log of the test")
			}
			v, err := r.Finish(report.Figures{Suite: "stories", Seconds: time.Since(began).Seconds()}, s.Expects.Vacuous)
			if err != nil {
				t.Fatal(err)
			}
			if err := report.Publish(os.Stdout, v.Figures); err != nil {
				t.Error(err)
			}
			if v.Outcome != report.Kept {
				t.Errorf("%s: %s %v", s.Promise, v.Outcome, v.Missed)
			}
		})
	}
}

// Exit statuses of commands.
const (
	exitConflict      = 11
	exitIndeterminate = 5
	exitFailed        = 1
	exitQuarantine    = 3
	exitDiffers       = 4
)

// tell runs one story from the first record to the verdict.
func tell(t *testing.T, w *world) {
	t.Helper()
	for _, key := range w.Expects.Set() {
		if key != "ends" {
			t.Fatalf("expects.%s can not be checked here", key)
		}
	}
	if w.stale() {
		w.tellStale(t)
		return
	}
	w.report.Phase("make")
	w.make(t)
	w.report.Phase("lose")
	w.lose(t)
	w.report.Phase("plan")
	plan := w.fleet.Run(t, "plan", "-f", w.spec(t, w.Name), "--out", w.file("plan"), "--detailed-exitcode", "-q")
	if len(w.Timeline) > 0 {
		w.tellRetention(t, plan)
		return
	}
	switch ends := w.Expects.Ends; ends.State {
	case scenario.NothingToDo, scenario.Indeterminate:
		// Whatever asks says the same: a topic that nobody can compare is not called complete by any command.
		want := 0
		if ends.State == scenario.Indeterminate {
			want = exitIndeterminate
		}
		w.status(t, "plan", plan, want)
		w.report.Phase("run")
		w.status(t, "run", w.fleet.Run(t, "run", w.file("plan"), "--yes", "-q"), want)
		w.status(t, "gaps list", w.fleet.Run(t, "gaps", "list", "-f", w.file("spec.yaml"), "--detailed-exitcode", "-q"), want)
		w.untouched(t)
	case scenario.Refused:
		w.status(t, "plan", plan, testbed.ExitWorkFound)
		for _, f := range w.Between {
			w.between(t, f)
		}
		w.remember(t)
		r := w.fleet.Run(t, "run", w.file("plan"), "--yes", "-q")
		if r.Status != exitConflict || !strings.Contains(r.Stderr, ends.Code) {
			t.Errorf("run: exit status %d, want %d and %s\n%s%s", r.Status, exitConflict, ends.Code, r.Stdout, r.Stderr)
		}
		w.untouched(t)
	case scenario.Quarantined:
		w.tellPoison(t, plan)
	case scenario.Failed:
		w.tellFailure(t, plan)
	case scenario.Done, "":
		w.status(t, "plan", plan, testbed.ExitWorkFound)
		w.report.Phase("run")
		w.fleet.Must(t, "run", w.file("plan"), "--yes", "-q", "--timeout", w.Limit.String())
		w.report.Phase("judge")
		w.judge(t)
		if w.has(fault.SchemaBreak) {
			w.bit(int(w.lost))
		}
	default:
		t.Fatalf("a story that ends %s can not be told here", ends)
	}
}

// status ends the story when a command came to something else than it has to: what follows would show nothing.
func (w *world) status(t *testing.T, command string, r testbed.Result, want int) {
	t.Helper()
	w.report.Notef("%s: exit status %d", command, r.Status)
	if r.Status != want {
		t.Fatalf("%s: exit status %d, want %d\n%s%s", command, r.Status, want, r.Stdout, r.Stderr)
	}
}

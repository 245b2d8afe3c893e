//go:build chaos

package stories

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/chaos/bubble"
	"backstitch/chaos/fault"
	"backstitch/chaos/report"
	"backstitch/chaos/scenario"
)

var virtualFlag = flag.Int("stories.virtual", 1, "how many seeds of each scenario the wired cluster gets in virtual time")

// TestStoriesInVirtualTime puts every scenario that names the bubble to the wired cluster: what real processes are put through in
// half a minute, many times in a second, each time with other data and another interleaving.
func TestStoriesInVirtualTime(t *testing.T) {
	name, err := regexp.Compile(*runFlag)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scenario.Filter(scenario.Library(), fault.Bubble, name) {
		began := time.Now()
		figures := report.Figures{
			Suite: "stories", Scenario: s.Name, Layer: fault.Bubble.String(), Outcome: report.Kept, Scenarios: 1, Faults: fault.Tally{},
		}
		ok := t.Run(s.Name, func(t *testing.T) {
			for n := range *virtualFlag {
				r := virtual(t, s, max(*seedFlag, 1)+uint64(n))
				figures.Faults.Merge(r.Faults)
				figures.VirtualHours += r.Virtual.Hours()
				if len(r.Violations) > 0 {
					figures.Violations += int64(len(r.Violations))
					t.Fatalf("%s\n%s", s.Promise, r.Report())
				}
			}
			if missed := figures.Faults.Missed(); len(missed) > 0 {
				figures.Outcome = report.Vacuous
				t.Errorf("%v never hit anything: nothing was shown", missed)
			}
		})
		if !ok && figures.Outcome == report.Kept {
			figures.Outcome = report.Broken
		}
		figures.Seconds = time.Since(began).Seconds()
		if err := report.Publish(os.Stdout, figures); err != nil {
			t.Error(err)
		}
	}
}

// virtual runs a scenario once. The seed decides the data; topology and faults are the scenario's.
func virtual(t *testing.T, s scenario.Scenario, seed uint64) (r *bubble.Result) {
	t.Helper()
	p, err := bubble.NewPlan(seed)
	if err != nil {
		t.Fatal(err)
	}
	p.Nodes, p.Jobs = s.Topology.Nodes, []time.Duration{0}
	if p.Faults, err = s.Plan(seed); err != nil {
		t.Fatal(err)
	}
	t.Run(fmt.Sprint(seed), func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { r = bubble.Run(t, p, t.ArtifactDir()) })
	})
	if r == nil {
		t.Fatalf("seed %d came to no result", seed)
	}
	return r
}

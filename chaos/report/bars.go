package report

import (
	"fmt"
	"slices"
	"strings"
)

// What a run of all suites has to reach. The figures are those that the room promises.
const (
	minSimSeeds     = 20_000
	minBubbleSeeds  = 1_000
	minVirtualHours = 25
	minCrashPoints  = 2_000
	minScenarios    = 12
	minFaults       = 20_000
	minFailpoints   = 40
	minMutants      = 20
	maxMedianMs     = 3_000
	maxP99Ms        = 6_000
	maxRework       = 1.0 // checkpoint intervals
)

// Bar is one thing to reach.
type Bar struct {
	Name string `json:"name"`
	Want string `json:"want"`
	Got  string `json:"got"`
	OK   bool   `json:"ok"`
}

// Bars holds the figures of all suites against what is promised, in a fixed order.
func Bars(list []Figures) []Bar {
	var all Figures
	suite := map[string]*Figures{}
	for _, f := range list {
		all.Merge(f)
		if suite[f.Suite] == nil {
			suite[f.Suite] = &Figures{}
		}
		suite[f.Suite].Merge(f)
	}
	of := func(name string) Figures {
		if f := suite[name]; f != nil {
			return *f
		}
		return Figures{}
	}
	_, hit := all.Faults.Injected()
	least := func(name string, got, want int64) Bar {
		return Bar{name, fmt.Sprintf("at least %d", want), fmt.Sprint(got), got >= want}
	}
	// What staging tells is a bound from above, taken from outside.
	failover := of("process").FailoverMs
	median, p99 := Percentile(failover, 50), Percentile(failover, 99)
	rework := Percentile(all.Rework, 100)
	return []Bar{
		least("sim-seeds", of("sim").Seeds, minSimSeeds),
		least("bubble-seeds", of("bubble").Seeds, minBubbleSeeds),
		{"virtual-hours", fmt.Sprintf("at least %d, wired", minVirtualHours), fmt.Sprintf("%.1f", of("bubble").VirtualHours), of("bubble").VirtualHours >= minVirtualHours},
		least("crash-points", all.CrashPoints, minCrashPoints),
		least("scenarios", of("process").Scenarios, minScenarios),
		least("faults", hit, minFaults),
		{"failpoints", fmt.Sprintf("all, at least %d", minFailpoints), fmt.Sprintf("%d of %d", len(all.FailpointsReached), all.FailpointsTotal),
			all.FailpointsTotal >= minFailpoints && len(all.FailpointsReached) >= all.FailpointsTotal},
		{"mutants", fmt.Sprintf("all, at least %d", minMutants), fmt.Sprintf("%d of %d", len(all.MutantsCaught), all.MutantsTotal),
			all.MutantsTotal >= minMutants && len(all.MutantsCaught) >= all.MutantsTotal},
		{"violations", "none", fmt.Sprint(all.Violations), all.Violations == 0 && len(list) > 0},
		{"failover-median", fmt.Sprintf("under %d ms", maxMedianMs), fmt.Sprintf("%d ms of %d", median, len(failover)), len(failover) > 0 && median < maxMedianMs},
		{"failover-p99", fmt.Sprintf("under %d ms", maxP99Ms), fmt.Sprintf("%d ms of %d", p99, len(failover)), len(failover) > 0 && p99 < maxP99Ms},
		{"rework", fmt.Sprintf("at most %.0f checkpoint interval", maxRework), fmt.Sprintf("%.2f, the most of %d", rework, len(all.Rework)), len(all.Rework) > 0 && rework <= maxRework},
	}
}

// Missed keeps the bars that were not reached. only names those that count, none for all of them; a name that there is not is
// an error.
func Missed(bars []Bar, only ...string) ([]Bar, error) {
	var out []Bar
	for _, name := range only {
		if !slices.ContainsFunc(bars, func(b Bar) bool { return b.Name == name }) {
			var names []string
			for _, b := range bars {
				names = append(names, b.Name)
			}
			return nil, fmt.Errorf("there is no bar %s: there are %s", name, strings.Join(names, ", "))
		}
	}
	for _, b := range bars {
		if !b.OK && (len(only) == 0 || slices.Contains(only, b.Name)) {
			out = append(out, b)
		}
	}
	return out, nil
}

//go:build linux

package matrix

import (
	"fmt"
	"slices"

	"backstitch/chaos/scenario"
)

// CI are the scenarios that every change has to pass, in the order in which they are begun: the long ones first, because two
// run at a time.
var CI = []string{
	"zombie-owner",
	"five-kills",
	"store-storm",
	"leader-alone",
	"mute-leader",
	"owner-cut-off",
	"gossip-only-cut",
	"raft-only-cut",
	"loss-and-delay",
	"flapping-link",
	"rolling-restart",
	"two-of-three",
	"new-addresses",
	"mixed-versions",
	"broker-restart",
	"connections-reset",
	"backfill-beside-live",
	"kill-leader",
	"kill-owner",
}

// Set is the scenarios of a set: ci, or full for everything that is told for real processes.
func Set(name string) ([]scenario.Scenario, error) {
	all := slices.DeleteFunc(slices.Concat(scenario.Library(), scenario.Matrix()), scenario.Scenario.AboutData)
	switch name {
	case "full":
		return all, nil
	case "ci":
		var out []scenario.Scenario
		for _, want := range CI {
			s, err := scenario.Find(want)
			if err != nil {
				return nil, err
			}
			out = append(out, s)
		}
		return out, nil
	}
	return nil, fmt.Errorf("there is no set %q: want ci or full", name)
}

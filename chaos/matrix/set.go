//go:build linux

package matrix

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
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

// Shard takes one of n parts of a set, so that n machines do all of it: "1/8" to "8/8"; "" takes all of them. The parts are mixed: the
// matrix is made of rows of six, of which every sixth would be one column.
func Shard(set []scenario.Scenario, text string) ([]scenario.Scenario, error) {
	if text == "" {
		return set, nil
	}
	var k, n int
	if _, err := fmt.Sscanf(text, "%d/%d", &k, &n); err != nil || k < 1 || k > n || text != fmt.Sprintf("%d/%d", k, n) {
		return nil, fmt.Errorf("shard %q: want K/N with K from 1 to N", text)
	}
	mixed := slices.Clone(set)
	slices.SortFunc(mixed, func(a, b scenario.Scenario) int { return cmp.Compare(hash("shard "+a.Name), hash("shard "+b.Name)) })
	mine := map[string]bool{}
	for i := k - 1; i < len(mixed); i += n {
		mine[mixed[i].Name] = true
	}
	return slices.DeleteFunc(slices.Clone(set), func(s scenario.Scenario) bool { return !mine[s.Name] }), nil
}

// Raced says whether the agents of a scenario are built with the race detector where both builds are there: half of all, always the
// same half.
func Raced(name string) bool { return hash(name)%2 == 1 }

// hash mixes names; the low bits of the plain sum are nearly those of the last letter.
func hash(text string) uint64 {
	sum := sha256.Sum256([]byte(text))
	return binary.BigEndian.Uint64(sum[:])
}

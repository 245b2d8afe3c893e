package fsm

// This file says for people what each cluster version brings. They call it the feature level.

// brings are the features of each version in words. It is a map, so that a program can be built without its newest version.
var brings = map[uint32]string{
	1: "jobs that refill, their proofs, members",
	2: "proofs at E4, keys that sign reports, sums per window",
	3: "scans, schedules, datasets",
	4: "policies of datasets, and plans that wait for a yes",
	5: "schemas, records that are set aside, aliases, rollbacks",
	6: "priorities that change, budgets",
	7: "hours, deadlines, flows",
	8: "tokens and roles, maintenance, anomalies of datasets, flows that wait, run programs and take back, upgrades by hand",
}

// Level is what one cluster version brings.
type Level struct {
	Version uint32
	Brings  string
	Ops     []string // names of the commands that it brings
}

// Levels returns those above version from up to version to that this program knows, ascending.
func Levels(from, to uint32) []Level {
	var out []Level
	for v := from + 1; v <= min(to, LatestVersion); v++ {
		l := Level{Version: v, Brings: brings[v]}
		for _, spec := range opTable {
			if spec.since == v {
				l.Ops = append(l.Ops, spec.name)
			}
		}
		out = append(out, l)
	}
	return out
}

// LevelOf returns the highest cluster version that a member with that MaxOp can apply, as far as this program knows versions.
func LevelOf(maxOp uint16) uint32 {
	out := uint32(0)
	for v := FirstVersion; v <= LatestVersion; v++ {
		if versionNeeds[v] <= maxOp {
			out = v
		}
	}
	return out
}

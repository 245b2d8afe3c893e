package fsm

import (
	"fmt"
	"slices"
	"strings"

	"backstitch/partition"
)

// The guard against repairing in circles: positions of a reference that a job of a plan was to write, or that a person would not have
// written, are remembered, and no plan that names one of them again runs by itself. If what was put back is missing again, something
// takes it away, and to write it every hour would fill the topic. Only a person says that it is tried once more.
//
// What is remembered is bounded by merging neighbours, which remembers too much and never too little: a plan then waits for a person
// without need.

// tried is what was done about one partition of a pair.
type tried struct{ Tries []try } // oldest first

// try is one plan, as far as it names the partition.
type try struct {
	Plan   partition.JobID
	Job    partition.JobID // that was to write, "" of a plan that was rejected
	By     string          // who rejected it
	Ranges partition.Ranges
}

const (
	maxTries      = 16  // of a partition; older ones are merged
	maxTryRanges  = 100 // of a try; neighbours are merged
	maxTriedNames = 3   // that a reason has
)

func triedKey(p Plan, part int32) []byte {
	return key(kindTried, ended(p.Dataset), ended(p.Pair), u32(uint32(part)))
}

// fills are the positions that a plan writes, by partition in the order in which the plan names them.
func (m *MadePlan) fills() (parts []int32, ranges map[int32]partition.Ranges) {
	ranges = map[int32]partition.Ranges{}
	for _, s := range m.Slices {
		if s.Kind != partition.SliceFill {
			continue
		}
		if _, known := ranges[s.Partition]; !known {
			parts = append(parts, s.Partition)
		}
		ranges[s.Partition] = append(ranges[s.Partition], s.Ranges...) // slices of a lane come in order
	}
	return parts, ranges
}

// triedBefore says what was done about a position that the plan writes, "" when nothing was.
func (t *tx) triedBefore(p Plan, m *MadePlan) string {
	parts, ranges := m.fills()
	var said []string
	for _, part := range parts {
		var have tried
		t.read(triedKey(p, part), &have)
		for _, x := range have.Tries {
			if s := t.outcome(x); overlap(x.Ranges, ranges[part]) && !slices.Contains(said, s) {
				said = append(said, s)
			}
		}
	}
	if len(said) == 0 {
		return ""
	}
	if n := len(said) - maxTriedNames; n > 0 {
		said = append([]string{fmt.Sprintf("and %d more before", n)}, said[n:]...)
	}
	slices.Reverse(said) // the newest first
	return "it is missing still, or again: " + strings.Join(said, ", ")
}

// outcome is what came of a try.
func (t *tx) outcome(x try) string {
	if x.Job == "" {
		return fmt.Sprintf("plan %s was rejected by %s", x.Plan, x.By)
	}
	j, ok := t.job(x.Job)
	switch {
	case !ok:
		return fmt.Sprintf("job %s was to write it", x.Job)
	case j.State == JobSucceeded:
		return fmt.Sprintf("job %s wrote it, and its proof %s passed", j.ID, j.Proof)
	}
	return fmt.Sprintf("job %s was to write it and is %s", j.ID, j.State)
}

// noteTried notes what the job of a plan was to write, or what rejecter would not have written.
func (t *tx) noteTried(p Plan, m *MadePlan, job partition.JobID, rejecter string) {
	parts, ranges := m.fills()
	for _, part := range parts {
		k := triedKey(p, part)
		var have tried
		t.read(k, &have)
		have.Tries = append(have.Tries, try{Plan: p.ID, Job: job, By: rejecter, Ranges: coarse(partition.Normalize(ranges[part]), maxTryRanges)})
		if n := len(have.Tries); n > maxTries {
			old, next := have.Tries[0], &have.Tries[1]
			next.Ranges = coarse(partition.Normalize(append(old.Ranges, next.Ranges...)), maxTryRanges)
			have.Tries = have.Tries[1:]
		}
		t.write(k, &have)
	}
}

// coarse covers ranges, which are in order, by at most n.
func coarse(rs partition.Ranges, n int) partition.Ranges {
	if len(rs) <= n {
		return rs
	}
	each := (len(rs) + n - 1) / n
	var out partition.Ranges
	for group := range slices.Chunk(rs, each) {
		out = append(out, group.Span())
	}
	return out
}

// overlap reports whether two lists that are in order share a position.
func overlap(a, b partition.Ranges) bool {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].Overlaps(b[0]):
			return true
		case a[0].To <= b[0].From:
			a = a[1:]
		default:
			b = b[1:]
		}
	}
	return false
}

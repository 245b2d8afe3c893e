package plan

import (
	"cmp"
	"slices"

	"backstitch/partition"
)

// Rank is what decides when a job gets its turn.
type Rank struct {
	Job              partition.JobID
	Priority         uint8 // 0-100, higher first
	CreatedUnixNanos int64 // older first
}

// Compare orders by priority, then age, then name, so that no two jobs are equal and every leader picks the same one.
func (r Rank) Compare(other Rank) int {
	return cmp.Or(
		-cmp.Compare(r.Priority, other.Priority),
		cmp.Compare(r.CreatedUnixNanos, other.CreatedUnixNanos),
		cmp.Compare(r.Job, other.Job),
	)
}

// Order sorts rs in place, the job whose turn it is first.
func Order(rs []Rank) { slices.SortFunc(rs, Rank.Compare) }

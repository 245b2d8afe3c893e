package plan

import (
	"cmp"
	"math"
	"slices"

	"backstitch/partition"
)

// Rank is what decides when a job gets its turn.
type Rank struct {
	Job               partition.JobID
	Priority          uint8 // 0-100, higher first
	DeadlineUnixNanos int64 // earlier first, 0 for none, which is last
	CreatedUnixNanos  int64 // older first
}

// MaxPriority is the highest that people can give. A job that has waited for Overdue steps stands above it, whatever its own is.
const (
	MaxPriority = 100
	Overdue     = MaxPriority + 1
)

// Aged is a priority one of whose jobs has waited for so many steps: one higher for each, at most the highest that people can give.
func Aged(priority, steps uint8) uint8 {
	return uint8(min(int(priority)+int(steps), MaxPriority))
}

// Compare orders by priority, then deadline, then age, then name, so that no two jobs are equal and every leader picks the same one.
func (r Rank) Compare(other Rank) int {
	return cmp.Or(
		-cmp.Compare(r.Priority, other.Priority),
		r.compareDeadline(other),
		cmp.Compare(r.CreatedUnixNanos, other.CreatedUnixNanos),
		cmp.Compare(r.Job, other.Job),
	)
}

// Equal reports whether two jobs have one priority and one deadline: these share.
func (r Rank) Equal(other Rank) bool {
	return r.Priority == other.Priority && r.DeadlineUnixNanos == other.DeadlineUnixNanos
}

func (r Rank) compareDeadline(other Rank) int {
	never := func(n int64) int64 {
		if n == 0 {
			return math.MaxInt64
		}
		return n
	}
	return cmp.Compare(never(r.DeadlineUnixNanos), never(other.DeadlineUnixNanos))
}

// Order sorts rs in place, the job whose turn it is first.
func Order(rs []Rank) { slices.SortFunc(rs, Rank.Compare) }

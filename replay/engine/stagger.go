package engine

import (
	"time"

	"github.com/zeebo/xxh3"
)

// Lanes of a job begin together: when it is submitted, when it is resumed, when a node is back. Each of them commits once in every, so they would go on to
// commit together, and six transactions at once are what a live record waits behind, where six in turn are not. So the first commit of a lane comes
// after a part of every that follows from the slice, and those after it keep their distance.

// first is how long after its opening a lane commits for the first time. Where each commit is a file (few.go) it takes all of every.
func (e *Engine) first() time.Duration {
	if e.cfg.FewCommits {
		return e.every
	}
	const parts = 1 << 16
	part := xxh3.HashString(e.task.Slice.ID.String())%parts + 1
	return time.Duration(float64(e.every) * float64(part) / parts)
}

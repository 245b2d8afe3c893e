package check

import (
	"fmt"
	"slices"
)

// Claim is a checkpoint of the book: every position of Wanted below Cursor is durable in the target, but for Elsewhere of them,
// which were there already or were set aside.
type Claim struct {
	Slice     string
	Job       string
	Partition int32
	Wanted    []int64 // positions of the reference that the slice has to write
	Cursor    int64
	Elsewhere int64
}

// Checkpoints compares claims with what a reader of committed data sees. The log has to have been read after the claims were made,
// or at the same moment: data that comes later excuses nothing, but can not be told apart.
func Checkpoints(claims []Claim, seen Log) (Findings, error) {
	if err := seen.fit(); err != nil {
		return nil, err
	}
	if len(claims) == 0 {
		return nil, unfit("no checkpoint to compare")
	}
	type place struct {
		job       string
		partition int32
		origin    int64
	}
	there := map[place]bool{}
	for p, part := range seen {
		for _, r := range part.Records {
			if r.Refilled {
				there[place{r.Job, p, r.Origin}] = true
			}
		}
	}
	var found Findings
	for _, c := range claims {
		if !slices.IsSorted(c.Wanted) || c.Elsewhere < 0 {
			return nil, unfit("slice %s: positions that are not sorted, or a negative count", c.Slice)
		}
		var missing, first int64
		for _, at := range c.Wanted {
			if at < c.Cursor && !there[place{c.Job, c.Partition, at}] {
				if missing == 0 {
					first = at
				}
				missing++
			}
		}
		if missing > c.Elsewhere {
			found.add(Behind, "slice "+c.Slice, "the checkpoint is at %d, and %d records before it are not visible where %d may be elsewhere; the first is %d",
				c.Cursor, missing, c.Elsewhere, first)
		}
	}
	return found, nil
}

// Step is one event of a slice's progress: a commit that a reader can see, or a checkpoint that the book has taken.
type Step struct {
	Slice      string
	Checkpoint bool // a checkpoint and not a commit
	Cursor     int64
}

// Progress looks at a timeline, in the order in which things happened: no checkpoint is ahead of what was committed before it, and
// neither ever falls.
func Progress(steps []Step) (Findings, error) {
	if len(steps) == 0 {
		return nil, unfit("an empty timeline")
	}
	type state struct{ committed, saved int64 }
	slicesAt := map[string]*state{}
	var found Findings
	for i, s := range steps {
		at := slicesAt[s.Slice]
		if at == nil {
			at = &state{committed: -1, saved: -1}
			slicesAt[s.Slice] = at
		}
		where := fmt.Sprintf("slice %s step %d", s.Slice, i)
		switch {
		case !s.Checkpoint && s.Cursor < at.committed:
			found.add(Behind, where, "a commit at %d after one at %d", s.Cursor, at.committed)
		case !s.Checkpoint:
			at.committed = s.Cursor
		case s.Cursor > at.committed:
			found.add(Behind, where, "a checkpoint at %d, and what is committed ends at %d", s.Cursor, at.committed)
		case s.Cursor < at.saved:
			found.add(Behind, where, "a checkpoint at %d after one at %d", s.Cursor, at.saved)
		default:
			at.saved = s.Cursor
		}
	}
	return found, nil
}

// Package due says when something that repeats is due: every so often, or by a cron line. It is pure: the caller brings the time.
//
// Invariants:
//   - A due time depends on the rule and on the due time or moment before it, and on nothing else: whoever computes it gets the same.
//   - Next is always later than what it was asked for, and skips what lies before: a time that was missed is not listed again.
//   - Times are UTC. There is no summer time in which an hour is missing or there twice.
//
// What is not here: who keeps a due time (fsm), who acts on it (cluster/leader).
//
// Reading order: due.go, cron.go, length.go.
package due

import (
	"errors"
	"fmt"
	"time"
)

// Rule says when something is due. Exactly one of its fields is set.
type Rule struct {
	Every time.Duration
	Cron  string
}

// ErrRule says that a rule can not be meant.
var ErrRule = errors.New("not a rule for a schedule")

// Check reports what is wrong with r.
func (r Rule) Check() error {
	_, err := r.Next(time.Unix(0, 0), time.Unix(0, 0))
	return err
}

// Next is the first due time after now of a rule that was last due at last. With Every, due times are whole steps from last on.
func (r Rule) Next(last, now time.Time) (time.Time, error) {
	switch {
	case (r.Every == 0) == (r.Cron == ""):
		return time.Time{}, fmt.Errorf("want either a time between two runs or a cron line: %w", ErrRule)
	case r.Every < 0:
		return time.Time{}, fmt.Errorf("every %s: %w", r.Every, ErrRule)
	case r.Cron != "":
		return nextCron(r.Cron, now)
	}
	if last.After(now) {
		return last, nil
	}
	steps := now.Sub(last)/r.Every + 1
	return last.Add(steps * r.Every), nil
}

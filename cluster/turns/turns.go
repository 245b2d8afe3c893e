// Package turns says when a loop that reads the book beside the leader's has its next turn: when the book has something new, and not more often than a
// loop can bear.
//
// What is not here: what is done in a turn (cluster/notify, cluster/conductor).
package turns

import (
	"context"
	"time"
)

// Book is as much of the book as is waited for.
type Book interface {
	// Wait returns once something newer than after is applied, and its index.
	Wait(ctx context.Context, after uint64) (uint64, error)
}

// Watch says on changed that the book has something new, once for all that came since the last time, and at most once in every. It ends with ctx, and
// when the book can not be waited for: the next turn reads it and says why.
func Watch(ctx context.Context, book Book, every time.Duration, changed chan<- struct{}) {
	seen := uint64(0)
	for ctx.Err() == nil {
		at, err := book.Wait(ctx, seen)
		if err != nil {
			return
		}
		seen = at
		select {
		case changed <- struct{}{}:
		default:
		}
		if !Pause(ctx, every) {
			return
		}
	}
}

// Pause waits, and reports false when ctx ended before.
func Pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

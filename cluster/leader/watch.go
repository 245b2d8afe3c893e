package leader

import (
	"context"
	"sync"
	"time"
)

// watch measures how long this leader has been watching the others without being stopped itself. While a process is
// stopped nobody's renewals reach it, so when it goes on, everybody looks silent. It then has to begin anew, or a paused
// leader would take every lease away from healthy nodes in its first turn.
type watch struct {
	clock func() time.Time
	limit time.Duration // a gap between two looks at the clock above this means that we were stopped
	every time.Duration // how often run looks

	mu    sync.Mutex
	began time.Time
	seen  time.Time
}

func newWatch(clock func() time.Time, stall time.Duration) *watch {
	now := clock()
	return &watch{clock: clock, limit: stall, every: stall / 4, began: now, seen: now}
}

// now returns the time since the watch began, and whether it began anew in this call.
func (w *watch) now() (since time.Duration, anew bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.clock()
	if t.Sub(w.seen) > w.limit {
		w.began, anew = t, true
	}
	w.seen = t
	return t.Sub(w.began), anew
}

// run looks at the clock until ctx ends, so that a turn which takes long, because a proposal waits for a quorum, is not
// taken for a stop.
func (w *watch) run(ctx context.Context, stopped func()) {
	ticker := time.NewTicker(w.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if _, anew := w.now(); anew {
				stopped()
			}
		}
	}
}

package fsm

import (
	"context"
	"sync"
)

// readers counts the views that are open. Pebble ends the process of whoever reads after it was closed, and views are made by
// requests that nobody waits for: so the end of reading comes first, and then the end of the database.
type readers struct {
	mu    sync.Mutex
	open  int
	ended bool
	gone  chan struct{} // closed when reading has ended and the last view is closed
}

// begin notes a view, unless reading has ended.
func (r *readers) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended {
		r.open++
	}
	return !r.ended
}

func (r *readers) done() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open--; r.ended && r.open == 0 {
		close(r.gone)
	}
}

func (r *readers) end(ctx context.Context) error {
	r.mu.Lock()
	if !r.ended {
		r.ended, r.gone = true, make(chan struct{})
		if r.open == 0 {
			close(r.gone)
		}
	}
	gone := r.gone
	r.mu.Unlock()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

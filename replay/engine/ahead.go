package engine

import (
	"context"
	"errors"
	"io"

	"backstitch/replay/record"
	"backstitch/replay/source"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

// ahead reads from a source while the engine writes. The trap is a batch that nobody owns: one that was read and not fetched
// is released in Close, after the goroutine has gone.
type ahead struct {
	r      source.Reader
	cancel context.CancelFunc
	group  errgroup.Group
	items  chan item
	room   *semaphore.Weighted
	limit  int64
}

type item struct {
	batch *record.Batch
	err   error
	held  int64 // bytes of room
}

// maxAheadBatches bounds how many small batches wait; bytes bound the large ones.
const maxAheadBatches = 64

// readAhead starts reading r, and owns it.
func readAhead(ctx context.Context, r source.Reader, bytes int64) *ahead {
	ctx, cancel := context.WithCancel(ctx)
	a := &ahead{r: r, cancel: cancel, items: make(chan item, maxAheadBatches), room: semaphore.NewWeighted(bytes), limit: bytes}
	a.group.Go(func() error {
		a.run(ctx)
		return nil
	})
	return a
}

func (a *ahead) run(ctx context.Context) {
	defer close(a.items)
	for {
		batch, err := a.r.Next(ctx)
		it := item{batch: batch, err: err}
		if err == nil {
			// A batch larger than all the room goes alone.
			it.held = min(max(batch.Footprint(), 1), a.limit)
			if a.room.Acquire(ctx, it.held) != nil {
				batch.Release()
				return
			}
		}
		select {
		case a.items <- it:
		case <-ctx.Done():
			if batch != nil {
				batch.Release()
			}
			return
		}
		var damaged *source.DamagedError
		if err != nil && !errors.As(err, &damaged) {
			return
		}
	}
}

// Next is source.Reader's. The room of a batch is free as soon as it is handed out: from then on the sink bounds it.
func (a *ahead) Next(ctx context.Context) (*record.Batch, error) {
	select {
	case it, ok := <-a.items:
		if !ok {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			return nil, io.ErrUnexpectedEOF // the goroutine ends without an item only when its context does
		}
		a.room.Release(it.held)
		return it.batch, it.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close stops reading, waits for that, and gives back what was read for nothing.
func (a *ahead) Close() error {
	a.cancel()
	// Errors of the reading itself came out of Next.
	_ = a.group.Wait()
	for it := range a.items {
		if it.batch != nil {
			it.batch.Release()
		}
	}
	return a.r.Close()
}

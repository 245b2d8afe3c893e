package foreign

import (
	"context"
	"errors"
	"fmt"

	"backstitch/replay/record"
	"backstitch/replay/source"
)

// readAhead is how many batches of about batchBytes wait for Next. With the one that is being filled and the one that Next
// returned it bounds the memory of a reader, the buffers of a zstd object that is decoded whole aside.
const readAhead = 2

// result is what the pump has for one call of Next.
type result struct {
	batch *record.Batch
	err   error
}

type reader struct {
	cancel context.CancelFunc
	out    chan result
	done   chan struct{} // closed when the pump is gone
	err    error         // sticky; owned by the goroutine that calls Next
}

// Next returns the next batch.
func (r *reader) Next(ctx context.Context) (*record.Batch, error) {
	if r.err != nil {
		return nil, r.err
	}
	select {
	case x := <-r.out:
		return r.take(x)
	case <-r.done:
		// What the pump had handed over before it ended is still to be had.
		select {
		case x := <-r.out:
			return r.take(x)
		default:
			r.err = fmt.Errorf("the read was given up: %w", context.Canceled)
			return nil, r.err
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *reader) take(x result) (*record.Batch, error) {
	var damaged *source.DamagedError
	if x.err != nil && !errors.As(x.err, &damaged) {
		r.err = x.err
	}
	return x.batch, x.err
}

// Close ends the read, waits for the read of the store that is under way, and frees what was read ahead.
func (r *reader) Close() error {
	r.cancel()
	<-r.done
	for {
		select {
		case x := <-r.out:
			if x.batch != nil {
				x.batch.Release()
			}
		default:
			if r.err == nil {
				r.err = errClosed
			}
			return nil
		}
	}
}

var errClosed = errors.New("reader is closed")

package confluent

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"backstitch/partition"
	"backstitch/replay/bucket"
	"backstitch/replay/record"
	"backstitch/replay/source"
)

// Source reads slices from an archive. It satisfies source.Source.
type Source struct {
	b   bucket.Bucket
	cfg Config
}

var _ source.Source = (*Source)(nil)

// New returns a source over b. It does not touch the store.
func New(b bucket.Bucket, cfg Config) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Source{b: b, cfg: cfg}, nil
}

// Fields says what the files hold: values, and keys and headers where there are companions. Never timestamps.
func (s *Source) Fields() record.Fields {
	f := record.FieldValue
	if s.cfg.Keys {
		f |= record.FieldKey
	}
	if s.cfg.Headers {
		f |= record.FieldHeaders
	}
	return f
}

// Close does nothing; the bucket is the caller's.
func (s *Source) Close() error { return nil }

// Open starts reading slice at cursor.
func (s *Source) Open(ctx context.Context, slice partition.Slice, cursor partition.Offset) (source.Reader, error) {
	objs := slices.Clone(slice.Objects)
	slices.SortFunc(objs, func(a, b partition.Object) int { return int(min(max(a.Base-b.Base, -1), 1)) })
	for _, o := range objs {
		if n, ok := s.cfg.parse(o.Key); !ok || n.companion != "" || n.partition != slice.Partition {
			return nil, fmt.Errorf("open slice %s: %s is no %s file of %s, partition %d", slice.ID, o.Key, s.cfg.Format, s.cfg.Topic, slice.Partition)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &reader{cancel: cancel, out: make(chan result, readAhead), done: make(chan struct{})}
	p := &pump{
		opener: opener{b: s.b, cfg: &s.cfg}, part: slice.Partition, want: slice.Ranges, objects: objs,
		cursor: max(cursor, slice.Ranges.Span().From), out: r.out,
	}
	go func() {
		defer close(r.done)
		p.run(ctx)
	}()
	return r, nil
}

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

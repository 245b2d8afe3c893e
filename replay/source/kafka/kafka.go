// Package kafka reads slices from a Kafka topic: as a reference that still has the records, and as a target that is read
// back. It sees what a read_committed consumer sees.
//
// Invariants:
//   - A slice is read to the end of its ranges or to the last stable offset of the moment it was opened, whichever comes
//     first. It never waits for new records.
//   - Positions are offsets. Holes are normal and nothing is concluded from them.
//   - A recreated topic gives source.ErrRecreated, records that retention took give source.ErrRetention.
//
// What is not here: how batches are fetched and which are committed (replay/klog), watermarks and offsets by time (also
// there).
package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"

	"backstitch/partition"
	"backstitch/replay/kbatch"
	"backstitch/replay/klog"
	"backstitch/replay/record"
	"backstitch/replay/source"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Config says what to read. The client must not be one that is consumed with.
type Config struct {
	Topic string
	ID    klog.TopicID // zero takes whatever id the topic has
	// FetchBytes bounds one fetch, compressed; two are held at a time. 0 means klog's default.
	FetchBytes int32
	// DecompressBytes bounds what one batch may decompress to; 0 means kbatch.DefaultCeiling.
	DecompressBytes int
	// CloseClient says that Close closes the client too.
	CloseClient bool
}

// Validate reports what is missing.
func (c Config) Validate() error {
	if c.Topic == "" {
		return errors.New("kafka source: no topic")
	}
	return nil
}

// Source reads a topic. It satisfies source.Source.
type Source struct {
	cl  *kgo.Client
	cfg Config
	dec *kbatch.Decoder
}

var _ source.Source = (*Source)(nil)

// New returns a source over cl. It does not connect.
func New(cl *kgo.Client, cfg Config) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Source{cl: cl, cfg: cfg, dec: kbatch.NewDecoder(cfg.DecompressBytes)}, nil
}

// Fields returns AllFields: a topic holds everything.
func (s *Source) Fields() record.Fields { return record.AllFields }

// Close closes the client if the source owns it.
func (s *Source) Close() error {
	if s.cfg.CloseClient {
		s.cl.Close()
	}
	return nil
}

// Open starts reading slice at cursor. Slice.Objects is not looked at.
func (s *Source) Open(ctx context.Context, slice partition.Slice, cursor partition.Offset) (source.Reader, error) {
	want := slice.Ranges
	span := want.Span()
	span.From = max(span.From, cursor)
	r := &reader{dec: s.dec, part: slice.Partition, want: want, cursor: span.From, end: span.To}
	if span.Empty() {
		return r, nil
	}
	log, err := klog.Open(ctx, s.cl, klog.Options{
		Topic: s.cfg.Topic, ID: s.cfg.ID, Partition: slice.Partition, Range: span, MaxBytes: s.cfg.FetchBytes,
	})
	if err != nil {
		return nil, fmt.Errorf("open slice %s: %w", slice.ID, err)
	}
	fctx, cancel := context.WithCancel(ctx)
	r.log, r.cancel, r.chunks = log, cancel, make(chan fetched)
	r.done = make(chan struct{})
	go r.prefetch(fctx)
	return r, nil
}

// fetched is one answer on its way to Next.
type fetched struct {
	chunk klog.Chunk
	err   error
}

// reader decodes one chunk while the next is being fetched: at most two are held.
type reader struct {
	dec    *kbatch.Decoder
	log    *klog.Reader // nil when there is nothing to read
	part   int32
	want   partition.Ranges
	cancel context.CancelFunc
	chunks chan fetched
	done   chan struct{} // closed when prefetch is gone

	// Owned by the goroutine that calls Next.
	cursor partition.Offset
	end    partition.Offset
	buf    *record.Buffer // of the chunk being decoded
	todo   []klog.Batch
	next   partition.Offset // of the chunk
	err    error            // sticky
}

func (r *reader) prefetch(ctx context.Context) {
	defer close(r.done)
	for {
		chunk, err := r.log.Next(ctx)
		select {
		case r.chunks <- fetched{chunk, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// batchBytes and batchRecords are where a batch is full: it holds one of both at least, unless the chunk or the slice ends before.
const (
	batchBytes   = 1 << 20
	batchRecords = 16 << 10
)

// Next returns the next batch.
func (r *reader) Next(ctx context.Context) (*record.Batch, error) {
	slab := record.NewSlab()
	for slab.Size() < batchBytes && len(slab.Records) < batchRecords {
		if len(r.todo) == 0 {
			if len(slab.Records) > 0 {
				break // hand on what is there rather than wait for the next chunk
			}
			if err := r.take(ctx); err != nil {
				slab.Drop()
				return nil, err
			}
			continue
		}
		b := r.todo[0]
		if err := r.dec.Decode(slab, r.buf, b.Raw, &b.Header, r.cursor, r.want); err != nil {
			slab.Drop()
			r.err = fmt.Errorf("partition %d: %w", r.part, err)
			return nil, r.err
		}
		r.todo = r.todo[1:]
		r.cursor = max(r.cursor, b.Header.LastOffset()+1)
		if len(r.todo) == 0 {
			r.cursor = max(r.cursor, r.next)
		}
	}
	r.cursor = min(r.cursor, r.end)
	return slab.Batch(r.part, r.cursor), nil
}

// take waits for the next chunk.
func (r *reader) take(ctx context.Context) error {
	if r.buf != nil {
		r.buf.Done()
		r.buf = nil
	}
	switch {
	case r.err != nil:
		return r.err
	case r.log == nil:
		return io.EOF
	}
	select {
	case f := <-r.chunks:
		if f.err != nil {
			r.err = f.err
			return f.err
		}
		r.buf = record.WrapBuffer(f.chunk.Raw)
		r.todo, r.next = f.chunk.Batches, f.chunk.Next
		return nil
	case <-r.done:
		// Both sides hand over at once, so nothing is left: the context of Open has ended.
		r.err = fmt.Errorf("the read was given up: %w", context.Canceled)
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends the read and waits for the fetch that is under way.
func (r *reader) Close() error {
	if r.cancel != nil {
		r.cancel()
		<-r.done
	}
	if r.buf != nil {
		r.buf.Done()
		r.buf = nil
	}
	r.todo = nil
	if r.err == nil {
		r.err = errClosed
	}
	return nil
}

var errClosed = errors.New("reader is closed")

package archive

import (
	"context"
	"errors"
	"fmt"
	"io"

	"backstitch/partition"
	format "backstitch/replay/archive"
	"backstitch/replay/kbatch"
	"backstitch/replay/record"
	"backstitch/replay/source"
)

// One goroutine reads footers and runs of wanted batches, one run ahead of what Next decodes. The trap is the prefetcher's
// errors: they must reach Next in order, after the batches before them, and a damaged object must not end the read.

// run is a stretch of batches that lie one after the other in one object, or the error that took their place.
type run struct {
	key     string
	etag    string
	entries []format.Entry
	buf     *record.Buffer // that raw lies in
	raw     []byte
	err     error
}

type reader struct {
	src     *Source
	part    int32
	want    partition.Ranges
	objects []partition.Object
	// compared is what digests are made of, nil when records themselves are handed over.
	compared *record.Fields
	cancel   context.CancelFunc
	runs     chan run
	done     chan struct{} // closed when prefetch is gone

	// Owned by the goroutine that calls Next.
	cursor partition.Offset
	cur    run
	err    error // sticky
	damage error // waits until the batch before it is out
	hasher record.Hasher
}

func (r *reader) start(ctx context.Context) {
	ctx, r.cancel = context.WithCancel(ctx)
	r.runs, r.done = make(chan run), make(chan struct{})
	from := r.cursor
	go func() {
		defer close(r.done)
		for _, o := range r.objects {
			if err := r.prefetch(ctx, o, from); err != nil {
				r.send(ctx, run{key: o.Key, err: err})
				return
			}
		}
		r.send(ctx, run{err: io.EOF})
	}()
}

func (r *reader) send(ctx context.Context, x run) bool {
	select {
	case r.runs <- x:
		return true
	case <-ctx.Done():
		return false
	}
}

// prefetch sends the wanted runs of one object. It returns only errors that end the read.
func (r *reader) prefetch(ctx context.Context, o partition.Object, from partition.Offset) error {
	f, err := readFooter(ctx, r.src.b, o)
	if errors.Is(err, format.ErrCorrupt) || errors.Is(err, io.ErrUnexpectedEOF) {
		n, nerr := format.ParseName(o.Key)
		if nerr != nil {
			return nerr
		}
		r.send(ctx, run{key: o.Key, err: &source.DamagedError{Object: o.Key, Offset: n.First, Next: n.Last + 1, Code: source.CodeCorrupt, Err: err}})
		return ctx.Err()
	}
	if err != nil {
		return sourceError(err)
	}
	wanted := func(e *format.Entry) bool {
		return e.Last >= from && overlaps(r.want, partition.Range{From: e.Base, To: e.Last + 1})
	}
	for i := 0; i < len(f.Entries); {
		if !wanted(&f.Entries[i]) {
			i++
			continue
		}
		first := i
		end := func(e *format.Entry) int64 { return e.Position + int64(e.Length) - f.Entries[first].Position }
		for i++; i < len(f.Entries) && wanted(&f.Entries[i]) && end(&f.Entries[i]) <= r.src.cfg.ReadBytes-format.HeadLen; i++ {
		}
		at := f.Entries[first].Position
		last := f.Entries[i-1]
		if first == 0 {
			at = 0 // with the magic at the beginning
		}
		head := func(raw []byte) error {
			if first > 0 {
				return nil
			}
			return format.CheckHead(raw)
		}
		buf, err := steady(ctx, r.src.b, o.Key, o.ETag, at, last.Position+int64(last.Length)-at, nil, head)
		if errors.Is(err, format.ErrCorrupt) {
			r.send(ctx, run{key: o.Key, err: &source.DamagedError{Object: o.Key, Offset: f.First, Next: f.Last + 1, Code: source.CodeCorrupt, Err: err}})
			return ctx.Err()
		}
		if err != nil {
			return sourceError(err)
		}
		raw := buf.B
		if first == 0 {
			raw = raw[format.HeadLen:]
		}
		if !r.send(ctx, run{key: o.Key, etag: o.ETag, entries: f.Entries[first:i], buf: buf, raw: raw}) {
			buf.Done()
			return ctx.Err()
		}
	}
	return nil
}

// batchBytes and batchRecords are where a batch is full: it holds one of both at least, unless the run ends before. One of digests is not to
// be larger than the core's cache, in which it is compared.
const (
	batchBytes    = 1 << 20
	batchRecords  = 16 << 10
	digestRecords = 1 << 10
)

func (r *reader) full(s *record.Slab) bool {
	if r.compared != nil {
		return len(s.Records) >= digestRecords
	}
	return s.Size() >= batchBytes || len(s.Records) >= batchRecords
}

// Next returns the next batch.
func (r *reader) Next(ctx context.Context) (*record.Batch, error) {
	if err := r.damage; err != nil {
		r.damage = nil
		return nil, err
	}
	slab := record.NewSlab()
	for !r.full(slab) {
		if len(r.cur.entries) == 0 {
			if len(slab.Records) > 0 {
				break
			}
			if err := r.take(ctx); err != nil {
				slab.Drop()
				return nil, err
			}
			continue
		}
		err := r.decode(ctx, slab)
		if err == nil {
			continue
		}
		if len(slab.Records) == 0 {
			slab.Drop()
			return nil, err
		}
		r.damage = err
		break
	}
	return slab.Batch(r.part, slab.Records[len(slab.Records)-1].Offset+1), nil
}

// decode appends the records of the next entry and moves the cursor behind it, also when it is damaged.
func (r *reader) decode(ctx context.Context, slab *record.Slab) error {
	e := &r.cur.entries[0]
	raw := r.cur.raw[:e.Length:e.Length]
	r.cur.raw, r.cur.entries = r.cur.raw[e.Length:], r.cur.entries[1:]
	if e.Last < r.cursor {
		return nil // an object before this one had it
	}
	from, buf := r.cursor, r.cur.buf
	h, err := format.CheckBatch(raw, e)
	if err != nil {
		buf, err = steady(ctx, r.src.b, r.cur.key, r.cur.etag, e.Position, int64(e.Length), raw, func(raw []byte) (err error) {
			h, err = format.CheckBatch(raw, e)
			return err
		})
		switch {
		case err == nil:
			raw = buf.B
			defer buf.Done()
		case !errors.Is(err, format.ErrCorrupt):
			r.err = fmt.Errorf("partition %d: %w", r.part, sourceError(err))
			return r.err
		}
	}
	r.cursor = e.Last + 1
	records := len(slab.Records)
	if err == nil {
		err = r.records(slab, buf, raw, &h, from)
	}
	if err == nil {
		return nil
	}
	slab.Cut(records)
	code := source.CodeCorrupt
	if errors.Is(err, kbatch.ErrTooLarge) {
		code = source.CodeTooLarge
	}
	return &source.DamagedError{Object: r.cur.key, Offset: max(e.Base, from), Next: e.Last + 1, Code: code, Err: err}
}

// records appends the records of a batch from a position on, or their digests.
func (r *reader) records(slab *record.Slab, buf *record.Buffer, batch []byte, h *kbatch.Header, from partition.Offset) error {
	if r.compared == nil {
		return r.src.dec.Decode(slab, buf, batch, h, from, r.want)
	}
	return r.src.dec.Walk(batch, h, from, r.want, func(rec *record.Record) {
		slab.Digest(rec, &r.hasher, *r.compared)
	})
}

// take waits for the next run.
func (r *reader) take(ctx context.Context) error {
	r.dropRun()
	if r.err != nil {
		return r.err
	}
	select {
	case x := <-r.runs:
		var damaged *source.DamagedError
		if errors.As(x.err, &damaged) {
			// An object before this one may have held a part of it.
			damaged.Offset = max(damaged.Offset, r.cursor)
			if damaged.Next <= damaged.Offset {
				return nil
			}
			r.cursor = damaged.Next
			return damaged
		}
		if x.err != nil {
			r.err = x.err
			if x.err != io.EOF {
				r.err = fmt.Errorf("partition %d: %w", r.part, x.err)
			}
			return r.err
		}
		r.cur = x
		return nil
	case <-r.done:
		// Both sides hand over at once, so nothing is left: the context of Open has ended.
		r.err = fmt.Errorf("the read was given up: %w", context.Canceled)
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *reader) dropRun() {
	if r.cur.buf != nil {
		r.cur.buf.Done()
	}
	r.cur = run{}
}

// Close ends the read and waits for the read of the store that is under way.
func (r *reader) Close() error {
	r.cancel()
	<-r.done
	r.dropRun()
	if r.err == nil {
		r.err = errClosed
	}
	return nil
}

var errClosed = errors.New("reader is closed")

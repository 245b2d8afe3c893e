package objects

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"backstitch/partition"
	"backstitch/replay/bucket"
	"backstitch/replay/record"
	"backstitch/replay/sink"
)

// Recent reads what other jobs committed at or after from.
func (w *writer) Recent(ctx context.Context, from int64) (sink.Reader, error) {
	return w.s.read(ctx, w.slice.Partition, from, w.to, w.slice.ID.Job)
}

// Bounds returns 0 and the offset after the last record of part, or after the last that there was.
func (s *Sink) Bounds(ctx context.Context, part int32) (start, end int64, err error) {
	e, err := s.log(part).last(ctx)
	return 0, e.To, classify(err)
}

// Settled does nothing: a commit is there whole or is not there.
func (s *Sink) Settled(context.Context, int32) error { return nil }

// Read reads [from, to) of part.
func (s *Sink) Read(ctx context.Context, part int32, from, to int64) (sink.Reader, error) {
	return s.read(ctx, part, from, to, "")
}

func (s *Sink) read(ctx context.Context, part int32, from, to int64, not partition.JobID) (sink.Reader, error) {
	l := s.log(part)
	last, err := l.last(ctx)
	if err != nil {
		return nil, classify(err)
	}
	from = max(from, 0)
	number, err := l.first(ctx, last.Number, from)
	if err != nil {
		return nil, classify(err)
	}
	return &reader{log: l, part: part, number: number - 1, last: last.Number, next: from, end: min(to, last.To), not: not, void: last.Void, max: s.cfg.BufferBytes}, nil
}

// reader reads one data object at a time. It is used by one goroutine.
type reader struct {
	log    log
	part   int32
	number int64 // of the last commit that was read
	last   int64
	next   int64
	end    int64
	not    partition.JobID // whose commits are left out; "" for none
	void   []partition.JobID
	max    int64 // bytes of a data object
}

// Next returns the records of the next commit that has any.
func (r *reader) Next(ctx context.Context) (*record.Batch, error) {
	for r.number < r.last && r.next < r.end {
		e, err := r.log.must(ctx, r.number+1)
		if err != nil {
			return nil, classify(err)
		}
		r.number++
		if e.To <= r.next || e.Data == "" {
			continue
		}
		if r.not != "" && e.Job == r.not || slices.Contains(r.void, e.Job) {
			r.next = e.To
			continue
		}
		batch, err := r.load(ctx, e)
		if err != nil || len(batch.Records) > 0 {
			return batch, classify(err)
		}
	}
	r.next = max(r.next, r.end)
	return nil, io.EOF
}

// text is a data object of commit n, which is what that says or sink.ErrProgress.
func (r *reader) text(ctx context.Context, n int64, o object) (text []byte, err error) {
	if strings.ContainsAny(o.Data, "/\\") || o.Size < 0 || o.Size > 2*r.max {
		return nil, fmt.Errorf("commit %d of %s names %q of %d bytes: %w", n, r.log.dir, o.Data, o.Size, sink.ErrProgress)
	}
	err = r.log.get(ctx, o.Data, o.Size, func(b []byte) error {
		if sum := checksum(b); sum != o.Sum || int64(len(b)) != o.Size {
			return fmt.Errorf("it has %d bytes or more with checksum %s, commit %d wrote %d with %s", len(b), sum, n, o.Size, o.Sum)
		}
		text = b
		return nil
	})
	if errors.Is(err, bucket.ErrNotFound) {
		err = fmt.Errorf("%s/%s, which commit %d names, was deleted: %w", r.log.dir, o.Data, n, sink.ErrProgress)
	}
	return text, err
}

func (r *reader) load(ctx context.Context, e entry) (*record.Batch, error) {
	batch := &record.Batch{Partition: r.part}
	at := e.From
	due := func(rec record.Record) error {
		if rec.Offset != at {
			return fmt.Errorf("record %d where %d is due", rec.Offset, at)
		}
		if at >= r.next && at < r.end {
			batch.Records = append(batch.Records, rec)
			batch.Bytes += rec.Size()
		}
		at++
		return nil
	}
	if err := r.records(ctx, e, due); err != nil {
		return nil, err
	}
	if at != e.To {
		return nil, fmt.Errorf("%s/%s: it holds records up to %d, its commit says up to %d: %w", r.log.dir, e.Data, at, e.To, sink.ErrProgress)
	}
	r.next = max(r.next, min(at, r.end))
	batch.Next = r.next
	return batch, nil
}

// records calls yield for each record of a commit, in order.
func (r *reader) records(ctx context.Context, e entry, yield func(record.Record) error) error {
	one := yield
	var all []record.Record
	if len(e.More) > 0 { // each has some of them
		one = func(rec record.Record) error {
			all = append(all, rec)
			return nil
		}
	}
	for _, o := range append([]object{e.object}, e.More...) {
		text, err := r.text(ctx, e.Number, o)
		if err != nil {
			return err
		}
		if err := decode(o.Data, text, one); err != nil {
			return fmt.Errorf("%s/%s: %w: %w", r.log.dir, o.Data, err, sink.ErrProgress)
		}
	}
	slices.SortStableFunc(all, func(a, b record.Record) int { return cmp.Compare(a.Offset, b.Offset) })
	for _, rec := range all {
		if err := yield(rec); err != nil {
			return fmt.Errorf("%s, commit %d: %w: %w", r.log.dir, e.Number, err, sink.ErrProgress)
		}
	}
	return nil
}

// Position is where a later read begins.
func (r *reader) Position() int64 { return r.next }

// Close does nothing.
func (r *reader) Close() error { return nil }

package dir

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"path"
	"strings"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/sink"

	"github.com/zeebo/xxh3"
)

// Recent reads what other jobs committed at or after from.
func (w *writer) Recent(_ context.Context, from int64) (sink.Reader, error) {
	return w.s.read(w.slice.Partition, from, w.to, w.slice.ID.Job)
}

// Bounds returns 0 and the number of records of part.
func (s *Sink) Bounds(_ context.Context, part int32) (start, end int64, err error) {
	dir := partitionDir(s.cfg.Topic, part)
	last, err := lastEntry(s.root, dir)
	if err != nil || last == 0 {
		return 0, 0, err
	}
	e, err := readEntry(s.root, dir, last)
	return 0, e.To, err
}

// Settled does nothing: an entry is there whole or is not there.
func (s *Sink) Settled(context.Context, int32) error { return nil }

// Read reads [from, to) of part.
func (s *Sink) Read(ctx context.Context, part int32, from, to int64) (sink.Reader, error) {
	_, end, err := s.Bounds(ctx, part)
	if err != nil {
		return nil, err
	}
	return s.read(part, from, min(to, end), "")
}

func (s *Sink) read(part int32, from, to int64, not partition.JobID) (sink.Reader, error) {
	dir := partitionDir(s.cfg.Topic, part)
	last, err := lastEntry(s.root, dir)
	if err != nil {
		return nil, err
	}
	return &reader{s: s, dir: dir, part: part, last: last, next: max(from, 0), end: to, not: not}, nil
}

// reader reads one data file at a time. It is used by one goroutine.
type reader struct {
	s      *Sink
	dir    string
	part   int32
	number int64 // of the last commit that was read
	last   int64
	next   int64
	end    int64
	not    partition.JobID // whose commits are left out; "" for none
}

// Next returns the records of the next commit that has any.
func (r *reader) Next(ctx context.Context) (*record.Batch, error) {
	for r.number < r.last && r.next < r.end {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		e, err := readEntry(r.s.root, r.dir, r.number+1)
		if err != nil {
			return nil, err
		}
		r.number++
		if e.To <= r.next || e.Data == "" {
			continue
		}
		if r.not != "" && e.Job == r.not {
			r.next = e.To
			continue
		}
		batch, err := r.load(e)
		if err != nil || len(batch.Records) > 0 {
			return batch, err
		}
	}
	r.next = max(r.next, r.end)
	return nil, io.EOF
}

func (r *reader) load(e entry) (*record.Batch, error) {
	if strings.ContainsAny(e.Data, "/\\") {
		return nil, fmt.Errorf("commit %d of %s names the file %q: %w", e.Number, r.dir, e.Data, sink.ErrProgress)
	}
	text, err := r.s.root.ReadFile(path.Join(r.dir, e.Data))
	if err != nil {
		return nil, fmt.Errorf("commit %d of %s: %w", e.Number, r.dir, err)
	}
	if sum := xxh3.Hash128(text).Bytes(); hex.EncodeToString(sum[:]) != e.Sum || int64(len(text)) != e.Size {
		return nil, fmt.Errorf("%s/%s is not what commit %d wrote: %d bytes, want %d, and its checksum differs or its size does: %w",
			r.dir, e.Data, e.Number, len(text), e.Size, sink.ErrProgress)
	}
	batch := &record.Batch{Partition: r.part}
	at := e.From
	for len(text) > 0 {
		end := bytes.IndexByte(text, '\n')
		if end < 0 {
			return nil, fmt.Errorf("%s/%s has no line break at its end: %w", r.dir, e.Data, sink.ErrProgress)
		}
		rec, err := parseLine(text[:end])
		if err != nil || rec.Offset != at {
			return nil, fmt.Errorf("%s/%s: record %d where %d is due: %v: %w", r.dir, e.Data, rec.Offset, at, err, sink.ErrProgress)
		}
		text = text[end+1:]
		if at >= r.next && at < r.end {
			batch.Records = append(batch.Records, rec)
			batch.Bytes += rec.Size()
		}
		at++
	}
	r.next = max(r.next, min(at, r.end))
	batch.Next = r.next
	return batch, nil
}

// Position is where a later read begins.
func (r *reader) Position() int64 { return r.next }

// Close does nothing.
func (r *reader) Close() error { return nil }

// Package gaptest is a target in memory, and how much memory a test took, for tests of what compares, plans and proves.
package gaptest

import (
	"context"
	"fmt"
	"io"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/sink"
)

// Target is a target in memory. It satisfies sink.Targets and is safe for concurrent readers.
type Target struct {
	Logs  map[int32]*Log
	Holds record.Fields // 0 is all
	Batch int           // records per batch; 0 is 7
}

// Log is one partition. Offsets ascend; holes are legal.
type Log struct {
	Start int64
	End   int64 // 0 is the one after the last record
	// Undecided is how many of the newest records nobody sees until Settled.
	Undecided int
	Records   []record.Record
}

// New makes a target with empty partitions 0 to n-1.
func New(n int32) *Target {
	t := &Target{Logs: map[int32]*Log{}}
	for p := range n {
		t.Logs[p] = &Log{}
	}
	return t
}

// Append puts rs at the end of a partition, at new offsets.
func (t *Target) Append(part int32, rs ...record.Record) {
	l := t.Logs[part]
	for _, r := range rs {
		r.Offset = l.end()
		l.Records = append(l.Records, r)
	}
}

// AppendOurs puts rs at the end of a partition as job writes them: with origin headers. Offsets of rs are those of the reference.
func (t *Target) AppendOurs(job partition.JobID, topic string, part int32, rs ...record.Record) {
	for _, r := range rs {
		r.Headers = append(append([]record.Header(nil), r.Headers...),
			record.Header{Key: sink.OriginHeader, Value: fmt.Appendf(nil, "%s/%d/%d", topic, part, r.Offset)},
			record.Header{Key: sink.JobHeader, Value: []byte(job)})
		t.Append(part, r)
	}
}

func (l *Log) end() int64 {
	if n := len(l.Records); n > 0 {
		return max(l.End, l.Records[n-1].Offset+1)
	}
	return max(l.End, l.Start)
}

// Bounds returns start and end of a partition, or sink.ErrNoTarget.
func (t *Target) Bounds(_ context.Context, part int32) (start, end int64, err error) {
	l := t.Logs[part]
	if l == nil {
		return 0, 0, fmt.Errorf("partition %d: %w", part, sink.ErrNoTarget)
	}
	if l.Undecided > 0 {
		return l.Start, l.Records[len(l.Records)-l.Undecided].Offset, nil
	}
	return l.Start, l.end(), nil
}

// AllBounds returns those of all partitions.
func (t *Target) AllBounds(ctx context.Context) ([]sink.Bound, error) {
	out := make([]sink.Bound, len(t.Logs))
	for p := range out {
		start, end, err := t.Bounds(ctx, int32(p))
		if err != nil {
			return nil, err
		}
		out[p] = sink.Bound{Start: start, End: end}
	}
	return out, nil
}

// Settled decides what was undecided.
func (t *Target) Settled(ctx context.Context, part int32) error {
	t.Logs[part].Undecided = 0
	return ctx.Err()
}

// Read reads [from, to).
func (t *Target) Read(_ context.Context, part int32, from, to int64) (sink.Reader, error) {
	l := t.Logs[part]
	if l == nil {
		return nil, fmt.Errorf("partition %d: %w", part, sink.ErrNoTarget)
	}
	return &reader{t: t, l: l, part: part, next: max(from, l.Start), to: to}, nil
}

// Fields returns what the target holds.
func (t *Target) Fields() record.Fields {
	if t.Holds == 0 {
		return record.AllFields
	}
	return t.Holds
}

// Close does nothing.
func (t *Target) Close() error { return nil }

type reader struct {
	t    *Target
	l    *Log
	part int32
	next int64
	to   int64
}

func (r *reader) Next(ctx context.Context) (*record.Batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	size := r.t.Batch
	if size == 0 {
		size = 7
	}
	b := &record.Batch{Partition: r.part}
	for _, rec := range r.l.Records {
		if rec.Offset < r.next || rec.Offset >= r.to {
			continue
		}
		b.Records = append(b.Records, rec)
		b.Bytes += rec.Size()
		if len(b.Records) == size {
			break
		}
	}
	if len(b.Records) == 0 {
		return nil, io.EOF
	}
	r.next = b.Records[len(b.Records)-1].Offset + 1
	b.Next = r.next
	return b, nil
}

func (r *reader) Position() int64 { return r.next }
func (r *reader) Close() error    { return nil }

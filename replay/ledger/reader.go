package ledger

import (
	"context"
	"errors"
	"io"
	"math"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/gap/match"
	"backstitch/replay/record"
	"backstitch/replay/sink"
	"backstitch/replay/source"
)

// One side in order of position: windows that are known, and what lies between them from the side itself. The trap is the end of
// what was read: a window says that there is no other record in its range, so it may only be made of what was read up to there.

// stream is a reader of either side.
type stream interface {
	Next(ctx context.Context) (*record.Batch, error)
	io.Closer
}

type reader struct {
	s    *side
	part int32
	want partition.Ranges // what is left, ascending
	open func(ctx context.Context, r partition.Range) (stream, error)
	at   partition.Offset // everything wanted below it was returned

	raw    stream // nil between two stretches
	rawEnd partition.Offset
	hasher record.Hasher
	made   build
}

func newReader(s *side, at partition.Offset) *reader {
	return &reader{s: s, part: s.p.n, at: at, hasher: record.Hasher{Frames: s.schemas.Frames()}}
}

// build is the window that is being read.
type build struct {
	on      bool
	from    partition.Offset
	entries []entry
}

// Next returns the next batch, with digests.
func (r *reader) Next(ctx context.Context) (*record.Batch, error) {
	for {
		if r.raw != nil {
			b, err := r.read(ctx)
			if b != nil || err != nil {
				return b, err
			}
			continue
		}
		if len(r.want) == 0 {
			return nil, io.EOF
		}
		b, err := r.next(ctx)
		if b != nil || err != nil {
			return b, err
		}
	}
}

// next turns to what lies at the beginning of what is wanted: a window, whose records it returns if there are any, or a stretch
// that is to be read.
func (r *reader) next(ctx context.Context) (*record.Batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	from, to := r.want[0].From, r.want[0].To
	w, begins, ok := r.s.find(from)
	if w == nil {
		if ok {
			to = min(to, begins)
		}
		raw, err := r.open(ctx, partition.Range{From: from, To: to})
		if err != nil {
			return nil, err
		}
		r.raw, r.rawEnd = raw, to
		r.made = build{on: r.s.keep, from: from}
		return nil, nil
	}
	entries, err := w.load()
	if err != nil {
		r.s.forget(w, err)
		return nil, nil
	}
	to = min(to, w.Range.To)
	b := r.batch(entries, from, to)
	r.s.count(w, b)
	r.advance(to)
	if len(b.Records) == 0 {
		return nil, nil
	}
	b.Next = to
	return b, nil
}

// batch makes one of the entries at [from,to).
func (r *reader) batch(entries []entry, from, to partition.Offset) *record.Batch {
	b := &record.Batch{Partition: r.part}
	for i := range entries {
		e := &entries[i]
		if e.offset < from || e.offset >= to {
			continue
		}
		rec := record.Record{Offset: e.offset, TimestampMs: e.ms}
		if e.origin != nil {
			rec.Headers = []record.Header{{Key: sink.OriginHeader, Value: e.origin}}
		}
		b.Records, b.Digests = append(b.Records, rec), append(b.Digests, e.digest)
		b.Bytes += e.digest.Bytes
	}
	return b
}

// advance takes [.., to) off what is wanted.
func (r *reader) advance(to partition.Offset) {
	r.at = max(r.at, to)
	if r.want[0].From = to; r.want[0].Empty() {
		r.want = r.want[1:]
	}
}

// read returns the next batch of the stretch that is being read; nil at its end.
func (r *reader) read(ctx context.Context) (*record.Batch, error) {
	b, err := r.raw.Next(ctx)
	var damaged *source.DamagedError
	switch {
	case err == io.EOF:
		return nil, r.end()
	case errors.As(err, &damaged):
		r.s.damaged = append(r.s.damaged, damaged)
		r.flush(r.last())
		r.made = build{on: r.made.on && damaged.Next >= 0, from: damaged.Next}
		return nil, err
	case err != nil:
		return nil, err
	}
	if b, err = gap.Learn(ctx, r.s.schemas, b, r.s.fields, r.s.name); err != nil {
		return nil, err
	}
	r.see(b)
	return b, nil
}

// see works out the digests of what was read and writes them down.
func (r *reader) see(b *record.Batch) {
	digests := make([]record.Digest, len(b.Records))
	for i := range b.Records {
		rec := &b.Records[i]
		d := match.Digest(&r.hasher, b, i, r.s.fields)
		digests[i] = d
		r.s.readRecords++
		r.s.readBytes += d.Bytes
		if !r.made.on {
			continue
		}
		if len(r.made.entries) == windowRecords {
			r.flush(r.last())
		}
		r.made.entries = append(r.made.entries, entry{offset: rec.Offset, ms: rec.TimestampMs, digest: d, origin: origin(rec)})
	}
	b.Digests = digests
	r.at = max(r.at, b.Next)
}

// origin is a copy of the header that says where a record came from. One that has several counts by the last.
func origin(rec *record.Record) []byte {
	for i := len(rec.Headers) - 1; i >= 0; i-- {
		if rec.Headers[i].Key == sink.OriginHeader {
			return append([]byte{}, rec.Headers[i].Value...)
		}
	}
	return nil
}

// last is the position behind the last record of the window that is being read.
func (r *reader) last() partition.Offset {
	if n := len(r.made.entries); n > 0 {
		return r.made.entries[n-1].offset + 1
	}
	return r.made.from
}

// flush writes the window down up to a position and begins the next.
func (r *reader) flush(to partition.Offset) {
	if !r.made.on || to <= r.made.from {
		return
	}
	r.s.add(partition.Range{From: r.made.from, To: to}, r.made.entries)
	r.made.from, r.made.entries = to, r.made.entries[:0]
}

// end closes the stretch. A log may end before the range does, and says so by its position; a range without an end goes as far as
// records were seen.
func (r *reader) end() error {
	to := r.rawEnd
	if p, ok := r.raw.(interface{ Position() int64 }); ok {
		to = min(to, p.Position())
	}
	if r.rawEnd == math.MaxInt64 {
		to = r.last()
	}
	r.flush(max(to, r.last()))
	err := r.raw.Close()
	r.raw = nil
	r.advance(r.rawEnd)
	return err
}

// Position is where a later read begins.
func (r *reader) Position() int64 { return r.at }

// Close ends the read and writes down what was read of the last window.
func (r *reader) Close() error {
	if r.raw == nil {
		return nil
	}
	r.flush(r.last())
	err := r.raw.Close()
	r.raw = nil
	return err
}

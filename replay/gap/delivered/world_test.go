package delivered_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/gap/delivered"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"
	"backstitch/replay/source"
)

// world is a topic and the archive that a sink made of it, with what the sink did wrong.
type world struct {
	topic   replaytest.Memory
	archive store
	in      delivered.Input
	missing map[int32][]int64 // offsets that must be named
}

// store is an archive in memory: objects with records. It satisfies source.Source.
type store struct {
	objects map[string][]record.Record
	damaged map[string]*source.DamagedError // at its Offset; -1 for the whole
	gone    map[string]bool
	fields  record.Fields
}

func (s *store) Fields() record.Fields { return s.fields }
func (s *store) Close() error          { return nil }

func (s *store) Open(_ context.Context, slice partition.Slice, cursor partition.Offset) (source.Reader, error) {
	key := slice.Objects[0].Key
	if s.gone[key] {
		return nil, fmt.Errorf("%s: %w", key, source.ErrGone)
	}
	r := &storeReader{damage: s.damaged[key]}
	for _, rec := range s.objects[key] {
		if rec.Offset >= cursor && slice.Ranges.Contains(rec.Offset) {
			r.records = append(r.records, rec)
		}
	}
	return r, nil
}

type storeReader struct {
	records []record.Record
	damage  *source.DamagedError
}

func (r *storeReader) Next(context.Context) (*record.Batch, error) {
	if d := r.damage; d != nil && (d.Offset < 0 || len(r.records) == 0 || r.records[0].Offset >= d.Offset) {
		r.damage = nil
		r.records = slices.DeleteFunc(r.records, func(rec record.Record) bool { return d.Next < 0 || rec.Offset < d.Next })
		return nil, d
	}
	if len(r.records) == 0 {
		return nil, io.EOF
	}
	rec := r.records[0]
	r.records = r.records[1:]
	return &record.Batch{Records: []record.Record{rec}, Next: rec.Offset + 1}, nil
}

func (r *storeReader) Close() error { return nil }

const newest = 1_700_000_000_000

// build makes a world: exact archives keep offsets and times, others values alone, numbered as their catalog would.
func build(rng *rand.Rand, exact bool) *world {
	w := &world{
		topic: replaytest.Memory{Records: map[int32][]record.Record{}}, missing: map[int32][]int64{},
		archive: store{objects: map[string][]record.Record{}, damaged: map[string]*source.DamagedError{}, fields: record.AllFields},
	}
	w.in = delivered.Input{
		Topic: "t", Reference: &w.topic, Archive: &w.archive, Exact: exact, Extents: map[int32]gap.Extent{}, Objects: map[int32]gap.Extent{},
		DueTo: map[int32]int64{}, Compacted: rng.IntN(4) == 0,
	}
	if exact {
		w.in.NewestMs = newest
		spans := map[string]partition.Range{}
		w.in.Span = func(o partition.Object) partition.Range { return spans[o.Key] }
		for part := range int32(3) {
			w.part(rng, part, spans)
		}
		return w
	}
	w.archive.fields = record.FieldValue
	for part := range int32(3) {
		w.part(rng, part, map[string]partition.Range{})
	}
	return w
}

// part makes one partition.
func (w *world) part(rng *rand.Rand, part int32, spans map[string]partition.Range) {
	// The log: holes of markers, aborted batches and compaction.
	var all []record.Record
	next := int64(0)
	if rng.IntN(2) == 0 {
		next = int64(rng.IntN(1000))
	}
	for range 20 + rng.IntN(300) {
		if rng.IntN(6) == 0 {
			next += 1 + int64(rng.IntN(5))
		}
		// A producer's clock may be wrong, and a record of 1970 is one.
		ms := newest - 1_000_000 + next
		if rng.IntN(30) == 0 {
			ms = int64(rng.IntN(2))
		}
		all = append(all, record.Record{Offset: next, TimestampMs: ms, Key: []byte{1}, Value: fmt.Appendf(nil, "%d/%d", part, next)})
		next++
	}
	// The newest are not archived yet, and not due.
	young := rng.IntN(10)
	old := all[:len(all)-young]
	for i := len(old); i < len(all); i++ {
		all[i].TimestampMs = newest + 1 + int64(rng.IntN(1000))
	}
	end := all[len(all)-1].Offset + 1
	dueTo := end
	if young > 0 {
		dueTo = all[len(old)].Offset
	}
	w.in.DueTo[part] = dueTo
	start := int64(0)
	if rng.IntN(2) == 0 {
		start = all[rng.IntN(len(old)/2)].Offset + int64(rng.IntN(2))
	}

	written, hidden := map[int64]bool{}, []partition.Range{}
	var objects []partition.Object
	var last int64
	add := func(rs []record.Record, span partition.Range) string {
		key := fmt.Sprintf("p%d/%d-%d", part, span.From, len(w.archive.objects))
		base := span.From
		if !w.in.Exact {
			base = max(base, last)
			rs = slices.Clone(rs)
			for i := range rs { // a file without offsets is counted from its start
				rs[i].Offset = base + int64(i)
			}
			last = base + int64(len(rs))
		}
		w.archive.objects[key] = rs
		spans[key] = span
		objects = append(objects, partition.Object{Key: key, Base: base, Count: int64(len(rs))})
		return key
	}
	mark := func(rs []record.Record) {
		for _, r := range rs {
			written[r.Offset] = true
		}
	}
	for len(old) > 0 {
		n := min(1+rng.IntN(30), len(old))
		chunk := old[:n]
		old = old[n:]
		span := partition.Range{From: chunk[0].Offset, To: chunk[n-1].Offset + 1}
		switch rng.IntN(9) {
		case 0: // S6: no such file
			continue
		case 1: // S5: the file has less than the next one's name says
			short := chunk[:rng.IntN(n+1)]
			if len(short) == 0 {
				continue
			}
			add(short, partition.Range{From: span.From, To: short[len(short)-1].Offset + 1})
			mark(short)
		case 2: // S7: the same file twice
			add(chunk, span)
			add(chunk, span)
			mark(chunk)
		case 3: // S8: fields of a record choose its file, and one of three is lost
			var fan [3][]record.Record
			for _, r := range chunk {
				i := rng.IntN(3)
				fan[i] = append(fan[i], r)
			}
			for i, rs := range fan {
				if len(rs) == 0 || i == 1 {
					continue
				}
				add(rs, partition.Range{From: rs[0].Offset, To: rs[len(rs)-1].Offset + 1})
				mark(rs)
			}
		case 4: // S9: something else lies under the name
			if !w.in.Exact {
				continue
			}
			key := add(chunk, span)
			w.archive.damaged[key] = &source.DamagedError{Object: key, Offset: -1, Next: -1, Code: source.CodeCorrupt, Err: io.ErrUnexpectedEOF}
			hidden = append(hidden, span)
		case 5: // a flipped bit
			if !w.in.Exact {
				continue
			}
			key := add(chunk, span)
			i := rng.IntN(n)
			j := i + 1 + rng.IntN(n-i)
			bad := partition.Range{From: chunk[i].Offset, To: chunk[j-1].Offset + 1}
			w.archive.damaged[key] = &source.DamagedError{Object: key, Offset: bad.From, Next: bad.To, Code: source.CodeCorrupt, Err: io.ErrUnexpectedEOF}
			hidden = append(hidden, bad)
			mark(chunk[:i])
			mark(chunk[j:])
		default:
			add(chunk, span)
			mark(chunk)
		}
	}
	ext := gap.Extent{Objects: objects, Range: partition.Range{}}
	for i, o := range objects {
		r := partition.Range{From: o.Base, To: o.Base + o.Count}
		if w.in.Exact {
			r = spans[o.Key]
		}
		if i == 0 {
			ext.Range = r
		}
		ext.Range = partition.Range{From: min(ext.Range.From, r.From), To: max(ext.Range.To, r.To)}
	}
	slices.SortStableFunc(ext.Objects, func(a, b partition.Object) int { return int(a.Base - b.Base) })
	w.in.Objects[part] = ext
	w.in.Extents[part] = gap.Extent{Range: partition.Range{From: start, To: end}}

	due := dueTo
	if !w.in.Exact {
		due = last
	}
	for _, r := range all {
		if r.Offset < start {
			continue
		}
		w.topic.Records[part] = append(w.topic.Records[part], r)
		if r.Offset >= due || written[r.Offset] || slices.ContainsFunc(hidden, func(h partition.Range) bool { return h.Contains(r.Offset) }) {
			continue
		}
		w.missing[part] = append(w.missing[part], r.Offset)
	}
}

package late

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/sink"
	"backstitch/replay/source"
)

// Begins is the mark before each fill slice of a job, by the slice's number.
type Begins func(slice partition.Slice) Mark

// Over returns src, whose late records say so in fill slices; other slices are as they were. Closing it closes src.
func Over(src source.Source, rule *Rule, begins Begins) source.Source {
	return &marked{src, rule, begins}
}

type marked struct {
	source.Source
	rule   *Rule
	begins Begins
}

// Open starts reading slice. In front of a cursor inside it lie records that decide about those behind, so they are read, too.
func (m *marked) Open(ctx context.Context, slice partition.Slice, cursor partition.Offset) (source.Reader, error) {
	if slice.Kind != partition.SliceFill {
		return m.Source.Open(ctx, slice, cursor)
	}
	r, err := m.Source.Open(ctx, slice, slice.Ranges.Span().From)
	if err != nil {
		return nil, err
	}
	return &reader{Reader: r, mark: m.rule.Watermark(m.begins(slice)), from: cursor}, nil
}

type reader struct {
	source.Reader
	mark *Watermark
	from partition.Offset // records before it are looked at, and not returned
}

// Next is Reader's.
func (r *reader) Next(ctx context.Context) (*record.Batch, error) {
	for {
		b, err := r.Reader.Next(ctx)
		var damaged *source.DamagedError
		if errors.As(err, &damaged) && damaged.Next >= 0 && damaged.Next <= r.from {
			continue // it is set aside
		}
		if err != nil {
			return nil, err
		}
		r.see(b)
		if len(b.Records) > 0 {
			return b, nil
		}
		b.Release()
	}
}

// see marks the late records of b, and leaves out those that lie before where reading was to begin.
func (r *reader) see(b *record.Batch) {
	kept := b.Records[:0]
	for i := range b.Records {
		rec := &b.Records[i]
		lateMs, _ := r.mark.See(rec)
		before := rec.Size()
		if rec.Offset < r.from {
			b.Bytes -= before
			continue
		}
		label(rec, lateMs)
		b.Bytes += rec.Size() - before
		kept = append(kept, *rec)
	}
	b.Records = kept
}

// label lets r say how late it is. What it said before was of another topic.
func label(r *record.Record, lateMs int64) {
	said := func(h record.Header) bool { return h.Key == sink.LateHeader }
	if slices.ContainsFunc(r.Headers, said) {
		r.Headers = slices.DeleteFunc(slices.Clone(r.Headers), said)
	}
	if lateMs > 0 {
		r.Headers = append(slices.Clip(r.Headers), record.Header{Key: sink.LateHeader, Value: strconv.AppendInt(nil, lateMs, 10)})
	}
}

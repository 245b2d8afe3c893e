package ledger

import (
	"context"

	"backstitch/partition"
	"backstitch/replay/sink"
	"backstitch/replay/source"
)

// references is a source that knows what an earlier scan has read of it.
type references struct {
	source.Source
	parts map[int32]*part
}

// Open reads what of slice is not known.
func (s *references) Open(ctx context.Context, slice partition.Slice, cursor partition.Offset) (source.Reader, error) {
	p := s.parts[slice.Partition]
	if p == nil {
		return s.Source.Open(ctx, slice, cursor)
	}
	r := newReader(p.sides[referenceSide], cursor)
	for _, want := range slice.Ranges {
		if want.From = max(want.From, cursor); !want.Empty() {
			r.want = append(r.want, want)
		}
	}
	r.open = func(ctx context.Context, some partition.Range) (stream, error) {
		piece := slice
		piece.Ranges = partition.Ranges{some}
		if side := p.sides[referenceSide]; side.schemas == nil {
			return source.OpenDigests(ctx, s.Source, piece, some.From, side.fields)
		}
		return s.Source.Open(ctx, piece, some.From)
	}
	return r, nil
}

// targets is a target that knows what an earlier scan has read of it.
type targets struct {
	sink.Targets
	parts map[int32]*part
}

// Read reads what of [from,to) is not known.
func (t *targets) Read(ctx context.Context, n int32, from, to int64) (sink.Reader, error) {
	p := t.parts[n]
	if p == nil {
		return t.Targets.Read(ctx, n, from, to)
	}
	r := newReader(p.sides[targetSide], from)
	if from < to {
		r.want = partition.Ranges{{From: from, To: to}}
	}
	r.open = func(ctx context.Context, some partition.Range) (stream, error) {
		return t.Targets.Read(ctx, n, some.From, some.To)
	}
	return r, nil
}

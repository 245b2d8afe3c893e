package recovery

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/source"
	"backstitch/replay/spec"
)

// Sample reads the first records of each partition of the reference that r names, within its range, and gives n of them to see as they
// stand there: no step changes them. damaged hears of places that can not be read. Nothing is written, and the target is not asked.
func Sample(ctx context.Context, r *spec.Recovery, clients Clients, n int64, see func(part int32, rec *record.Record) error, damaged func(*source.DamagedError)) (record.Fields, error) {
	b := &builder{spec: r.WithDefaults()}
	if err := b.prepare(); err != nil {
		return 0, err
	}
	ref, err := clients.Reference(ctx, b.recipe.Source)
	if err != nil {
		return 0, explainEnd(err, CodeNoReference, "the reference "+sourceName(b.recipe.Source)+" is not there",
			"Nothing of that topic is found there. Is the prefix another one?")
	}
	defer ref.Close()
	extents, err := ref.Extents(ctx, b.parts, b.scope.FromMs)
	if err != nil {
		return 0, b.nothing(err)
	}
	if err := b.selected(slices.Sorted(maps.Keys(extents))); err != nil {
		return 0, err
	}
	parts := slices.Sorted(maps.Keys(extents))
	for i, part := range parts {
		e := extents[part]
		slice := partition.Slice{Kind: partition.SliceVerify, Partition: part, Objects: e.Objects}
		if span := b.scope.Clip(e.Range); !span.Empty() {
			slice.Ranges = partition.Ranges{span}
		} else {
			continue
		}
		share := n / int64(len(parts)-i) // what one partition has too few of, the others have more
		read, err := b.first(ctx, ref, slice, share, see, damaged)
		if err != nil {
			return 0, err
		}
		n -= read
	}
	return ref.Fields(), nil
}

// first reads at most n records of slice.
func (b *builder) first(ctx context.Context, ref Reference, slice partition.Slice, n int64, see func(int32, *record.Record) error, damaged func(*source.DamagedError)) (read int64, err error) {
	r, err := ref.Open(ctx, slice, slice.Ranges.Span().From)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	for read < n {
		batch, err := r.Next(ctx)
		var d *source.DamagedError
		switch {
		case err == io.EOF:
			return read, nil
		case errors.As(err, &d):
			damaged(d)
			continue
		case err != nil:
			return read, err
		}
		for i := 0; i < len(batch.Records) && read < n && err == nil; i++ {
			if rec := &batch.Records[i]; b.scope.HasTime(rec.TimestampMs) {
				err = see(slice.Partition, rec)
				read++
			}
		}
		batch.Release()
		if err != nil {
			return read, err
		}
	}
	return read, nil
}

package source

import (
	"context"
	"io"

	"backstitch/partition"
	"backstitch/replay/record"
)

// Each calls f for every record of a slice, in order of position, until it says that no more is wanted or returns an error. The
// record is f's only during the call. A *DamagedError ends it as every other error does.
func Each(ctx context.Context, src Source, slice partition.Slice, f func(*record.Record) (more bool, err error)) error {
	span := slice.Ranges.Span()
	if span.Empty() {
		return nil
	}
	r, err := src.Open(ctx, slice, span.From)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		batch, err := r.Next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		more := true
		for i := range batch.Records {
			if more, err = f(&batch.Records[i]); err != nil || !more {
				break
			}
		}
		batch.Release()
		if err != nil || !more {
			return err
		}
	}
}

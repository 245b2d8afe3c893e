package sink

import (
	"context"
	"io"

	"backstitch/replay/record"
)

// Each calls f for every committed record at offsets [from, to) of a partition, in order, until f returns an error. The record is f's only during
// the call. It is source.Each for the other side.
func Each(ctx context.Context, t Targets, partition int32, from, to int64, f func(*record.Record) error) error {
	r, err := t.Read(ctx, partition, from, to)
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
		for i := 0; i < len(batch.Records) && err == nil; i++ {
			err = f(&batch.Records[i])
		}
		batch.Release()
		if err != nil {
			return err
		}
	}
}

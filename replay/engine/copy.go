package engine

import (
	"context"
	"errors"
	"fmt"
	"io"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/sink"
	"backstitch/replay/source"
	"backstitch/storage/failpoint"
)

// copy handles one batch: leaves out what is quarantined or in the target already, adds the rest to the digest and hands it
// to the sink.
func (e *Engine) copy(ctx context.Context) error {
	if e.drain.Load() {
		e.step = stepCommit
		return nil
	}
	batch, err := e.read(ctx)
	var damaged *source.DamagedError
	switch {
	case err == io.EOF:
		e.eof = true
		e.step = stepCommit
		return nil
	case errors.As(err, &damaged):
		return e.damage(damaged)
	case err != nil:
		return fmt.Errorf("read source: %w", err)
	}
	if err := failpoint.Err(failpoint.EngineRead); err != nil {
		batch.Release()
		return fmt.Errorf("read source: %w", err)
	}
	next := batch.Next
	if err := e.sift(ctx, batch); err != nil {
		batch.Release()
		return err
	}
	records, bytes := int64(len(batch.Records)), batch.Bytes
	if records == 0 {
		batch.Release()
	} else if err := e.writer.Write(ctx, batch); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	e.next.Cursor = max(e.next.Cursor, next)
	e.next.Records += records
	e.next.Bytes += bytes
	e.pending.records += records
	e.pending.bytes += bytes
	if e.pending.records >= e.cfg.CommitRecords || e.pending.bytes >= e.pace.bytes ||
		e.ends.Now().Sub(e.pending.since) >= e.every {
		e.step = stepCommit
	}
	return nil
}

// read returns the next batch, or as much of it as the next commit may hold: sources make batches as large as they like.
func (e *Engine) read(ctx context.Context) (*record.Batch, error) {
	batch := e.rest
	e.rest = nil
	if batch == nil {
		var err error
		if batch, err = e.ahead.Next(ctx); err != nil {
			return nil, err
		}
		e.ends.Counters.ReadRecords.Add(int64(len(batch.Records)))
		e.ends.Counters.ReadBytes.Add(batch.Bytes)
	}
	if room := e.cfg.CommitRecords - e.pending.records; int64(len(batch.Records)) > room {
		front := batch.Split(int(room))
		e.rest, batch = batch, front
	}
	return batch, nil
}

// sift takes out of batch what is not to be written and adds the rest to the digest. Contents are hashed only where they decide
// something, that is when others have written into the target. The digest says which records were written; that they arrived as
// they are is proved by reading them back (replay/verify), and a hash from this side of the wire would add nothing to it.
func (e *Engine) sift(ctx context.Context, batch *record.Batch) (err error) {
	if len(e.rejected) > 0 {
		e.leaveOut(batch)
	}
	sink.Labelled(ctx, sink.LabelProof, func(context.Context) {
		if e.present.Len() == 0 {
			for i := range batch.Records {
				r := &batch.Records[i]
				e.sum.AddPlace(r.Offset, r.Size())
			}
			return
		}
		err = e.suppress(batch)
	})
	return err
}

func (e *Engine) suppress(batch *record.Batch) error {
	keep := batch.Records[:0]
	for i := range batch.Records {
		r := &batch.Records[i]
		hash := e.hasher.Hash(r, e.fields)
		target, there, err := e.present.Take(r.Offset, hash)
		if err != nil {
			return fmt.Errorf("look up record %d: %w", r.Offset, err)
		}
		if there {
			e.next.Suppressed++
			e.next.Consumed = append(e.next.Consumed, partition.Range{From: target, To: target + 1})
			batch.Bytes -= r.Size()
			continue
		}
		e.sum.AddPlace(r.Offset, r.Size())
		keep = append(keep, *r)
	}
	batch.Records = keep
	e.next.Consumed = partition.Normalize(e.next.Consumed)
	return nil
}

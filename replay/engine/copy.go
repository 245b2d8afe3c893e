package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

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
	began := e.spans.now()
	batch, wait, err := e.read(ctx)
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
	case wait > 0:
		return e.hold(ctx, wait)
	}
	if err := failpoint.Err(failpoint.EngineRead); err != nil {
		batch.Release()
		return fmt.Errorf("read source: %w", err)
	}
	e.spans.read(began, batch)
	next, taken, takenBytes := batch.Next, int64(len(batch.Records)), batch.Bytes
	if err := e.sift(ctx, batch); err != nil {
		batch.Release()
		return err
	}
	records, bytes := int64(len(batch.Records)), batch.Bytes
	e.ends.Lane.GiveBack(taken-records, takenBytes-bytes)
	began = e.spans.now()
	if records == 0 {
		batch.Release()
	} else if err := e.writer.Write(ctx, batch); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	e.spans.produced(began)
	e.next.Cursor = max(e.next.Cursor, next)
	e.next.Records += records
	e.next.Bytes += bytes
	e.pending.records += records
	e.pending.bytes += bytes
	if e.pending.records >= e.cfg.CommitRecords || e.pending.bytes >= e.pace.bytes || !e.ends.Now().Before(e.pending.due) {
		e.step = stepCommit
	}
	return nil
}

// read returns the next batch, or as much of it as the next commit may hold and budgets allow: sources make batches as large as they like.
// When budgets allow nothing it says how long to wait, and keeps the batch.
func (e *Engine) read(ctx context.Context) (*record.Batch, time.Duration, error) {
	batch := e.rest
	e.rest = nil
	if batch == nil {
		var err error
		if batch, err = e.ahead.Next(ctx); err != nil {
			return nil, 0, err
		}
		e.ends.Counters.ReadRecords.Add(int64(len(batch.Records)))
		e.ends.Counters.ReadBytes.Add(batch.Bytes)
	}
	whole := len(batch.Records)
	if whole == 0 {
		return batch, 0, nil
	}
	n, wait := e.ends.Lane.Take(batch.Records[:min(int64(whole), e.cfg.CommitRecords-e.pending.records)])
	switch {
	case n == 0:
		e.rest = batch
		return nil, wait, nil
	case n < whole:
		front := batch.Split(n)
		e.rest, batch = batch, front
	}
	return batch, 0, nil
}

// hold waits for a budget. What would be due by then is committed first: a transaction that is open while nothing may be written runs into
// its timeout, and what was written is worth more once it is durable.
func (e *Engine) hold(ctx context.Context, wait time.Duration) error {
	if e.pending.records > 0 && !e.ends.Now().Add(wait).Before(e.pending.due) {
		e.step = stepCommit
		return nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for a budget: %w", context.Cause(ctx))
	}
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

package objects

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"

	"backstitch/partition"
	"backstitch/replay/bucket"
	"backstitch/replay/record"
	"backstitch/replay/sink"
	"backstitch/storage/failpoint"
)

// writer writes one slice. It holds the records of one commit as they are going to be stored.
type writer struct {
	s     *Sink
	log   log
	slice partition.Slice
	epoch partition.Epoch

	number int64 // of the last commit that it knows
	to     int64 // offset after the last record up to there
	void   []partition.JobID
	enc    encoder // of the records since
	count  int64
	dead   error
}

var errClosed = errors.New("writer is closed")

// Write renders batch and releases it.
func (w *writer) Write(_ context.Context, batch *record.Batch) error {
	defer batch.Release()
	if w.dead != nil {
		return w.dead
	}
	for i := range batch.Records {
		r := &batch.Records[i]
		var own []record.Header
		if w.s.cfg.OriginHeaders {
			origin := w.s.cfg.SourceTopic + "/" + strconv.Itoa(int(w.slice.Partition)) + "/" + strconv.FormatInt(r.Offset, 10)
			own = []record.Header{{Key: sink.OriginHeader, Value: []byte(origin)}, {Key: sink.JobHeader, Value: []byte(w.slice.ID.Job)}}
		}
		if w.dead = w.enc.add(w.to+w.count, r, own); w.dead != nil {
			return w.dead
		}
		w.count++
	}
	if n := w.enc.size(); int64(n) > w.s.cfg.BufferBytes {
		w.dead = fmt.Errorf("%d records since the last commit take %d bytes, %d are allowed: commit more often", w.count, n, w.s.cfg.BufferBytes)
	}
	return w.dead
}

// Commit makes everything since the last Commit visible together with p.
func (w *writer) Commit(ctx context.Context, p sink.Progress) error {
	if w.dead != nil {
		return w.dead
	}
	err := w.commit(ctx, p)
	switch {
	case errors.Is(err, bucket.ErrExists):
		err = fmt.Errorf("commit %d of %s is there already: %w", w.number+1, w.log.dir, sink.ErrFenced)
	case err != nil && !errors.Is(err, sink.ErrProgress):
		// The commit may be there although nobody said so.
		err = fmt.Errorf("commit %d of %s: %w: %w", w.number+1, w.log.dir, err, sink.ErrUnknownOutcome)
	}
	w.count, w.dead = 0, err
	return err
}

func (w *writer) commit(ctx context.Context, p sink.Progress) error {
	if w.count == 0 {
		return w.append(ctx, entry{}, p)
	}
	bodies, err := w.enc.finish()
	if err != nil {
		return err
	}
	e := entry{From: w.to, To: w.to + w.count}
	for i, body := range bodies {
		o, err := w.put(ctx, body)
		if err != nil {
			return err
		}
		if i == 0 {
			e.object = o
		} else {
			e.More = append(e.More, o)
		}
	}
	failpoint.Reach(failpoint.ObjectsDataWritten)
	return w.append(ctx, e, p)
}

// put stores a data object of the next commit.
func (w *writer) put(ctx context.Context, body []byte) (object, error) {
	sum := checksum(body)
	// The checksum tells the objects of two writers of one number apart, and those of one commit.
	o := object{Data: fmt.Sprintf("%020d-%s.%s", w.number+1, sum[:16], w.s.cfg.ending()), Size: int64(len(body)), Sum: sum}
	// An object of that name with that content is what a writer left that died before its commit.
	if _, err := w.s.b.PutNew(ctx, path.Join(w.log.dir, o.Data), body); err != nil && !errors.Is(err, bucket.ErrExists) {
		return o, err
	}
	return o, nil
}

// Close gives up what is not committed.
func (w *writer) Close() error {
	if w.dead == nil {
		w.dead = errClosed
	}
	w.enc = nil
	return nil
}

package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/sink"
	"backstitch/storage/failpoint"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/semaphore"
)

// How records are handed to the client. Two traps: the client overwrites a zero time with the current one, so the one
// timestamp that is Go's zero time is refused here; and a batch that the brokers refuse fails all its records, so that one
// poison record looks like hundreds. The writer that opens the lane next sends the suspects one by one.

// writer writes one slice in consecutive transactions.
type writer struct {
	// Immutable after Open.
	s      *Sink
	cl     *kgo.Client
	id     string
	lane   *lane
	slice  partition.Slice
	epoch  partition.Epoch
	prefix string // of origin headers
	job    []byte
	room   *semaphore.Weighted // bytes in flight
	ends   *ends
	pid    int64 // producer id and epoch: they never change in the life of a writer
	pepoch int16

	// Owned by the goroutine that writes.
	written int64 // records since the last commit
	closed  bool

	// Shared with the client's goroutine that calls promises.
	spans   spans // of the records of this transaction
	failed  atomic.Bool
	mu      sync.Mutex
	failure failure
}

// failure is what went wrong first, and where.
type failure struct {
	err      error
	from, to partition.Offset // reference positions of the records that failed in the same way
}

// inflight is one batch on its way.
type inflight struct {
	w       *writer
	batch   *record.Batch
	recs    []kgo.Record
	headers []kgo.RecordHeader
	origins []byte
	held    int64
	left    atomic.Int64
}

// recordBytes is about what a record in flight takes beside its own bytes: the client's record and its bookkeeping, our two
// headers, and the origin. Records of a hundred bytes would otherwise take five times the memory that was given.
const recordBytes = 448

var flights = sync.Pool{New: func() any { return new(inflight) }}

// Write hands batch to the client. It blocks while too much is in flight.
func (w *writer) Write(ctx context.Context, batch *record.Batch) error {
	if err := w.err(); err != nil {
		batch.Release()
		return err
	}
	f := flights.Get().(*inflight)
	f.held = min(max(batch.Footprint()+int64(len(batch.Records))*recordBytes, 1), w.s.cfg.InFlightBytes)
	if err := w.acquire(ctx, f.held); err != nil {
		batch.Release()
		return err
	}
	f.w, f.batch = w, batch
	f.left.Store(int64(len(batch.Records)) + 1) // one is ours, so that the flight outlives the loop
	defer f.done()
	if err := f.fill(); err != nil {
		f.left.Add(-int64(len(batch.Records)))
		return err
	}
	promise := f.promise
	failpoint.Reach(failpoint.KafkaProduced)
	suspects := w.lane.suspects()
	for i := range f.recs {
		careful := suspects.Contains(batch.Records[i].Offset)
		if careful {
			if err := w.cl.Flush(ctx); err != nil {
				f.left.Add(-int64(len(f.recs) - i))
				return fmt.Errorf("flush: %w", err)
			}
		}
		w.cl.Produce(ctx, &f.recs[i], promise)
		w.written++
		if !careful {
			continue
		}
		err := w.cl.Flush(ctx)
		if err == nil {
			err = w.err()
		}
		if err != nil {
			f.left.Add(-int64(len(f.recs) - i - 1))
			return err
		}
	}
	return nil
}

// acquire waits for room, but not for longer than the brokers keep the transaction.
func (w *writer) acquire(ctx context.Context, n int64) error {
	if w.room.TryAcquire(n) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, w.s.cfg.TransactionTimeout)
	defer cancel()
	if err := w.room.Acquire(ctx, n); err != nil {
		return fmt.Errorf("%d bytes are in flight and none is acknowledged: %w", w.s.cfg.InFlightBytes, err)
	}
	return nil
}

// fill turns the batch's records into the client's.
func (f *inflight) fill() error {
	w, in := f.w, f.batch.Records
	if cap(f.recs) < len(in) {
		f.recs = make([]kgo.Record, len(in))
	}
	f.recs = f.recs[:len(in)]
	own := 0
	if w.s.cfg.OriginHeaders {
		own = 2
	}
	n := own * len(in)
	for i := range in {
		n += len(in[i].Headers)
	}
	if cap(f.headers) < n {
		f.headers = make([]kgo.RecordHeader, 0, n)
	}
	// An origin is its prefix and up to 19 digits. Room for all is made at once, because headers point into it.
	if size := own * len(in) * (len(w.prefix) + 20); cap(f.origins) < size {
		f.origins = make([]byte, 0, size)
	}
	var undated time.Time // the client fills in a zero time
	if w.s.cfg.Undated && w.s.cfg.Now != nil {
		undated = w.s.cfg.Now()
	}
	hs, origins := f.headers[:0], f.origins[:0]
	for i := range in {
		r := &in[i]
		at := undated
		if !w.s.cfg.Undated {
			at = time.UnixMilli(r.TimestampMs)
		}
		if at.IsZero() && !w.s.cfg.Undated {
			err := &sink.RejectedError{Offset: r.Offset, Code: sink.CodeBadTimestamp, Err: fmt.Errorf("timestamp %d can not be sent", r.TimestampMs)}
			w.fail(err, r.Offset)
			return err
		}
		begin := len(hs)
		for j := range r.Headers {
			hs = append(hs, kgo.RecordHeader{Key: r.Headers[j].Key, Value: r.Headers[j].Value})
		}
		if own > 0 {
			from := len(origins)
			origins = strconv.AppendInt(append(origins, w.prefix...), r.Offset, 10)
			hs = append(hs, kgo.RecordHeader{Key: sink.OriginHeader, Value: origins[from:len(origins):len(origins)]},
				kgo.RecordHeader{Key: sink.JobHeader, Value: w.job})
		}
		f.recs[i] = kgo.Record{
			Key: r.Key, Value: r.Value, Headers: hs[begin:len(hs):len(hs)],
			Timestamp: at, Topic: w.s.cfg.Topic, Partition: w.place(r),
		}
	}
	f.headers, f.origins = hs, origins
	return nil
}

// place is the partition that r goes to.
func (w *writer) place(r *record.Record) int32 {
	if rule := w.s.cfg.Rule; rule != nil {
		return rule.Of(w.slice.Partition, r)
	}
	return w.slice.Partition
}

// promise is called by the client for each record, in order.
func (f *inflight) promise(r *kgo.Record, err error) {
	w := f.w
	if err != nil {
		w.fail(err, f.position(r))
	} else {
		w.spans.add(r.Partition, r.Offset)
	}
	f.done()
}

// position finds the reference position of r. It is only asked after an error.
func (f *inflight) position(r *kgo.Record) partition.Offset {
	for i := range f.recs {
		if &f.recs[i] == r {
			return f.batch.Records[i].Offset
		}
	}
	return -1
}

// done ends one use. After the last one the batch's memory is given back.
func (f *inflight) done() {
	if f.left.Add(-1) > 0 {
		return
	}
	f.w.room.Release(f.held)
	f.batch.Release()
	clear(f.recs)
	clear(f.headers)
	f.w, f.batch, f.recs, f.headers, f.origins = nil, nil, f.recs[:0], f.headers[:0], f.origins[:0]
	flights.Put(f)
}

func (w *writer) fail(err error, at partition.Offset) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failure.err == nil {
		w.failure = failure{err: err, from: at, to: at + 1}
	}
	// Records that fail after the first one because of it, the client being stopped, are not suspects.
	if first, _ := rejection(w.failure.err); first != "" {
		if code, _ := rejection(err); code == first {
			w.failure.from, w.failure.to = min(w.failure.from, at), max(w.failure.to, at+1)
		}
	}
	w.failed.Store(true)
}

// err is what became of records that were handed on before.
func (w *writer) err() error {
	if w.closed {
		return errors.New("writer is closed")
	}
	if !w.failed.Load() {
		return nil
	}
	w.mu.Lock()
	f := w.failure
	w.mu.Unlock()
	var rejected *sink.RejectedError
	if errors.As(f.err, &rejected) {
		return f.err
	}
	code, ok := rejection(f.err)
	if !ok {
		return classify("produce", f.err)
	}
	if f.to == f.from+1 {
		return &sink.RejectedError{Offset: f.from, Code: code, Err: f.err}
	}
	w.lane.suspect(partition.Range{From: f.from, To: f.to})
	return fmt.Errorf("%w: one of the records at [%d,%d) is refused: %w", sink.ErrUnknownOutcome, f.from, f.to, f.err)
}

// abortTimeout bounds how long Close tries to give up a transaction in good order. Brokers do it anyway when the lane is
// opened again, or after the transaction timeout; until then readers of committed data wait.
const abortTimeout = 2 * time.Second

// undecided says whether the transaction is as it was begun: nothing has failed, or only records that the brokers refused. Nobody
// may ever open the lane of those again, when their refusal fails the job. After every other failure the brokers may have ended it
// already, or be about to.
func (w *writer) undecided() bool {
	if !w.failed.Load() {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var rejected *sink.RejectedError
	_, refused := rejection(w.failure.err)
	return refused || errors.As(w.failure.err, &rejected)
}

// Close gives up what is not committed.
func (w *writer) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	if w.written > 0 && w.undecided() {
		ctx, cancel := context.WithTimeout(context.Background(), abortTimeout)
		defer cancel()
		if w.cl.AbortBufferedRecords(ctx) == nil {
			// Best effort, see abortTimeout.
			_ = w.endWritten(ctx, kgo.TryAbort)
		}
	}
	w.cl.Close()
	return nil
}

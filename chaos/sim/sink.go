package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/sink"
)

// The client's side of the target, with the same steps in the same order as the Kafka sink: fence, ask for the stamp, write, add
// the stamp to the transaction, end it. Each step is a request with a fate of its own.

type fate uint8

const (
	fateOK      fate = iota
	fateRefused      // not processed
	fateLost         // processed, and the answer was lost
	fateFenced       // the broker says that somebody else has the id, and gives the transaction up
)

var errBroker = errors.New("the broker does not answer")

// target is the target as one run of a node reaches it. It is a sink.Sink and a sink.Targets.
type target struct {
	w    *World
	n    *node
	life uint64
	last int64 // offset of the newest record that this run committed, -1 before
}

func (t *target) Close() error          { return nil }
func (t *target) Fields() record.Fields { return record.AllFields }

// alive says whether the process that has this end still is.
func (t *target) alive() bool { return t.n.up && t.n.life == t.life && !t.w.closed }

func (t *target) request() fate { return t.w.hurt.broker(t.n.i) }

func (t *target) Open(_ context.Context, slice partition.Slice, epoch partition.Epoch) (sink.Writer, sink.Progress, error) {
	b, lane := t.w.broker, slice.Lane()
	f := t.request()
	if f == fateRefused {
		return nil, sink.Progress{}, errBroker
	}
	c := b.init(lane)
	t.w.note("opens", t.n.i, int64(slice.ID.N), int64(epoch), int64(c.pepoch))
	w := &writer{t: t, lane: lane, slice: slice, epoch: epoch, c: c, pepoch: c.pepoch}
	if f != fateOK || t.request() != fateOK {
		return nil, sink.Progress{}, errBroker
	}
	p := sink.Begin(slice)
	if c.stamp != "" {
		s, err := sink.ParseStamp(c.stamp)
		if err != nil {
			return nil, sink.Progress{}, err
		}
		if p, err = s.Resume(slice, epoch); err != nil {
			return nil, sink.Progress{}, err
		}
	}
	if p.Cursor >= slice.Ranges.Span().To {
		t.last = b.parts[slice.Partition].next - 1 // an owner before wrote the end, and nobody knows where that lies
	}
	return w, p, nil
}

type writer struct {
	t      *target
	lane   partition.Lane
	slice  partition.Slice
	epoch  partition.Epoch
	c      *coordinator
	pepoch int
	txn    *txn
	last   int64
	dead   error
}

// ready says whether the producer epoch is still the newest, and opens a transaction.
func (w *writer) ready() error {
	switch {
	case w.dead != nil:
		return w.dead
	case w.c.pepoch != w.pepoch, w.txn != nil && w.txn.state != txnOpen:
		w.dead = fmt.Errorf("producer epoch %d, newest is %d: %w", w.pepoch, w.c.pepoch, sink.ErrFenced)
		return w.dead
	}
	if w.txn == nil {
		w.txn = w.t.w.broker.begin(w.c)
		w.last = -1
	}
	return nil
}

func (w *writer) fail(err error) error {
	w.dead = err
	return err
}

// fence is a broker that gives the transaction up by itself.
func (w *writer) fence() error {
	if w.c.open == w.txn && w.txn != nil {
		w.t.w.broker.end(w.txn, txnAborted)
		w.c.open = nil
	}
	if w.c.pepoch == w.pepoch {
		w.c.pepoch++
	}
	return w.fail(fmt.Errorf("the broker gave up: %w", sink.ErrFenced))
}

func (w *writer) Write(_ context.Context, b *record.Batch) error {
	defer b.Release()
	if err := w.ready(); err != nil {
		return err
	}
	f := w.t.request()
	switch f {
	case fateRefused:
		return w.fail(errBroker)
	case fateFenced:
		return w.fence()
	}
	t := w.t.w.ref.parts[w.slice.Partition]
	for i := range b.Records {
		rec := b.Records[i]
		if t.poison[rec.Offset] {
			return w.fail(&sink.RejectedError{Offset: rec.Offset, Code: sink.CodeTooLarge, Err: errors.New("too large")})
		}
		origin := rec.Offset
		text := content(&rec)
		rec.Headers = append(rec.Headers[:len(rec.Headers):len(rec.Headers)],
			record.Header{Key: sink.OriginHeader, Value: []byte(topic + "/" + strconv.Itoa(int(w.slice.Partition)) + "/" + strconv.FormatInt(origin, 10))},
			record.Header{Key: sink.JobHeader, Value: []byte(w.lane.Job)})
		w.last = w.t.w.broker.write(w.txn, w.slice.Partition, cell{rec: rec, text: text, pid: w.c.pid, job: w.lane.Job, origin: origin})
	}
	if f == fateLost {
		return w.fail(errBroker)
	}
	return nil
}

func (w *writer) Commit(_ context.Context, p sink.Progress) error {
	if err := w.ready(); err != nil {
		return err
	}
	stamp := sink.Stamp{Slice: w.slice.ID.N, Epoch: w.epoch, Progress: p}
	text, err := stamp.Encode()
	if err != nil {
		return w.fail(err)
	}
	switch w.t.request() { // the stamp
	case fateRefused, fateLost:
		return w.fail(errBroker)
	case fateFenced:
		return w.fence()
	}
	b, txn := w.t.w.broker, w.txn
	end := func() bool { return b.commit(w.lane, w.c, w.pepoch, txn, stamp, text) }
	switch w.t.request() { // the end
	case fateFenced:
		return w.fence()
	case fateLost:
		w.t.w.events.Ambiguous++
		end()
		return w.fail(fmt.Errorf("the answer was lost: %w", sink.ErrUnknownOutcome))
	case fateRefused:
		w.t.w.events.Ambiguous++
		if w.t.w.r.IntN(3) == 0 { // it is still on its way
			b.w.after(w.t.w.between(time.Millisecond, 3*time.Second), func() {
				if end() {
					b.w.events.LateCommits++
				}
			})
		}
		return w.fail(fmt.Errorf("no answer: %w", sink.ErrUnknownOutcome))
	}
	if !end() {
		return w.fail(fmt.Errorf("end: %w", sink.ErrFenced))
	}
	w.txn, w.t.last = nil, max(w.t.last, w.last)
	return nil
}

func (w *writer) Recent(_ context.Context, from int64) (sink.Reader, error) {
	return w.t.read(w.slice.Partition, from, 1<<62, w.c.pid)
}

// Close gives up what is not committed, if the process is there to do it.
func (w *writer) Close() error {
	if w.dead == nil && w.txn != nil && w.t.alive() && w.c.open == w.txn && w.c.pepoch == w.pepoch && w.t.request() == fateOK {
		w.t.w.broker.end(w.txn, txnAborted)
		w.c.open = nil
	}
	w.dead = errors.New("closed")
	return nil
}

// Bounds, Settled and Read are sink.Targets.
func (t *target) Bounds(_ context.Context, part int32) (start, end int64, err error) {
	if t.request() != fateOK {
		return 0, 0, errBroker
	}
	p := t.w.broker.parts[part]
	return p.start, p.stable(), nil
}

// Settled can not wait here: what is not decided is asked for again by running the slice again.
func (t *target) Settled(_ context.Context, part int32) error {
	if t.request() != fateOK {
		return errBroker
	}
	if p := t.w.broker.parts[part]; p.stable() < p.next {
		return fmt.Errorf("a transaction is open at %d: %w", p.stable(), errBroker)
	}
	return nil
}

func (t *target) Read(_ context.Context, part int32, from, to int64) (sink.Reader, error) {
	return t.read(part, from, to, 0)
}

func (t *target) read(part int32, from, to, not int64) (sink.Reader, error) {
	if t.request() != fateOK {
		return nil, errBroker
	}
	p := t.w.broker.parts[part]
	end := min(to, p.stable())
	r := &targetReader{part: part, cells: p.committed(from, to, not), next: max(from, p.start), end: max(end, from)}
	return r, nil
}

type targetReader struct {
	part  int32
	cells []*cell
	next  int64
	end   int64
}

func (r *targetReader) Next(context.Context) (*record.Batch, error) {
	if len(r.cells) == 0 {
		r.next = max(r.next, r.end)
		return nil, io.EOF
	}
	n := min(8, len(r.cells))
	b := &record.Batch{Partition: r.part, Records: make([]record.Record, 0, n)}
	for _, c := range r.cells[:n] {
		b.Records = append(b.Records, c.rec)
		b.Bytes += c.rec.Size()
		b.Next = c.offset + 1
	}
	r.cells, r.next = r.cells[n:], b.Next
	return b, nil
}

func (r *targetReader) Position() int64 { return r.next }
func (r *targetReader) Close() error    { return nil }

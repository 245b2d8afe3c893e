package kafka

import (
	"context"
	"fmt"
	"io"
	"math"

	"backstitch/partition"
	"backstitch/replay/klog"
	"backstitch/replay/record"
	"backstitch/replay/sink"
)

// Reading the target back: all of a range, or what others than one lane wrote. The latter tells whole batches apart by their
// producer id, without decoding them.

// Recent reads what others committed at or after from. Under a rule the topic is the job's alone: what a partition of the reference has in it
// lies among everything else, and each lane would read all that the others write.
func (w *writer) Recent(ctx context.Context, from int64) (sink.Reader, error) {
	if w.s.cfg.Rule != nil {
		return &reader{s: w.s, next: from, end: from}, nil
	}
	return w.s.read(ctx, w.slice.Partition, from, math.MaxInt64, w.lane)
}

// Bounds returns the partition's log start and last stable offset.
func (s *Sink) Bounds(ctx context.Context, part int32) (start, end int64, err error) {
	mark, err := s.watermark(ctx, part)
	return mark.LogStart, mark.LSO, err
}

// AllBounds returns those of all partitions.
func (s *Sink) AllBounds(ctx context.Context) ([]sink.Bound, error) {
	t, err := s.watermarks(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]sink.Bound, 0, len(t.Partitions))
	for _, n := range t.Numbers() {
		out = append(out, sink.Bound{Start: t.Partitions[n].LogStart, End: t.Partitions[n].LSO})
	}
	return out, nil
}

// Settled waits until the last stable offset is where the end was, for as long as the brokers let one of our own transactions live.
func (s *Sink) Settled(ctx context.Context, part int32) error {
	mark, err := s.watermark(ctx, part)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.TransactionTimeout)
	defer cancel()
	for end := mark.End; mark.LSO < end; {
		if err := pause(ctx); err != nil {
			return fmt.Errorf("wait for the transaction that is open at offset %d of %s/%d: %w", mark.LSO, s.cfg.Topic, part, err)
		}
		if mark, err = s.watermark(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// Read reads [from, to) of part.
func (s *Sink) Read(ctx context.Context, part int32, from, to int64) (sink.Reader, error) {
	return s.read(ctx, part, from, to, nil)
}

// watermarks are those of the topic that the plan saw.
func (s *Sink) watermarks(ctx context.Context) (*klog.Topic, error) {
	t, err := klog.Watermarks(ctx, s.cl, s.cfg.Topic)
	if err != nil {
		return nil, classify("read target", err)
	}
	if s.cfg.TopicID != (klog.TopicID{}) && t.ID != s.cfg.TopicID {
		return nil, fmt.Errorf("topic %s has id %s, the plan saw %s: %w", s.cfg.Topic, t.ID, s.cfg.TopicID, sink.ErrRecreated)
	}
	return t, nil
}

func (s *Sink) watermark(ctx context.Context, part int32) (klog.Watermark, error) {
	t, err := s.watermarks(ctx)
	if err != nil {
		return klog.Watermark{}, err
	}
	mark, ok := t.Partitions[part]
	if !ok {
		return klog.Watermark{}, fmt.Errorf("topic %s has no partition %d: %w", s.cfg.Topic, part, sink.ErrNoTarget)
	}
	return mark, nil
}

// read reads [from, to), without the batches of not when that is not nil. What retention took away is passed over: it is not
// in the target any more.
func (s *Sink) read(ctx context.Context, part int32, from, to int64, not *lane) (sink.Reader, error) {
	mark, err := s.watermark(ctx, part)
	if err != nil {
		return nil, err
	}
	r := &reader{s: s, part: part, not: not, next: max(from, mark.LogStart), end: min(to, mark.LSO)}
	return r, nil
}

// reader is used by one goroutine.
type reader struct {
	s    *Sink
	part int32
	not  *lane // whose batches and runs are left out; nil for none
	next int64
	end  int64

	log  *klog.Reader // of the stretch up to the next run, nil between two
	stop int64        // end of that stretch

	buf   *record.Buffer // of the answer that is being decoded, nil between two
	todo  []klog.Batch
	after int64 // next once todo is empty
}

// Next returns the next batch.
func (r *reader) Next(ctx context.Context) (*record.Batch, error) {
	for {
		if r.log == nil {
			if r.not != nil {
				r.next = r.not.skip(r.next)
			}
			if r.next >= r.end {
				r.next = max(r.next, r.end)
				return nil, io.EOF
			}
			if err := r.stretch(ctx); err != nil {
				return nil, err
			}
		}
		if r.buf == nil {
			chunk, err := r.log.Next(ctx)
			switch {
			case err == io.EOF:
				r.next, r.log = r.stop, nil
				continue
			case err != nil:
				return nil, classify("read target", err)
			}
			r.buf, r.todo, r.after = record.WrapBuffer(chunk.Raw), chunk.Batches, min(chunk.Next, r.stop)
		}
		batch, err := r.decode()
		if err != nil || batch != nil {
			return batch, err
		}
	}
}

// stretch opens the log up to where the next run of the lane's own records begins.
func (r *reader) stretch(ctx context.Context) (err error) {
	r.stop = r.end
	if r.not != nil {
		r.stop = r.not.before(r.next, r.end)
	}
	r.log, err = klog.Open(ctx, r.s.cl, klog.Options{
		Topic: r.s.cfg.Topic, ID: r.s.cfg.TopicID, Partition: r.part, Range: partition.Range{From: r.next, To: r.stop}, MaxBytes: r.s.fetchBytes(),
	})
	if err != nil {
		return classify("read target", err)
	}
	return nil
}

// sideBySide is what the answers take together when all partitions are read at a time, as they are under a rule.
const (
	sideBySide    = 32 << 20
	minFetchBytes = 64 << 10
)

// fetchBytes bounds one answer, 0 leaves it to the reader of logs.
func (s *Sink) fetchBytes() int32 {
	if s.cfg.Rule == nil {
		return 0
	}
	return min(max(sideBySide/s.cfg.Rule.Partitions, minFetchBytes), 4<<20)
}

// batchBytes and batchRecords are where a batch is full. An answer holds many times as much once it is decompressed, and who compares
// two sides has the memory of a batch of each, and waits with one side for what the other is ahead.
const (
	batchBytes   = 1 << 20
	batchRecords = 16 << 10
)

// decode makes a batch of the next part of the answer, nil when nothing of it is wanted.
func (r *reader) decode() (*record.Batch, error) {
	slab := record.NewSlab()
	want := partition.Ranges{{From: r.next, To: r.stop}}
	for len(r.todo) > 0 && slab.Size() < batchBytes && len(slab.Records) < batchRecords {
		b := &r.todo[0]
		if r.not == nil || !r.not.owns(b.Header.ProducerID) {
			if err := r.s.dec.Decode(slab, r.buf, b.Raw, &b.Header, r.next, want); err != nil {
				slab.Drop()
				return nil, fmt.Errorf("read target partition %d: %w", r.part, err)
			}
		}
		r.next = max(r.next, min(b.Header.LastOffset()+1, r.stop))
		r.todo = r.todo[1:]
	}
	if len(r.todo) == 0 {
		r.next = max(r.next, r.after)
		r.drop()
	}
	if len(slab.Records) == 0 {
		slab.Drop()
		return nil, nil
	}
	return slab.Batch(r.part, r.next), nil
}

func (r *reader) drop() {
	if r.buf != nil {
		r.buf.Done()
		r.buf, r.todo = nil, nil
	}
}

// Position is where a later read begins.
func (r *reader) Position() int64 { return r.next }

// Close gives up what was read and not returned. A reader holds no goroutine and no connection of its own.
func (r *reader) Close() error {
	r.drop()
	return nil
}

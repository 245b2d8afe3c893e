package klog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"backstitch/partition"
	"backstitch/replay/kbatch"
	"backstitch/replay/source"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// How one partition is fetched: one request in flight, to the partition's leader, at the offset after the last batch seen.
// The trap: the next offset is the batch's base offset + last offset delta + 1. The last record's offset + 1 is another
// number after compaction, and a reader that uses it fetches the same batch for ever.

// Batch is one raw batch of committed data.
type Batch struct {
	Header kbatch.Header
	Raw    []byte // the whole batch, Header.Length bytes
}

// Chunk is what one fetch returned.
type Chunk struct {
	Raw     []byte  // everything that Batches point into; nothing else does
	Batches []Batch // committed data only, by offset; may be empty
	Next    int64   // every committed batch that begins below it is in this or an earlier chunk
}

// Options of a Reader.
type Options struct {
	Topic     string
	ID        TopicID // zero takes whatever id the topic has
	Partition int32
	Range     partition.Range // To may be math.MaxInt64 for the last stable offset
	MaxBytes  int32           // of one fetch; a batch larger than that still comes whole. 0 means 4 MiB
}

// defaultMaxBytes is what one fetch returns at most.
const defaultMaxBytes = 4 << 20

// Reader reads one range of one partition. It is used by one goroutine.
type Reader struct {
	cl   *kgo.Client
	opt  Options
	id   TopicID
	mark Watermark
	next int64
	end  int64
}

// Open finds the partition and checks that the range is still there: source.ErrRecreated, source.ErrRetention,
// ErrUnknownTopic. A range that begins before the log does gives ErrRetention; say so by starting at the log's start.
func Open(ctx context.Context, cl *kgo.Client, opt Options) (*Reader, error) {
	if opt.MaxBytes <= 0 {
		opt.MaxBytes = defaultMaxBytes
	}
	t, err := Watermarks(ctx, cl, opt.Topic)
	if err != nil {
		return nil, err
	}
	if opt.ID != (TopicID{}) && t.ID != opt.ID {
		return nil, fmt.Errorf("topic %s has id %s, want %s: %w", opt.Topic, t.ID, opt.ID, source.ErrRecreated)
	}
	mark, ok := t.Partitions[opt.Partition]
	if !ok {
		return nil, fmt.Errorf("topic %s has no partition %d: %w", opt.Topic, opt.Partition, ErrUnknownTopic)
	}
	r := &Reader{cl: cl, opt: opt, id: t.ID, mark: mark, next: opt.Range.From, end: min(opt.Range.To, mark.LSO)}
	if r.next < mark.LogStart && !opt.Range.Empty() {
		return nil, r.retention(mark.LogStart)
	}
	return r, nil
}

// Watermark returns the partition's state when the reader was opened.
func (r *Reader) Watermark() Watermark { return r.mark }

// TopicID returns the id of the topic that is being read.
func (r *Reader) TopicID() TopicID { return r.id }

// maxMoves bounds how often in a row a leader may move without a fetch succeeding.
const maxMoves = 10

// Next returns the next chunk, or io.EOF at the end of the range or at the last stable offset of when the reader was opened.
func (r *Reader) Next(ctx context.Context) (Chunk, error) {
	moves := 0
	for {
		if r.next >= r.end {
			return Chunk{}, io.EOF
		}
		p, err := r.fetch(ctx)
		if err != nil {
			if !movable(err) || moves == maxMoves || ctx.Err() != nil {
				return Chunk{}, r.wrap(err)
			}
			moves++
			if err := r.locate(ctx, err); err != nil {
				return Chunk{}, err
			}
			continue
		}
		moves = 0
		chunk, err := r.walk(p)
		if err != nil {
			return Chunk{}, r.wrap(err)
		}
		if len(chunk.Batches) > 0 {
			return chunk, nil
		}
		if chunk.Next > r.next || len(p.RecordBatches) > 0 {
			r.next = chunk.Next
			continue
		}
		// Nothing is left between next and a stable offset: compaction or retention took it. A broker answers such a fetch
		// with nothing, for ever, once next has reached the end of its log.
		if p.LastStableOffset >= r.end && p.HighWatermark <= r.next {
			return Chunk{}, io.EOF
		}
		if p.LogStartOffset > r.next {
			return Chunk{}, r.retention(p.LogStartOffset)
		}
	}
}

// walk picks the committed data batches out of an answer and moves r.next behind them.
func (r *Reader) walk(p *kmsg.FetchResponseTopicPartition) (Chunk, error) {
	chunk := Chunk{Raw: p.RecordBatches, Next: r.next}
	ab := newAborted(p.AbortedTransactions)
	for rest := p.RecordBatches; len(rest) > 0; {
		h, err := kbatch.ParseHeader(rest)
		if errors.Is(err, kbatch.ErrShort) {
			if chunk.Next == r.next && h.Length > 0 {
				// Brokers send the first batch whole whatever its size; one that does not would stall us here.
				return chunk, fmt.Errorf("first batch of a fetch is cut short: %d of %d bytes: %w", len(rest), h.Length, kbatch.ErrCorrupt)
			}
			break
		}
		if err != nil {
			return chunk, err
		}
		raw := rest[:h.Length:h.Length]
		rest = rest[h.Length:]
		if err := kbatch.CheckCRC(raw, &h); err != nil {
			return chunk, fmt.Errorf("batch at %d: %w", h.BaseOffset, err)
		}
		if h.BaseOffset >= r.end {
			chunk.Next = r.end
			break
		}
		// The list of aborted transactions must be walked also for a batch that lies before the wanted offset.
		drop := ab.drop(raw, &h)
		if h.LastOffset() < r.next {
			continue
		}
		chunk.Next = h.LastOffset() + 1
		if !drop && h.Count > 0 {
			chunk.Batches = append(chunk.Batches, Batch{Header: h, Raw: raw})
		}
	}
	if len(chunk.Batches) > 0 {
		r.next = chunk.Next
	}
	return chunk, nil
}

// fetch waits this long for data below the last stable offset. The data is there, so a wait only happens where it is not.
const fetchWaitMillis = 500

func (r *Reader) fetch(ctx context.Context) (*kmsg.FetchResponseTopicPartition, error) {
	req := kmsg.NewPtrFetchRequest()
	req.ReplicaID = -1
	req.MaxWaitMillis = fetchWaitMillis
	req.MinBytes = 1
	// There is one partition, so its own limit is the only one needed. kfake leaves out the list of aborted transactions when it
	// is this limit that ends an answer.
	req.MaxBytes = math.MaxInt32
	req.IsolationLevel = readCommitted
	req.SessionEpoch = -1 // no session
	rt := kmsg.NewFetchRequestTopic()
	rt.Topic, rt.TopicID = r.opt.Topic, r.id
	rp := kmsg.NewFetchRequestTopicPartition()
	rp.Partition = r.opt.Partition
	rp.CurrentLeaderEpoch = r.mark.LeaderEpoch
	rp.FetchOffset = r.next
	rp.LastFetchedEpoch = -1
	rp.LogStartOffset = -1
	rp.PartitionMaxBytes = r.opt.MaxBytes
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)

	kresp, err := r.cl.Broker(int(r.mark.Leader)).RetriableRequest(ctx, req)
	if err != nil {
		return nil, broken(err)
	}
	resp := kresp.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return nil, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return nil, fmt.Errorf("%w: answer to a fetch of one partition holds %d topics", kbatch.ErrCorrupt, len(resp.Topics))
	}
	p := &resp.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
		if errors.Is(err, kerr.OffsetOutOfRange) && p.LogStartOffset > r.next {
			return nil, r.retention(p.LogStartOffset)
		}
		return nil, err
	}
	return p, nil
}

// movable reports whether asking for the leader again may help. Everything else is for the caller.
func movable(err error) bool {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return false
	case moving(err), errors.Is(err, kerr.ReplicaNotAvailable), errors.Is(err, kerr.KafkaStorageError),
		errors.Is(err, kerr.UnknownTopicID), errors.Is(err, kerr.InconsistentTopicID), errors.Is(err, kerr.UnknownTopicOrPartition),
		errors.Is(err, kerr.OffsetNotAvailable), errors.Is(err, kerr.OffsetOutOfRange):
		return true
	}
	var ke *kerr.Error
	// What is no answer of a broker is a broken connection or a broker that left.
	return !errors.As(err, &ke) && !errors.Is(err, source.ErrRetention) && !errors.Is(err, kbatch.ErrCorrupt)
}

// moving reports whether err says that somebody else leads by now.
func moving(err error) bool {
	return errors.Is(err, kerr.NotLeaderForPartition) || errors.Is(err, kerr.LeaderNotAvailable) || errors.Is(err, kerr.FencedLeaderEpoch) ||
		errors.Is(err, kerr.UnknownLeaderEpoch)
}

// locate asks again who leads the partition, after cause. It is also how a deleted, recreated or shortened topic shows. A leader that
// moves on while it is asked for leaves everything as it is, and the next fetch says so.
func (r *Reader) locate(ctx context.Context, cause error) error {
	t, err := Watermarks(ctx, r.cl, r.opt.Topic)
	if moving(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("after %w: %w", cause, err)
	}
	if t.ID != r.id {
		return fmt.Errorf("topic %s has id %s, was %s: %w", r.opt.Topic, t.ID, r.id, source.ErrRecreated)
	}
	mark, ok := t.Partitions[r.opt.Partition]
	switch {
	case !ok:
		return r.wrap(ErrUnknownTopic)
	case mark.LogStart > r.next:
		return r.retention(mark.LogStart)
	case mark.LSO < r.end:
		return r.wrap(fmt.Errorf("last stable offset went back from %d to %d, so records that were committed are lost on the broker: %w",
			r.mark.LSO, mark.LSO, source.ErrChanged))
	}
	r.mark = mark
	return nil
}

func (r *Reader) retention(start int64) error {
	return r.wrap(fmt.Errorf("log starts at %d now, offset %d is wanted: %w", start, r.next, source.ErrRetention))
}

func (r *Reader) wrap(err error) error {
	return fmt.Errorf("read %s/%d at %d: %w", r.opt.Topic, r.opt.Partition, r.next, err)
}

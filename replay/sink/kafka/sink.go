package kafka

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"backstitch/partition"
	"backstitch/replay/kbatch"
	"backstitch/replay/klog"
	"backstitch/replay/record"
	"backstitch/replay/sink"
	"backstitch/storage/failpoint"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"golang.org/x/sync/semaphore"
)

// How a lane is opened. The order matters: fence first, then ask for the progress. The other way round, the older owner could
// commit between the two, and its records would be written again.

// Sink writes into one topic. It satisfies sink.Sink and sink.Targets.
type Sink struct {
	cfg Config
	cl  *kgo.Client // for reading and asking; never produces
	dec *kbatch.Decoder

	mu    sync.Mutex
	lanes map[partition.Lane]*lane
}

var (
	_ sink.Sink    = (*Sink)(nil)
	_ sink.Targets = (*Sink)(nil)
)

// New makes a sink. It does not connect.
func New(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.MaxVersions(versions()), kgo.DisableClientMetrics()}, cfg.Client...)...)
	if err != nil {
		return nil, fmt.Errorf("kafka client: %w", err)
	}
	return &Sink{cfg: cfg, cl: cl, dec: kbatch.NewDecoder(0), lanes: make(map[partition.Lane]*lane)}, nil
}

// Close closes the client that reads. Writers have their own.
func (s *Sink) Close() error {
	s.cl.Close()
	return nil
}

// Fields returns AllFields: a topic holds everything.
func (s *Sink) Fields() record.Fields { return record.AllFields }

// versions is everything that the client knows but for requests around transactions. See the package comment; and offset
// requests up to these versions name topics, later ones want their ids.
func versions() *kversion.Versions {
	v := kversion.Stable()
	v.SetMaxKeyVersion(int16(kmsg.EndTxn), 4)
	v.SetMaxKeyVersion(int16(kmsg.TxnOffsetCommit), 4)
	v.SetMaxKeyVersion(int16(kmsg.OffsetFetch), 7)
	return v
}

// TransactionalID is the transactional id of a lane, and the name of the group that its progress is kept under.
func TransactionalID(cluster string, l partition.Lane) string {
	return "backstitch/" + cluster + "/" + string(l.Job) + "/" + strconv.Itoa(int(l.Partition))
}

// Open fences whoever had the lane and returns the progress that they committed last.
func (s *Sink) Open(ctx context.Context, slice partition.Slice, epoch partition.Epoch) (sink.Writer, sink.Progress, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.OpenTimeout)
	defer cancel()
	w, p, err := s.open(ctx, slice, epoch)
	if err != nil {
		return nil, sink.Progress{}, fmt.Errorf("open %s/%d for slice %s: %w", s.cfg.Topic, slice.Partition, slice.ID, err)
	}
	return w, p, nil
}

func (s *Sink) open(ctx context.Context, slice partition.Slice, epoch partition.Epoch) (*writer, sink.Progress, error) {
	l := s.lane(slice.Lane())
	id := TransactionalID(s.cfg.Cluster, slice.Lane())
	var batchBytes atomic.Int32
	batchBytes.Store(s.cfg.BatchBytes)
	ends := &ends{}
	cl, err := s.producer(id, ends, func(string) int32 { return batchBytes.Load() })
	if err != nil {
		return nil, sink.Progress{}, err
	}
	w := &writer{
		s: s, cl: cl, id: id, lane: l, slice: slice, epoch: epoch,
		room:   semaphore.NewWeighted(s.cfg.InFlightBytes),
		ends:   ends,
		prefix: s.cfg.SourceTopic + "/" + strconv.Itoa(int(slice.Partition)) + "/",
		job:    []byte(slice.ID.Job),
	}
	w.spans.make(w.slice.Partition, s.cfg.Rule)
	// What the topic is takes as long to learn as fencing takes, and work stands still meanwhile. A topic that is another one does
	// not forbid to fence: the lane is ours in any case.
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	described := make(chan error, 1)
	go func() {
		err := s.checkTopic(ctx, slice.Partition)
		if err == nil {
			batchBytes.Store(s.batchBytes(ctx))
		} else {
			stop()
		}
		described <- err
	}()
	p, err := w.fence(ctx)
	if topic := <-described; topic != nil {
		err = topic // it says more than that fencing was given up
	}
	if err != nil {
		cl.Close()
		return nil, sink.Progress{}, err
	}
	if p.Cursor >= slice.Ranges.Span().To {
		w.settled(ctx)
	}
	return w, p, nil
}

// producer makes the client of one writer. batchBytes is asked when the first record is written.
func (s *Sink) producer(id string, ends *ends, batchBytes func(topic string) int32) (*kgo.Client, error) {
	opts := []kgo.Opt{
		kgo.MaxVersions(versions()),
		kgo.DisableClientMetrics(), // a client for each slice would introduce itself, and say goodbye
		kgo.TransactionalID(id),
		kgo.WithHooks(ends),
		kgo.TransactionTimeout(s.cfg.TransactionTimeout),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytesFn(batchBytes),
		kgo.ProducerBatchCompression(s.cfg.Compression),
		kgo.ProducerLinger(s.cfg.Linger),
		kgo.MaxBufferedRecords(math.MaxInt32), // the writer bounds bytes
		kgo.StopProducerOnDataLossDetected(),
		kgo.RequiredAcks(kgo.AllISRAcks()),
	}
	cl, err := kgo.NewClient(append(opts, s.cfg.Client...)...)
	if err != nil {
		return nil, fmt.Errorf("kafka client: %w", err)
	}
	return cl, nil
}

// fence takes the lane over and reads its progress.
func (w *writer) fence(ctx context.Context) (p sink.Progress, err error) {
	w.pid, w.pepoch, err = w.cl.ProducerID(ctx) // InitProducerID
	if err != nil {
		return p, classify("fence", err)
	}
	failpoint.Reach(failpoint.KafkaFenced)
	w.lane.own(w.pid)
	stamp, ok, err := w.s.stamp(ctx, w.id, w.s.stampPartition(w.slice.Partition))
	if err != nil {
		return p, err
	}
	p = sink.Begin(w.slice)
	if ok {
		if p, err = stamp.Resume(w.slice, w.epoch); err != nil {
			return p, err
		}
	}
	failpoint.Reach(failpoint.KafkaResumed)
	return p, w.cl.BeginTransaction()
}

// stampPartition is the partition whose offset the progress of a lane is kept in. Brokers take only those that the topic has, and each lane
// has a group of its own, so under a rule any will do.
func (s *Sink) stampPartition(part int32) int32 {
	if s.cfg.Rule != nil {
		return 0
	}
	return part
}

// retryDelay is between two askings for what the brokers are still deciding.
const retryDelay = 20 * time.Millisecond

func pause(ctx context.Context) error {
	t := time.NewTimer(retryDelay)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stamp reads what the lane's newest committed transaction said, false when there was none.
func (s *Sink) stamp(ctx context.Context, group string, part int32) (sink.Stamp, bool, error) {
	for {
		req := kmsg.NewPtrOffsetFetchRequest()
		req.Group, req.RequireStable = group, true
		t := kmsg.NewOffsetFetchRequestTopic()
		t.Topic, t.Partitions = s.cfg.Topic, []int32{part}
		req.Topics = append(req.Topics, t)
		resp, err := req.RequestWith(ctx, s.cl)
		if err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
		if errors.Is(err, kerr.GroupIDNotFound) {
			return sink.Stamp{}, false, nil
		}
		if coordinatorMoves(err) {
			if err := pause(ctx); err != nil {
				return sink.Stamp{}, false, err
			}
			continue
		}
		if err != nil {
			return sink.Stamp{}, false, classify("read progress", err)
		}
		if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
			return sink.Stamp{}, false, fmt.Errorf("read progress: answer for one partition holds %d topics: %w", len(resp.Topics), sink.ErrProgress)
		}
		got := &resp.Topics[0].Partitions[0]
		err = kerr.ErrorForCode(got.ErrorCode)
		switch {
		case errors.Is(err, kerr.UnstableOffsetCommit), coordinatorMoves(err):
			// The transaction of the owner before us is decided and not yet written out, or nobody keeps the group right now.
			if err := pause(ctx); err != nil {
				return sink.Stamp{}, false, err
			}
			continue
		case err != nil:
			return sink.Stamp{}, false, classify("read progress", err)
		case got.Offset < 0:
			return sink.Stamp{}, false, nil
		case got.Metadata == nil:
			return sink.Stamp{}, false, fmt.Errorf("group %s has an offset without metadata: %w", group, sink.ErrProgress)
		}
		st, err := sink.ParseStamp(*got.Metadata)
		return st, err == nil, err
	}
}

// coordinatorMoves reports whether a group has no coordinator for the moment: brokers elect one, load it, or make the topic that
// groups are kept in, which they do the first time that anybody asks.
func coordinatorMoves(err error) bool {
	return errors.Is(err, kerr.CoordinatorNotAvailable) || errors.Is(err, kerr.CoordinatorLoadInProgress) || errors.Is(err, kerr.NotCoordinator)
}

// checkTopic makes sure that the topic is the one that the plan saw.
func (s *Sink) checkTopic(ctx context.Context, part int32) error {
	req := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = kmsg.StringPtr(s.cfg.Topic)
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, s.cl)
	if err != nil {
		return classify("describe topic", err)
	}
	if len(resp.Topics) != 1 {
		return fmt.Errorf("topic %s: %w", s.cfg.Topic, sink.ErrNoTarget)
	}
	got := &resp.Topics[0]
	if err := kerr.ErrorForCode(got.ErrorCode); err != nil {
		return classify("describe topic", err)
	}
	if s.cfg.TopicID != (klog.TopicID{}) && s.cfg.TopicID != klog.TopicID(got.TopicID) {
		return fmt.Errorf("topic %s has id %s, the plan saw %s: %w", s.cfg.Topic, klog.TopicID(got.TopicID), s.cfg.TopicID, sink.ErrRecreated)
	}
	if rule := s.cfg.Rule; rule != nil {
		if len(got.Partitions) != int(rule.Partitions) {
			return fmt.Errorf("topic %s has %d partitions, the plan saw %d: %w", s.cfg.Topic, len(got.Partitions), rule.Partitions, sink.ErrReshaped)
		}
		return nil
	}
	for i := range got.Partitions {
		if got.Partitions[i].Partition == part {
			return nil
		}
	}
	return fmt.Errorf("topic %s has %d partitions, none is %d: %w", s.cfg.Topic, len(got.Partitions), part, sink.ErrNoTarget)
}

// batchBytes is the configured batch size, or the topic's max.message.bytes when that is lower. Batches that the topic takes
// are what lets the client name the one record that is too large. A principal that may not read the configuration gets the
// brokers' default.
func (s *Sink) batchBytes(ctx context.Context) int32 {
	const brokerDefault = 1<<20 - 64
	limit := min(s.cfg.BatchBytes, brokerDefault)
	req := kmsg.NewPtrDescribeConfigsRequest()
	r := kmsg.NewDescribeConfigsRequestResource()
	r.ResourceType, r.ResourceName, r.ConfigNames = kmsg.ConfigResourceTypeTopic, s.cfg.Topic, []string{"max.message.bytes"}
	req.Resources = append(req.Resources, r)
	resp, err := req.RequestWith(ctx, s.cl)
	if err != nil {
		return limit
	}
	for _, res := range resp.Resources {
		for _, c := range res.Configs {
			if n, err := strconv.ParseInt(deref(c.Value), 10, 32); err == nil && n > 0 && c.Name == "max.message.bytes" {
				return min(s.cfg.BatchBytes, int32(n))
			}
		}
	}
	return limit
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

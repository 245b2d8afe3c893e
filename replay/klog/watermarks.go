package klog

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"
)

// TopicID is the id that a broker gave a topic when it was created. Deleting and creating it again gives another one. It is
// zero for brokers before 2.8.
type TopicID [16]byte

// String returns the id in hexadecimal digits.
func (id TopicID) String() string { return fmt.Sprintf("%x", id[:]) }

// ParseTopicID reads what String prints.
func ParseTopicID(s string) (TopicID, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(TopicID{}) {
		return TopicID{}, fmt.Errorf("topic id %q: want 32 hexadecimal digits", s)
	}
	return TopicID(b), nil
}

// ErrUnknownTopic says that the cluster has no such topic, or does not show it to this principal.
var ErrUnknownTopic = errors.New("unknown topic")

// Watermark is the state of one partition at one moment.
type Watermark struct {
	LogStart    int64 // first offset that is still there
	LSO         int64 // last stable offset: everything below it is decided
	End         int64 // high watermark; above LSO when a transaction is open
	Leader      int32 // broker id
	LeaderEpoch int32
}

// Topic is a topic with the watermarks of its partitions, by partition number.
type Topic struct {
	Name       string
	ID         TopicID
	Partitions map[int32]Watermark
}

// Numbers returns the partition numbers, sorted.
func (t *Topic) Numbers() []int32 {
	ps := make([]int32, 0, len(t.Partitions))
	for p := range t.Partitions {
		ps = append(ps, p)
	}
	slices.Sort(ps)
	return ps
}

// Isolation levels of requests.
const (
	readUncommitted int8 = 0
	readCommitted   int8 = 1
)

// Special timestamps of ListOffsets.
const (
	timestampEarliest int64 = -2
	timestampLatest   int64 = -1
)

// Watermarks returns the id and the watermarks of topic. The client should be one that nobody consumes with.
func Watermarks(ctx context.Context, cl *kgo.Client, topic string) (*Topic, error) {
	t, err := describe(ctx, cl, topic)
	if err != nil {
		return nil, err
	}
	var starts, stable, ends map[int32]int64
	ask := func(into *map[int32]int64, ms int64, level int8) func() error {
		return func() (err error) {
			*into, err = listOffsets(ctx, cl, t, ms, level)
			return err
		}
	}
	var group errgroup.Group // side by side, because the brokers may be far away
	group.Go(ask(&starts, timestampEarliest, readUncommitted))
	group.Go(ask(&stable, timestampLatest, readCommitted))
	group.Go(ask(&ends, timestampLatest, readUncommitted))
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for p, w := range t.Partitions {
		// The log moves on between the three answers. When the LSO was read, the start was not above it and the end not below.
		w.LogStart, w.LSO, w.End = min(starts[p], stable[p]), stable[p], max(ends[p], stable[p])
		t.Partitions[p] = w
	}
	return t, nil
}

// OffsetsAt returns, for each partition of topic, the first offset whose record has a timestamp of at least ms, in Kafka
// milliseconds. A partition that has none gets its last stable offset. Timestamps need not rise with offsets: later offsets
// may hold older records.
func OffsetsAt(ctx context.Context, cl *kgo.Client, topic string, ms int64) (map[int32]int64, error) {
	t, err := Watermarks(ctx, cl, topic)
	if err != nil {
		return nil, err
	}
	offs, err := listOffsets(ctx, cl, t, max(ms, 0), readCommitted)
	if err != nil {
		return nil, err
	}
	for p, w := range t.Partitions {
		if o, ok := offs[p]; !ok || o < 0 {
			offs[p] = w.LSO
		}
	}
	return offs, nil
}

// ID returns the id of topic, and asks for nothing else: one that was made a moment ago has no leaders yet, and no offsets to list.
func ID(ctx context.Context, cl *kgo.Client, topic string) (TopicID, error) {
	t, err := describe(ctx, cl, topic)
	if err != nil {
		return TopicID{}, err
	}
	return t.ID, nil
}

// describe asks for the topic's id, partitions and leaders.
func describe(ctx context.Context, cl *kgo.Client, topic string) (*Topic, error) {
	req := kmsg.NewPtrMetadataRequest()
	rt := kmsg.NewMetadataRequestTopic()
	rt.Topic = kmsg.StringPtr(topic)
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, fmt.Errorf("describe topic %s: %w", topic, broken(err))
	}
	if len(resp.Topics) != 1 {
		return nil, fmt.Errorf("describe topic %s: %d topics in the answer, want 1", topic, len(resp.Topics))
	}
	got := resp.Topics[0]
	switch err := kerr.ErrorForCode(got.ErrorCode); {
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return nil, fmt.Errorf("topic %s: %w", topic, ErrUnknownTopic)
	case err != nil:
		return nil, fmt.Errorf("describe topic %s: %w", topic, err)
	}
	t := &Topic{Name: topic, ID: got.TopicID, Partitions: make(map[int32]Watermark, len(got.Partitions))}
	for _, p := range got.Partitions {
		t.Partitions[p.Partition] = Watermark{Leader: p.Leader, LeaderEpoch: p.LeaderEpoch}
	}
	return t, nil
}

func listOffsets(ctx context.Context, cl *kgo.Client, t *Topic, ms int64, level int8) (map[int32]int64, error) {
	times := make(map[int32]int64, len(t.Partitions))
	for n := range t.Partitions {
		times[n] = ms
	}
	found, err := listAt(ctx, cl, t.Name, times, level)
	if err != nil {
		return nil, err
	}
	offs := make(map[int32]int64, len(found))
	for n, s := range found {
		offs[n] = s.Offset
	}
	return offs, nil
}

// listAt asks for one time per partition.
func listAt(ctx context.Context, cl *kgo.Client, topic string, times map[int32]int64, level int8) (map[int32]Stamp, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	req.IsolationLevel = level
	rt := kmsg.NewListOffsetsRequestTopic()
	rt.Topic = topic
	for _, n := range slices.Sorted(maps.Keys(times)) {
		rp := kmsg.NewListOffsetsRequestTopicPartition()
		rp.Partition = n
		rp.Timestamp = times[n]
		rt.Partitions = append(rt.Partitions, rp)
	}
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, fmt.Errorf("list offsets of %s: %w", topic, broken(err))
	}
	out := make(map[int32]Stamp, len(times))
	for _, rt := range resp.Topics {
		for _, rp := range rt.Partitions {
			if err := kerr.ErrorForCode(rp.ErrorCode); err != nil {
				return nil, fmt.Errorf("list offsets of %s/%d: %w", topic, rp.Partition, err)
			}
			out[rp.Partition] = Stamp{Offset: rp.Offset, TimestampMs: rp.Timestamp}
		}
	}
	for n := range times {
		if _, ok := out[n]; !ok {
			return nil, fmt.Errorf("list offsets of %s/%d: no answer", topic, n)
		}
	}
	return out, nil
}

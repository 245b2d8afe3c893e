package testbed

import (
	"context"
	"fmt"
	"iter"
	"testing"
	"time"

	"backstitch/chaos/traffic"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const limitOfBroker = time.Minute

// Topic is a topic that a test fills and breaks.
type Topic struct {
	Broker     string
	Name       string
	Partitions int32
}

func (tp Topic) client(t testing.TB, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(tp.Broker))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// Create makes the topic. Nothing in it expires by age: records may be older than any default retention. Once it is dropped its files go at once,
// and not after the minute which is the default.
func (tp Topic) Create(t testing.TB) {
	t.Helper()
	forever, soon := "-1", "1000"
	resp, err := kadm.NewClient(tp.client(t)).CreateTopic(t.Context(), tp.Partitions, 1, map[string]*string{"retention.ms": &forever, "file.delete.delay.ms": &soon}, tp.Name)
	if err == nil {
		err = resp.Err
	}
	if err != nil {
		t.Fatalf("create %s: %v", tp.Name, err)
	}
}

// Led reports whether each partition of the topic has a leader, which takes a moment after it was made.
func (tp Topic) Led(t testing.TB) bool {
	t.Helper()
	ends, err := kadm.NewClient(tp.client(t)).ListEndOffsets(t.Context(), tp.Name)
	return err == nil && ends.Error() == nil && len(ends[tp.Name]) == int(tp.Partitions)
}

// Drop deletes the topic and waits until the broker has forgotten it.
func (tp Topic) Drop(t testing.TB) {
	t.Helper()
	admin := kadm.NewClient(tp.client(t))
	if _, err := admin.DeleteTopics(t.Context(), tp.Name); err != nil {
		t.Fatalf("delete %s: %v", tp.Name, err)
	}
	Eventually(t, limitOfBroker, tp.Name+" to be gone", func() bool {
		topics, err := admin.ListTopics(t.Context(), tp.Name)
		return err == nil && topics[tp.Name].Err == kerr.UnknownTopicOrPartition
	})
}

// Produce writes those events that keep wants, in their order, each to its own partition. keep is told the event's place in
// the whole stream. It returns how many events there were and how many were written.
func (tp Topic) Produce(t testing.TB, events iter.Seq2[traffic.Event, error], keep func(n int64, e traffic.Event) bool) (all, written int64) {
	t.Helper()
	client := tp.client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(100_000),
		kgo.ProducerBatchMaxBytes(1<<20), kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	for e, err := range events {
		if err != nil {
			t.Fatal(err)
		}
		if all++; !keep(all-1, e) {
			continue
		}
		written++
		r := &kgo.Record{Topic: tp.Name, Partition: e.Partition, Key: e.Key, Value: e.Value, Timestamp: time.UnixMilli(e.TimestampMs)}
		client.Produce(ctx, r, func(_ *kgo.Record, err error) {
			if err != nil {
				cancel(fmt.Errorf("produce: %w", err))
			}
		})
	}
	if err := client.Flush(ctx); err != nil || context.Cause(ctx) != nil {
		t.Fatalf("flush: %v (%v)", err, context.Cause(ctx))
	}
	return all, written
}

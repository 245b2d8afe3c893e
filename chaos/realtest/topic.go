package realtest

import (
	"context"
	"fmt"
	"iter"
	"testing"

	"backstitch/chaos/traffic"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// topic is the topic that loses records, with the truth about what was ever put into it.
type topic struct {
	broker     string
	name       string
	partitions int32
	truth      traffic.Truth
	made       int64
}

// create makes the topic. Flights are from 2001, so nothing may expire by age.
func (tp *topic) create(t testing.TB) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(tp.broker))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	forever := "-1"
	resp, err := kadm.NewClient(client).CreateTopic(t.Context(), tp.partitions, 1, map[string]*string{"retention.ms": &forever}, tp.name)
	if err == nil {
		err = resp.Err
	}
	if err != nil {
		t.Fatalf("create %s: %v", tp.name, err)
	}
}

// drop deletes the topic and waits until the broker has forgotten it.
func (tp *topic) drop(t testing.TB) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(tp.broker))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	if _, err := admin.DeleteTopics(t.Context(), tp.name); err != nil {
		t.Fatalf("delete %s: %v", tp.name, err)
	}
	eventually(t, limitOfBroker, tp.name+" to be gone", func() bool {
		topics, err := admin.ListTopics(t.Context(), tp.name)
		return err == nil && topics[tp.name].Err == kerr.UnknownTopicOrPartition
	})
}

// produce writes events in their order, each to its own partition, and notes them as true.
func (tp *topic) produce(t testing.TB, events iter.Seq2[traffic.Event, error], keep func(n int64) bool) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(tp.broker), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MaxBufferedRecords(200_000), kgo.ProducerBatchMaxBytes(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var n int64
	for e, err := range events {
		if err != nil {
			t.Fatal(err)
		}
		if n++; !keep(n - 1) {
			continue
		}
		r := &kgo.Record{Topic: tp.name, Partition: e.Partition, Key: e.Key, Value: e.Value}
		r.Timestamp = millis(e.TimestampMs)
		client.Produce(ctx, r, func(_ *kgo.Record, err error) {
			if err != nil {
				cancel(fmt.Errorf("produce: %w", err))
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		t.Fatalf("flush: %v (%v)", err, context.Cause(ctx))
	}
}

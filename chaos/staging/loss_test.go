//go:build chaos

package staging

import (
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"backstitch/chaos/testbed"
)

// This file does to a topic what a run has to find. The trap: records of a transaction that is open may be deleted too. When their
// owner is lost the transaction is aborted and they are written again, so that nothing is missing in the end. Only what is committed
// is touched here.

// deleteHead deletes the oldest n offsets of a partition once they are committed, and returns the records that stood there.
func deleteHead(t *testing.T, topic testbed.Topic, partition int32, n int64) []*kgo.Record {
	t.Helper()
	admin := kadm.NewClient(connect(t, topic))
	testbed.Eventually(t, time.Minute, "records that are committed", func() bool {
		stable, err := admin.ListCommittedOffsets(t.Context(), topic.Name)
		end, ok := stable.Lookup(topic.Name, partition)
		return err == nil && ok && end.Offset > n
	})
	out := readHead(t, topic, partition, n)
	if int64(len(out)) != n {
		t.Fatalf("%d records are below offset %d of partition %d: a marker is among them", len(out), n, partition)
	}
	var upTo kadm.Offsets
	upTo.AddOffset(topic.Name, partition, n, -1)
	resp, err := admin.DeleteRecords(t.Context(), upTo)
	if err == nil {
		err = resp.Error()
	}
	if err != nil {
		t.Fatalf("delete records: %v", err)
	}
	starts, err := admin.ListStartOffsets(t.Context(), topic.Name)
	if at, _ := starts.Lookup(topic.Name, partition); err != nil || at.Offset != n {
		t.Fatalf("partition %d begins at %d after deletion up to %d: %v", partition, at.Offset, n, err)
	}
	return out
}

// readHead reads what is below offset n of a partition, as a reader of committed data does.
func readHead(t *testing.T, topic testbed.Topic, partition int32, n int64) (out []*kgo.Record) {
	t.Helper()
	reader := connect(t, topic, kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic.Name: {partition: kgo.NewOffset().AtStart()}}))
	for len(out) == 0 || out[len(out)-1].Offset < n {
		fetches := reader.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatalf("read %s: %v", topic.Name, err)
		}
		out = append(out, fetches.Records()...)
	}
	return slices.DeleteFunc(out, func(r *kgo.Record) bool { return r.Offset >= n })
}

// alter writes records again with another byte in each value, and everything else as it was.
func alter(t *testing.T, topic testbed.Topic, records []*kgo.Record) {
	t.Helper()
	writer := connect(t, topic, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for _, r := range records {
		value := slices.Clone(r.Value)
		value[0] ^= 1
		again := &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: r.Key, Value: value, Headers: r.Headers, Timestamp: r.Timestamp}
		if err := writer.ProduceSync(t.Context(), again).FirstErr(); err != nil {
			t.Fatalf("write %s: %v", topic.Name, err)
		}
	}
}

func connect(t *testing.T, topic testbed.Topic, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append(opts, kgo.SeedBrokers(topic.Broker))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

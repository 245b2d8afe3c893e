//go:build chaos && linux

package outage

import (
	"context"
	"fmt"
	"testing"

	"backstitch/chaos/testbed"
	"backstitch/chaos/traffic"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// read returns what a reader of committed records finds in a topic, in order.
func read(t *testing.T, topic testbed.Topic) map[int32][]traffic.ID {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(topic.Broker), kgo.ConsumeTopics(topic.Name),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	must(t, err)
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topic.Name)
	must(t, err)
	must(t, ends.Error())
	left := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition] = o.Offset
		}
	})
	out := map[int32][]traffic.ID{}
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			t.Fatalf("read %s: %v; not read to the end: %v", topic.Name, err, left)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				e := traffic.Event{Partition: r.Partition, TimestampMs: r.Timestamp.UnixMilli(), Key: r.Key, Value: r.Value}
				out[r.Partition] = append(out[r.Partition], e.ID())
			}
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
	}
	return out
}

// difference says how a partition differs from what was produced.
func difference(got, want []traffic.ID) string {
	made, seen := traffic.Truth{}, traffic.Truth{}
	for _, id := range want {
		made[id]++
	}
	for _, id := range got {
		seen[id]++
	}
	lost, surplus := made.Difference(seen)
	if lost == 0 && surplus == 0 {
		return fmt.Sprintf("all %d records are there, in another order", len(want))
	}
	return fmt.Sprintf("%d records are lost and %d are too many of %d", lost, surplus, len(want))
}

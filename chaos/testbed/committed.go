package testbed

import (
	"context"
	"testing"

	"backstitch/chaos/traffic"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Committed returns what an independent reader of committed records finds in the topic, by partition and in order. It ends when the
// reader has seen the last offset that there was when it began, markers of transactions included.
func (tp Topic) Committed(t testing.TB) map[int32][]traffic.ID {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limitOfBroker)
	defer cancel()
	client := tp.client(t, kgo.ConsumeTopics(tp.Name), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, tp.Name)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		t.Fatalf("end of %s: %v", tp.Name, err)
	}
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
			t.Fatalf("read %s: %v; not read to the end: %v", tp.Name, err, left)
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

package kafka

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"backstitch/replay/record"
	"backstitch/replay/repartition"
	"backstitch/replay/replaytest"
	"backstitch/replay/sink"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ruled is a sink that gives records other partitions than that of their lane.
func ruled(k *replaytest.Kafka) Config {
	cfg := config(k)
	cfg.Rule = &repartition.Rule{Partitions: replaytest.Partitions}
	return cfg
}

// The end of a slice is reported when readers see all of it, in whichever partition the last records are.
func TestTheLastCommitIsSeenInEveryPartition(t *testing.T) {
	k := replaytest.NewKafka(t, topic)
	s := open(t, ruled(k))
	defer s.Close()
	other := k.Client(kgo.TransactionalID("other"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	defer other.Close()
	if err := other.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := other.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Partition: 2, Value: []byte("undecided")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	var rs []record.Record
	for i := range byte(60) {
		r := record.Record{Offset: int64(len(rs)), Key: []byte{i}, TimestampMs: 1_795_132_800_000}
		if s.cfg.Rule.Of(0, &r) == 2 {
			rs = append(rs, r)
		}
	}
	slice := replaytest.FillSlice(job, 0, 0, rs)
	w, _ := begin(t, s, slice, 1)
	if err := w.Write(t.Context(), &record.Batch{Records: rs, Bytes: 1}); err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	k.ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		asked.Add(1)
		return nil, nil, false
	})
	done := make(chan error, 1)
	go func() { done <- w.Commit(t.Context(), sink.Progress{Cursor: slice.Ranges.Span().To}) }()
	for asked.Load() < 9 { // three askings for all watermarks
		select {
		case err := <-done:
			t.Fatalf("committed after %d askings, while the records can not be seen: %v", asked.Load(), err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	if err := other.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := k.Committed(topic, 2); len(got) != len(rs) {
		t.Errorf("%d records are visible, want %d", len(got), len(rs))
	}
}

// Keys go by the number of partitions, so a topic that has another one is not written to, and what is on its way goes where the plan said.
func TestATopicWithAnotherNumberOfPartitionsIsNotOpened(t *testing.T) {
	k := replaytest.NewKafka(t, topic)
	s := open(t, ruled(k))
	defer s.Close()
	rs := records(t, 40)
	slice := replaytest.FillSlice(job, 0, 5, rs)
	w, _ := begin(t, s, slice, 1)
	if _, err := kadm.NewClient(k.Client()).CreatePartitions(t.Context(), 1, topic); err != nil {
		t.Fatal(err)
	}
	write(t, w, rs, slice.Ranges.Span().To)
	if got := k.Committed(topic, replaytest.Partitions); len(got) != 0 {
		t.Errorf("%d records went into the partition that was added, want none", len(got))
	}
	if _, _, err := s.Open(t.Context(), slice, 2); !errors.Is(err, sink.ErrReshaped) {
		t.Errorf("got %v, want %v", err, sink.ErrReshaped)
	}
}

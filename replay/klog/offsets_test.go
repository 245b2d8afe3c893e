package klog_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"backstitch/replay/klog"
	"backstitch/replay/klog/klogtest"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const topic = "t"

// at writes one record per time, in Kafka milliseconds, each in a batch of its own.
func at(t *testing.T, cl *kgo.Client, part int32, times ...int64) {
	t.Helper()
	for _, ms := range times {
		r := &kgo.Record{Topic: topic, Partition: part, Value: fmt.Append(nil, ms), Timestamp: time.UnixMilli(ms)}
		if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOffsetsAt(t *testing.T) {
	c, cl := klogtest.Cluster(t, topic, 3)
	writer := klogtest.Client(t, c, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	at(t, writer, 0, 1000, 2000, 2000, 3000)
	at(t, writer, 1, 3000, 1000, 4000) // the second is late
	for ms, want := range map[int64]map[int32]int64{
		-5:   {0: 0, 1: 0, 2: 0},
		0:    {0: 0, 1: 0, 2: 0},
		1000: {0: 0, 1: 0, 2: 0},
		1001: {0: 1, 1: 0, 2: 0},
		2000: {0: 1, 1: 0, 2: 0},
		2001: {0: 3, 1: 0, 2: 0},
		3001: {0: 4, 1: 2, 2: 0}, // partition 0 has none so young: its end
		9000: {0: 4, 1: 3, 2: 0},
	} {
		got, err := klog.OffsetsAt(t.Context(), cl, topic, ms)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("at %d ms (-got +want):\n%s", ms, diff)
		}
	}
	if _, err := klog.OffsetsAt(t.Context(), cl, "nowhere", 0); !errors.Is(err, klog.ErrUnknownTopic) {
		t.Errorf("no such topic: got %v, want %v", err, klog.ErrUnknownTopic)
	}
}

// Where nothing young enough is committed, the answer is the end of what is committed, and not of an open transaction.
func TestOffsetsAtEndWhereCommittedDataEnds(t *testing.T) {
	c, cl := klogtest.Cluster(t, topic, 1)
	writer := klogtest.Client(t, c, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	at(t, writer, 0, 1000, 2000)
	open := klogtest.Client(t, c, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.TransactionalID("open"))
	if err := open.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	at(t, open, 0, 2500)
	got, err := klog.OffsetsAt(t.Context(), cl, topic, 9000)
	if err != nil || got[0] != 2 {
		t.Errorf("got %v, %v, want offset 2", got, err)
	}
	if err := open.EndTransaction(context.WithoutCancel(t.Context()), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
}

func TestWatermarks(t *testing.T) {
	c, cl := klogtest.Cluster(t, topic, 2)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	want := klogtest.Fill(t, c, topic, 1, seed, 6, 20)
	got, err := klog.Watermarks(t.Context(), cl, topic)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got.Numbers(), []int32{0, 1}); diff != "" {
		t.Errorf("partitions (-got +want):\n%s", diff)
	}
	w := got.Partitions[1]
	if last := want[len(want)-1].Offset; w.LogStart != 0 || w.LSO <= last || w.LSO != w.End {
		t.Errorf("got %+v, want from 0 to an end behind %d, with nothing open", w, last)
	}
	if id, err := klog.ParseTopicID(got.ID.String()); err != nil || id != got.ID || id == (klog.TopicID{}) {
		t.Errorf("topic id %s is read back as %s, %v", got.ID, id, err)
	}
	for _, bad := range []string{"", "0011", strings.Repeat("x", 32), got.ID.String() + "00"} {
		if _, err := klog.ParseTopicID(bad); err == nil {
			t.Errorf("topic id %q was taken", bad)
		}
	}
}

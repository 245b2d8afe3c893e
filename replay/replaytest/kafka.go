package replaytest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"backstitch/replay/klog"
	"backstitch/replay/record"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Kafka is a broker in the process, or a real one.
type Kafka struct {
	*kfake.Cluster // nil for a real one
	brokers        []string
	tb             testing.TB
	cl             *kgo.Client
}

// RealKafka is a broker that runs at addr, host:port, with a new topic. The topic is deleted with the test.
func RealKafka(tb testing.TB, addr, topic string) *Kafka {
	tb.Helper()
	k := &Kafka{brokers: []string{addr}, tb: tb}
	k.cl = k.Client()
	adm := kadm.NewClient(k.cl)
	forever := "-1" // the records of tests are old, and retention would take them at once
	if _, err := adm.CreateTopic(tb.Context(), Partitions, 1, map[string]*string{"retention.ms": &forever}, topic); err != nil {
		tb.Fatal(err)
	}
	for ready := false; !ready; { // a broker answers before it knows the topic everywhere
		offs, err := adm.ListEndOffsets(tb.Context(), topic)
		ready = err == nil && offs.Error() == nil && len(offs[topic]) == Partitions
		if err := tb.Context().Err(); err != nil {
			tb.Fatal(err)
		}
	}
	tb.Cleanup(func() {
		if _, err := adm.DeleteTopic(context.Background(), topic); err != nil {
			tb.Error(err)
		}
	})
	return k
}

// Partitions is how many partitions topics of NewKafka have.
const Partitions = 3

// NewKafka starts a broker that has topics. It stops with the test.
func NewKafka(tb testing.TB, topics ...string) *Kafka {
	return NewKafkaWith(tb, kfake.SeedTopics(Partitions, topics...))
}

// NewKafkaWith starts a broker with options of one's own.
func NewKafkaWith(tb testing.TB, opts ...kfake.Opt) *Kafka {
	tb.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.ClusterID("kfake")}, opts...)...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	k := &Kafka{Cluster: c, brokers: c.ListenAddrs(), tb: tb}
	k.cl = k.Client()
	return k
}

// Opts are the client options that reach the broker.
func (k *Kafka) Opts() []kgo.Opt { return []kgo.Opt{kgo.SeedBrokers(k.brokers...)} }

// Client makes a client that is closed with the test.
func (k *Kafka) Client(opts ...kgo.Opt) *kgo.Client {
	k.tb.Helper()
	cl, err := kgo.NewClient(append(k.Opts(), opts...)...)
	if err != nil {
		k.tb.Fatal(err)
	}
	k.tb.Cleanup(cl.Close)
	return cl
}

// Produce writes records into one partition, as an application does.
func (k *Kafka) Produce(topic string, part int32, records ...record.Record) {
	k.tb.Helper()
	cl := k.Client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	defer cl.Close()
	rs := make([]*kgo.Record, len(records))
	for i := range records {
		r := &records[i]
		rs[i] = &kgo.Record{Topic: topic, Partition: part, Key: r.Key, Value: r.Value, Timestamp: time.UnixMilli(r.TimestampMs)}
		for _, h := range r.Headers {
			rs[i].Headers = append(rs[i].Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
	}
	if err := cl.ProduceSync(k.tb.Context(), rs...).FirstErr(); err != nil {
		k.tb.Fatal(err)
	}
}

// Committed reads everything in one partition that a reader of committed data sees, with an ordinary consumer. It stops at
// the last stable offset of now.
func (k *Kafka) Committed(topic string, part int32) []record.Record {
	k.tb.Helper()
	ctx, cancel := context.WithTimeout(k.tb.Context(), 20*time.Second)
	defer cancel()
	t, err := klog.Watermarks(ctx, k.cl, topic)
	// A real broker answers the end of a transaction before readers see it. No test leaves one open when it asks.
	for k.Cluster == nil && err == nil && t.Partitions[part].LSO < t.Partitions[part].End {
		t, err = klog.Watermarks(ctx, k.cl, topic)
	}
	if err != nil {
		k.tb.Fatal(err)
	}
	end := t.Partitions[part].LSO
	at := map[string]map[int32]kgo.Offset{topic: {part: kgo.NewOffset().AtStart()}}
	cl := k.Client(kgo.ConsumePartitions(at), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxWait(50*time.Millisecond))
	defer cl.Close()
	var out []record.Record
	for next := t.Partitions[part].LogStart; next < end; {
		fs := cl.PollFetches(ctx)
		if err := fs.Err(); err != nil {
			k.tb.Fatal(fmt.Errorf("read %s/%d up to %d, at %d: %w", topic, part, end, next, err))
		}
		fs.EachRecord(func(r *kgo.Record) {
			next = r.Offset + 1
			if !r.Attrs.IsControl() && r.Offset < end {
				out = append(out, fromKgo(r))
			}
		})
	}
	return out
}

func fromKgo(r *kgo.Record) record.Record {
	out := record.Record{
		Offset: r.Offset, TimestampMs: r.Timestamp.UnixMilli(), TimestampType: record.TimestampType(r.Attrs.TimestampType()),
		Key: r.Key, Value: r.Value,
	}
	for _, h := range r.Headers {
		out.Headers = append(out.Headers, record.Header{Key: h.Key, Value: h.Value})
	}
	return out
}

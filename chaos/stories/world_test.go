//go:build chaos

package stories

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"backstitch/chaos/depot"
	"backstitch/chaos/report"
	"backstitch/chaos/scenario"
	"backstitch/chaos/testbed"
	"backstitch/chaos/traffic"
)

// world is the topic and the archive of one story, and what is known about them.
type world struct {
	scenario.Scenario
	seed   uint64
	fleet  *testbed.Fleet
	depot  depot.Control
	topic  testbed.Topic
	report *report.Run
	dir    string // of this story: spec, plan, archive

	client *kgo.Client
	truth  traffic.Truth // what readers have to find in the end
	made   int64
	lost   int64                           // of those made, missing in the topic when the plan is made
	before seen                            // what was in the topic before the run
	kept   func(int64, traffic.Event) bool // which events the topic was made anew with; nil when it was not
}

func newWorld(t *testing.T, s scenario.Scenario, seed uint64, fleet *testbed.Fleet, d depot.Control, broker string, r *report.Run) *world {
	t.Helper()
	dir, err := r.Sub("data")
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if dir, err = filepath.Abs(dir); err != nil {
		t.Fatal(err)
	}
	return &world{Scenario: s, seed: seed, fleet: fleet, depot: d, report: r, dir: dir, client: client, truth: traffic.Truth{},
		topic: testbed.Topic{Broker: broker, Name: s.Name, Partitions: int32(s.Workload.Partitions)}}
}

func (w *world) file(name string) string { return filepath.Join(w.dir, name) }

func (w *world) admin() *kadm.Client { return kadm.NewClient(w.client) }

// events are the records of the story. In a compacted topic keys come again.
func (w *world) events() iter.Seq2[traffic.Event, error] {
	noise := traffic.Noise(w.seed, w.Workload.Records, w.topic.Partitions, int(w.Workload.Value))
	return func(yield func(traffic.Event, error) bool) {
		n := int64(0)
		for e, err := range noise {
			switch {
			case w.Workload.Layout == scenario.Confluent:
				e.Key, e.Value = nil, fmt.Appendf(nil, `{"n":%d,"v":"%x"}`, n, e.Value[:8])
			case w.Workload.Topic == scenario.Compacted:
				e.Key = fmt.Appendf(nil, "key-%06d", n/int64(w.topic.Partitions)%w.Workload.Keys)
			}
			e = w.spoiled(n, e)
			if n++; !yield(e, err) {
				return
			}
		}
	}
}

// make writes all records and archives them.
func (w *world) make(t *testing.T) {
	t.Helper()
	w.topic.Create(t)
	w.made = w.write(t, func(int64, traffic.Event) bool { return true })
	for e := range w.events() {
		w.truth[e.ID()]++
	}
	if w.made != w.Workload.Records {
		t.Fatalf("made %d records, want %d", w.made, w.Workload.Records)
	}
	if w.Workload.Layout == scenario.Confluent {
		w.connector(t)
		return
	}
	var archived struct{ Records int64 }
	w.fleet.JSON(t, &archived, "archive", w.topic.Name, w.file("archive"), "--kafka", testbed.KafkaConnection)
	if archived.Records != w.made {
		t.Fatalf("archive: got %d records, want %d: what is aborted must not be archived, and nothing else be left out", archived.Records, w.made)
	}
	w.rot(t)
}

// write writes those events that keep wants, as the topic is written: plainly, or in transactions of which some are aborted.
func (w *world) write(t *testing.T, keep func(int64, traffic.Event) bool) int64 {
	t.Helper()
	if w.Workload.Topic == scenario.Transactional {
		return w.transactions(t, keep)
	}
	_, written := w.topic.Produce(t, w.events(), keep)
	return written
}

// inTransaction is how many records a transaction holds; after every third one comes one that is aborted.
const inTransaction = 100

func (w *world) transactions(t *testing.T, keep func(int64, traffic.Event) bool) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(w.topic.Broker), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.TransactionalID("writer of "+w.topic.Name))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	flush := func(batch []*kgo.Record, end kgo.TransactionEndTry) {
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := client.ProduceSync(ctx, batch...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := client.EndTransaction(ctx, end); err != nil {
			t.Fatal(err)
		}
	}
	var batch []*kgo.Record
	written, n, transactions := int64(0), int64(0), 0
	commit := func() {
		if len(batch) == 0 {
			return
		}
		flush(batch, kgo.TryCommit)
		if batch, transactions = nil, transactions+1; transactions%3 == 0 {
			flush([]*kgo.Record{{Topic: w.topic.Name, Partition: int32(transactions) % w.topic.Partitions, Key: []byte("aborted"), Value: []byte("never happened")}}, kgo.TryAbort)
		}
	}
	for e := range w.events() {
		if n++; !keep(n-1, e) {
			continue
		}
		written++
		batch = append(batch, w.record(e))
		if len(batch) == inTransaction {
			commit()
		}
	}
	commit()
	return written
}

func (w *world) record(e traffic.Event) *kgo.Record {
	return &kgo.Record{Topic: w.topic.Name, Partition: e.Partition, Key: e.Key, Value: e.Value, Timestamp: time.UnixMilli(e.TimestampMs)}
}

// spec writes what a person would write about this loss. Jobs of one story have different names.
func (w *world) spec(t *testing.T, job string) string {
	t.Helper()
	spec := testbed.Spec{Name: job, Source: w.source(), Target: testbed.InKafka(w.topic.Name)}
	if w.Expects.Ends.State == scenario.Quarantined {
		spec.MaxQuarantine = w.made
	}
	path := w.file("spec.yaml")
	spec.Write(t, path)
	return path
}

// ends asks where each partition begins and ends.
func (w *world) bounds(t *testing.T) (start, end map[int32]int64) {
	t.Helper()
	start, end = map[int32]int64{}, map[int32]int64{}
	for _, ask := range []struct {
		into map[int32]int64
		list func(context.Context, ...string) (kadm.ListedOffsets, error)
	}{{start, w.admin().ListStartOffsets}, {end, w.admin().ListEndOffsets}} {
		offsets, err := ask.list(t.Context(), w.topic.Name)
		if err == nil {
			err = offsets.Error()
		}
		if err != nil {
			t.Fatal(err)
		}
		offsets.Each(func(o kadm.ListedOffset) { ask.into[o.Partition] = o.Offset })
	}
	return start, end
}

// partitionsOf groups the places of events in the stream by partition.
func (w *world) places() map[int32][]int64 {
	out := map[int32][]int64{}
	n := int64(0)
	for e := range w.events() {
		out[e.Partition] = append(out[e.Partition], n)
		n++
	}
	return out
}

// drop forgets a set of places.
func dropped(places ...[]int64) func(int64, traffic.Event) bool {
	all := map[int64]bool{}
	for _, n := range slices.Concat(places...) {
		all[n] = true
	}
	return func(n int64, _ traffic.Event) bool { return !all[n] }
}

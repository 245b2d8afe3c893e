package sequence_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"backstitch/replay/gap"
	"backstitch/replay/gap/sequence"
	"backstitch/replay/refusal"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
)

const ends = "shop.transaction"

// database is what a connector of Postgres makes of transactions, and what of it is lost on the way.
type database struct {
	*world
	tx, second int
	lost       map[string]bool // "transaction/number" of the table orders
	pending    []*kgo.Record
}

func (d *database) produce(topic string, part int32, key, value []byte) {
	d.pending = append(d.pending, &kgo.Record{Topic: topic, Partition: part, Key: key, Value: value, Timestamp: time.UnixMilli(d.at())})
}

// flush sends all that is written, together.
func (d *database) flush() {
	d.t.Helper()
	if err := d.cl.ProduceSync(d.t.Context(), d.pending...).FirstErr(); err != nil {
		d.t.Fatal(err)
	}
	d.pending = nil
}

func newDatabase(t *testing.T) *database {
	w := newWorld(t)
	if err := w.CreateTopic(ends, 1, nil); err != nil {
		t.Fatal(err)
	}
	return &database{world: w, tx: 100, lost: map[string]bool{}}
}

func (d *database) at() int64 { return start.Add(time.Duration(d.second) * time.Second).UnixMilli() }

func (d *database) write(part int32, value string) {
	d.produce(topic, part, []byte("k"), []byte(value))
}

// commit writes a transaction of n events of the table, with those of another one between them, which lie in another topic.
func (d *database) commit(n int64, lost func(n int64) bool) {
	d.tx++
	d.second++
	d.produce(ends, 0, nil, fmt.Appendf(nil, `{"status":"BEGIN","id":"%d:1","event_count":null,"data_collections":null}`, d.tx))
	for i := range n {
		d.second++
		if lost(i + 1) {
			d.lost[fmt.Sprint(d.tx, "/", i+1)] = true
			continue
		}
		d.event(i + 1)
	}
	d.second++
	d.produce(ends, 0, nil, fmt.Appendf(nil, `{"schema":{},"payload":{"status":"END","id":"%d:9","event_count":%d,"data_collections":[{"data_collection":"public.orders","event_count":%d},{"data_collection":"public.lines","event_count":%d}]}}`,
		d.tx, 2*n, n, n))
}

func (d *database) event(n int64) {
	d.write(int32(n%3), fmt.Sprintf(`{"op":"c","after":{"id":%d},"source":{"connector":"postgresql","name":"shop","db":"d","schema":"public","table":"orders","lsn":%d},"transaction":{"id":"%d:%d","total_order":%d,"data_collection_order":%d}}`,
		n, d.second, d.tx, d.second, 2*n, n))
}

func (d *database) look(boundaries string, change ...func(*sequence.Input)) (*sequence.Report, error) {
	d.flush()
	in := sequence.Input{Client: d.cl, Topic: topic, NowMs: start.Add(24 * time.Hour).UnixMilli(), Grace: sequence.DefaultGrace}
	for _, f := range change {
		f(&in)
	}
	return sequence.ScanDebezium(d.t.Context(), in, sequence.Debezium{Boundaries: boundaries, MemoryBytes: sequence.DefaultMemory})
}

// found are the numbers that a report calls missing.
func found(rep *sequence.Report) map[string]bool {
	out := map[string]bool{}
	for _, f := range rep.Findings {
		if f.Kind != gap.Missing {
			continue
		}
		ranges := f.Ranges
		if len(ranges) == 0 {
			ranges = append(ranges, f.Range)
		}
		id := strings.Fields(f.About)[1]
		for _, r := range ranges {
			for n := r.From; n < r.To; n++ {
				out[fmt.Sprint(id, "/", n)] = true
			}
		}
	}
	return out
}

// With the topic of boundaries everything that is lost is found, and nothing else: single events, the last ones, whole transactions.
// Without it, what lies before and between events.
func TestTransactionsThatLackEvents(t *testing.T) {
	seed := uint64(20261120)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	d := newDatabase(t)
	for i := range 40 {
		whole := i%10 == 5
		d.commit(1+rng.Int64N(12), func(int64) bool { return whole || rng.IntN(6) == 0 })
	}
	rep, err := d.look(ends)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(found(rep), d.lost); diff != "" || len(d.lost) < 20 || rep.Missing != int64(len(d.lost)) {
		t.Errorf("%d of %d lost events (-got +want):\n%s", rep.Missing, len(d.lost), diff)
	}
	if rep.Sources != 40 || rep.Twice != 0 || rep.Unknown() != 0 {
		t.Errorf("got %d transactions, %d twice, %d unknown", rep.Sources, rep.Twice, rep.Unknown())
	}
	rep, err = d.look("")
	if err != nil {
		t.Fatal(err)
	}
	some := found(rep)
	for lost := range some {
		if !d.lost[lost] {
			t.Errorf("without boundaries: %s is not lost", lost)
		}
	}
	if len(some) == 0 || len(some) >= len(d.lost) || !strings.Contains(strings.Join(rep.NotChecked, "\n"), "--transactions") {
		t.Errorf("without boundaries: got %d of %d, %q", len(some), len(d.lost), rep.NotChecked)
	}
	e, err := rep.Explain(rep.Findings[0].ID)
	if err != nil || !strings.Contains(fmt.Sprint(e), "filtered") {
		t.Errorf("explanation: %+v, %v", e, err)
	}
}

func TestTransactionsThatLackNothing(t *testing.T) {
	none := func(int64) bool { return false }
	for name, c := range map[string]struct {
		story   func(d *database)
		change  func(*sequence.Input)
		twice   int64
		unknown int
		says    string
	}{
		"events of other tables between them": {story: func(d *database) { d.commit(9, none); d.commit(3, none) }},
		"events that were sent again": {story: func(d *database) {
			d.commit(9, none)
			d.event(8)
			d.event(9)
		}, twice: 2},
		"rows of a snapshot, and tombstones": {story: func(d *database) {
			d.commit(2, none)
			d.write(0, `{"op":"r","source":{"connector":"postgresql","name":"shop","schema":"public","table":"orders"},"transaction":null}`)
			d.produce(topic, 0, []byte("k"), nil)
		}, says: "1 event of no transaction"},
		"what retention took": {story: func(d *database) {
			d.commit(9, none)
			d.commit(9, none)
			d.flush()
			d.expire(0, 4)
		}, says: "next to the log's start"},
		"what is on its way": {story: func(d *database) {
			d.commit(9, func(n int64) bool { return n > 7 })
			d.lost = map[string]bool{}
		}, change: func(in *sequence.Input) { in.NowMs = start.Add(20 * time.Second).UnixMilli() }, says: "on their way"},
		"a compacted topic": {story: func(d *database) {
			d.set("cleanup.policy", "compact")
			d.commit(9, func(n int64) bool { return n == 4 })
			d.lost = map[string]bool{}
		}, unknown: 1},
		"rows without an envelope": {story: func(d *database) {
			d.commit(2, none)
			d.write(0, `{"id":1}`)
		}, unknown: 1},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDatabase(t)
			c.story(d)
			var change []func(*sequence.Input)
			if c.change != nil {
				change = append(change, c.change)
			}
			rep, err := d.look(ends, change...)
			if err != nil {
				t.Fatal(err)
			}
			if rep.Missing != 0 || rep.Twice != c.twice || rep.Unknown() != c.unknown || !strings.Contains(strings.Join(rep.NotChecked, "\n"), c.says) {
				t.Errorf("got %d missing, %d twice, %d unknown, %q: %+v", rep.Missing, rep.Twice, rep.Unknown(), rep.NotChecked, rep.Findings)
			}
		})
	}
}

// Retention that took the beginning of one partition hides no loss of a transaction that began behind it.
func TestALossBehindTheLogsStart(t *testing.T) {
	d := newDatabase(t)
	for range 4 {
		d.commit(9, func(int64) bool { return false })
	}
	d.commit(9, func(n int64) bool { return n == 1 })
	d.flush()
	d.expire(0, 2)
	for _, boundaries := range []string{ends, ""} {
		rep, err := d.look(boundaries)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(found(rep), d.lost); diff != "" {
			t.Errorf("with %q (-got +want):\n%s", boundaries, diff)
		}
	}
}

func TestTransactionsThatAreRefused(t *testing.T) {
	d := newDatabase(t)
	d.commit(2, func(int64) bool { return false })
	var r *refusal.Error
	if _, err := d.look(topic); !errors.As(err, &r) || r.Code != sequence.CodeBoundaries {
		t.Errorf("events as boundaries: got %v, want %s", err, sequence.CodeBoundaries)
	}
	d.write(0, `{"op":"c","source":{"connector":"postgresql","name":"other","schema":"public","table":"orders"},"transaction":{"id":"1","total_order":1,"data_collection_order":1}}`)
	if _, err := d.look(ends); !errors.As(err, &r) || r.Code != sequence.CodeConnectors {
		t.Errorf("two connectors: got %v, want %s", err, sequence.CodeConnectors)
	}
	in := sequence.Input{Client: d.cl, Topic: topic, NowMs: start.Add(24 * time.Hour).UnixMilli()}
	if _, err := sequence.ScanDebezium(t.Context(), in, sequence.Debezium{MemoryBytes: 100}); !errors.Is(err, sequence.ErrTooMany) {
		t.Errorf("memory for no transaction: got %v", err)
	}
	rep, err := d.look("")
	if err != nil {
		t.Fatal(err)
	}
	var back sequence.Report
	if text, err := json.Marshal(rep); err != nil || json.Unmarshal(text, &back) != nil || !back.Debezium {
		t.Errorf("as JSON: %v, %+v", err, back)
	}
}

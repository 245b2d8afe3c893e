package sequence_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"backstitch/replay/gap"
	"backstitch/replay/gap/sequence"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

const topic = "clicks"

// world is a topic, and what producers sent that is not in it.
type world struct {
	t *testing.T
	*replaytest.Kafka
	cl   *kgo.Client
	lost map[string]bool // "source/number"
}

func newWorld(t *testing.T) *world {
	k := replaytest.NewKafka(t, topic)
	return &world{t: t, Kafka: k, cl: k.Client(kgo.RecordPartitioner(kgo.ManualPartitioner())), lost: map[string]bool{}}
}

// event is what a source sends.
type event struct {
	source string
	n      int64
	second int // since start
	part   int32
	lost   bool
}

// send writes what is not lost, in order, many at a time.
func (w *world) send(events ...event) {
	w.t.Helper()
	var records []*kgo.Record
	for _, e := range events {
		if e.lost {
			w.lost[fmt.Sprint(e.source, "/", e.n)] = true
			continue
		}
		records = append(records, &kgo.Record{
			Topic: topic, Partition: e.part, Timestamp: start.Add(time.Duration(e.second) * time.Second),
			Value: fmt.Appendf(nil, `{"meta":{"host":%q,"sequence":%d},"at":%d}`, e.source, e.n, e.second),
		})
	}
	if err := w.cl.ProduceSync(w.t.Context(), records...).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) scan(change ...func(*sequence.Input)) *sequence.Report {
	w.t.Helper()
	var paths []sequence.Path
	for _, text := range []string{"/meta/host", "/meta/sequence"} {
		p, err := sequence.ParsePath(text)
		if err != nil {
			w.t.Fatal(err)
		}
		paths = append(paths, p)
	}
	in := sequence.Input{Client: w.cl, Topic: topic, NowMs: start.Add(24 * time.Hour).UnixMilli(), Grace: sequence.DefaultGrace}
	for _, f := range change {
		f(&in)
	}
	rep, err := sequence.Scan(w.t.Context(), in, sequence.Config{Source: paths[:1], Sequence: paths[1], MemoryBytes: sequence.DefaultMemory})
	if err != nil {
		w.t.Fatal(err)
	}
	return rep
}

// judge holds a report to what was lost: all of it, and nothing else.
func (w *world) judge(rep *sequence.Report) {
	w.t.Helper()
	got := map[string]bool{}
	for _, f := range rep.Findings {
		if f.Kind != gap.Missing {
			continue
		}
		ranges := f.Ranges
		if len(ranges) == 0 {
			ranges = append(ranges, f.Range)
		}
		for _, r := range ranges {
			for n := r.From; n < r.To; n++ {
				got[fmt.Sprint(strings.TrimPrefix(f.About, "source "), "/", n)] = true
			}
		}
	}
	if !maps.Equal(got, w.lost) {
		w.t.Errorf("missing: got %d, want %d: %s", len(got), len(w.lost), cmp.Diff(got, w.lost))
	}
	if rep.Missing != int64(len(w.lost)) {
		w.t.Errorf("count of missing: got %d, want %d", rep.Missing, len(w.lost))
	}
}

func about(rep *sequence.Report, k gap.Kind) []string {
	var out []string
	for _, f := range rep.Findings {
		if f.Kind == k {
			out = append(out, strings.TrimPrefix(f.About, "source "))
		}
	}
	return out
}

// Scenario S4: a leader that had acknowledged alone died. Lag is 0, producers are content, and what it had alone is gone.
func TestS4ALeaderDiedThatHadAcknowledgedAlone(t *testing.T) {
	w := newWorld(t)
	var events []event
	for n := range int64(200) {
		for s := range 5 {
			part := int32(s % 3)
			events = append(events, event{fmt.Sprint("app-", s), n, int(n), part, part == 1 && n >= 80 && n < 95})
		}
	}
	w.send(events...)
	rep := w.scan()
	w.judge(rep)
	if diff := cmp.Diff(about(rep, gap.Missing), []string{"app-1", "app-4"}); diff != "" {
		t.Errorf("sources that lost (-got +want):\n%s", diff)
	}
	f := rep.Findings[0]
	if f.FirstMs != start.Add(79*time.Second).UnixMilli() || f.LastMs != start.Add(95*time.Second).UnixMilli() || f.Count != 15 || f.Evidence != "E1" {
		t.Errorf("got %+v, want 15 between the records of second 79 and 95", f)
	}
	if rep.Whole != 3 {
		t.Errorf("whole sources: got %d, want 3", rep.Whole)
	}
}

// Scenario S20: a few of many hosts can not deliver for a long time. The total looks as ever, since others send more.
func TestS20AFewOfManyHostsDoNotDeliver(t *testing.T) {
	w := newWorld(t)
	rng := rand.New(rand.NewPCG(20, 20))
	const hosts, seconds = 40, 300
	perSecond := make([]int, seconds)
	next := make([]int64, hosts)
	var events []event
	for s := range seconds {
		for perSecond[s] < hosts { // the load balancer always finds somebody
			h := rng.IntN(hosts)
			e := event{source: fmt.Sprintf("cp%02d", h), n: next[h], second: s, part: int32(rng.IntN(3))}
			next[h]++
			switch {
			case h < 3 && s >= 100 && rng.IntN(3) == 0:
				e.lost = true // a third of what these send
			case h == 3 && s >= 100:
				continue // switched off, or cut off: nobody knows its numbers
			default:
				perSecond[s]++
			}
			events = append(events, e)
		}
	}
	// What a source lost after its last record is not known to anybody.
	last := map[string]int64{}
	for _, e := range events {
		if !e.lost {
			last[e.source] = max(last[e.source], e.n)
		}
	}
	for i := range events {
		if e := &events[i]; e.lost && e.n > last[e.source] {
			*e = event{source: e.source, n: last[e.source] + 1, second: e.second, lost: false}
			last[e.source]++
		}
	}
	w.send(events...)
	rep := w.scan()
	w.judge(rep)
	if diff := cmp.Diff(about(rep, gap.AtRisk), []string{"cp03"}); diff != "" {
		t.Errorf("silent (-got +want):\n%s", diff)
	}
	if rep.Sources != hosts || rep.Whole != hosts-4 {
		t.Errorf("got %d sources, %d whole, want %d and %d", rep.Sources, rep.Whole, hosts, hosts-4)
	}
	var b strings.Builder
	if err := rep.WriteText(&b); err != nil || !strings.Contains(b.String(), "silent       cp03") || !strings.Contains(b.String(), "36 of 40 sources whole") {
		t.Errorf("text, %v:\n%s", err, b.String())
	}
}

func TestWhatIsNoLoss(t *testing.T) {
	inTurn := func(from, to int64) []event {
		var out []event
		for n := from; n < to; n++ {
			out = append(out, event{source: "a", n: n, second: int(n), part: int32(n % 3)})
		}
		return out
	}
	rows := map[string]struct {
		story   func(w *world)
		change  func(*sequence.Input)
		twice   int64
		unknown int
		says    string
	}{
		"a source that writes to all partitions in turn": {story: func(w *world) { w.send(inTurn(0, 100)...) }},
		"retention that took more of one partition": {story: func(w *world) {
			w.send(inTurn(0, 100)...)
			w.expire(0, 10)
			w.expire(1, 20)
		}, says: "next to the log's start"},
		"a partition that retention emptied": {story: func(w *world) {
			w.send(inTurn(0, 99)...)
			w.expire(2, 33)
		}, says: "next to the log's start"},
		"records that are on their way": {story: func(w *world) {
			w.send(inTurn(0, 90)...)
			w.send(event{source: "a", n: 95, second: 95})
		}, change: func(in *sequence.Input) { in.NowMs = start.Add(100 * time.Second).UnixMilli() }, says: "on their way"},
		"a compacted topic": {story: func(w *world) {
			w.set("cleanup.policy", "compact")
			w.send(event{source: "a", n: 0}, event{source: "a", n: 9, second: 9})
		}, unknown: 1},
		"a new life after a restart": {story: func(w *world) {
			w.send(inTurn(0, 50)...)
			for n := range int64(50) {
				w.send(event{source: "a", n: n, second: 100 + int(n), part: int32(n % 3)})
			}
		}},
		"records of another form": {story: func(w *world) {
			w.send(inTurn(0, 5)...)
			w.Produce(topic, 0, record.Record{Value: []byte("not json"), TimestampMs: start.UnixMilli()}, record.Record{TimestampMs: start.UnixMilli()})
		}, unknown: 1},
		"a transaction that was rolled back and sent again": {story: func(w *world) {
			w.send(inTurn(0, 5)...)
			w.abort(5)
			w.send(inTurn(5, 10)...)
		}},
		"a part of the time": {story: func(w *world) { w.send(inTurn(0, 100)...) }, change: func(in *sequence.Input) {
			in.FromMs, in.ToMs = start.Add(20*time.Second).UnixMilli(), start.Add(40*time.Second).UnixMilli()
		}},
		"the same twice": {story: func(w *world) {
			w.send(inTurn(0, 10)...)
			w.send(event{source: "a", n: 4, second: 4, part: 1}, event{source: "a", n: 5, second: 5, part: 2})
		}, twice: 2},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			row.story(w)
			if row.change == nil {
				row.change = func(*sequence.Input) {}
			}
			rep := w.scan(row.change)
			w.judge(rep)
			if rep.Twice != row.twice || rep.Unknown() != row.unknown || rep.Silent() != 0 {
				t.Errorf("got %d twice, %d unknown, %d silent, want %d, %d, 0: %+v", rep.Twice, rep.Unknown(), rep.Silent(), row.twice, row.unknown, rep.Findings)
			}
			if row.says != "" && !strings.Contains(strings.Join(rep.NotChecked, "\n"), row.says) {
				t.Errorf("not checked: got %q, want %q", rep.NotChecked, row.says)
			}
		})
	}
}

func (w *world) expire(part int32, to int64) {
	w.t.Helper()
	if err := w.DeleteRecords(topic, part, to); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) set(name, value string) {
	w.t.Helper()
	resp, err := kadm.NewClient(w.cl).AlterTopicConfigs(w.t.Context(), []kadm.AlterConfig{{Name: name, Value: &value}}, topic)
	if err != nil || resp[0].Err != nil {
		w.t.Fatal(err, resp)
	}
}

// abort sends a number in a transaction that is rolled back.
func (w *world) abort(n int64) {
	w.t.Helper()
	cl := w.Client(kgo.TransactionalID("t"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err := cl.BeginTransaction(); err != nil {
		w.t.Fatal(err)
	}
	r := &kgo.Record{Topic: topic, Value: fmt.Appendf(nil, `{"meta":{"host":"a","sequence":%d}}`, n), Timestamp: start.Add(time.Duration(n) * time.Second)}
	if err := cl.ProduceSync(w.t.Context(), r).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
	if err := cl.EndTransaction(w.t.Context(), kgo.TryAbort); err != nil {
		w.t.Fatal(err)
	}
}

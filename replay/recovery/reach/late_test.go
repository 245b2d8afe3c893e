package reach_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/archive"
	"backstitch/replay/connect"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/replaytest"
	"backstitch/replay/report"
	"backstitch/replay/sink"
	"backstitch/replay/spec"
	"backstitch/replay/verify"

	"github.com/twmb/franz-go/pkg/kadm"
)

const lateAllowedMs = 5000

// tardy is an archive of orders of one partition whose event times, in a member of their values, go back and forth. Some have none, a rule
// refuses some, and some say the same as an earlier one.
func tardy(t *testing.T, rng *rand.Rand, n int) (*lab, []record.Record) {
	l := &lab{t: t, kafka: replaytest.NewKafka(t, "orders"), dir: t.TempDir(), config: open.Config{Cluster: "test", Env: env}}
	l.clients = reach.New(l.config)
	var recs []record.Record
	for i := range n {
		at := 1_795_132_800_000 + int64(i)*1000 + rng.Int64N(40_000)
		value := fmt.Sprintf(`{"event_id":%d,"at":%d,"bad":%t}`, rng.IntN(n/2), at, rng.IntN(20) == 0)
		if rng.IntN(20) == 0 {
			value = fmt.Sprintf(`{"event_id":%d,"bad":false}`, n+i)
		}
		recs = append(recs, record.Record{Offset: int64(i), TimestampMs: 1_795_132_800_000 + int64(i), Key: fmt.Appendf(nil, "%d", i), Value: []byte(value)})
	}
	l.kafka.Produce("orders", 0, recs...)
	b, err := connect.CreateBucket(t.Context(), l.dir, connect.S3{}, env)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Copy(t.Context(), l.kafka.Client(), b, archive.Options{Topic: "orders"}); err != nil {
		t.Fatal(err)
	}
	return l, recs
}

// order is what a value of tardy says.
type order struct {
	EventID int    `json:"event_id"`
	At      *int64 `json:"at"`
	Bad     bool   `json:"bad"`
}

// wantLate is what a job is to say of each record that it writes, by position, said for each pair: had is what the target had.
func wantLate(t *testing.T, had, written []record.Record) map[int64]string {
	t.Helper()
	at := func(r record.Record) *int64 {
		var o order
		if err := json.Unmarshal(r.Value, &o); err != nil {
			t.Fatal(err)
		}
		return o.At
	}
	out := map[int64]string{}
	for i, r := range written {
		mine, by := at(r), int64(0)
		for _, q := range slices.Concat(had, written[:i]) {
			if its := at(q); mine != nil && its != nil {
				by = max(by, *its-lateAllowedMs-*mine)
			}
		}
		if out[r.Offset] = ""; by > 0 {
			out[r.Offset] = strconv.FormatInt(by, 10)
		}
	}
	return out
}

// gotLate is what the records of a job in topic say, by position of the reference.
func (l *lab) gotLate(topic string, job partition.JobID) map[int64]string {
	l.t.Helper()
	out := map[int64]string{}
	for _, r := range l.kafka.Committed(topic, 0) {
		said := ""
		for _, h := range r.Headers {
			if h.Key == sink.LateHeader {
				said += string(h.Value)
			}
		}
		if from, ok := sink.OriginOf(&r); ok && slices.ContainsFunc(r.Headers, func(h record.Header) bool { return h.Key == sink.JobHeader && string(h.Value) == string(job) }) {
			out[from.Offset] = said
		}
	}
	return out
}

// lateSpec is a job into a topic that there is.
func (l *lab) lateSpec(source, topic, more string, sliceRecords int) *spec.Recovery {
	l.t.Helper()
	r, err := spec.Parse("lab.yaml", fmt.Appendf(nil, "apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: lab}\nspec:\n"+
		"  source: {%s}\n  select: {partitions: \"0\"}\n  target: {kafka: {brokers: %q, topic: %s}}\n"+
		"  validate: {version: r1, rules: [{name: good, expr: '!value.bad'}]}\n  slices: {records: %d}\n"+
		"  write: {late: {allowed: 5s, time: value.at}%s}\n", source, strings.Join(l.kafka.ListenAddrs(), ","), topic, sliceRecords, more), spec.Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

func (l *lab) makeTopic(topic string) {
	l.t.Helper()
	if _, err := kadm.NewClient(l.kafka.Client()).CreateTopics(l.t.Context(), 1, 1, nil, topic); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) wantSaid(got, want map[int64]string) {
	l.t.Helper()
	if len(got) != len(want) {
		l.t.Errorf("got %d records of the job, want %d", len(got), len(want))
	}
	late := 0
	for o, by := range want {
		if got[o] != by {
			l.t.Errorf("the record of %d says %q, want %q", o, got[o], by)
		}
		if by != "" {
			late++
		}
	}
	if late < 5 || late == len(want) {
		l.t.Errorf("%d of %d are late, which means little", late, len(want))
	}
}

func lateCount(want map[int64]string) (n int64) {
	for _, by := range want {
		if by != "" {
			n++
		}
	}
	return n
}

// However a job is cut into slices, and whoever dies over them, each late record says by how much, and the proof passes. What a rule refuses, or
// what came before, is not written, so nothing is late because of it.
func TestLateRecordsSaySoHoweverItIsCut(t *testing.T) {
	rng := replaytest.Seed(t)
	l, all := tardy(t, rng, 120)
	brokers := strings.Join(l.kafka.ListenAddrs(), ",")
	deaths, cuts := 0, map[int]bool{}
	for round, size := range []int{1000, 40 + rng.IntN(30), 9 + rng.IntN(8)} {
		topic := fmt.Sprintf("round-%d", round)
		l.makeTopic(topic)
		source, more := fmt.Sprintf("dir: {path: %s, topic: orders}", l.dir), ""
		var written []record.Record
		seen := map[int]bool{}
		for _, r := range all {
			var o order
			if err := json.Unmarshal(r.Value, &o); err != nil {
				t.Fatal(err)
			}
			if o.Bad || round == 2 && seen[o.EventID] {
				continue
			}
			seen[o.EventID] = true
			written = append(written, r)
		}
		switch round {
		case 1:
			source = fmt.Sprintf("kafka: {brokers: %q, topic: orders}", brokers)
		case 2:
			more = ", dedupe: {key: [value.event_id]}"
		}
		p, sub := l.submit(l.lateSpec(source, topic, more, size))
		want := wantLate(t, nil, written)
		if got := p.Recipe.Late.Records(); got != lateCount(want) {
			t.Errorf("slices of %d: the plan counts %d late records, want %d", size, got, lateCount(want))
		}
		deaths += l.die(rng, sub)
		cuts[len(sub.Slices)] = true
		l.wantSaid(l.gotLate(topic, sub.ID), want)
		l.pass(sub)
	}
	if deaths < 10 || len(cuts) < 2 { // with repetitions left out, two of the three may have the same number of slices
		t.Errorf("%d deaths over %d ways to cut, too few to mean anything", deaths, len(cuts))
	}
}

// pass wants a job's proof to pass.
func (l *lab) pass(sub *recovery.Submission) {
	l.t.Helper()
	ends := l.run(&recovery.Submission{ID: sub.ID, Recipe: sub.Recipe})
	cs, err := verify.New(verify.DefaultConfig()).Job(l.t.Context(), sub.Slices, nil, ends, 1)
	if err != nil {
		l.t.Fatal(err)
	}
	if v, e := fsm.Judge(verify.Comparisons(cs), fsm.Writers{}); v != fsm.Pass || e != fsm.E3 {
		l.t.Errorf("got %s at %s, want a pass at E3: %s", v, e, details(verify.Comparisons(cs)))
	}
}

// What fills a gap comes behind all that the topic has, so it is late against that, and not against what was written before it once.
func TestWhatFillsAGapIsLateAgainstTheWholeTopic(t *testing.T) {
	rng := replaytest.Seed(t)
	l, all := tardy(t, rng, 120)
	l.makeTopic("gappy")
	var had, written []record.Record
	for i, r := range all {
		switch bad := strings.Contains(string(r.Value), `"bad":true`); {
		case bad:
		case i >= 40 && i < 80 || i >= 115:
			written = append(written, r)
		default:
			had = append(had, r)
		}
	}
	l.kafka.Produce("gappy", 0, had...)
	p, sub := l.submit(l.lateSpec(fmt.Sprintf("dir: {path: %s, topic: orders}", l.dir), "gappy", "", 7))
	want := wantLate(t, had, written)
	part := p.Recipe.Late.Parts[0]
	if part.Records != lateCount(want) || part.HighestMs == nil {
		t.Errorf("the plan says %+v, want %d late records and a highest event time of the topic", part, lateCount(want))
	}
	l.die(rng, sub)
	l.wantSaid(l.gotLate("gappy", sub.ID), want)
	l.pass(sub)
	if again, _ := l.submit(l.lateSpec(fmt.Sprintf("dir: {path: %s, topic: orders}", l.dir), "gappy", "", 7)); !again.Empty() || len(again.Recipe.Late.Parts) != 0 {
		t.Errorf("planned again: %+v, want nothing to write and nothing late", again.Recipe.Late)
	}
}

// A range by time lets a scan read a part of the target only. The rest of it counts all the same.
func TestLateAgainstWhatARangeLeavesOut(t *testing.T) {
	l, all := tardy(t, replaytest.Seed(t), 60)
	l.makeTopic("ranged")
	ahead := record.Record{TimestampMs: 1_795_132_700_000, Value: []byte(`{"at":1795133800000,"bad":false}`)}
	l.kafka.Produce("ranged", 0, ahead)
	r := l.lateSpec(fmt.Sprintf("dir: {path: %s, topic: orders}", l.dir), "ranged", "", 1000)
	r.Spec.Range = &spec.Range{From: "2026-11-20T00:00:00Z", To: "2026-11-20T00:00:00.05Z"}
	if at, _ := r.Spec.Range.From.Parse(); at.UnixMilli() != all[0].TimestampMs {
		t.Fatalf("the range begins at %d, the records at %d", at.UnixMilli(), all[0].TimestampMs)
	}
	p, sub := l.submit(r)
	if part := p.Recipe.Late.Parts[0]; part.HighestMs == nil || *part.HighestMs != 1_795_133_800_000 {
		t.Errorf("the plan says %+v, want the highest event time of what lies before the range", part)
	}
	l.run(sub)
	l.pass(sub)
}

// Files say it, too.
func TestLateRecordsInFiles(t *testing.T) {
	for _, format := range []string{"ndjson", "parquet"} {
		l, _ := tardy(t, replaytest.Seed(t), 60)
		r := l.lateSpec(fmt.Sprintf("dir: {path: %s, topic: orders}", l.dir), "orders", "", 30)
		r.Spec.Target = spec.Target{Dir: &spec.DirTarget{Path: t.TempDir(), Topic: "orders", Files: spec.Files{Format: format}}}
		p, sub := l.submit(r)
		if p.Recipe.Late.Records() < 5 {
			t.Fatalf("%s: %d late records are too few", format, p.Recipe.Late.Records())
		}
		l.run(sub)
		l.pass(sub)
	}
}

// An agent that knows no watermarks would write late records without a word, so it does not take the job. The plan says what is late, what has
// no event time, and what is ahead of the clock; without any event time there is no plan.
func TestLateIsPinnedAndSaid(t *testing.T) {
	l, _ := tardy(t, replaytest.Seed(t), 100)
	l.makeTopic("pinned")
	source := fmt.Sprintf("dir: {path: %s, topic: orders}", l.dir)
	p, sub := l.submit(l.lateSpec(source, "pinned", "", 1000))
	if p.Recipe.Version != recovery.LateVersion {
		t.Errorf("got version %d, want %d", p.Recipe.Version, recovery.LateVersion)
	}
	for version := range recovery.LateVersion {
		kept := p.Recipe
		kept.Version = version
		text, err := json.Marshal(kept)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := open.New(l.config).Open(t.Context(), sub.ID, text); !errors.Is(err, open.ErrRecipe) {
			t.Errorf("a recipe of version %d: got %v, want %v", version, err, open.ErrRecipe)
		}
	}
	said := p.Recipe.Late.String()
	if got := report.Of(p.Recipe).Source; !strings.Contains(got, said) || !strings.HasPrefix(said, "Late by value.at, 5s allowed: ") {
		t.Errorf("the proof says %q, want %q", got, said)
	}
	var text strings.Builder
	if err := p.WriteText(&text, recovery.RenderOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{said, recovery.NoteLate, recovery.NoteUntimed, "BST-Q328, first in pinned/p00"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the plan does not say %q:\n%s", want, &text)
		}
	}
	before := l.options()
	before.Now = func() time.Time { return time.UnixMilli(1_795_132_800_000) }
	ahead, err := recovery.Build(t.Context(), l.lateSpec(source, "pinned", "", 1000), l.clients, before)
	if err != nil || !slices.ContainsFunc(ahead.Notes, func(n recovery.Note) bool { return n.Code == recovery.NoteAhead }) {
		t.Errorf("event times that are ahead of the clock: got %+v, %v, want %s", ahead, err, recovery.NoteAhead)
	}
	var refused *recovery.Error
	r := l.lateSpec(source, "pinned", "", 1000)
	r.Spec.Write.Late.Time = "value.nowhere"
	if _, err := recovery.Build(t.Context(), r, l.clients, l.options()); !errors.As(err, &refused) || refused.Code != recovery.CodeNoEventTime {
		t.Errorf("an event time that no record has: got %v, want %s", err, recovery.CodeNoEventTime)
	}
}

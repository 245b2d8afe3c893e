package reach_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/archive"
	"backstitch/replay/connect"
	"backstitch/replay/engine"
	"backstitch/replay/gap"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/replaytest"
	"backstitch/replay/report"
	"backstitch/replay/spec"
	"backstitch/replay/verify"
	"backstitch/storage/spill"

	"github.com/twmb/franz-go/pkg/kadm"
)

// event is one record of a topic in which events came twice, out of order in time by more than the window.
type event struct {
	id      string // "" where it has none
	at      int64
	refused bool // by a rule
}

const windowMs = 20_000

// repeated is an archive of events of which some are repetitions, and what a job is to write of them: an event is left out where an earlier
// one that no rule refuses has its id and lies less than the window from it. Said for each pair, it shares no code with what it checks.
func repeated(t *testing.T, rng *rand.Rand, n int) (l *lab, written []string, left int) {
	l = &lab{t: t, kafka: replaytest.NewKafka(t, "orders"), dir: t.TempDir(), config: open.Config{Cluster: "test", Env: env}}
	l.clients = reach.New(l.config)
	var events []event
	var recs []record.Record
	for i := range n {
		e := event{id: fmt.Sprint(rng.IntN(n / 4)), at: 1_795_132_800_000 + int64(i)*1000 + rng.Int64N(60_000), refused: rng.IntN(30) == 0}
		value := fmt.Sprintf(`{"event_id":%q,"n":%d,"bad":%t}`, e.id, i, e.refused)
		if rng.IntN(30) == 0 {
			e.id, value = "", fmt.Sprintf(`{"n":%d,"bad":%t}`, i, e.refused)
		}
		if !e.refused {
			twice := false
			for _, q := range events {
				twice = twice || e.id != "" && q.id == e.id && !q.refused && max(q.at-e.at, e.at-q.at) < windowMs
			}
			if twice {
				left++
			} else {
				written = append(written, value)
			}
		}
		events = append(events, e)
		recs = append(recs, record.Record{TimestampMs: e.at, Key: []byte(e.id), Value: []byte(value)})
	}
	l.kafka.Produce("orders", 0, recs...)
	b, err := connect.CreateBucket(t.Context(), l.dir, connect.S3{}, env)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Copy(t.Context(), l.kafka.Client(), b, archive.Options{Topic: "orders"}); err != nil {
		t.Fatal(err)
	}
	return l, written, left
}

// once is the spec of a job that writes each event of the archive once into a topic of its own, which it makes.
func (l *lab) once(topic string, sliceRecords int) *spec.Recovery {
	return l.onceOf(fmt.Sprintf("dir: {path: %s, topic: orders}", l.dir), topic, sliceRecords)
}

func (l *lab) onceOf(source, topic string, sliceRecords int) *spec.Recovery {
	l.t.Helper()
	if _, err := kadm.NewClient(l.kafka.Client()).CreateTopics(l.t.Context(), 1, 1, nil, topic); err != nil {
		l.t.Fatal(err)
	}
	r, err := spec.Parse("lab.yaml", fmt.Appendf(nil, "apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: lab}\nspec:\n"+
		"  source: {%s}\n  select: {partitions: \"0\"}\n  target: {kafka: {brokers: %q, topic: %s}}\n"+
		"  validate: {version: r1, rules: [{name: good, expr: '!value.bad'}]}\n  slices: {records: %d}\n"+
		"  write: {dedupe: {key: [value.event_id], window: 20s}}\n", source, strings.Join(l.kafka.ListenAddrs(), ","), topic, sliceRecords), spec.Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

func (l *lab) sparing() recovery.Options {
	o := l.options()
	o.Scan.Spill = spill.Options{Dir: l.t.TempDir(), MemoryBytes: 8 << 10} // much of what was seen goes to disk
	return o
}

// die writes the fill slices of sub as workers do of which most die amid a slice: each owner is given up after some steps.
func (l *lab) die(rng *rand.Rand, sub *recovery.Submission) (deaths int) {
	l.t.Helper()
	ends, err := open.New(l.config).Open(l.t.Context(), sub.ID, sub.Recipe)
	if err != nil {
		l.t.Fatal(err)
	}
	defer ends.Close()
	cfg := engine.DefaultConfig()
	cfg.CommitRecords, cfg.CommitEvery, cfg.MaxQuarantine = 5+rng.Int64N(6), time.Hour, 1000
	for _, s := range sub.Slices {
		if s.Kind != partition.SliceFill {
			continue
		}
		for epoch, done := partition.Epoch(1), false; !done; epoch++ {
			e, err := engine.New(engine.Task{Slice: s, Epoch: epoch}, engine.Ends{Source: ends.Source, Sink: ends.Sink, Topic: "orders", Now: time.Now}, cfg)
			if err != nil {
				l.t.Fatal(err)
			}
			for range 3 + rng.IntN(3) {
				if done, err = e.Step(l.t.Context()); err != nil {
					l.t.Fatal(err)
				}
				if done {
					break
				}
			}
			if !done {
				deaths++
			}
			if err := e.Close(); err != nil && done {
				l.t.Fatal(err)
			}
		}
	}
	return deaths
}

// However a job is cut into slices, and whoever dies over them, its target has each event once, in order, and the proof passes.
func TestEachEventOnceHoweverItIsCut(t *testing.T) {
	rng := replaytest.Seed(t)
	l, want, left := repeated(t, rng, 160)
	if left < 10 {
		t.Fatalf("%d repetitions are too few to mean anything", left)
	}
	deaths, slices := 0, map[int]bool{}
	for round, size := range []int{1000, 40 + rng.IntN(30), 9 + rng.IntN(8)} {
		topic := fmt.Sprintf("round-%d", round)
		r := l.once(topic, size)
		if round == 1 { // the topic itself
			r = l.onceOf(fmt.Sprintf("kafka: {brokers: %q, topic: orders}", strings.Join(l.kafka.ListenAddrs(), ",")), topic+"-of-topic", size)
			topic = r.TargetTopic()
		}
		p, err := recovery.Build(t.Context(), r, l.clients, l.sparing())
		if err != nil {
			t.Fatal(err)
		}
		if p.Totals.Records != int64(len(want)) || p.Recipe.Dedupe.Records() != int64(left) {
			t.Errorf("slices of %d: %d to write and %d left out, want %d and %d", size, p.Totals.Records, p.Recipe.Dedupe.Records(), len(want), left)
		}
		sub, err := p.Submission()
		if err != nil {
			t.Fatal(err)
		}
		deaths += l.die(rng, sub)
		slices[len(sub.Slices)] = true
		var got []string
		for _, rec := range l.kafka.Committed(topic, 0) {
			got = append(got, string(rec.Value))
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("slices of %d: got %d records, want %d, in order", size, len(got), len(want))
		}
		ends := l.run(&recovery.Submission{ID: sub.ID, Recipe: sub.Recipe})
		cs, err := verify.New(verify.Config{Spill: spill.Options{MemoryBytes: 8 << 10}}).Job(t.Context(), sub.Slices, nil, ends, 1)
		if err != nil {
			t.Fatal(err)
		}
		if v, e := fsm.Judge(verify.Comparisons(cs), fsm.Writers{}); v != fsm.Pass || e != fsm.E3 || cs[0].Expected.Records != int64(len(want)) {
			t.Errorf("slices of %d: got %s at %s of %d, want a pass at E3 of %d: %s", size, v, e, cs[0].Expected.Records, len(want), cs[0].Detail)
		}
		if again, err := recovery.Build(t.Context(), r, l.clients, l.sparing()); err != nil || !again.Empty() {
			t.Errorf("slices of %d, planned again: %v, want nothing to write", size, err)
		}
	}
	if deaths < 10 || len(slices) < 3 {
		t.Errorf("%d deaths over %d ways to cut, too few to mean anything", deaths, len(slices))
	}
}

// A repetition that the target has is told as one more than there is to be, and not as unknown to the reference; a scan of the partition
// alone says the same, and a ledger is not asked.
func TestARepetitionInTheTarget(t *testing.T) {
	rng := replaytest.Seed(t)
	l, want, left := repeated(t, rng, 120)
	r := l.once("all", 1000)
	var healthy []record.Record
	for _, rec := range l.kafka.Committed("orders", 0) {
		if !strings.Contains(string(rec.Value), `"bad":true`) {
			healthy = append(healthy, rec)
		}
	}
	l.kafka.Produce("all", 0, healthy...)
	opt := l.sparing()
	p, rep, err := recovery.BuildWithScan(t.Context(), r, l.clients, opt)
	if err != nil {
		t.Fatal(err)
	}
	res := rep.Result(0)
	if !p.Empty() || res.Expected.Records != int64(len(want)) || res.Repeated != int64(left) || res.Duplicates != int64(left) || res.Extra != 0 {
		t.Errorf("%d to write, %d expected, %d left out, %d too many, %d unknown, want 0, %d, %d, %d and 0", p.Totals.Records, res.Expected.Records,
			res.Repeated, res.Duplicates, res.Extra, len(want), left, left)
	}
	said := fmt.Sprintf("%d records left out as repetitions: all/p00 %d", left, left)
	if got := rep.Repetitions(); got != said {
		t.Errorf("got %q, want %q", got, said)
	}
	if apart := l.apart(r, 1<<20); apart.Set != rep.Set || apart.Repetitions() != said {
		t.Errorf("in pieces: set %s, %q, want %s and %q", apart.Set, apart.Repetitions(), rep.Set, said)
	}
	sub, err := p.Submission()
	if err != nil {
		t.Fatal(err)
	}
	cs, err := verify.New(verify.DefaultConfig()).Job(t.Context(), sub.Slices, nil, l.run(sub), 1)
	if err != nil {
		t.Fatal(err)
	}
	if cs[0].Verdict != fsm.Pass || cs[0].PreexistingDuplicates != int64(left) || cs[0].Extra != 0 {
		t.Errorf("got %s, %d from before, %d unknown, want a pass with %d: %s", cs[0].Verdict, cs[0].PreexistingDuplicates, cs[0].Extra, left, cs[0].Detail)
	}
}

// A plan of some positions writes none that repeats what came before it, also where that is no part of the plan.
func TestRepetitionsOfFewPositions(t *testing.T) {
	l, _, left := repeated(t, replaytest.Seed(t), 120)
	opt := l.sparing()
	opt.Only = map[int32]partition.Ranges{0: {{From: 60, To: 120}}}
	p, err := recovery.Build(t.Context(), l.once("few", 7), l.clients, opt)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := recovery.Build(t.Context(), l.once("whole", 7), l.clients, l.sparing())
	if err != nil {
		t.Fatal(err)
	}
	positions := func(p *recovery.Plan) (out partition.Ranges) {
		for _, s := range p.Slices {
			for _, r := range s.Ranges {
				if s.Kind == "fill" && r[1] > 60 {
					out = append(out, partition.Range{From: max(r[0], 60), To: r[1]})
				}
			}
		}
		return partition.Normalize(out)
	}
	if got, want := fmt.Sprint(positions(p)), fmt.Sprint(positions(whole)); got != want || left == 0 {
		t.Errorf("got %s, want what the whole plan has of them: %s", got, want)
	}
	sub, err := p.Submission()
	if err != nil {
		t.Fatal(err)
	}
	cs, err := verify.New(verify.DefaultConfig()).Job(t.Context(), sub.Slices, nil, l.run(sub), 1)
	if err != nil || cs[0].Verdict != fsm.Pass {
		t.Errorf("got %+v, %v, want a pass", cs, err)
	}
}

// An agent that knows nothing of repetitions would call them missing, so it does not take the job; the plan is of its key and window.
func TestDedupeIsPinned(t *testing.T) {
	l, _, left := repeated(t, replaytest.Seed(t), 60)
	r := l.once("pinned", 1000)
	p, sub := l.submit(r)
	if got := report.Of(p.Recipe).Source; !strings.Contains(got, fmt.Sprintf("Dedupe by value.event_id within 20s, %s left out as repetitions", gap.Plural(int64(left), "record"))) {
		t.Errorf("the proof says %q", got)
	}
	r.Spec.Write.Dedupe.Window = "20001ms"
	q, _ := l.submit(r)
	one, _ := p.Hash()
	two, _ := q.Hash()
	if one == two {
		t.Error("another window is the same plan")
	}
	var kept recovery.Recipe
	if err := json.Unmarshal(sub.Recipe, &kept); err != nil || kept.Version != recovery.DedupeVersion {
		t.Fatalf("recipe %s, %v, want version %d", sub.Recipe, err, recovery.DedupeVersion)
	}
	for version := range recovery.DedupeVersion {
		kept.Version = version
		text, err := json.Marshal(kept)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := open.New(l.config).Open(t.Context(), "bs-a", text); !errors.Is(err, open.ErrRecipe) {
			t.Errorf("a recipe of version %d: got %v, want %v", version, err, open.ErrRecipe)
		}
	}
	kept.Version, kept.Dedupe.Key = recovery.DedupeVersion, []spec.KeyPart{"value.a", "topic"}
	text, err := json.Marshal(kept)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open.New(l.config).Open(t.Context(), "bs-a", text); !errors.Is(err, open.ErrRecipe) {
		t.Errorf("a key of a newer program: got %v, want %v", err, open.ErrRecipe)
	}
	var refused *recovery.Error
	_, err = recovery.ScanSink(t.Context(), r, 0, l.clients, l.options())
	if !errors.As(err, &refused) || refused.Code != recovery.CodeTransformed {
		t.Errorf("the other way round: got %v, want %s", err, recovery.CodeTransformed)
	}
}

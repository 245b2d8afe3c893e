package reach_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/replaytest"
	"backstitch/replay/sink"
	"backstitch/replay/spec"
	"backstitch/replay/verify"
	"backstitch/replay/worker"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// reshapeSpec wants the archive of orders, or the topic itself, in orders-v2.
func (l *lab) reshapeSpec(source string) *spec.Recovery {
	l.t.Helper()
	brokers := strings.Join(l.kafka.ListenAddrs(), ",")
	from := "{dir: {path: " + l.dir + ", topic: orders}}"
	if source == "kafka" {
		from = "{kafka: {brokers: \"" + brokers + "\", topic: orders}}"
	}
	text := "apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: lab}\nspec:\n  source: " + from +
		"\n  target: {kafka: {brokers: \"" + brokers + "\", topic: orders-v2, partitioner: murmur2}}\n"
	r, err := spec.Parse("lab.yaml", []byte(text), spec.Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

func (l *lab) create(topic string, partitions int32, config map[string]*string) {
	l.t.Helper()
	if _, err := kadm.NewClient(l.kafka.Client()).CreateTopic(l.t.Context(), partitions, 1, config, topic); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) build(r *spec.Recovery) (*recovery.Plan, *recovery.Submission) {
	l.t.Helper()
	p, err := recovery.Build(l.t.Context(), r, l.clients, l.options())
	if err != nil {
		l.t.Fatal(err)
	}
	sub, err := p.Submission()
	if err != nil {
		l.t.Fatal(err)
	}
	return p, sub
}

// wantReshaped checks with an ordinary consumer that orders-v2 has everything once, each record where a client would have put it, and each
// partition of the reference in its order.
func (l *lab) wantReshaped(n int32) {
	l.t.Helper()
	l.wantReshapedIn("orders-v2", n)
}

// wantReshapedIn is wantReshaped of another topic.
func (l *lab) wantReshapedIn(topic string, n int32) {
	l.t.Helper()
	clients := kgo.StickyKeyPartitioner(nil).ForTopic(topic)
	got := map[int32]map[int64]record.Record{}
	for q := range n {
		last := map[int32]int64{}
		for _, r := range l.kafka.Committed(topic, q) {
			o, ok := sink.OriginOf(&r)
			if !ok || o.Topic != "orders" {
				l.t.Fatalf("partition %d offset %d: origin %+v", q, r.Offset, o)
			}
			if r.Key != nil && clients.Partition(&kgo.Record{Key: r.Key}, int(n)) != int(q) {
				l.t.Errorf("partition %d offset %d: a client would have put it elsewhere", q, r.Offset)
			}
			if before, ok := last[o.Partition]; ok && o.Offset <= before {
				l.t.Errorf("partition %d: %d/%d behind %d", q, o.Partition, o.Offset, before)
			}
			last[o.Partition] = o.Offset
			if got[o.Partition] == nil {
				got[o.Partition] = map[int64]record.Record{}
			}
			if _, twice := got[o.Partition][o.Offset]; twice {
				l.t.Errorf("%d/%d is there twice", o.Partition, o.Offset)
			}
			got[o.Partition][o.Offset] = r
		}
	}
	for p, rs := range l.all {
		var there []record.Record
		for _, r := range rs {
			if g, ok := got[p][r.Offset]; ok {
				there = append(there, g)
			}
		}
		if !replaytest.Same(replaytest.Bare(there), replaytest.Bare(rs)) {
			l.t.Errorf("partition %d: %d records of %d, or other ones", p, len(there), len(rs))
		}
	}
}

// A topic of three partitions, and its archive, into five and into two: planned, written, proved, found complete.
func TestIntoAnotherNumberOfPartitions(t *testing.T) {
	for _, c := range []struct {
		source string
		n      int32
	}{{"archive", 5}, {"kafka", 2}} {
		t.Run(fmt.Sprint(c.source, c.n), func(t *testing.T) {
			l := newLab(t)
			l.create("orders-v2", c.n, nil)
			r := l.reshapeSpec(c.source)
			p, sub := l.build(r)
			if p.Recipe.Version != recovery.ReshapeVersion || p.Totals.Records != 900 || len(sub.Locks) != int(c.n) {
				t.Fatalf("got version %d, %d records to write, locks %q, want version 5, 900, all partitions of the target", p.Recipe.Version, p.Totals.Records, sub.Locks)
			}
			var text strings.Builder
			if err := p.WriteText(&text, recovery.RenderOptions{}); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{fmt.Sprintf("3 partitions of the reference into %d partitions of orders-v2, by murmur2 of the key", c.n), "BST-P230", "orders/p00"} {
				if !strings.Contains(text.String(), want) {
					t.Errorf("the plan does not say %q:\n%s", want, &text)
				}
			}
			ends := l.run(sub)
			l.wantReshaped(c.n)
			prove := func() []fsm.Comparison {
				t.Helper()
				rs, err := verify.New(verify.DefaultConfig()).Job(t.Context(), sub.Slices, nil, ends, 2)
				if err != nil {
					t.Fatal(err)
				}
				return verify.Comparisons(rs)
			}
			cs := prove()
			if v, e := fsm.Judge(cs, fsm.Writers{}); v != fsm.Pass || e != fsm.E3 || len(cs) != 3 {
				t.Fatalf("got %s at %s, want a pass at E3: %+v", v, e, cs)
			}
			if err := recovery.CheckFresh(t.Context(), p, l.clients); err != nil {
				t.Errorf("what the job itself has written: got %v, want a fresh plan", err)
			}
			if again, _ := l.build(r); !again.Empty() {
				t.Errorf("after the job: got %d records to write, want none", again.Totals.Records)
			}
			// A record of the job in another partition, as somebody with a client could put it.
			q := l.kafka.Committed("orders-v2", 0)
			l.kafka.Produce("orders-v2", 1, q[7])
			cs = prove()
			if v, _ := fsm.Judge(cs, fsm.Writers{}); v != fsm.Fail || !strings.Contains(details(cs), "orders-v2/p01 offset") || !strings.Contains(details(cs), "belongs in partition 0") {
				t.Errorf("got %s: %s, want a failure that names the record", v, details(cs))
			}
		})
	}
}

func details(cs []fsm.Comparison) string {
	var out []string
	for _, c := range cs {
		out = append(out, c.Detail)
	}
	return strings.Join(out, "; ")
}

// What a job that was given up has written is there, and the next plan writes the rest of it.
func TestAnotherPlanWritesTheRest(t *testing.T) {
	l := newLab(t)
	l.create("orders-v2", 4, nil)
	_, sub := l.build(l.reshapeSpec("archive"))
	part := *sub
	part.Slices = nil
	for _, s := range sub.Slices {
		if s.Kind == partition.SliceFill {
			s.Ranges = partition.Ranges{{From: 0, To: 120 + 40*int64(s.Partition)}}
			part.Slices = append(part.Slices, s)
		}
	}
	l.run(&part)
	p, sub := l.build(l.reshapeSpec("archive"))
	if p.Totals.Records != 900-120-160-200 {
		t.Fatalf("got %d records to write, want the rest, 420", p.Totals.Records)
	}
	ends := l.run(sub)
	l.wantReshaped(4)
	rs, err := verify.New(verify.DefaultConfig()).Job(t.Context(), sub.Slices, nil, ends, 2)
	if err != nil {
		t.Fatal(err)
	}
	if v, e := fsm.Judge(verify.Comparisons(rs), fsm.Writers{}); v != fsm.Pass || e != fsm.E3 {
		t.Errorf("got %s at %s, want a pass at E3: %s", v, e, details(verify.Comparisons(rs)))
	}
}

func (l *lab) add(topic string, n int) {
	l.t.Helper()
	if _, err := kadm.NewClient(l.kafka.Client()).CreatePartitions(l.t.Context(), n, topic); err != nil {
		l.t.Fatal(err)
	}
}

// Partitions that are added later send keys elsewhere. A job stops and a proof is refused, with a code that does not pass by waiting.
func TestPartitionsThatAreAddedLaterStopTheJob(t *testing.T) {
	l := newLab(t)
	l.create("orders-v2", 4, nil)
	p, sub := l.build(l.reshapeSpec("archive"))
	ends, err := open.New(l.config).Open(t.Context(), sub.ID, sub.Recipe)
	if err != nil {
		t.Fatal(err)
	}
	defer ends.Close()
	l.add("orders-v2", 1)
	_, _, err = ends.Sink.Open(t.Context(), sub.Slices[0], 1)
	if f := worker.Classify(err); f.Code != recovery.CodeReshaped || f.Retry {
		t.Errorf("writing: got %s (%v), want %s and no retry", f.Code, err, recovery.CodeReshaped)
	}
	_, err = verify.New(verify.DefaultConfig()).Job(t.Context(), sub.Slices, nil, ends, 2)
	if f := worker.Classify(err); f.Code != recovery.CodeReshaped || f.Retry {
		t.Errorf("proving: got %s (%v), want %s and no retry", f.Code, err, recovery.CodeReshaped)
	}
	var stale *recovery.StaleError
	if err := recovery.CheckFresh(t.Context(), p, l.clients); !errors.As(err, &stale) || !strings.Contains(err.Error(), "has 5 partitions, the plan saw 4") {
		t.Errorf("got %v, want a stale plan", err)
	}
}

// Two plans for one empty topic: when the first has run, the second would write everything again.
func TestAPlanForATopicThatAnotherJobHasFilledIsStale(t *testing.T) {
	l := newLab(t)
	l.create("orders-v2", 4, nil)
	p, sub := l.build(l.reshapeSpec("archive"))
	other := *sub
	other.ID = "bs-otherjob"
	other.Slices = slices.Clone(sub.Slices)
	for i := range other.Slices {
		other.Slices[i].ID.Job = other.ID
	}
	l.run(&other)
	var stale *recovery.StaleError
	if err := recovery.CheckFresh(t.Context(), p, l.clients); !errors.As(err, &stale) || !strings.Contains(err.Error(), "not of its job") {
		t.Errorf("got %v, want a stale plan", err)
	}
}

// A program that does not know the rule would keep partitions. It refuses the version, and this one a recipe that says less than it has.
func TestARecipeWithARuleForPartitionsHasItsOwnVersion(t *testing.T) {
	l := newLab(t)
	l.create("orders-v2", 4, nil)
	p, sub := l.build(l.reshapeSpec("archive"))
	for what, change := range map[string]func(r *recovery.Recipe){
		"an older version": func(r *recovery.Recipe) { r.Version = recovery.FormatVersion },
		"another partitioner": func(r *recovery.Recipe) {
			r.Target.Reshape = &recovery.Reshape{Partitioner: "crc32", Ends: r.Target.Reshape.Ends}
		},
	} {
		recipe := p.Recipe
		change(&recipe)
		raw, err := json.Marshal(recipe)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := open.New(l.config).Open(t.Context(), sub.ID, raw); !errors.Is(err, open.ErrRecipe) {
			t.Errorf("%s: got %v, want %v", what, err, open.ErrRecipe)
		}
	}
}

// Keys that lie in two partitions of the reference have no order between those. The plan says how many there are, and so does each proof.
func TestKeysInSeveralPartitionsAreSaid(t *testing.T) {
	l := newLab(t)
	l.create("orders-v2", 4, nil)
	for p := range int32(2) {
		for i := range int64(3) {
			r := record.Record{Key: fmt.Appendf(nil, "both-%d", i), Value: []byte("x"), TimestampMs: 1_795_132_800_000}
			l.kafka.Produce("orders", p, r)
		}
	}
	p, sub := l.build(l.reshapeSpec("kafka"))
	n := p.Recipe.Target.Reshape.Split // the generator makes keys of one byte, which are in several partitions, too
	if i := slices.IndexFunc(p.Notes, func(n recovery.Note) bool { return n.Code == recovery.NoteSplitKeys }); n < 3 || i < 0 || len(p.NeedsPerson()) == 0 {
		t.Fatalf("got %d keys in several partitions and notes %+v, want at least the three, and a note that needs a person", n, p.Notes)
	}
	rs, err := verify.New(verify.DefaultConfig()).Job(t.Context(), sub.Slices, nil, l.run(sub), 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range rs {
		if c.Verdict != fsm.Pass || !slices.ContainsFunc(c.NotChecked, func(s string) bool { return strings.Contains(s, fmt.Sprintf("those of %d keys", n)) }) {
			t.Errorf("partition %d: got %s, not checked %q, want a pass that says what of the order it is not about", c.Partition, c.Verdict, c.NotChecked)
		}
	}
}

// Events that came twice are left out of a topic with another number of partitions, too: of each partition of the reference the later ones,
// whichever slices it is cut into and whoever dies. What the target had of them from before is a duplicate of then.
func TestEachEventOnceIntoAnotherNumberOfPartitions(t *testing.T) {
	rng := replaytest.Seed(t)
	l := newLab(t)
	type event struct {
		id   string
		at   int64
		bare record.Record
	}
	want, left := map[int32][]record.Record{}, int64(0)
	for p := range int32(replaytest.Partitions) {
		var before []event
		var recs []record.Record
		for i := range 60 {
			id := fmt.Sprint(rng.IntN(25))
			e := event{id: id, at: 1_795_132_900_000 + int64(i)*1000 + rng.Int64N(30_000)}
			e.bare = record.Record{Offset: 300 + int64(i), TimestampMs: e.at, Key: fmt.Appendf(nil, "%s", id), Value: fmt.Appendf(nil, `{"id":%q,"n":%d}`, id, i)}
			if rng.IntN(5) == 0 {
				e.bare.Key = nil
			}
			twice := false
			for _, q := range before {
				twice = twice || q.id == e.id && max(q.at-e.at, e.at-q.at) < windowMs
			}
			if twice {
				left++
			} else {
				want[p] = append(want[p], e.bare)
			}
			before, recs = append(before, e), append(recs, e.bare)
		}
		l.kafka.Produce("orders", p, recs...)
	}
	if left < 10 {
		t.Fatalf("%d repetitions are too few to mean anything", left)
	}
	l.all = want // the job is about these alone
	for _, c := range []struct {
		n    int32
		size int64
	}{{5, 1000}, {2, 11}} {
		topic := fmt.Sprintf("wide-%d", c.n)
		l.create(topic, c.n, nil)
		r := l.reshapeSpec("kafka")
		r.Spec.Target.Kafka.Topic = topic
		r.Spec.Range = &spec.Range{Offsets: &spec.Offsets{From: 300, To: 400}}
		r.Spec.Write = &spec.Write{Dedupe: &spec.Dedupe{Key: []spec.KeyPart{"value.id"}, Window: "20s"}}
		r.Spec.Slices = &spec.Slices{Records: c.size}
		p, sub := l.build(r)
		if p.Recipe.Dedupe.Records() != left || p.Totals.Records != 180-left {
			t.Fatalf("%d left out and %d to write, want %d and %d", p.Recipe.Dedupe.Records(), p.Totals.Records, left, 180-left)
		}
		if deaths := l.die(rng, sub); deaths < 3 {
			t.Errorf("%d deaths are too few to mean anything", deaths)
		}
		l.wantReshapedIn(topic, c.n)
		ends := l.run(&recovery.Submission{ID: sub.ID, Recipe: sub.Recipe})
		prove := func() (fsm.Verdict, fsm.Evidence, []fsm.Comparison) {
			t.Helper()
			rs, err := verify.New(verify.DefaultConfig()).Job(t.Context(), sub.Slices, nil, ends, 2)
			if err != nil {
				t.Fatal(err)
			}
			v, e := fsm.Judge(verify.Comparisons(rs), fsm.Writers{})
			return v, e, verify.Comparisons(rs)
		}
		if v, e, cs := prove(); v != fsm.Pass || e != fsm.E3 {
			t.Fatalf("got %s at %s, want a pass at E3: %s", v, e, details(cs))
		}
		if again, _ := l.build(r); !again.Empty() {
			t.Errorf("after the job: got %d records to write, want none", again.Totals.Records)
		}
		// A repetition that the job should not have written, with the headers of one that it wrote.
		for at, rec := range l.kafka.Committed("orders", 1)[300:] {
			o := int64(300 + at)
			if slices.ContainsFunc(want[1], func(w record.Record) bool { return w.Offset == o }) {
				continue
			}
			rec.Offset = o
			q := p.Recipe.Target.Reshape.Rule().Of(1, &rec)
			rec.Headers = []record.Header{{Key: sink.OriginHeader, Value: fmt.Appendf(nil, "orders/1/%d", o)}, {Key: sink.JobHeader, Value: []byte(sub.ID)}}
			l.kafka.Produce(topic, q, rec)
			if v, _, cs := prove(); v != fsm.Fail || cs[1].IntroducedDuplicates != 1 || !strings.Contains(cs[1].Detail, fmt.Sprintf("%s/p%02d offset", topic, q)) {
				t.Errorf("a repetition that was written: got %s, %+v, want a failure that names it", v, cs)
			}
			again, _ := l.build(r)
			if v := again.Totals.Records; v != 0 || !slices.ContainsFunc(again.Notes, func(n recovery.Note) bool { return n.Code == recovery.NoteDuplicates }) {
				t.Errorf("planned again: %d to write and notes %+v, want none, and one record that is there too often", v, again.Notes)
			}
			break
		}
	}
}

package reach_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/archive"
	"backstitch/replay/connect"
	"backstitch/replay/gap"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/replaytest"
	"backstitch/replay/report"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/verify"

	"github.com/twmb/franz-go/pkg/kadm"
)

const (
	migrated = 200
	poisoned = 50 // of these records one can not be changed
)

// migration is an archive of JSON orders, some of which no step can change, and an empty topic for what becomes of them.
func migration(t *testing.T) *lab {
	l := &lab{t: t, kafka: replaytest.NewKafka(t, "orders"), dir: t.TempDir(), config: open.Config{Cluster: "test", Env: env}}
	l.clients = reach.New(l.config)
	var recs []record.Record
	for i := range migrated {
		r := record.Record{TimestampMs: 1_795_132_800_000 + int64(i), Key: fmt.Append(nil, i), Value: fmt.Appendf(nil, `{"n":"%d", "old": 1.0}`, i)}
		if i%poisoned == 7 {
			r.Value = []byte(`{"n":"many"}`)
		}
		recs = append(recs, r)
	}
	l.kafka.Produce("orders", 0, recs...)
	b, err := connect.CreateBucket(t.Context(), l.dir, connect.S3{}, env)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Copy(t.Context(), l.kafka.Client(), b, archive.Options{Topic: "orders"}); err != nil {
		t.Fatal(err)
	}
	if _, err := kadm.NewClient(l.kafka.Client()).CreateTopics(t.Context(), 1, 1, nil, "orders-v3"); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *lab) migrate(example string) *spec.Recovery {
	l.t.Helper()
	r, err := spec.Parse("lab.yaml", []byte("apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: lab}\nspec:\n  source: {dir: {path: "+l.dir+
		", topic: orders}}\n  select: {partitions: \"0\"}\n  target: {kafka: {brokers: \""+strings.Join(l.kafka.ListenAddrs(), ",")+"\", topic: orders-v3}}\n  write: {maxQuarantine: 10, originHeaders: false}\n"+
		"  transform:\n    version: v3\n    steps:\n    - cast: {field: n, to: integer}\n    - rename: {field: old, to: new}\n    - set: {field: v, value: 3.0}\n    examples: ["+example+"]\n"), spec.Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

const goodExample = `{in: {n: "1"}, out: {n: 1, v: 3}}`

func (l *lab) submit(r *spec.Recovery) (*recovery.Plan, *recovery.Submission) {
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

// An archive becomes a topic of changed records, although who writes is killed between two commits; a record of the old form in the
// topic fails the proof.
func TestMigrationToProof(t *testing.T) {
	l := migration(t)
	const bad = migrated / poisoned
	p, sub := l.submit(l.migrate(goodExample))
	if p.Totals.Records != migrated-bad {
		t.Fatalf("got %d records to write, want %d", p.Totals.Records, migrated-bad)
	}
	named := 0
	for _, f := range p.Findings {
		if f.Kind == gap.Corrupt && strings.Contains(f.Reason, source.CodeNoCast) && f.Range.Len() == 1 && f.Range.From%poisoned == 7 {
			named++
		}
	}
	if named != bad || p.Recipe.Refused() != int64(bad) {
		t.Errorf("got %d records named, refused %d, want %d", named, p.Recipe.Refused(), bad)
	}
	var text strings.Builder
	if err := p.WriteText(&text, recovery.RenderOptions{}); err != nil || !strings.Contains(text.String(), "Transform v3, 3 steps") {
		t.Errorf("%v, the plan does not name its transform:\n%s", err, text.String())
	}
	if about := report.Of(p.Recipe); !strings.Contains(about.Source, "Transform v3, 3 steps") {
		t.Errorf("the proof does not name the transform: %s", about.Source)
	}

	l.killedAmid(sub)
	ends := l.run(sub)
	got := l.kafka.Committed("orders-v3", 0)
	if len(got) != migrated-bad {
		t.Fatalf("got %d records in the topic, want %d", len(got), migrated-bad)
	}
	i := 0
	for n := range migrated {
		if n%poisoned == 7 {
			continue
		}
		if want := fmt.Sprintf(`{"n":%d, "new": 1.0, "v": 3.0}`, n); string(got[i].Value) != want || string(got[i].Key) != fmt.Sprint(n) {
			t.Fatalf("record %d: got %s with key %s, want %s", n, got[i].Value, got[i].Key, want)
		}
		i++
	}
	v := verify.New(verify.DefaultConfig())
	prove := func() (fsm.Verdict, fsm.Evidence) {
		cs, err := v.Job(t.Context(), sub.Slices, nil, ends, 1)
		if err != nil {
			t.Fatal(err)
		}
		return fsm.Judge(verify.Comparisons(cs), fsm.Writers{})
	}
	if verdict, evidence := prove(); verdict != fsm.Pass || evidence != fsm.E3 {
		t.Fatalf("got %s at %s, want a pass at E3", verdict, evidence)
	}
	if again, _ := l.submit(l.migrate(goodExample)); again.Totals.Records != 0 {
		t.Errorf("planned again there are %d records to write, want none", again.Totals.Records)
	}
}

// killedAmid commits half of the first slice, writes some more, and is gone.
func (l *lab) killedAmid(sub *recovery.Submission) {
	l.t.Helper()
	ends, err := open.New(l.config).Open(l.t.Context(), sub.ID, sub.Recipe)
	if err != nil {
		l.t.Fatal(err)
	}
	defer ends.Close()
	for _, s := range sub.Slices {
		if s.Kind != partition.SliceFill {
			continue
		}
		w, p, err := ends.Sink.Open(l.t.Context(), s, 1)
		if err != nil {
			l.t.Fatal(err)
		}
		defer w.Close()
		r, err := ends.Source.Open(l.t.Context(), s, p.Cursor)
		if err != nil {
			l.t.Fatal(err)
		}
		defer r.Close()
		b, err := r.Next(l.t.Context())
		if err != nil || len(b.Records) < 4 {
			l.t.Fatalf("got %v, want a batch to part", err)
		}
		front := b.Split(len(b.Records) / 2)
		p.Cursor = front.Next
		if err := errors.Join(w.Write(l.t.Context(), front), w.Commit(l.t.Context(), p), w.Write(l.t.Context(), b)); err != nil {
			l.t.Fatal(err)
		}
		return
	}
	l.t.Fatal("nothing to write")
}

// A record that has the old value in the topic is not the one that was promised.
func TestAnOldValueFailsTheProof(t *testing.T) {
	l := migration(t)
	_, sub := l.submit(l.migrate(goodExample))
	ends, err := open.New(l.config).Open(t.Context(), sub.ID, sub.Recipe)
	if err != nil {
		t.Fatal(err)
	}
	defer ends.Close()
	for i := range migrated {
		if i%poisoned == 7 {
			continue
		}
		r := record.Record{TimestampMs: 1_795_132_800_000 + int64(i), Key: fmt.Append(nil, i), Value: fmt.Appendf(nil, `{"n":%d, "new": 1.0, "v": 3.0}`, i)}
		if i == 120 {
			r.Value = fmt.Appendf(nil, `{"n":"%d", "old": 1.0}`, i)
		}
		l.kafka.Produce("orders-v3", 0, r)
	}
	cs, err := verify.New(verify.DefaultConfig()).Job(t.Context(), sub.Slices, nil, ends, 1)
	if err != nil {
		t.Fatal(err)
	}
	if verdict, _ := fsm.Judge(verify.Comparisons(cs), fsm.Writers{}); verdict == fsm.Pass || cs[0].Missing != 1 {
		t.Errorf("got %s with %d missing, want no pass with 1", verdict, cs[0].Missing)
	}
}

func TestTransformsThatArePinnedOrRefused(t *testing.T) {
	l := migration(t)
	_, err := recovery.Build(t.Context(), l.migrate(`{in: {n: "1"}, out: {n: "1", v: 3}}`), l.clients, l.options())
	var refused *recovery.Error
	if !errors.As(err, &refused) || refused.Code != recovery.CodeExample {
		t.Errorf("an example that does not come out: got %v, want %s", err, recovery.CodeExample)
	}
	_, err = recovery.ScanSink(t.Context(), l.migrate(goodExample), 0, l.clients, l.options())
	if !errors.As(err, &refused) || refused.Code != recovery.CodeTransformed {
		t.Errorf("the other way round: got %v, want %s", err, recovery.CodeTransformed)
	}
	p, sub := l.submit(l.migrate(goodExample))
	var kept recovery.Recipe
	if err := json.Unmarshal(sub.Recipe, &kept); err != nil || kept.Version != recovery.TransformVersion || kept.Source.Transform.Version != "v3" {
		t.Errorf("recipe %s, %v, want the version pinned", sub.Recipe, err)
	}
	other := l.migrate(goodExample)
	other.Spec.Transform.Version = "v4"
	q, _ := l.submit(other)
	one, _ := p.Hash()
	two, _ := q.Hash()
	if one == two {
		t.Error("another version is the same plan")
	}
	kept.Version = recovery.RecipeVersion
	text, err := json.Marshal(kept)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open.New(l.config).Open(t.Context(), "bs-a", text); !errors.Is(err, open.ErrRecipe) {
		t.Errorf("a transform in a recipe of version 1: got %v, want %v", err, open.ErrRecipe)
	}
}

// Two scans with a ledger, of one pair by two chains, do not believe each other.
func TestALedgerIsOfOneChain(t *testing.T) {
	l := migration(t)
	var comparisons []string
	for _, version := range []string{"v3", "v4"} {
		r := l.migrate(goodExample)
		r.Spec.Transform.Version = version
		opt := l.options()
		opt.Compare = func(ctx context.Context, in gap.Input, cfg gap.Config, a gap.Anchors) (*gap.Report, error) {
			comparisons = append(comparisons, a.Comparison)
			return gap.Scan(ctx, in, cfg)
		}
		if _, err := recovery.Scan(t.Context(), r, l.clients, opt); err != nil {
			t.Fatal(err)
		}
	}
	if comparisons[0] == comparisons[1] {
		t.Errorf("both are %s", comparisons[0])
	}
}

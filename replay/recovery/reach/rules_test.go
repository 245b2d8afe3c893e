package reach_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/engine"
	"backstitch/replay/gap"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/report"
	"backstitch/replay/rule"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/verify"
	"backstitch/replay/worker"
)

// judged is the spec of a migration with steps that all values keep, and rules.
func (l *lab) judged(validate string) *spec.Recovery {
	l.t.Helper()
	r, err := spec.Parse("lab.yaml", []byte("apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: lab}\nspec:\n  source: {dir: {path: "+l.dir+
		", topic: orders}}\n  select: {partitions: \"0\"}\n  target: {kafka: {brokers: \""+strings.Join(l.kafka.ListenAddrs(), ",")+"\", topic: orders-v3}}\n  write: {originHeaders: false}\n"+
		"  transform: {version: v3, steps: [{rename: {field: old, to: new}}]}\n"+validate), spec.Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

const (
	numbers   = "  validate: {version: r1, rules: [{name: number, expr: 'value.n.matches(\"^[0-9]+$\")'}]%s}\n"
	unlimited = "  validate: {version: r1, nullRate: [{field: new, max: 100%}]}\n"
)

// Records that break a rule, and only they, are in no target and on each list: of the plan, of what the job was not told to write, of
// the proof.
func TestRulesToProof(t *testing.T) {
	l := migration(t)
	const bad = migrated / poisoned
	p, sub := l.submit(l.judged(fmt.Sprintf(numbers, ", maxQuarantine: 5%, nullRate: [{field: new, max: 2%}]")))
	if p.Totals.Records != migrated-bad || len(p.Recipe.Aside) != bad {
		t.Fatalf("got %d records to write and %d left out, want %d and %d", p.Totals.Records, len(p.Recipe.Aside), migrated-bad, bad)
	}
	named := 0
	for _, f := range p.Findings {
		if f.Kind == gap.Corrupt && f.Code == source.CodeFalse && f.Count == 1 && strings.Contains(f.Reason, "rule number: value.n.matches") {
			named++
		}
	}
	for i, a := range p.Recipe.Aside {
		if a != (recovery.Aside{Offset: partition.Offset(i*poisoned + 7), Code: source.CodeFalse, Rule: "number"}) {
			t.Errorf("left out: %+v", a)
		}
	}
	var text strings.Builder
	if err := p.WriteText(&text, recovery.RenderOptions{}); err != nil || named != bad {
		t.Errorf("%v, %d findings name the rule, want %d", err, named, bad)
	}
	for _, want := range []string{"Transform v3, 1 step\nRules r1, 1 rule\n", "4 of 200 records left out, at most 10 (5%) allowed",
		"new is null or not there in 4 of 200 records, at most 4 (2%) allowed", "rule number: value.n.matches"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the plan does not say %q:\n%s", want, text.String())
		}
	}
	if p.Recipe.Write.MaxQuarantine != 6 || p.Recipe.Nulls[0].Allowed != 4 {
		t.Errorf("the job may set %d aside with %d nulls, want 6 and 4", p.Recipe.Write.MaxQuarantine, p.Recipe.Nulls[0].Allowed)
	}
	if about := report.Of(p.Recipe); !strings.Contains(about.Source, "Transform v3, 1 step   Rules r1, 1 rule") {
		t.Errorf("the proof does not name the rules: %s", about.Source)
	}
	ends := l.run(sub)
	if got := l.kafka.Committed("orders-v3", 0); len(got) != migrated-bad {
		t.Fatalf("got %d records in the topic, want %d", len(got), migrated-bad)
	}
	cs, err := verify.New(verify.DefaultConfig()).Job(t.Context(), sub.Slices, nil, ends, 1)
	if err != nil {
		t.Fatal(err)
	}
	if verdict, evidence := fsm.Judge(verify.Comparisons(cs), fsm.Writers{}); verdict != fsm.Pass || evidence != fsm.E3 {
		t.Errorf("got %s at %s, want a pass at E3", verdict, evidence)
	}
	if again, _ := l.submit(l.judged(fmt.Sprintf(numbers, ""))); again.Totals.Records != 0 {
		t.Errorf("planned again there are %d records to write, want none", again.Totals.Records)
	}
}

// A job that meets records which its plan did not know of sets them aside under the name of the rule.
func TestAJobSetsAsideWhatBreaksARule(t *testing.T) {
	l := migration(t)
	_, sub := l.submit(l.judged(""))
	p, _ := l.submit(l.judged(fmt.Sprintf(numbers, ", maxQuarantine: 4 records")))
	var err error
	p.Recipe.Write.MaxQuarantine = 4
	if sub.Recipe, err = json.Marshal(p.Recipe); err != nil {
		t.Fatal(err)
	}
	ends, err := open.New(l.config).Open(t.Context(), sub.ID, sub.Recipe)
	if err != nil {
		t.Fatal(err)
	}
	defer ends.Close()
	for _, s := range sub.Slices {
		if s.Kind != partition.SliceFill {
			continue
		}
		e, err := engine.New(engine.Task{Slice: s, Epoch: 1}, engine.Ends{
			Source: ends.Source, Sink: ends.Sink, Topic: "orders", Rules: ends.Recipe.Source.Rules.Names(), Now: time.Now,
		}, ends.Engine(engine.DefaultConfig()))
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		q := e.Quarantined()
		if len(q) != migrated/poisoned || q[0].Offset != 7 || q[0].Code != source.CodeFalse || q[0].Reason != "rule number: the expression is false" {
			t.Errorf("got %+v, want the rule's name at each", q)
		}
	}
	if got := l.kafka.Committed("orders-v3", 0); len(got) != migrated-migrated/poisoned {
		t.Errorf("got %d records in the topic, want %d", len(got), migrated-migrated/poisoned)
	}
}

// What is judged of all records together ends the plan, and a job that meets more than its plan ends, too.
func TestLimitsEndThePlanAndTheJob(t *testing.T) {
	l := migration(t)
	for validate, want := range map[string]string{
		fmt.Sprintf(numbers, ", maxQuarantine: 1.99%"):                                     recovery.CodeAside,
		fmt.Sprintf(numbers, ", maxQuarantine: 2%"):                                        "",
		fmt.Sprintf(numbers, ", maxQuarantine: 3 records"):                                 recovery.CodeAside,
		fmt.Sprintf(numbers, ", nullRate: [{field: n, max: 0%}, {field: new, max: 1.9%}]"): recovery.CodeNulls,
		fmt.Sprintf(numbers, ", nullRate: [{field: n, max: 0%}, {field: new, max: 2%}]"):   "",
	} {
		_, err := recovery.Build(t.Context(), l.judged(validate), l.clients, l.options())
		var refused *recovery.Error
		if want == "" && err != nil || want != "" && (!errors.As(err, &refused) || refused.Code != want) {
			t.Errorf("%s: got %v, want %q", validate, err, want)
		}
	}
	p, sub := l.submit(l.judged(unlimited))
	l.run(sub)
	p.Recipe.Nulls[0].Allowed = 3
	text, err := json.Marshal(p.Recipe)
	if err != nil {
		t.Fatal(err)
	}
	ends, err := open.New(l.config).Open(t.Context(), sub.ID, text)
	if err != nil {
		t.Fatal(err)
	}
	defer ends.Close()
	_, err = verify.New(verify.DefaultConfig()).Job(t.Context(), sub.Slices, nil, ends, 1)
	if f := worker.Classify(err); !errors.Is(err, rule.ErrNulls) || f.Code != recovery.CodeNulls || f.Retry {
		t.Errorf("got %v as %+v, want the job to end with %s", err, f, recovery.CodeNulls)
	}
}

// Rules are in hash and recipe, and a program that knows none refuses the job.
func TestRulesArePinned(t *testing.T) {
	l := migration(t)
	p, sub := l.submit(l.judged(fmt.Sprintf(numbers, "")))
	other := l.judged(fmt.Sprintf(numbers, ""))
	other.Spec.Validate.Rules[0].Expr = `value.n.matches("^[0-9]{1,9}$")`
	q, _ := l.submit(other)
	one, _ := p.Hash()
	two, _ := q.Hash()
	if one == two {
		t.Error("another rule is the same plan")
	}
	var kept recovery.Recipe
	if err := json.Unmarshal(sub.Recipe, &kept); err != nil || kept.Version != recovery.RulesVersion {
		t.Errorf("recipe %s, %v, want version %d", sub.Recipe, err, recovery.RulesVersion)
	}
	for _, version := range []int{recovery.RecipeVersion, recovery.TransformVersion} {
		kept.Version = version
		text, err := json.Marshal(kept)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := open.New(l.config).Open(t.Context(), "bs-a", text); !errors.Is(err, open.ErrRecipe) {
			t.Errorf("rules in a recipe of version %d: got %v, want %v", version, err, open.ErrRecipe)
		}
	}
	_, err := recovery.ScanSink(t.Context(), &spec.Recovery{Spec: spec.Spec{Validate: &spec.Validate{Version: "r1"}}}, 0, l.clients, l.options())
	var refused *recovery.Error
	if !errors.As(err, &refused) || refused.Code != recovery.CodeTransformed {
		t.Errorf("the other way round: got %v, want %s", err, recovery.CodeTransformed)
	}
}

// A sample is the first records of each partition as they stand in the reference, and what one has too few of the others give.
func TestSample(t *testing.T) {
	l := migration(t)
	var got []string
	fields, err := recovery.Sample(t.Context(), l.judged(fmt.Sprintf(numbers, "")), l.clients, 10, func(part int32, rec *record.Record) error {
		got = append(got, fmt.Sprintf("%d@%d %s", part, rec.Offset, rec.Value))
		return nil
	}, func(d *source.DamagedError) { t.Error(d) })
	if err != nil || fields != record.AllFields || len(got) != 10 || got[7] != `0@7 {"n":"many"}` {
		t.Errorf("got %q, %v", got, err)
	}
}

// What was set aside is planned again under mended rules: exactly those records, and of them what is missing. Another loss is not
// touched, and once more there is nothing to do.
func TestWhatWasSetAsideIsPlannedAgain(t *testing.T) {
	l := migration(t)
	const lost = 120
	for i := range migrated {
		r := record.Record{TimestampMs: 1_795_132_800_000 + int64(i), Key: fmt.Append(nil, i), Value: fmt.Appendf(nil, `{"n":"%d", "new": 1.0}`, i)}
		switch i {
		case poisoned + 7: // somebody has put it back by hand
			r.Value = []byte(`{"n":"many"}`)
		case 7, 2*poisoned + 7, 3*poisoned + 7, lost:
			continue
		}
		l.kafka.Produce("orders-v3", 0, r)
	}
	p, _ := l.submit(l.judged(fmt.Sprintf(numbers, "")))
	if len(p.Recipe.Aside) != migrated/poisoned || p.Totals.Records != 1 {
		t.Fatalf("got %d left out and %d to write, want %d and the one that was lost", len(p.Recipe.Aside), p.Totals.Records, migrated/poisoned)
	}
	only := map[int32]partition.Ranges{}
	for _, a := range p.Recipe.Aside {
		only[a.Partition] = append(only[a.Partition], partition.Range{From: a.Offset, To: a.Offset + 1})
	}
	opt := l.options()
	opt.Only = only
	mended := "  validate: {version: r2, rules: [{name: text, type: {field: n, is: string}}, {name: not-the-last, expr: 'offset != " + fmt.Sprint(3*poisoned+7) + "'}]}\n"
	again := func() (*recovery.Plan, *recovery.Submission) {
		p, err := recovery.Build(t.Context(), l.judged(mended), l.clients, opt)
		if err != nil {
			t.Fatal(err)
		}
		sub, err := p.Submission()
		if err != nil {
			t.Fatal(err)
		}
		return p, sub
	}
	q, sub := again()
	if q.Totals.Records != 2 || len(q.Recipe.Aside) != 1 || q.Recipe.Aside[0].Rule != "not-the-last" {
		t.Fatalf("got %d to write and %+v left out, want 2 and 1", q.Totals.Records, q.Recipe.Aside)
	}
	before := len(l.kafka.Committed("orders-v3", 0))
	ends := l.run(sub)
	got := l.kafka.Committed("orders-v3", 0)[before:]
	if len(got) != 2 || string(got[0].Key) != "7" || string(got[1].Key) != fmt.Sprint(2*poisoned+7) {
		t.Fatalf("got %d records written, want those at 7 and %d", len(got), 2*poisoned+7)
	}
	cs, err := verify.New(verify.DefaultConfig()).Job(t.Context(), sub.Slices, nil, ends, 1)
	if err != nil {
		t.Fatal(err)
	}
	if verdict, _ := fsm.Judge(verify.Comparisons(cs), fsm.Writers{}); verdict != fsm.Pass || cs[0].Expected.Records != 3 {
		t.Errorf("got %s over %d records, want a pass over 3", verdict, cs[0].Expected.Records)
	}
	if q, _ := again(); q.Totals.Records != 0 {
		t.Errorf("planned once more there are %d records to write, want none", q.Totals.Records)
	}
	if p, _ := l.submit(l.judged(fmt.Sprintf(numbers, ""))); p.Totals.Records != 1 {
		t.Errorf("the record that was lost is touched: %d to write, want 1", p.Totals.Records)
	}
}

func TestFindReadsOneRecord(t *testing.T) {
	l := migration(t)
	p, _ := l.submit(l.judged(fmt.Sprintf(numbers, "")))
	for _, at := range []partition.Offset{0, 7, migrated - 1} {
		f, err := recovery.Find(t.Context(), p.Recipe.Source, l.clients, 0, at)
		if err != nil || f.Record.Offset != at || string(f.Record.Key) != fmt.Sprint(at) || f.Object == "" || f.Fields != record.AllFields {
			t.Errorf("at %d: got %+v, %v", at, f, err)
		}
	}
	if _, err := recovery.Find(t.Context(), p.Recipe.Source, l.clients, 0, migrated); !errors.Is(err, recovery.ErrNoRecord) {
		t.Errorf("behind the last: got %v, want %v", err, recovery.ErrNoRecord)
	}
}

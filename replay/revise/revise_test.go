package revise_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/revise"
	"backstitch/replay/spec"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// version is one of a spec with that transform and those rules.
func version(t interface{ Fatal(...any) }, more string) *revise.Version {
	r, err := spec.Parse("x", []byte("apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: x}\nspec:\n  source: {dir: {path: /a, topic: t}}\n"+
		"  target: {kafka: {brokers: \"localhost:9092\", topic: t}}\n"+more), spec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	v, _, err := revise.Of(context.Background(), r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func diff(t interface{ Fatal(...any) }, old, new string, values ...string) revise.Diff {
	c := revise.Compare(version(t, old), version(t, new))
	for i, v := range values {
		rec := &record.Record{Offset: partition.Offset(i)}
		if v != "" {
			rec.Value = []byte(v)
		}
		if err := c.Add(fmt.Sprint(i), 0, rec); err != nil {
			t.Fatal(err)
		}
	}
	return c.Diff()
}

func steps(s string) string { return "  transform: {version: v1, steps: [" + s + "]}\n" }

func TestMemberByMember(t *testing.T) {
	got := diff(t, "", steps(`{cast: {field: n, to: integer}}, {rename: {field: a.b, to: c}}, {set: {field: l, expr: 'value.l.map(x, x + 1)'}}`),
		`{"n":"1","a":{"b":true},"l":[1,2]}`, // another type, a member less and one more, two elements
		`{"n":1.0,"l":[]}`,                   // the same, in other bytes
		`{"n":1,"l":[]}`,                     // the same
		`{"n":"x","l":[]}`,                   // refused
		``,                                   // a tombstone
	)
	want := revise.Diff{
		Old: "values as they are", New: "Transform v1, 3 steps", Records: 5, Same: 2, Respelt: 1, Changed: 1, RefusedNew: 1,
		Paths: []revise.Path{
			{Path: "a.b", Removed: 1, Examples: []revise.Example{{Record: "0", Old: "true"}}},
			{Path: "a.c", Added: 1, Examples: []revise.Example{{Record: "0", New: "true"}}},
			{Path: "l[]", Changed: 2, Examples: []revise.Example{{Record: "0", Old: "1", New: "2"}, {Record: "0", Old: "2", New: "3"}}},
			{Path: "n", Retyped: 1, Examples: []revise.Example{{Record: "0", Old: `"1"`, New: "1"}}},
		},
		Refused: []revise.Gate{{By: "new", Code: "BST-Q306", Count: 1, Examples: []revise.Refused{{Record: "3", Reason: `step 1: n is "x": not a number as JSON spells it`}}}},
	}
	if d := cmp.Diff(got, want); d != "" {
		t.Errorf("(-got +want):\n%s", d)
	}
}

func TestRulesThatOneVersionHas(t *testing.T) {
	rules := func(max int) string {
		return fmt.Sprintf("  validate: {version: r1, rules: [{name: size, range: {field: n, max: %d}}]}\n", max)
	}
	got := diff(t, rules(1), rules(2), `{"n":1}`, `{"n":2}`, `{"n":3}`)
	if got.Same != 1 || got.RefusedOld != 1 || got.RefusedBoth != 1 || len(got.Refused) != 1 || got.Refused[0].By != "old" ||
		got.Refused[0].Examples[0].Reason != "rule size: n is 2, more than 1" {
		t.Errorf("got %+v", got)
	}
}

func TestNamesThatAreData(t *testing.T) {
	var values []string
	for i := range 1200 {
		values = append(values, fmt.Sprintf(`{"k%d":1,"long":"%s"}`, i, strings.Repeat("é", 100)))
	}
	got := diff(t, "", steps(`{set: {field: a, expr: value}}, {drop: {field: long}}`), values...)
	if len(got.Paths) != 2 { // a, and what goes
		t.Fatalf("got %d paths", len(got.Paths))
	}
	if shown := got.Paths[1].Examples[0].Old; len(shown) > 130 || !strings.HasSuffix(shown, "...") || strings.ContainsRune(shown, '\uFFFD') {
		t.Errorf("a long value is shown as %q", shown)
	}
	got = diff(t, "", steps(`{set: {field: "x", expr: "{string(size(value.l)): 1}"}}`), "{\"l\":[]}")
	if got.Paths[0].Path != "x" || got.PathsLeft != 0 {
		t.Errorf("got %+v", got)
	}
	values = values[:0]
	for i := range 1200 {
		values = append(values, fmt.Sprintf(`{"m":{"k%d":1}}`, i))
	}
	if got = diff(t, "", steps(`{set: {field: m, value: {}}}`), values...); len(got.Paths) != 1000 || got.PathsLeft != 200 {
		t.Errorf("got %d paths and %d changes left, want 1000 and 200", len(got.Paths), got.PathsLeft)
	}
}

// Each record is in one count; a version differs from itself in nothing, and swapped versions swap what is counted.
func TestCountsAddUp(t *testing.T) {
	pool := []string{
		"", steps(`{cast: {field: n, to: integer}}`), steps(`{drop: {field: n, required: true}}`), steps(`{set: {field: m, expr: value.n}}`),
		steps(`{rename: {field: n, to: m}}`), "  validate: {version: r, rules: [{name: p, expr: value.n != 2}]}\n",
	}
	value := rapid.SampledFrom([]string{`{"n":1}`, `{"n":"1"}`, `{"n":1.0}`, `{"n":2,"m":null}`, `{"m":[1]}`, `[1]`, `{"n":`, ``, `{"n":1,"n":2}`})
	rapid.Check(t, func(rt *rapid.T) {
		a, b := rapid.SampledFrom(pool).Draw(rt, "old"), rapid.SampledFrom(pool).Draw(rt, "new")
		values := rapid.SliceOfN(value, 0, 12).Draw(rt, "values")
		there, back := diff(rt, a, b, values...), diff(rt, b, a, values...)
		sum := there.Same + there.Respelt + there.Changed + there.RefusedOld + there.RefusedNew + there.RefusedBoth
		if sum != int64(len(values)) || there.Records != sum {
			rt.Errorf("%d records are in %d counts: %+v", len(values), sum, there)
		}
		if a == b && there.Differs() {
			rt.Errorf("a version differs from itself: %+v", there)
		}
		if there.RefusedOld != back.RefusedNew || there.Changed != back.Changed || there.Same != back.Same || len(there.Paths) != len(back.Paths) {
			rt.Errorf("there %+v\nand back %+v", there, back)
		}
		for i, p := range there.Paths {
			if q := back.Paths[i]; p.Path != q.Path || p.Added != q.Removed || p.Removed != q.Added || p.Changed != q.Changed || p.Retyped != q.Retyped {
				rt.Errorf("there %+v\nand back %+v", p, q)
			}
		}
	})
}

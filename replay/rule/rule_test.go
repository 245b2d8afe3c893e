package rule_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"
	"backstitch/replay/rule"
	"backstitch/replay/source"
	"backstitch/replay/spec"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rules are a list as a spec has them, by their JSON.
func rules(tb testing.TB, text string) *rule.Set {
	tb.Helper()
	var out []spec.Rule
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		tb.Fatal(err)
	}
	s, err := rule.New(out)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestKinds(t *testing.T) {
	const schema = `{"type":"object","required":["id"],"properties":{"id":{"type":"integer","maximum":9007199254740993},"s":{"enum":["a"]}},"additionalProperties":false}`
	for name, c := range map[string]struct{ rule, value, code, says string }{
		"true":                        {`"expr":"value.n > 0"`, `{"n":1}`, "", ""},
		"false":                       {`"expr":"value.n >\n 0"`, `{"n":0}`, source.CodeFalse, "rule r: value.n > 0 is false"},
		"no answer":                   {`"expr":"value.n > 0"`, `{}`, source.CodeNoAnswer, "no such key: n"},
		"no truth":                    {`"expr":"value.n"`, `{"n":1}`, source.CodeNoAnswer, "want true or false"},
		"too costly":                  {`"expr":"value.l.all(a, value.l.all(b, value.l.all(c, a + b + c > 0)))"`, `{"l":[` + strings.Repeat("1,", 200) + `1]}`, source.CodeCost, "costs more"},
		"every digit counts":          {`"expr":"value.n == 9007199254740993"`, `{"n":9007199254740992}`, source.CodeFalse, ""},
		"a list is a value":           {`"expr":"size(value) == 2"`, `[1,2]`, "", ""},
		"no JSON":                     {`"expr":"value.n > 0"`, `{"n":1`, source.CodeNotJSON, "rule r: the value is no JSON"},
		"no UTF-8":                    {`"required":["n"]`, "{\"n\":\"\xff\"}", source.CodeNotUTF8, "not UTF-8"},
		"no JSON, and nobody looks":   {`"expr":"offset >= 0"`, `{"n":1`, "", ""},
		"there":                       {`"required":["a.b","c"]`, `{"a":{"b":0},"c":""}`, "", ""},
		"not there":                   {`"required":["a.b"]`, `{"a":{}}`, source.CodeRequired, "there is no a.b"},
		"nothing to be in":            {`"required":["a.b"]`, `{"a":7}`, source.CodeRequired, "there is no a.b"},
		"null":                        {`"required":["a"]`, `{"a":null}`, source.CodeRequired, "a is null"},
		"two of one name":             {`"required":["a.b"]`, `{"a":1,"a":2}`, source.CodeAmbiguous, "one name"},
		"two of another name":         {`"required":["a"]`, `{"a":1,"b":1,"b":2}`, "", ""},
		"on the bound":                {`"range":{"field":"a","min":0.1,"max":1e1}`, `{"a":10.00}`, "", ""},
		"beyond it by the last digit": {`"range":{"field":"a","max":9007199254740993}`, `{"a":9007199254740993.0000000000000000001}`, source.CodeRange, "more than 9007199254740993"},
		"below":                       {`"range":{"field":"a","min":-1}`, `{"a":-1.01}`, source.CodeRange, "less than -1"},
		"without end":                 {`"range":{"field":"a","max":1}`, `{"a":1e99999}`, source.CodeRange, "more than 1"},
		"no number":                   {`"range":{"field":"a","max":1}`, `{"a":"1"}`, source.CodeRange, "type string"},
		"a null has no size":          {`"range":{"field":"a","max":1}`, `{"a":null}`, "", ""},
		"type":                        {`"type":{"field":"a","is":"integer"}`, `{"a":1.50e1}`, "", ""},
		"an integer is a number":      {`"type":{"field":"a","is":"number"}`, `{"a":1}`, "", ""},
		"a number is no integer":      {`"type":{"field":"a","is":"integer"}`, `{"a":1.5}`, source.CodeType, "a is of type number, want integer"},
		"a null has no type":          {`"type":{"field":"a","is":"string"}`, `{"a":null}`, source.CodeType, "type null"},
		"unless it may be":            {`"type":{"field":"a","is":"string","orNull":true}`, `{"a":null}`, "", ""},
		"fits":                        {`"schema":{"inline":` + schema + `}`, `{"id":9007199254740993,"s":"a"}`, "", ""},
		"beyond by one":               {`"schema":{"inline":` + schema + `}`, `{"id":9007199254740994}`, source.CodeSchema, "/id does not fit maximum"},
		"of another type":             {`"schema":{"inline":` + schema + `}`, `{"id":"1"}`, source.CodeSchema, "/id is of type string, want integer"},
		"incomplete":                  {`"schema":{"inline":` + schema + `}`, `{}`, source.CodeSchema, "/ has no id"},
		"too much":                    {`"schema":{"inline":` + schema + `}`, `{"id":1,"x":1}`, source.CodeSchema, "/ has x"},
		"ambiguous":                   {`"schema":{"inline":{}}`, `{"a":1,"a":2}`, source.CodeAmbiguous, "one name"},
		"a number without end":        {`"schema":{"inline":{"minimum":1}}`, `1e999999999`, source.CodeSchema, "1,000 digits"},
	} {
		s := rules(t, `[{"name":"r",`+strings.ReplaceAll(c.rule, "\n", `\n`)+`}]`)
		err := s.Try(0, &record.Record{Offset: 5, Value: []byte(c.value)})
		var d *source.DamagedError
		if c.code == "" {
			if err != nil {
				t.Errorf("%s: got %v, want none", name, err)
			}
			continue
		}
		if !errors.As(err, &d) || d.Code != c.code || d.Rule != 1 || !strings.Contains(d.Error(), c.says) {
			t.Errorf("%s: got %v, want %s with %q", name, err, c.code, c.says)
		}
	}
}

// A tombstone deletes; rules about values do not hold it up.
func TestTombstonesPass(t *testing.T) {
	s := rules(t, `[{"name":"a","expr":"value.n > 0"},{"name":"b","required":["n"]},{"name":"c","schema":{"inline":{"type":"object"}}},{"name":"d","expr":"key != 'x'"}]`)
	if err := s.Try(0, &record.Record{Key: []byte("y")}); err != nil {
		t.Errorf("got %v, want none", err)
	}
	var d *source.DamagedError
	if err := s.Try(0, &record.Record{Key: []byte("x")}); !errors.As(err, &d) || d.Rule != 4 {
		t.Errorf("got %v, want rule 4", err)
	}
}

func TestBlind(t *testing.T) {
	s := rules(t, `[{"name":"a","required":["n"]},{"name":"b","expr":"timestamp > timestamp('2026-01-01T00:00:00Z')"}]`)
	if name, lacks := s.Blind(record.FieldValue | record.FieldKey); name != "b" || lacks != record.FieldTimestamp {
		t.Errorf("got %q without %b", name, lacks)
	}
	if name, _ := s.Blind(record.AllFields); name != "" {
		t.Errorf("got %q of a source that holds everything", name)
	}
}

// orders are n records with holes between their offsets, every tenth a tombstone.
func orders(n int) []record.Record {
	var out []record.Record
	for i := range n {
		r := record.Record{Offset: partition.Offset(3 * i), TimestampMs: int64(i), Key: fmt.Append(nil, "k", i)}
		if i%10 != 9 {
			r.Value = fmt.Appendf(nil, `{ "n":%d }`, i)
		}
		out = append(out, r)
	}
	return out
}

func whole(n int) partition.Slice {
	return partition.Slice{Kind: partition.SliceVerify, Ranges: partition.Ranges{{From: 0, To: partition.Offset(3 * n)}}}
}

func TestTheSourceSuiteHolds(t *testing.T) {
	replaytest.RunSourceSuite(t, func(t *testing.T) replaytest.SourceCase {
		tally, err := rule.NewTally([]rule.Limit{{Field: "x", Allowed: -1}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		src := &replaytest.Memory{Records: map[int32][]record.Record{0: orders(60)}}
		return replaytest.SourceCase{Source: rule.Over(src, rules(t, `[{"name":"r","expr":"value.n >= 0"}]`), tally), Slice: whole(60), Want: orders(60)}
	})
}

// read returns what came out and what was refused, from cursor on.
func read(t interface {
	Context() context.Context
	Helper()
	Fatal(...any)
}, s source.Source, slice partition.Slice, cursor partition.Offset) (passed []partition.Offset, refused map[partition.Offset]int) {
	t.Helper()
	r, err := s.Open(t.Context(), slice, cursor)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	refused = map[partition.Offset]int{}
	for {
		b, err := r.Next(t.Context())
		var d *source.DamagedError
		switch {
		case err == io.EOF:
			return passed, refused
		case errors.As(err, &d):
			refused[d.Offset] = d.Rule
			continue
		case err != nil:
			t.Fatal(err)
		}
		for i := range b.Records {
			passed = append(passed, b.Records[i].Offset)
		}
		b.Release()
	}
}

// Each record passes or is named by the first rule that it breaks, whatever the batches are, and a tally counts each of them once,
// however often and from where they are read.
func TestEachRecordPassesOrIsNamed(t *testing.T) {
	set := rules(t, `[{"name":"first","expr":"value.n % 7 != 3"},{"name":"second","range":{"field":"n","max":40}}]`)
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(rt, "records")
		tally, err := rule.NewTally([]rule.Limit{{Field: "n", Allowed: -1}, {Field: "gone", Allowed: -1}}, nil)
		if err != nil {
			rt.Fatal(err)
		}
		recs := orders(n)
		src := rule.Over(&replaytest.Memory{Records: map[int32][]record.Record{0: recs}, Batch: rapid.IntRange(1, 9).Draw(rt, "batch")}, set, tally)
		want := func(i int) int {
			switch {
			case i%10 == 9:
				return 0
			case i%7 == 3:
				return 1
			case i > 40:
				return 2
			}
			return 0
		}
		for _, from := range append(rapid.SliceOfN(rapid.IntRange(0, n-1), 0, 3).Draw(rt, "cursors"), 0) {
			passed, refused := read(rt, src, whole(n), partition.Offset(3*from))
			for i := from; i < n; i++ {
				at := recs[i].Offset
				switch w := want(i); {
				case w > 0 && refused[at] != w:
					rt.Fatalf("record %d: refused by rule %d, want %d", i, refused[at], w)
				case w == 0 && (len(passed) == 0 || passed[0] != at):
					rt.Fatalf("record %d did not pass", i)
				case w == 0:
					passed = passed[1:]
				}
			}
			if len(passed) > 0 {
				rt.Fatalf("%v passed, too", passed)
			}
		}
		total, nulls := tally.Counts()
		if values := int64(n - n/10); total != values || nulls[0] != 0 || nulls[1] != values {
			rt.Errorf("of %d records with a value %d were counted, %v without", values, total, nulls)
		}
	})
}

// Readers of several partitions at once, and of the same positions, count what one would.
func TestATallyIsOfPositions(t *testing.T) {
	tally, err := rule.NewTally([]rule.Limit{{Field: "gone", Allowed: -1}}, func(r *record.Record) bool { return r.TimestampMs < 50 })
	if err != nil {
		t.Fatal(err)
	}
	src := rule.Over(&replaytest.Memory{Records: map[int32][]record.Record{0: orders(100), 1: orders(100)}}, nil, tally)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			slice := whole(100)
			slice.Partition = int32(i % 2)
			if i >= 4 { // in pieces with holes between them
				slice.Ranges = partition.Ranges{{From: 9, To: 30}, {From: 60, To: 61}, {From: 120, To: 290}}
			}
			read(t, src, slice, 0)
		})
	}
	wg.Wait()
	if total, nulls := tally.Counts(); total != 90 || nulls[0] != 90 {
		t.Errorf("got %d records and %v without, want 90 of two partitions", total, nulls)
	}
}

func TestMoreNullsThanAllowedEndTheReading(t *testing.T) {
	for allowed, fails := range map[int64]bool{53: true, 54: false} {
		tally, err := rule.NewTally([]rule.Limit{{Field: "gone", Allowed: allowed}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := rule.Over(&replaytest.Memory{Records: map[int32][]record.Record{0: orders(60)}}, nil, tally).Open(t.Context(), whole(60), 0)
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			var b *record.Batch
			if b, err = r.Next(t.Context()); err == nil {
				b.Release()
			}
		}
		r.Close()
		if errors.Is(err, rule.ErrNulls) != fails || !fails && err != io.EOF {
			t.Errorf("%d of 54 allowed: got %v", allowed, err)
		}
	}
}

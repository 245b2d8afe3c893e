package transform_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/transform"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// steps are a list as a spec has them, by their JSON.
func steps(tb testing.TB, text string) []spec.Step {
	tb.Helper()
	var out []spec.Step
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		tb.Fatal(err)
	}
	return out
}

func chain(tb testing.TB, text string) *transform.Chain {
	tb.Helper()
	c, err := transform.New(steps(tb, text))
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func TestSteps(t *testing.T) {
	for name, c := range map[string]struct{ steps, in, out string }{
		"rename stays in place":       {`[{"rename":{"field":"a","to":"x"}}]`, `{ "b" : 1.0, "a":2 , "c":[1e2]}`, `{ "b" : 1.0, "x":2 , "c":[1e2]}`},
		"rename in depth":             {`[{"rename":{"field":"a.b.c","to":"x"}}]`, `{"a":{"b":{"c": null}},"c":1}`, `{"a":{"b":{"x": null}},"c":1}`},
		"rename to a dot":             {`[{"rename":{"field":"a\\.b","to":"x\\.y"}}]`, `{"a.b":1}`, `{"x.y":1}`},
		"a name by an escape":         {`[{"rename":{"field":"a","to":"x"}}]`, `{"\u0061":1}`, `{"x":1}`},
		"rename and back":             {`[{"rename":{"field":"a","to":"x"}},{"rename":{"field":"x","to":"a"}}]`, `{"a": 1}`, `{"a": 1}`},
		"drop the first":              {`[{"drop":{"field":"a"}}]`, `{"a":1, "b":2}`, `{ "b":2}`},
		"drop the last":               {`[{"drop":{"field":"b"}}]`, "{\"a\":1, \"b\":2\n}", "{\"a\":1\n}"},
		"drop the only one":           {`[{"drop":{"field":"a"}}]`, `{"a":1}`, `{}`},
		"duplicates elsewhere":        {`[{"drop":{"field":"a"}}]`, `{"b":1,"b":2,"a":3}`, `{"b":1,"b":2}`},
		"number to string":            {`[{"cast":{"field":"a","to":"string"}}]`, `{"a":12345678901234567890.10}`, `{"a":"12345678901234567890.10"}`},
		"boolean to string":           {`[{"cast":{"field":"a","to":"string"}}]`, `{"a":true}`, `{"a":"true"}`},
		"string to integer":           {`[{"cast":{"field":"a","to":"integer"}}]`, `{"a":"9007199254740993"}`, `{"a":9007199254740993}`},
		"exact fraction to integer":   {`[{"cast":{"field":"a","to":"integer"}}]`, `{"a":1.50e1}`, `{"a":15}`},
		"nothing to integer":          {`[{"cast":{"field":"a","to":"integer"}}]`, `{"a":-0.0e9999999999}`, `{"a":0}`},
		"exponent to integer":         {`[{"cast":{"field":"a","to":"integer"}}]`, `{"a":"-12E2"}`, `{"a":-1200}`},
		"string to number":            {`[{"cast":{"field":"a","to":"number"}}]`, `{"a":"1.10"}`, `{"a":1.10}`},
		"string to boolean":           {`[{"cast":{"field":"a","to":"boolean"}}]`, `{"a":"false"}`, `{"a":false}`},
		"a null has every type":       {`[{"cast":{"field":"a","to":"integer"}}]`, `{"a":null}`, `{"a":null}`},
		"default":                     {`[{"default":{"field":"b","value":{"x":[1.0]}}}]`, "{\n  \"a\": 1\n}", "{\n  \"a\": 1,\n  \"b\": {\"x\":[1.0]}\n}"},
		"default of an empty object":  {`[{"default":{"field":"b","value":"<"}}]`, `{}`, `{"b":"<"}`},
		"default that is there":       {`[{"default":{"field":"a","value":1}}]`, `{"a":null}`, `{"a":null}`},
		"default for null":            {`[{"default":{"field":"a","value":1,"orNull":true}}]`, `{"a":null}`, `{"a":1}`},
		"default makes objects":       {`[{"default":{"field":"a.b.c","value":1}}]`, `{"z":0}`, `{"z":0,"a":{"b":{"c":1}}}`},
		"set":                         {`[{"set":{"field":"a","value":"x"}},{"set":{"field":"b","value":2}}]`, `{"a":{"c":1}}`, `{"a":"x","b":2}`},
		"compute in its place":        {`[{"set":{"field":"a","expr":"value.a * 100"}}]`, `{ "a": 7 , "b":1.0}`, `{ "a": 700 , "b":1.0}`},
		"compute with every digit":    {`[{"set":{"field":"b","expr":"value.a"}}]`, `{"a":9007199254740993}`, `{"a":9007199254740993,"b":9007199254740993}`},
		"compute what is made":        {`[{"cast":{"field":"a","to":"integer"}},{"set":{"field":"c.d","expr":"[value.a, value.a + 1]"}}]`, `{"a":"1"}`, `{"a":1,"c":{"d":[1,2]}}`},
		"compute the same":            {`[{"set":{"field":"a","expr":"value.a"}}]`, `{ "a":"x" }`, `{ "a":"x" }`},
		"compute null":                {`[{"set":{"field":"a","expr":"has(value.b) ? value.b : null"}}]`, `{"a":1}`, `{"a":null}`},
		"split":                       {`[{"split":{"field":"n","by":" ","into":["first","last"]}}]`, `{"a":1, "n": "Ada L\u00f6ve", "b":2}`, `{"a":1, "first": "Ada", "last": "Löve", "b":2}`},
		"split into its own name":     {`[{"split":{"field":"n","by":"/","into":["n","m"]}}]`, `{"n":"a/"}`, `{"n":"a","m":""}`},
		"what is not there":           {`[{"rename":{"field":"x.y","to":"z"}},{"cast":{"field":"x","to":"string"}},{"drop":{"field":"x"}},{"split":{"field":"x","by":",","into":["p","q"]}}]`, ` {"a" : "\/" } `, ` {"a" : "\/" } `},
		"a path through no object":    {`[{"drop":{"field":"a.b"}}]`, `{"a":[{"b":1}]}`, `{"a":[{"b":1}]}`},
		"blanks around a value":       {`[{"drop":{"field":"a"}}]`, " {\"a\":1}\n", " {}\n"},
		"steps see those before them": {`[{"split":{"field":"n","by":"-","into":["p","q"]}},{"cast":{"field":"q","to":"integer"}},{"rename":{"field":"q","to":"r"}}]`, `{"n":"a-7"}`, `{"p":"a","r":7}`},
	} {
		got, changed, err := chain(t, c.steps).Editor().Append(nil, []byte(c.in))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if changed && string(got) != c.out || !changed && (c.in != c.out || got != nil) {
			t.Errorf("%s: got %s, changed %t, want %s", name, got, changed, c.out)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000)
	for name, c := range map[string]struct{ steps, in, code string }{
		"broken":                 {`[{"drop":{"field":"a"}}]`, `{"a":1`, source.CodeNotJSON},
		"nothing":                {`[{"drop":{"field":"a"}}]`, ``, source.CodeNotJSON},
		"broken where no step":   {`[{"drop":{"field":"a"}}]`, `{"b":[01]}`, source.CodeNotJSON},
		"more behind it":         {`[{"drop":{"field":"a"}}]`, `{"a":1}{}`, source.CodeNotJSON},
		"nested too deep":        {`[{"drop":{"field":"b"}}]`, deep, source.CodeNotJSON},
		"not UTF-8":              {`[{"drop":{"field":"a"}}]`, "{\"b\":\"\xff\"}", source.CodeNotUTF8},
		"no answer":              {`[{"set":{"field":"a","expr":"value.gone + 1"}}]`, `{"a":1}`, source.CodeExpression},
		"digits beyond it":       {`[{"set":{"field":"b","expr":"value.a"}}]`, `{"a":0.12345678901234567890123}`, source.CodeExpression},
		"too costly":             {`[{"set":{"field":"b","expr":"value.a.map(x, value.a.map(y, value.a.map(z, x+y+z)))"}}]`, `{"a":[` + strings.Repeat("1,", 100) + `1]}`, source.CodeExpression},
		"a list":                 {`[{"drop":{"field":"a"}}]`, `[1]`, source.CodeNotObject},
		"a null":                 {`[{"drop":{"field":"a"}}]`, `null`, source.CodeNotObject},
		"set through a text":     {`[{"set":{"field":"a.b","value":1}}]`, `{"a":"x"}`, source.CodeNotObject},
		"two of one name":        {`[{"drop":{"field":"a"}}]`, `{"a":1,"\u0061":2}`, source.CodeAmbiguous},
		"not there":              {`[{"drop":{"field":"a.b","required":true}}]`, `{"a":{}}`, source.CodeAbsent},
		"not there, no object":   {`[{"cast":{"field":"a.b","to":"string","required":true}}]`, `{"a":1}`, source.CodeAbsent},
		"1.5 to integer":         {`[{"cast":{"field":"a","to":"integer"}}]`, `{"a":"1.5"}`, source.CodeNoCast},
		"a code to integer":      {`[{"cast":{"field":"a","to":"integer"}}]`, `{"a":"007"}`, source.CodeNoCast},
		"blanks to integer":      {`[{"cast":{"field":"a","to":"integer"}}]`, `{"a":" 7"}`, source.CodeNoCast},
		"an endless integer":     {`[{"cast":{"field":"a","to":"integer"}}]`, `{"a":1e999999999}`, source.CodeNoCast},
		"true to integer":        {`[{"cast":{"field":"a","to":"integer"}}]`, `{"a":true}`, source.CodeNoCast},
		"text to number":         {`[{"cast":{"field":"a","to":"number"}}]`, `{"a":"NaN"}`, source.CodeNoCast},
		"1 to boolean":           {`[{"cast":{"field":"a","to":"boolean"}}]`, `{"a":1}`, source.CodeNoCast},
		"True to boolean":        {`[{"cast":{"field":"a","to":"boolean"}}]`, `{"a":"True"}`, source.CodeNoCast},
		"object to string":       {`[{"cast":{"field":"a","to":"string"}}]`, `{"a":{}}`, source.CodeNoCast},
		"rename onto another":    {`[{"rename":{"field":"a","to":"b"}}]`, `{"a":1,"b":2}`, source.CodeNameTaken},
		"split onto another":     {`[{"split":{"field":"a","by":",","into":["b","c"]}}]`, `{"a":"1,2","c":0}`, source.CodeNameTaken},
		"too many parts":         {`[{"split":{"field":"a","by":",","into":["b","c"]}}]`, `{"a":"1,2,3"}`, source.CodeNoSplit},
		"split of a number":      {`[{"split":{"field":"a","by":",","into":["b","c"]}}]`, `{"a":1}`, source.CodeNoSplit},
		"the second step's fail": {`[{"drop":{"field":"b"}},{"drop":{"field":"a","required":true}}]`, `{"b":1}`, source.CodeAbsent},
	} {
		dst := []byte("before")
		got, changed, err := chain(t, c.steps).Editor().Append(dst, []byte(c.in))
		var refused *transform.Refused
		if !errors.As(err, &refused) || refused.Code != c.code || changed || string(got) != "before" {
			t.Errorf("%s: got %q, %t, %v, want %s", name, got, changed, err, c.code)
		}
	}
}

func TestStepsThatSayNothing(t *testing.T) {
	for _, text := range []string{`[{}]`, `[{"cast":{"field":"a","to":"date"}}]`, `[{"drop":{"field":"a..b"}}]`, `[{"rename":{"field":"a","to":"b.c"}}]`,
		`[{"split":{"field":"a","by":"","into":["b","c"]}}]`, `[{"set":{"field":"a"}}]`} {
		if _, err := transform.New(steps(t, text)); err == nil {
			t.Errorf("%s: got a chain, want an error", text)
		}
	}
}

// anyJSON draws a value as somebody may have spelt it.
func anyJSON(t *rapid.T, depth int) string {
	blank := func() string { return rapid.SampledFrom([]string{"", "", " ", "\n\t"}).Draw(t, "blank") }
	kinds := 4
	if depth > 0 {
		kinds = 6
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return rapid.SampledFrom([]string{"1.0", "1e2", "-0", "12345678901234567890123", "0.10", "7E-5"}).Draw(t, "number")
	case 1:
		return rapid.SampledFrom([]string{`""`, `"\/"`, `"\u0041b"`, `"ö"`, `"a b"`, `"\\\""`}).Draw(t, "text")
	case 2:
		return rapid.SampledFrom([]string{"true", "false", "null"}).Draw(t, "word")
	case 3:
		return "{" + blank() + "}"
	case 4:
		out := "["
		for i := range rapid.IntRange(0, 3).Draw(t, "elements") {
			if i > 0 {
				out += ","
			}
			out += blank() + anyJSON(t, depth-1) + blank()
		}
		return out + "]"
	}
	return "{" + members(t, depth, "m") + "}"
}

// members draws members whose names begin with prefix, and may be there twice.
func members(t *rapid.T, depth int, prefix string) string {
	out := ""
	for i := range rapid.IntRange(1, 4).Draw(t, "members") {
		if i > 0 {
			out += ","
		}
		out += fmt.Sprintf(" %q :%s\t", prefix+rapid.SampledFrom([]string{"1", "2", "ä"}).Draw(t, "name"), anyJSON(t, depth-1))
	}
	return out
}

// What lies beside a path keeps its bytes, whatever it is.
func TestBesideAPathNothingChanges(t *testing.T) {
	c := chain(t, `[{"rename":{"field":"o.from","to":"to"}},{"cast":{"field":"o.n","to":"integer"}},{"set":{"field":"o.s","value":"new"}}]`)
	rapid.Check(t, func(t *rapid.T) {
		before, between, after := members(t, 4, "m"), members(t, 4, "m"), members(t, 4, "m")
		inside, v := members(t, 3, "m"), anyJSON(t, 3)
		in := `{` + before + `, "o" : {` + inside + `,"from": ` + v + ` ,"n" :"12","s":0},` + between + `,` + after + `}`
		want := `{` + before + `, "o" : {` + inside + `,"to": ` + v + ` ,"n" :12,"s":"new"},` + between + `,` + after + `}`
		got, _, err := c.Editor().Append(nil, []byte(in))
		if err != nil || string(got) != want {
			t.Fatalf("of %s\ngot %s, %v\nwant %s", in, got, err, want)
		}
	})
}

func TestARenameCanBeUndone(t *testing.T) {
	there := chain(t, `[{"rename":{"field":"a","to":"b"}}]`).Editor()
	back := chain(t, `[{"rename":{"field":"b","to":"a"}}]`).Editor()
	rapid.Check(t, func(t *rapid.T) {
		in := []byte("{" + members(t, 4, "m") + `,"a":` + anyJSON(t, 3) + "," + members(t, 4, "n") + "}")
		made, changed, err := there.Append(nil, in)
		if err != nil || !changed {
			t.Fatalf("%s: changed %t, %v", in, changed, err)
		}
		again, _, err := back.Append(nil, made)
		if err != nil || !bytes.Equal(again, in) {
			t.Fatalf("of %s\ngot %s, %v", in, again, err)
		}
	})
}

// A value is refused or comes out as JSON, and no value makes the chain do anything else.
func FuzzChain(f *testing.F) {
	for _, s := range []string{`{"a":"12","b":{"c":"x y"},"d":null}`, `{"a":1e400,"a":2}`, `[]`, `{"b":{"c":1}}`, "{\"a\":\"\xff\"}",
		strings.Repeat(`{"b":`, 12_000), strings.Repeat(`[`, 12_000) + strings.Repeat(`]`, 12_000), `{"\ud800":1}`, `{"b":{},"":""}`} {
		f.Add([]byte(s))
	}
	c := chain(f, `[{"cast":{"field":"a","to":"integer"}},{"split":{"field":"b.c","by":" ","into":["x","y"]}},{"default":{"field":"d.e","value":1,"orNull":true}},
		{"rename":{"field":"b.x","to":"z"}},{"drop":{"field":"f"}},{"set":{"field":"b.s","value":[1.0]}}]`)
	e := c.Editor()
	f.Fuzz(func(t *testing.T, in []byte) {
		was := bytes.Clone(in)
		out, changed, err := e.Append(nil, in)
		if !bytes.Equal(in, was) {
			t.Fatal("the value itself was changed")
		}
		var refused *transform.Refused
		switch {
		case err != nil:
			if !errors.As(err, &refused) || refused.Code == "" {
				t.Fatalf("got %v, want a reason with a code", err)
			}
		case changed && !json.Valid(out):
			t.Fatalf("of %q came %q, which is no JSON", in, out)
		case !json.Valid(in):
			t.Fatalf("%q is no JSON and passed", in)
		}
		again, _, err2 := c.Editor().Append(nil, in)
		if (err == nil) != (err2 == nil) || !bytes.Equal(again, out) {
			t.Fatalf("of %q came %q and then %q", in, out, again)
		}
	})
}

func TestExamples(t *testing.T) {
	got, err := transform.Try(&spec.Transform{Steps: steps(t, `[{"cast":{"field":"a","to":"number"}}]`), Examples: []spec.Example{
		{In: spec.Value(`{"a":"1.50","b":1}`), Out: spec.Value(`{"b":1.0,"a":1.5}`)},
		{In: spec.Value(`{"a":"1.50"}`), Out: spec.Value(`{"a":"1.50"}`)},
		{In: spec.Value(`{"a":"x"}`), Out: spec.Value(`{"a":0}`)},
		{In: spec.Value(`{"b":9007199254740993}`), Out: spec.Value(`{"b":9007199254740992}`)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false, false, false} {
		if got[i].OK != want {
			t.Errorf("example %d: got %+v, want %t", i+1, got[i], want)
		}
	}
	if !strings.HasPrefix(got[2].Refused, source.CodeNoCast) {
		t.Errorf("got %+v, want the reason", got[2])
	}
}

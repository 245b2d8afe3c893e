package compat_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"backstitch/replay/schema/compat"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/twmb/franz-go/pkg/sr"
	"pgregory.net/rapid"
)

// jsonText draws a schema of few names, numbers and strings, so that two of them meet often.
func jsonText(t *rapid.T, depth int) string {
	pick := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(t, label) }
	maybe := func(label string) bool { return rapid.IntRange(0, 3).Draw(t, label) == 0 }
	if depth == 0 || maybe("leaf") {
		return pick("leaf", `true`, `false`, `{}`, `{"type":"string"}`, `{"type":"integer"}`, `{"type":"number"}`, `{"type":["string","null"]}`, `{"const":1}`,
			`{"enum":["a","b",1]}`, `{"enum":["a"]}`, `{"type":"object"}`, `{"type":"array"}`, `{"$ref":"#/definitions/d"}`, `{"$ref":"#"}`)
	}
	var words []string
	add := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	sub := func() string { return jsonText(t, depth-1) }
	subs := func() string {
		var out []string
		for range rapid.IntRange(1, 2).Draw(t, "branches") {
			out = append(out, sub())
		}
		return strings.Join(out, ",")
	}
	named := func() string {
		var out []string
		for _, name := range []string{"a", "b"} {
			if rapid.Bool().Draw(t, "has "+name) {
				out = append(out, fmt.Sprintf("%q:%s", name, sub()))
			}
		}
		return strings.Join(out, ",")
	}
	if rapid.Bool().Draw(t, "typed") {
		add(`"type":%s`, pick("type", `"object"`, `"array"`, `"string"`, `"number"`, `"integer"`, `["object","null"]`, `["array","integer"]`))
	}
	number := func() string { return pick("number", "0", "1", "2", "1.5") }
	for _, word := range []string{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"} {
		if maybe(word) {
			add(`%q:%s`, word, number())
		}
	}
	if maybe("multipleOf") {
		add(`"multipleOf":%s`, pick("of", "1", "2", "0.5", "1.5"))
	}
	for _, word := range []string{"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"} {
		if maybe(word) {
			add(`%q:%d`, word, rapid.IntRange(0, 2).Draw(t, "count"))
		}
	}
	for word, draw := range map[string]func() string{
		"properties": func() string { return "{" + named() + "}" }, "patternProperties": func() string {
			return pick("patterns", `{"^a":`+sub()+`}`, `{"b$":`+sub()+`}`, `{"^a":`+sub()+`,"b$":`+sub()+`}`)
		},
	} {
		if maybe(word) || word == "properties" {
			add(`%q:%s`, word, draw())
		}
	}
	for _, word := range []string{"additionalProperties", "additionalItems", "not", "propertyNames", "contains", "if"} {
		if maybe(word) {
			add(`%q:%s`, word, sub())
		}
	}
	if maybe("items") {
		add(`"items":%s`, pick("items", sub(), "["+subs()+"]"))
	}
	if maybe("then") {
		add(`"then":%s`, sub())
	}
	for _, word := range []string{"allOf", "anyOf", "oneOf"} {
		if maybe(word) {
			add(`%q:[%s]`, word, subs())
		}
	}
	if maybe("required") {
		add(`"required":[%q]`, pick("needs", "a", "b"))
	}
	if maybe("dependencies") {
		add(`%q:{"a":["b"]}`, pick("dependencies", "dependencies", "dependentRequired"))
	}
	if maybe("prefixItems") {
		add(`"prefixItems":[%s]`, subs())
	}
	if maybe("uniqueItems") {
		add(`"uniqueItems":true`)
	}
	if maybe("pattern") {
		add(`"pattern":%q`, pick("pattern", "^a", "b$"))
	}
	return "{" + strings.Join(words, ",") + "}"
}

func jsonDocument(t *rapid.T) string {
	text := jsonText(t, 2)
	if !strings.HasPrefix(text, "{") {
		return text
	}
	d := `"definitions":{"d":` + jsonText(t, 1) + `}`
	if draft := rapid.SampledFrom([]string{"", "http://json-schema.org/draft-04/schema#", "https://json-schema.org/draft/2020-12/schema"}).Draw(t, "draft"); draft != "" {
		d += `,"$schema":"` + draft + `"`
	}
	if text == "{}" {
		return "{" + d + "}"
	}
	return "{" + d + "," + text[1:]
}

// jsonValues are what two schemas are tried with.
func jsonValues() []any {
	var out []any
	leaves := []string{`null`, `true`, `0`, `1`, `2`, `1.5`, `-1`, `""`, `"a"`, `"ab"`, `"b"`}
	texts := append([]string{`{}`, `[]`, `{"c":1}`, `{"ab":"a"}`, `{"a":{}}`, `{"a":{"a":1}}`, `[[],{}]`, `["a","a"]`, `[1,2,1.5]`}, leaves...)
	for _, a := range leaves {
		texts = append(texts, `{"a":`+a+`}`, `{"b":`+a+`}`, `[`+a+`]`, `["a",`+a+`]`, `{"a":"a","b":`+a+`}`, `{"a":1,"b":`+a+`,"c":"a"}`)
	}
	for _, text := range texts {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			panic(err) // a constant of this test
		}
		out = append(out, v)
	}
	return out
}

// TestWhatIsCalledCompatibleIsRead: no value that the writer's schema accepts is refused by the reader's, by a validator that knows nothing
// of this package. It is the promise that a pass is made of.
func TestWhatIsCalledCompatibleIsRead(t *testing.T) {
	values := jsonValues()
	compile := func(t *rapid.T, text string) *jsonschema.Schema {
		c := jsonschema.NewCompiler()
		c.DefaultDraft(jsonschema.Draft7)
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err == nil {
			err = c.AddResource("x:///s.json", v)
		}
		if err != nil {
			t.Fatal(err)
		}
		s, err := c.Compile("x:///s.json")
		if err != nil {
			t.Skip("refers to itself without end")
		}
		return s
	}
	counts := map[compat.Verdict]int{}
	rapid.Check(t, func(t *rapid.T) {
		a := jsonDocument(t)
		b := jsonDocument(t)
		if rapid.Bool().Draw(t, "related") {
			b = strings.NewReplacer(rapid.SampledFrom([]string{`"minimum"`, `"required"`, `"const":1`, `"integer"`, `false`, `"maxLength"`, `"oneOf"`}).Draw(t, "old"),
				rapid.SampledFrom([]string{`"x-ignored"`, `"title":"x","x-other"`}).Draw(t, "new")).Replace(a)
			if !json.Valid([]byte(b)) {
				t.Skip("not JSON")
			}
		}
		if rapid.Bool().Draw(t, "the other way") {
			a, b = b, a
		}
		writer, err := compat.Parse(compat.Text{Type: sr.TypeJSON, Schema: a})
		if err != nil {
			t.Skip("not a schema")
		}
		reader, err := compat.Parse(compat.Text{Type: sr.TypeJSON, Schema: b})
		if err != nil {
			t.Skip("not a schema")
		}
		verdict := compat.VerdictOf(compat.Reads(reader, writer))
		counts[verdict]++
		if verdict != compat.Compatible {
			return
		}
		w, r := compile(t, a), compile(t, b)
		for _, v := range values {
			if w.Validate(v) == nil && r.Validate(v) != nil {
				text, _ := json.Marshal(v)
				t.Fatalf("called compatible, and %s is written and not read:\nwriter %s\nreader %s", text, a, b)
			}
		}
	})
	t.Logf("verdicts: %v", counts)
	if counts[compat.Compatible] == 0 || counts[compat.Incompatible] == 0 {
		t.Errorf("got verdicts %v: is this test still drawing schemas that meet?", counts)
	}
}

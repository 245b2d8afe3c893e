package compat_test

import (
	"strings"
	"testing"

	"backstitch/replay/schema/compat"

	"github.com/twmb/franz-go/pkg/sr"
)

// closed and open are objects of these properties, with and without room for others.
func closed(properties string, more ...string) string {
	return open(properties, append(more, `"additionalProperties":false`)...)
}

func open(properties string, more ...string) string {
	return `{"type":"object","properties":{` + properties + `}` + strings.Join(append([]string{""}, more...), ",") + `}`
}

const (
	s, n = `{"type":"string"}`, `{"type":"number"}`
	a    = `"a":` + s
	ab   = a + `,"b":` + n
)

// TestJSONContentModels has the cases by which Confluent explains open and closed content models.
func TestJSONContentModels(t *testing.T) {
	need := func(names string) string { return `"required":[` + names + `]` }
	check(t, sr.TypeJSON, []pair{
		{"optional property added, closed", closed(a), closed(ab), nil},
		{"optional property added, open", open(a), open(ab), []string{"property-added #/properties/b"}},
		{"a property that may be anything added, open", open(a), open(a + `,"b":{}`), nil},
		{"property removed, closed", closed(ab), closed(a), []string{"property-removed #/properties/b"}},
		{"property removed, open", open(ab), open(a), nil},
		{"a property that is never there removed, closed", closed(a + `,"b":false`), closed(a), nil},
		{"added, partly open", open(a, `"additionalProperties":`+n), open(ab, `"additionalProperties":`+n), nil},
		{"added, partly open to others", open(a, `"additionalProperties":`+s), open(ab, `"additionalProperties":`+s), []string{"property-added #/properties/b"}},
		{"removed, partly open", open(ab, `"additionalProperties":`+n), open(a, `"additionalProperties":`+n), nil},
		{"removed, partly open to others", open(ab, `"additionalProperties":`+s), open(a, `"additionalProperties":`+s), []string{"property-removed #/properties/b"}},
		{"opened", closed(a), open(a), nil},
		{"closed", open(a), closed(a), []string{"content-model #"}},
		{"opened partly", closed(a), open(a, `"additionalProperties":`+s), nil},
		{"names by a pattern", open("", `"patternProperties":{"^x":`+s+`}`, `"additionalProperties":false`), open("", `"additionalProperties":`+s), nil},
		{"a name may fit two patterns", open("", `"patternProperties":{"^x":`+s+`,"y$":`+n+`}`, `"additionalProperties":`+s), open("", `"patternProperties":{"^.y":`+s+`}`), []string{"type #/patternProperties/^.y"}},
		{"names by a pattern, gone", open("", `"patternProperties":{"^x":`+s+`}`, `"additionalProperties":false`), closed(""), []string{"content-model #"}},
		{"a pattern, narrower", closed("", `"patternProperties":{"^x":`+n+`}`), closed("", `"patternProperties":{"^x":`+s+`}`), []string{"type #/patternProperties/^x"}},
		{"a pattern takes the property", closed(`"xa":` + s), closed("", `"patternProperties":{"^x":`+s+`}`), nil},
		{"required dropped", closed(a, need(`"a"`)), closed(a), nil},
		{"required added", closed(a), closed(a, need(`"a"`)), []string{"required #/properties/a"}},
		{"required added with a default", closed(a), closed(`"a":{"type":"string","default":""}`, need(`"a"`)), nil},
		{"a required property added", closed(a), closed(ab, need(`"b"`)), []string{"required #/properties/b"}},
		{"an array", `{"type":"array","items":[` + s + `],"additionalItems":false}`, `{"type":"array","items":[` + s + `,` + n + `],"additionalItems":false}`, nil},
		{"an array, open", `{"type":"array","items":[` + s + `]}`, `{"type":"array","items":[` + s + `,` + n + `]}`, []string{"type #/items/1"}},
		{"an array, item gone, closed", `{"type":"array","items":[` + s + `,` + n + `],"additionalItems":false}`, `{"type":"array","items":[` + s + `],"additionalItems":false}`, []string{"content-model #/items/1"}},
		{"an array, item gone, open", `{"type":"array","items":[` + s + `,` + n + `]}`, `{"type":"array","items":[` + s + `]}`, nil},
		{"a short array", `{"type":"array","items":` + s + `,"maxItems":1}`, `{"type":"array","items":[` + s + `,` + n + `]}`, nil},
	})
}

func TestJSONKeywords(t *testing.T) {
	num := func(rest string) string { return `{"type":"number",` + rest + `}` }
	check(t, sr.TypeJSON, []pair{
		{"anything", s, `{}`, nil},
		{"anything as something", `{}`, s, []string{"type #"}},
		{"nothing", `false`, s, nil},
		{"integer as number", `{"type":"integer"}`, n, nil},
		{"number as integer", n, `{"type":"integer"}`, []string{"type #"}},
		{"more types", s, `{"type":["string","null"]}`, nil},
		{"fewer types", `{"type":["string","null"]}`, s, []string{"type #"}},
		{"minimum lower", num(`"minimum":5`), num(`"minimum":1`), nil},
		{"minimum higher", num(`"minimum":1`), num(`"minimum":5`), []string{"range #"}},
		{"minimum dropped", num(`"minimum":1`), n, nil},
		{"minimum added", n, num(`"minimum":1`), []string{"range #"}},
		{"exclusive to inclusive", num(`"exclusiveMinimum":1`), num(`"minimum":1`), nil},
		{"inclusive to exclusive", num(`"minimum":1`), num(`"exclusiveMinimum":1`), []string{"range #"}},
		{"exclusive as draft 4 has it", num(`"minimum":1`), num(`"$schema":"http://json-schema.org/draft-04/schema#","minimum":1,"exclusiveMinimum":true`), []string{"range #"}},
		{"maximum", num(`"maximum":5`), num(`"maximum":4.5`), []string{"range #"}},
		{"multiples of a part", num(`"multipleOf":10`), num(`"multipleOf":2.5`), nil},
		{"multiples of more", num(`"multipleOf":2`), num(`"multipleOf":4`), []string{"range #"}},
		{"integers are multiples of 1", `{"type":"integer"}`, num(`"multipleOf":1`), nil},
		{"an exponent that is an attack", n, num(`"minimum":1e999999999`), []string{"undecided #"}},
		{"lengths", `{"type":"string","maxLength":5}`, `{"type":"string","minLength":1,"maxLength":4}`, []string{"range #", "range #"}},
		{"lengths of what is no string", n, `{"type":["number","string"],"maxLength":1}`, nil},
		{"counts", `{"type":"array","items":{},"minItems":1}`, `{"type":"array","minItems":2}`, []string{"range #"}},
		{"unique", `{"type":"array"}`, `{"type":"array","uniqueItems":true}`, []string{"unique #"}},
		{"pattern dropped", `{"type":"string","pattern":"^a"}`, s, nil},
		{"pattern added", s, `{"type":"string","pattern":"^a"}`, []string{"pattern #"}},
		{"pattern changed", `{"type":"string","pattern":"^b"}`, `{"type":"string","pattern":"^a"}`, []string{"pattern #"}},
		{"enum extended", `{"enum":["a"]}`, `{"enum":["a","b"]}`, nil},
		{"enum narrowed", `{"enum":["a","b"]}`, `{"enum":["a"]}`, []string{"enum #"}},
		{"enum added", s, `{"enum":["a"]}`, []string{"enum #"}},
		{"enum to its type", `{"enum":["a"]}`, s, nil},
		{"const in a range", `{"const":3}`, num(`"maximum":5`), nil},
		{"const out of it", `{"const":7}`, num(`"maximum":5`), []string{"enum #"}},
		{"dependency dropped", closed(ab, `"dependencies":{"a":["b"]}`), closed(ab), nil},
		{"dependency added", closed(ab), closed(ab, `"dependencies":{"a":["b"]}`), []string{"required #/dependencies/a"}},
		{"dependency added, 2019-09", closed(ab), closed(ab, `"$schema":"https://json-schema.org/draft/2019-09/schema"`, `"dependentRequired":{"a":["b"]}`), []string{"required #/dependentRequired/a"}},
		{"what a draft does not know", closed(ab), closed(ab, `"dependentRequired":{"a":["b"]}`), nil},
		{"what the writer's draft does not know", `{"type":"array","prefixItems":[` + s + `],"items":` + n + `}`, `{"type":"array","items":[` + s + `]}`, []string{"type #/items/0"}},
		{"the same words by two drafts", `{"$schema":"http://json-schema.org/draft-04/schema#","properties":{"a":{"const":1}}}`, `{"properties":{"a":{"const":1}}}`, []string{"enum #/properties/a"}},
		{"allOf dropped", `{"allOf":[` + s + `,{"maxLength":3}]}`, s, nil},
		{"allOf added", s, `{"allOf":[` + s + `,{"maxLength":3}]}`, []string{"range #"}},
		{"a type becomes a choice", s, `{"anyOf":[` + n + `,` + s + `]}`, nil},
		{"without it", s, `{"anyOf":[` + n + `,{"type":"null"}]}`, []string{"combined #/anyOf"}},
		{"types one by one", `{"type":["string","null"]}`, `{"oneOf":[{"type":"null"},` + s + `]}`, nil},
		{"a choice has one more", `{"oneOf":[` + n + `,` + s + `]}`, `{"oneOf":[` + s + `,` + n + `,{"type":"null"}]}`, nil},
		{"a choice has one less", `{"oneOf":[` + n + `,` + s + `]}`, `{"oneOf":[` + s + `]}`, []string{"combined #/oneOf"}},
		{"choices that are told apart by a value", `{"oneOf":[` + tagged("x") + `,` + tagged("y") + `]}`, `{"oneOf":[` + tagged("x") + `,` + tagged("y") + `,` + tagged("z") + `]}`, nil},
		{"choices that may both be", `{"oneOf":[` + open(a, `"required":["a"]`) + `]}`, `{"oneOf":[` + open(a, `"required":["a"]`) + `,` + open(`"c":`+s, `"required":["c"]`) + `]}`, []string{"undecided #/oneOf"}},
		{"choices that were never both", `{"oneOf":[` + open(a) + `,` + open(`"c":`+s) + `]}`, `{"oneOf":[` + open(`"c":`+s) + `,` + open(a) + `]}`, nil},
		{"not, the same", `{"not":` + s + `}`, `{"not":` + s + `}`, nil},
		{"not, narrower", `{"not":` + s + `}`, `{"not":{"type":"string","maxLength":2}}`, nil},
		{"not, of another type", n, `{"not":` + s + `}`, nil},
		{"not, wider", `{"not":{"type":"string","maxLength":2}}`, `{"not":` + s + `}`, []string{"undecided #/not"}},
		{"annotations", s, `{"type":"string","title":"t","description":"d","default":"x","examples":["y"],"connect.index":3}`, nil},
		{"a format is not decided", s, `{"type":"string","format":"date"}`, []string{"undecided #/format"}},
		{"the same format", `{"type":"string","format":"date"}`, `{"type":"string","format":"date","title":"x"}`, nil},
		{"a condition is not decided", n, `{"type":"number","if":{"minimum":1},"then":{"maximum":9}}`, []string{"undecided #/if"}},
		{"the same condition", `{"type":"number","if":{"minimum":1},"then":{"maximum":9}}`, `{"type":"number","if":{"minimum":1},"then":{"maximum":9}}`, nil},
		{"certain beside unknown", n, `{"type":"string","format":"date"}`, []string{"type #", "undecided #/format"}},
	})
}

// tagged is an object whose kind is a value.
func tagged(kind string) string {
	return open(`"kind":{"const":"`+kind+`"},"v":`+s, `"required":["kind"]`)
}

func TestJSONReferences(t *testing.T) {
	tree := func(v string) string {
		return `{"definitions":{"node":{"type":"object","properties":{"v":` + v + `,"next":{"$ref":"#/definitions/node"}},"additionalProperties":false}},"$ref":"#/definitions/node"}`
	}
	check(t, sr.TypeJSON, []pair{
		{"recursive", tree(`{"type":"integer"}`), tree(n), nil},
		{"recursive, narrower", tree(n), tree(`{"type":"integer"}`), []string{"type #/properties/v"}},
		{"a place with an address", `{"properties":{"id":` + s + `,"a":{"$id":"http://x/y","$ref":"#"}}}`, `{"properties":{"a":{"$id":"http://x/y","$ref":"#"}}}`, []string{"undecided #/properties/a"}},
		{"an address by the word of draft 4", `{"$schema":"http://json-schema.org/draft-04/schema#","id":"http://x/a","definitions":{"s":` + s + `},"allOf":[{"$ref":"http://x/a#/definitions/s"}]}`, s, nil},
		{"a circle", `{"$ref":"#"}`, `{"$ref":"#"}`, []string{"undecided #"}},
		{"a circle through a choice", n, `{"anyOf":[{"$ref":"#"},` + s + `]}`, []string{"undecided #/anyOf/0/anyOf/0"}},
		{"what stands beside $ref, draft 7", s, `{"definitions":{"s":` + s + `},"$ref":"#/definitions/s","maxLength":1}`, nil},
		{"what stands beside $ref, 2020-12", s, `{"$schema":"https://json-schema.org/draft/2020-12/schema","$defs":{"s":` + s + `},"$ref":"#/$defs/s","maxLength":1}`, []string{"range #"}},
	})
	order := open(`"line":{"$ref":"line.json"}`)
	line := func(v string) compat.Reference {
		return compat.Reference{Name: "line.json", Text: compat.Text{Type: sr.TypeJSON, Schema: closed(`"n":` + v)}}
	}
	now, next := parse(t, sr.TypeJSON, order, line(`{"type":"integer"}`)), parse(t, sr.TypeJSON, order, line(n))
	if got := compat.Reads(next, now); len(got) != 0 {
		t.Errorf("got %+v, want none", got)
	}
	if got := kindsAndPaths(compat.Reads(now, next)); len(got) != 1 || got[0] != "type #/properties/line/properties/n" {
		t.Errorf("got %v, want the type of n", got)
	}
	for _, ref := range []string{"other.json", "file:///etc/hostname", "http://127.0.0.1:1/x.json"} {
		if _, err := compat.Parse(compat.Text{Type: sr.TypeJSON, Schema: `{"$ref":"` + ref + `"}`}); err == nil {
			t.Errorf("%s: a schema without what it refers to was understood", ref)
		}
	}
}

// TestAFailedAttemptLeavesNothingBehind: what was found to fit only because the pair above it was taken to fit is looked at again when it
// does not.
func TestAFailedAttemptLeavesNothingBehind(t *testing.T) {
	text := func(v string) string {
		return `{"definitions":{"a":{"type":"object","properties":{"b":{"$ref":"#/definitions/b"},"v":` + v + `},"required":["b"],"additionalProperties":false},` +
			`"b":{"type":"object","properties":{"a":{"$ref":"#/definitions/a"}},"additionalProperties":false}},` +
			`"type":"object","properties":{"x":{"anyOf":[{"$ref":"#/definitions/a"},{"type":"object"}]},"y":{"$ref":"#/definitions/b"}},"additionalProperties":false}`
	}
	got := kindsAndPaths(compat.Reads(parse(t, sr.TypeJSON, text(s)), parse(t, sr.TypeJSON, text(n))))
	if len(got) != 1 || got[0] != "type #/properties/y/properties/a/properties/v" {
		t.Errorf("got %v, want the type of v below y", got)
	}
}

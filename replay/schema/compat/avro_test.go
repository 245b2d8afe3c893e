package compat_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"backstitch/replay/schema/compat"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"
	"pgregory.net/rapid"
)

func record(fields ...string) string {
	return `{"type":"record","name":"Order","namespace":"acme","fields":[` + strings.Join(fields, ",") + `]}`
}

const (
	id    = `{"name":"id","type":"long"}`
	list  = `{"type":"record","name":"List","fields":[{"name":"value","type":"%s"},{"name":"next","type":["null","List"]}]}`
	shape = `[{"type":"record","name":"a.Circle","fields":[{"name":"r","type":"int"}]},{"type":"record","name":"a.Square","fields":[{"name":"s","type":"int"}]}]`
)

// TestAvroResolution goes through the specification's chapter on schema resolution.
func TestAvroResolution(t *testing.T) {
	var pairs []pair
	may := map[string]string{"int": "int long float double", "long": "long float double", "float": "float double", "double": "double",
		"string": "string bytes", "bytes": "bytes string", "boolean": "boolean", "null": "null"}
	for writer, readers := range may {
		for reader := range may {
			var want []string
			if !strings.Contains(" "+readers+" ", " "+reader+" ") {
				want = []string{"type (root)"}
			}
			pairs = append(pairs, pair{writer + " as " + reader, `"` + writer + `"`, `"` + reader + `"`, want})
		}
	}
	pairs = append(pairs, []pair{
		{"a field is new, with default", record(id), record(id, `{"name":"note","type":"string","default":""}`), nil},
		{"a field is new, without", record(id), record(id, `{"name":"note","type":"string"}`), []string{"default note"}},
		{"a nullable field is new, without", record(id), record(id, `{"name":"note","type":["null","string"]}`), []string{"default note"}},
		{"a field is gone", record(id, `{"name":"note","type":"string"}`), record(id), nil},
		{"fields in another order", record(id, `{"name":"n","type":"int"}`), record(`{"name":"n","type":"int"}`, id), nil},
		{"a field has another name", record(id), record(`{"name":"key","type":"long"}`), []string{"default key"}},
		{"and an alias", record(id), record(`{"name":"key","type":"long","aliases":["id"]}`), nil},
		{"two fields are one by alias", record(id, `{"name":"key","type":"long"}`), record(`{"name":"id","type":"long","aliases":["key"]}`), []string{"alias id"}},
		{"a field is narrower", record(id), record(`{"name":"id","type":"int"}`), []string{"type id"}},
		{"every place is found", record(id, `{"name":"n","type":"string"}`), record(`{"name":"id","type":"int"}`, `{"name":"n","type":"int"}`, `{"name":"x","type":"int"}`),
			[]string{"type id", "type n", "default x"}},
		{"another record", `{"type":"record","name":"a.Order","fields":[]}`, `{"type":"record","name":"a.Invoice","fields":[]}`, []string{"name (root)"}},
		{"another namespace", `{"type":"record","name":"a.Order","fields":[]}`, `{"type":"record","name":"b.Order","fields":[]}`, nil},
		{"an alias of a record", `{"type":"record","name":"a.Order","fields":[]}`, `{"type":"record","name":"a.Invoice","aliases":["Order"],"fields":[]}`, nil},
		{"enum, more symbols", `{"type":"enum","name":"E","symbols":["A"]}`, `{"type":"enum","name":"E","symbols":["A","B"]}`, nil},
		{"enum, fewer symbols", `{"type":"enum","name":"E","symbols":["A","B"]}`, `{"type":"enum","name":"E","symbols":["A"]}`, []string{"symbol (root)"}},
		{"enum, fewer and a default", `{"type":"enum","name":"E","symbols":["A","B"]}`, `{"type":"enum","name":"E","symbols":["A"],"default":"A"}`, nil},
		{"enum, another name", `{"type":"enum","name":"E","symbols":["A"]}`, `{"type":"enum","name":"F","symbols":["A"]}`, []string{"name (root)"}},
		{"fixed", `{"type":"fixed","name":"F","size":4}`, `{"type":"fixed","name":"F","size":8}`, []string{"size (root)"}},
		{"decimals", `{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}`, `{"type":"bytes","logicalType":"decimal","precision":9,"scale":3}`, []string{"decimal (root)"}},
		{"arrays", `{"type":"array","items":"int"}`, `{"type":"array","items":"long"}`, nil},
		{"arrays, narrower", `{"type":"array","items":"long"}`, `{"type":"array","items":"int"}`, []string{"type []"}},
		{"maps", `{"type":"map","values":"string"}`, `{"type":"map","values":"int"}`, []string{"type {}"}},
		{"array as map", `{"type":"array","items":"int"}`, `{"type":"map","values":"int"}`, []string{"type (root)"}},
		{"a type becomes a union", `"int"`, `["null","long"]`, nil},
		{"that has no place for it", `"string"`, `["null","long"]`, []string{"branch (root)"}},
		{"a union becomes a type", `["int","long"]`, `"long"`, nil},
		{"which not all branches are", `["null","long"]`, `"long"`, []string{"type (root)"}},
		{"a union has a branch less", `["null","int","string"]`, `["null","int"]`, []string{"branch (root)"}},
		{"and in another order", `["null","int"]`, `["int","null"]`, nil},
		{"branches by name", shape, strings.ReplaceAll(shape, "a.", "b."), nil},
		{"a branch of that name is narrower", shape, strings.Replace(shape, `"s","type":"int"`, `"s","type":"string"`, 1), []string{"type s"}},
		{"recursive", fmt.Sprintf(list, "int"), fmt.Sprintf(list, "long"), nil},
		{"recursive, narrower", fmt.Sprintf(list, "long"), fmt.Sprintf(list, "int"), []string{"type value"}},
		{"deep", record(`{"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[{"name":"n","type":"long"}]}}}`),
			record(`{"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[{"name":"n","type":"int"}]}}}`), []string{"type lines[].n"}},
	}...)
	check(t, sr.TypeAvro, pairs)
}

func TestAvroReferencesAreTypesByName(t *testing.T) {
	line := compat.Reference{Name: "acme.Line", Text: compat.Text{Schema: `{"type":"record","name":"acme.Line","fields":[{"name":"n","type":"int"}]}`}}
	wide := line
	wide.Text.Schema = strings.Replace(wide.Text.Schema, "int", "long", 1)
	order := record(`{"name":"line","type":"acme.Line"}`)
	now, next := parse(t, sr.TypeAvro, order, line), parse(t, sr.TypeAvro, order, wide)
	if got := compat.Reads(next, now); len(got) != 0 {
		t.Errorf("got %v, want none", got)
	}
	if got := compat.Reads(now, next); len(got) != 1 || got[0].Path != "line.n" || got[0].Reader != "int" || got[0].Writer != "long" {
		t.Errorf("got %+v, want line.n, int of long", got)
	}
	if _, err := compat.Parse(compat.Text{Schema: order}); err == nil {
		t.Error("a schema without what it refers to was understood")
	}
}

// avroText draws a schema: few names and fields, so that two of them meet often.
func avroText(t *rapid.T, depth int, defined map[string]bool) string {
	primitive := rapid.SampledFrom([]string{"int", "long", "float", "double", "string", "bytes", "null", "boolean"})
	kind := "primitive"
	if depth > 0 {
		kind = rapid.SampledFrom([]string{"primitive", "record", "enum", "fixed", "array", "map", "union"}).Draw(t, "kind")
	}
	name := rapid.SampledFrom([]string{"A", "B", "n.A"}).Draw(t, "name")
	if kind == "record" || kind == "enum" || kind == "fixed" {
		if defined[name] {
			return `"` + name + `"`
		}
		defined[name] = true
	}
	alias := ""
	if rapid.Bool().Draw(t, "aliased") {
		alias = fmt.Sprintf(`,"aliases":[%q]`, rapid.SampledFrom([]string{"C", "x.B"}).Draw(t, "alias"))
	}
	switch kind {
	case "record":
		var fields []string
		for i, f := range []string{"f", "g", "h"} {
			if !rapid.Bool().Draw(t, "has "+f) {
				continue
			}
			text := fmt.Sprintf(`{"name":%q,"type":%s`, f, avroText(t, depth-1, defined))
			if i > 0 && rapid.Bool().Draw(t, "alias of "+f) {
				text += fmt.Sprintf(`,"aliases":[%q]`, rapid.SampledFrom([]string{"i", "f"}).Draw(t, "of"))
			}
			fields = append(fields, text+"}")
		}
		return fmt.Sprintf(`{"type":"record","name":%q%s,"fields":[%s]}`, name, alias, strings.Join(fields, ","))
	case "enum":
		symbols := rapid.SampledFrom([]string{`"X"`, `"X","Y"`, `"Y","X"`, `"X"],"default":"X","z":["q"`}).Draw(t, "symbols")
		return fmt.Sprintf(`{"type":"enum","name":%q%s,"symbols":[%s]}`, name, alias, symbols)
	case "fixed":
		return fmt.Sprintf(`{"type":"fixed","name":%q%s,"size":%d}`, name, alias, rapid.IntRange(1, 2).Draw(t, "size"))
	case "array":
		return fmt.Sprintf(`{"type":"array","items":%s}`, avroText(t, depth-1, defined))
	case "map":
		return fmt.Sprintf(`{"type":"map","values":%s}`, avroText(t, depth-1, defined))
	case "union":
		return fmt.Sprintf(`[%q,%s]`, primitive.Draw(t, "branch"), avroText(t, depth-1, defined))
	}
	return fmt.Sprintf("%q", primitive.Draw(t, "primitive"))
}

// TestAvroPlacesAgreeWithTheLibrary: where the library says no there is a place, and where there is one it says no. But for a field that
// begins with null and is new: the library makes up a default for it.
func TestAvroPlacesAgreeWithTheLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := avroText(t, 3, map[string]bool{}), avroText(t, 3, map[string]bool{})
		if rapid.Bool().Draw(t, "related") {
			b = strings.NewReplacer(`"int"`, `"long"`, `"f"`, rapid.SampledFrom([]string{`"f"`, `"i"`}).Draw(t, "f as")).Replace(a)
		}
		w, err := avro.Parse(a)
		if err != nil {
			t.Skip("not a schema")
		}
		r, err := avro.Parse(b)
		if err != nil {
			t.Skip("not a schema")
		}
		want := avro.CheckCompatibility(w, r)
		got, err := compat.AvroPlaces(b, a)
		if err != nil {
			t.Fatal(err)
		}
		made := slices.ContainsFunc(got, func(p compat.Problem) bool {
			return p.Kind == compat.KindDefault && strings.HasPrefix(p.Reader, "[null")
		})
		if want != nil && len(got) == 0 || want == nil && len(got) > 0 && !made {
			t.Fatalf("writer %s\nreader %s\nthe library says %v, the places are %+v", a, b, want, got)
		}
	})
}

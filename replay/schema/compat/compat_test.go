package compat_test

import (
	"errors"
	"strings"
	"testing"

	"backstitch/replay/schema/compat"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/sr"
)

// TestModes: v1 to v3 each go together with their neighbours in one direction only.
func TestModes(t *testing.T) {
	one := parse(t, sr.TypeAvro, record(id))
	two := parse(t, sr.TypeAvro, record(id, `{"name":"a","type":"string","default":""}`)) // reads one, and one reads it
	three := parse(t, sr.TypeAvro, record(id, `{"name":"a","type":"string"}`))            // reads two, not one
	gone := parse(t, sr.TypeAvro, record(`{"name":"a","type":"string","default":""}`))    // reads all, and none that needs id reads it
	broken := compat.Version{Name: "v0", Err: errors.New("no schema")}
	v := func(name string, s *compat.Schema) compat.Version { return compat.Version{Name: name, Schema: s} }
	for _, c := range []struct {
		name      string
		candidate *compat.Schema
		earlier   []compat.Version
		mode      compat.Mode
		want      compat.Verdict
		against   string // versions that were looked at
	}{
		{"backward, the latest only", three, []compat.Version{v("v1", one), v("v2", two)}, compat.Backward, compat.Compatible, "v2"},
		{"backward, all", three, []compat.Version{v("v1", one), v("v2", two)}, compat.BackwardTransitive, compat.Incompatible, "v1 v2"},
		{"forward, the latest only", gone, []compat.Version{v("v1", one), v("v2", two)}, compat.Forward, compat.Incompatible, "v2"},
		{"forward", three, []compat.Version{v("v1", one), v("v2", two)}, compat.ForwardTransitive, compat.Compatible, "v1 v2"},
		{"full", two, []compat.Version{v("v1", one)}, compat.Full, compat.Compatible, "v1"},
		{"full, one way only", three, []compat.Version{v("v1", one)}, compat.Full, compat.Incompatible, "v1"},
		{"full, all", three, []compat.Version{v("v1", one), v("v2", two)}, compat.FullTransitive, compat.Incompatible, "v1 v2"},
		{"nothing to compare with", two, nil, compat.Backward, compat.Undecided, ""},
		{"nothing asked for", two, []compat.Version{v("v1", one)}, compat.None, compat.Undecided, ""},
		{"one that is not understood", two, []compat.Version{broken, v("v1", one)}, compat.BackwardTransitive, compat.Undecided, "v0 v1"},
		{"which the mode does not ask for", two, []compat.Version{broken, v("v1", one)}, compat.Backward, compat.Compatible, "v1"},
		{"and one that is incompatible", three, []compat.Version{broken, v("v1", one)}, compat.BackwardTransitive, compat.Incompatible, "v0 v1"},
	} {
		got := compat.Check(c.candidate, c.earlier, c.mode)
		var against []string
		for _, a := range got.Against {
			against = append(against, a.Version)
		}
		if got.Verdict != c.want || strings.Join(against, " ") != c.against {
			t.Errorf("%s: got %s against %q, want %s against %q", c.name, got.Verdict, against, c.want, c.against)
		}
		if got.Verdict == compat.Undecided && len(got.Against) == 0 && got.Why == "" {
			t.Errorf("%s: nothing was compared, and the report does not say why", c.name)
		}
	}
}

// TestReservedNumbersStayReserved, whoever reads: forward compatibility alone would let the candidate use them.
func TestReservedNumbersStayReserved(t *testing.T) {
	before := compat.Version{Name: "v1", Schema: parse(t, sr.TypeProtobuf, three("int32 a = 1; reserved 2, 5 to 7;"))}
	for field, want := range map[string]compat.Verdict{"string b = 2;": compat.Incompatible, "string b = 6;": compat.Incompatible, "string b = 3;": compat.Compatible} {
		got := compat.Check(parse(t, sr.TypeProtobuf, three("int32 a = 1; "+field)), []compat.Version{before}, compat.Forward)
		if got.Verdict != want {
			t.Errorf("%s: got %s, want %s: %+v", field, got.Verdict, want, got)
		}
	}
	// The number that a candidate gives up is reserved by it, and used by the earlier one: as it should be.
	now := parse(t, sr.TypeProtobuf, three("reserved 1;"))
	if got := compat.Check(now, []compat.Version{{Name: "v1", Schema: parse(t, sr.TypeProtobuf, three("int32 a = 1;"))}}, compat.Full); got.Verdict != compat.Compatible {
		t.Errorf("a field is given up: got %+v", got)
	}
}

func TestSchemasOfTwoTypesDoNotRead(t *testing.T) {
	got := compat.Reads(parse(t, sr.TypeJSON, s), parse(t, sr.TypeAvro, `"string"`))
	if len(got) != 1 || got[0].Kind != compat.KindSchemaType {
		t.Errorf("got %+v, want %s", got, compat.KindSchemaType)
	}
}

func TestParseRefuses(t *testing.T) {
	ref := func(name, text string, typ sr.SchemaType) compat.Reference {
		return compat.Reference{Name: name, Text: compat.Text{Type: typ, Schema: text}}
	}
	for name, text := range map[string]compat.Text{
		"nothing":                     {Schema: " "},
		"Avro that is none":           {Schema: `{"type":"record"}`},
		"JSON that is none":           {Type: sr.TypeJSON, Schema: `[1]`},
		"JSON Schema that is none":    {Type: sr.TypeJSON, Schema: `{"type":"text"}`},
		"JSON that is too deep":       {Type: sr.TypeJSON, Schema: strings.Repeat(`{"not":`, 100) + "{}" + strings.Repeat("}", 100)},
		"Protobuf that is none":       {Type: sr.TypeProtobuf, Schema: "message A {"},
		"an unknown type":             {Type: 9, Schema: "x"},
		"a reference of another type": {Schema: `"string"`, References: []compat.Reference{ref("x", "{}", sr.TypeJSON)}},
		"one name for two":            {Schema: `"string"`, References: []compat.Reference{ref("x", `"int"`, sr.TypeAvro), ref("x", `"long"`, sr.TypeAvro)}},
	} {
		if _, err := compat.Parse(text); err == nil {
			t.Errorf("%s was understood", name)
		}
	}
}

func TestDiff(t *testing.T) {
	for _, c := range []struct {
		name string
		typ  sr.SchemaType
		a, b string
		want []compat.Change
	}{
		{"Avro", sr.TypeAvro, record(id, `{"name":"old","type":"string"}`, `{"name":"n","type":"int","default":1}`),
			record(`{"name":"n","type":"long","default":1,"doc":"how many"}`, id, `{"name":"new","type":["null",{"type":"enum","name":"E","symbols":["A","B"]}],"default":null}`),
			[]compat.Change{{"acme.E", "", "enum {A, B}"}, {"acme.Order.n", "int, default 1", "long, default 1"}, {"acme.Order.new", "", "[null, enum acme.E], default null"}, {"acme.Order.old", "string", ""}}},
		{"JSON", sr.TypeJSON, open(a, `"required":["a"]`), closed(a + `,"b":{"type":"number","minimum":1,"title":"x"}`),
			[]compat.Change{{"#", "object", `{"additionalProperties":false,"type":"object"}`}, {"#/properties/a", "string, required", "string"}, {"#/properties/b", "", `{"minimum":1,"type":"number"}`}}},
		{"Protobuf", sr.TypeProtobuf, three("int32 a = 1; string b = 2;"), three("int64 sum = 1; reserved 2; enum E { X = 0; }"),
			[]compat.Change{{"Order #1", "int32 a = 1", "int64 sum = 1"}, {"Order #2", "string b = 2", ""}, {"Order #2-2", "", "reserved"}, {"Order.E", "", "enum"}, {"Order.E #0 X", "", "value"}}},
		{"the same but for what people read", sr.TypeAvro, record(id), record(`{"name":"id","doc":"key","type":"long"}`), []compat.Change{}},
	} {
		got := compat.Diff(parse(t, c.typ, c.a), parse(t, c.typ, c.b))
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// FuzzCompat: whatever two texts say, nothing panics or runs for ever, and every schema goes together with itself or says why not.
func FuzzCompat(f *testing.F) {
	f.Add(byte(0), record(id), record(id))
	f.Add(byte(1), three("oneof o { int32 a = 1; }"), two("required int32 a = 1;"))
	f.Add(byte(2), tagged("x"), `{"anyOf":[{"$ref":"#/anyOf/1"},{"not":{"$ref":"#"}}]}`)
	f.Fuzz(func(t *testing.T, typ byte, one, other string) {
		a, err := compat.Parse(compat.Text{Type: sr.SchemaType(typ % 3), Schema: one})
		if err != nil {
			return
		}
		if got := compat.VerdictOf(compat.Reads(a, a)); got == compat.Incompatible {
			t.Errorf("%s does not read itself: %+v", one, compat.Reads(a, a))
		}
		b, err := compat.Parse(compat.Text{Type: sr.SchemaType(typ % 3), Schema: other})
		if err != nil {
			return
		}
		compat.Reads(a, b)
		compat.Diff(a, b)
	})
}

package compat_test

import (
	"testing"

	"backstitch/replay/schema/compat"

	"github.com/twmb/franz-go/pkg/sr"
)

func three(body string) string {
	return `syntax = "proto3"; package acme; message Order {` + body + `}`
}
func two(body string) string { return `syntax = "proto2"; package acme; message Order {` + body + `}` }

func TestProtobuf(t *testing.T) {
	groups := [][]string{{"int32", "uint32", "int64", "uint64", "bool"}, {"sint32", "sint64"}, {"fixed32", "sfixed32"}, {"fixed64", "sfixed64"},
		{"string", "bytes"}, {"float"}, {"double"}}
	var pairs []pair
	for i, g := range groups {
		for j, h := range groups {
			for _, w := range g {
				for _, r := range h {
					var want []string
					if i != j {
						want = []string{"field-type Order.f"}
					}
					if w == "bytes" && r == "string" {
						want = []string{"undecided Order.f"}
					}
					pairs = append(pairs, pair{w + " as " + r, three(w + " f = 1;"), three(r + " f = 1;"), want})
				}
			}
		}
	}
	choice := "oneof o { int32 a = 1; int32 b = 2; }"
	pairs = append(pairs, []pair{
		{"a field is new", three("int32 a = 1;"), three("int32 a = 1; string b = 2;"), nil},
		{"a field is gone", three("int32 a = 1; string b = 2;"), three("int32 a = 1; reserved 2;"), nil},
		{"a field has another name", three("int32 a = 1;"), three("int32 b = 1;"), nil},
		{"a number has another type", three("int32 a = 1;"), three("string b = 1;"), []string{"field-type Order.b"}},
		{"a string becomes repeated", three("string a = 1;"), three("repeated string a = 1;"), nil},
		{"a number becomes repeated", three("int32 a = 1;"), three("repeated int32 a = 1;"), []string{"label Order.a"}},
		{"a number becomes single", three("repeated int32 a = 1;"), three("int32 a = 1;"), []string{"label Order.a"}},
		{"optional", three("int32 a = 1;"), three("optional int32 a = 1;"), nil},
		{"a required field is new", two("optional int32 a = 1;"), two("optional int32 a = 1; required int32 b = 2;"), []string{"required Order.b"}},
		{"a field is required now", two("optional int32 a = 1;"), two("required int32 a = 1;"), []string{"required Order.a"}},
		{"a required field is gone", two("required int32 a = 1;"), two(""), nil},
		{"a field moves into a oneof of its own", three("int32 a = 1; int32 b = 2;"), three("oneof o { int32 a = 1; } int32 b = 2;"), nil},
		{"two fields move into one", three("int32 a = 1; int32 b = 2;"), three(choice), []string{"oneof-move Order.o"}},
		{"a field moves into one that is there", three("oneof o { int32 a = 1; } int32 b = 2;"), three(choice), []string{"oneof-move Order.o"}},
		{"a oneof is extended", three("oneof o { int32 a = 1; }"), three(choice), nil},
		{"a oneof is dissolved", three(choice), three("int32 a = 1; int32 b = 2;"), nil},
		{"a member of a oneof is gone", three(choice), three("oneof o { int32 a = 1; }"), []string{"oneof-removed Order.o"}},
		{"a message is gone", `syntax = "proto3"; message A {} message B {}`, `syntax = "proto3"; message A {}`, []string{"message B"}},
		{"a nested message is gone", three("message In {}"), three(""), []string{"message Order.In"}},
		{"a message is new", `syntax = "proto3"; message A {}`, `syntax = "proto3"; message B {} message A {}`, nil},
		{"the package is another one", three("int32 a = 1;"), `syntax = "proto3"; package other; message Order { int32 a = 1; }`, nil},
		{"a field of another message", three("message A {} message B {} A f = 1;"), three("message A {} message B {} B f = 1;"), []string{"named-type Order.f"}},
		{"a message as bytes", three("message A {} A f = 1;"), three("message A {} bytes f = 1;"), []string{"field-type Order.f"}},
		{"below a field", three("message A { int32 x = 1; } A f = 1;"), three("message A { string x = 1; } A f = 1;"), []string{"field-type Order.A.x"}},
		{"recursive", three("Order next = 1; int32 a = 2;"), three("Order next = 1; int64 a = 2;"), nil},
		{"maps", three("map<string, int32> m = 1;"), three("map<string, int64> m = 1;"), nil},
		{"maps of others", three("map<string, int32> m = 1;"), three("map<string, string> m = 1;"), []string{"field-type Order.m{value}"}},
		{"a map becomes a list", three("map<string, int32> m = 1;"), three("repeated string m = 1;"), []string{"field-type Order.m"}},
		{"an open enum", three("enum E { X = 0; Y = 1; } E e = 1;"), three("enum E { X = 0; } E e = 1;"), nil},
		{"a closed enum", two("enum E { X = 0; Y = 1; } optional E e = 1;"), two("enum E { X = 0; } optional E e = 1;"), []string{"enum-value Order.e"}},
		{"an enum as number", three("enum E { X = 0; } E e = 1;"), three("enum E { X = 0; } int32 e = 1;"), nil},
		{"a number as closed enum", two("enum E { X = 0; } optional int32 e = 1;"), two("enum E { X = 0; } optional E e = 1;"), []string{"enum-value Order.e"}},
		{"extensions are not decided", two("extensions 100 to 200;"), two("extensions 100 to 200;") + " extend Order { optional int32 x = 100; }", []string{"undecided"}},
		{"well-known imports", `syntax = "proto3"; import "google/protobuf/timestamp.proto"; message A { google.protobuf.Timestamp t = 1; }`,
			`syntax = "proto3"; import "google/protobuf/timestamp.proto"; message A { google.protobuf.Timestamp t = 1; int32 n = 2; }`, nil},
	}...)
	check(t, sr.TypeProtobuf, pairs)
}

func TestProtobufImports(t *testing.T) {
	order := `syntax = "proto3"; import "line.proto"; message Order { acme.Line line = 1; }`
	line := func(typ string) compat.Reference {
		return compat.Reference{Name: "line.proto", Text: compat.Text{Type: sr.TypeProtobuf, Schema: `syntax = "proto3"; package acme; message Line { ` + typ + ` n = 1; }`}}
	}
	now, next := parse(t, sr.TypeProtobuf, order, line("int32")), parse(t, sr.TypeProtobuf, order, line("string"))
	if got := kindsAndPaths(compat.Reads(next, now)); len(got) != 1 || got[0] != "field-type .acme.Line.n" {
		t.Errorf("got %v, want the type of n", got)
	}
	if _, err := compat.Parse(compat.Text{Type: sr.TypeProtobuf, Schema: order}); err == nil {
		t.Error("a schema without what it imports was understood")
	}
}

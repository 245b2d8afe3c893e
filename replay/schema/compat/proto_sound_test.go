package compat_test

import (
	"fmt"
	"strings"
	"testing"

	"backstitch/replay/schema/compat"

	"github.com/bufbuild/protocompile"
	"github.com/twmb/franz-go/pkg/sr"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"
)

// protoText draws a message of few fields, so that two of them meet often.
func protoText(t *rapid.T) string {
	var b strings.Builder
	b.WriteString(`syntax = "proto2"; message M { message A { optional int32 n = 1; } message B { optional string n = 1; } enum E { X = 1; Y = 2; } `)
	inside := false
	for n := 1; n <= 3; n++ {
		typ := rapid.SampledFrom([]string{"int32", "int64", "bool", "sint32", "fixed32", "string", "bytes", "double", "A", "B", "E"}).Draw(t, "type")
		label := rapid.SampledFrom([]string{"optional", "optional", "repeated", "required", "oneof", ""}).Draw(t, "label")
		if inside && label != "oneof" {
			b.WriteString("} ")
			inside = false
		}
		switch label {
		case "":
			continue
		case "oneof":
			if !inside {
				fmt.Fprintf(&b, "oneof o%d { ", n)
				inside = true
			}
			label = ""
		}
		fmt.Fprintf(&b, "%s %s f%d = %d; ", label, typ, n, n)
	}
	if inside {
		b.WriteString("} ")
	}
	return b.String() + "}"
}

func protoMessage(t *rapid.T, text string) protoreflect.MessageDescriptor {
	c := protocompile.Compiler{Resolver: &protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(map[string]string{"m.proto": text})}}
	files, err := c.Compile(t.Context(), "m.proto")
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return files[0].Messages().Get(0)
}

// fill sets every field to something that is not its default; of a oneof the last one stays.
func fill(m *dynamicpb.Message) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		one := func() protoreflect.Value {
			switch f.Kind() {
			case protoreflect.StringKind:
				return protoreflect.ValueOfString("x")
			case protoreflect.BytesKind:
				return protoreflect.ValueOfBytes([]byte{0xff})
			case protoreflect.MessageKind:
				in := dynamicpb.NewMessage(f.Message())
				fill(in)
				return protoreflect.ValueOfMessage(in)
			case protoreflect.EnumKind:
				return protoreflect.ValueOfEnum(2)
			case protoreflect.BoolKind:
				return protoreflect.ValueOfBool(true)
			case protoreflect.Int64Kind:
				return protoreflect.ValueOfInt64(1)
			case protoreflect.Fixed32Kind:
				return protoreflect.ValueOfUint32(1)
			case protoreflect.DoubleKind:
				return protoreflect.ValueOfFloat64(1)
			}
			return protoreflect.ValueOfInt32(1)
		}
		if f.IsList() {
			list := m.Mutable(f).List()
			list.Append(one())
			list.Append(one())
			continue
		}
		m.Set(f, one())
	}
}

// TestWhatIsCalledCompatibleIsReadOnTheWire: by an implementation that knows nothing of this package, every field that was written and that
// the reader has arrives.
func TestWhatIsCalledCompatibleIsReadOnTheWire(t *testing.T) {
	counts := map[compat.Verdict]int{}
	rapid.Check(t, func(t *rapid.T) {
		a, b := protoText(t), protoText(t)
		if rapid.Bool().Draw(t, "related") {
			b = strings.NewReplacer(rapid.SampledFrom([]string{"int32", "string f", "required", "optional A", "oneof"}).Draw(t, "old"),
				rapid.SampledFrom([]string{"int64", "bytes f", "optional", "optional B", "oneof"}).Draw(t, "new")).Replace(a)
		}
		writer, err := compat.Parse(compat.Text{Type: sr.TypeProtobuf, Schema: a})
		if err != nil {
			t.Skip("not a schema")
		}
		reader, err := compat.Parse(compat.Text{Type: sr.TypeProtobuf, Schema: b})
		if err != nil {
			t.Skip("not a schema")
		}
		verdict := compat.VerdictOf(compat.Reads(reader, writer))
		counts[verdict]++
		if verdict != compat.Compatible {
			return
		}
		sent := dynamicpb.NewMessage(protoMessage(t, a))
		fill(sent)
		wire, err := proto.Marshal(sent)
		if err != nil {
			t.Fatal(err)
		}
		got := dynamicpb.NewMessage(protoMessage(t, b))
		if err := proto.Unmarshal(wire, got); err != nil {
			t.Fatalf("called compatible: %v\nwriter %s\nreader %s", err, a, b)
		}
		sent.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
			if mine := got.Descriptor().Fields().ByNumber(f.Number()); mine != nil && !got.Has(mine) {
				t.Fatalf("called compatible, and field %d does not arrive\nwriter %s\nreader %s", f.Number(), a, b)
			}
			return true
		})
	})
	if counts[compat.Compatible] == 0 || counts[compat.Incompatible] == 0 {
		t.Errorf("got verdicts %v: is this test still drawing schemas that meet?", counts)
	}
	t.Logf("verdicts: %v", counts)
}

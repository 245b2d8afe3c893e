package message

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"backstitch/replay/source"
	"backstitch/replay/transform"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"
)

// Random messages, which the library writes and reads. rapid prints how to draw a failure again.

// nan is the one that most libraries write. The others are spellings that a tree does not keep.
var nan = math.Float64frombits(0x7ff8 << 48)

// drawn fills a message of m, with zeros and empties where fields have presence, and the bounds of their types.
func drawn(t *rapid.T, m protoreflect.MessageDescriptor, depth int) *dynamicpb.Message {
	out := dynamicpb.NewMessage(m)
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		if rapid.IntRange(0, 2).Draw(t, "leave out") == 0 || depth == 0 && f.Message() != nil {
			continue
		}
		switch {
		case f.IsMap():
			entries := out.Mutable(f).Map()
			for range rapid.IntRange(0, 3).Draw(t, "entries") {
				entries.Set(scalar(t, out, f.MapKey(), depth).MapKey(), scalar(t, out, f.MapValue(), depth))
			}
		case f.IsList():
			list := out.Mutable(f).List()
			for range rapid.IntRange(0, 3).Draw(t, "elements") {
				list.Append(scalar(t, out, f, depth))
			}
		default:
			out.Set(f, scalar(t, out, f, depth))
		}
	}
	return out
}

func scalar(t *rapid.T, in *dynamicpb.Message, f protoreflect.FieldDescriptor, depth int) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(t, "bool"))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(rapid.SampledFrom([]int32{0, 1, 77, -1}).Draw(t, "symbol")))
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(rapid.Int32().Draw(t, "int32"))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(rapid.Int64().Draw(t, "int64"))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(rapid.Uint32().Draw(t, "uint32"))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(rapid.Uint64().Draw(t, "uint64"))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(rapid.OneOf(rapid.Float32(), rapid.SampledFrom([]float32{float32(math.Copysign(0, -1)), float32(math.NaN()), float32(math.Inf(-1)), 1e-45})).Draw(t, "float"))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{math.Copysign(0, -1), nan, math.Inf(1), 5e-324})).Draw(t, "double"))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "bytes"))
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(rapid.StringN(0, 5, -1).Draw(t, "string"))
	}
	return protoreflect.ValueOfMessage(drawn(t, f.Message(), depth-1))
}

// written is a payload as the library writes it.
func written(t *rapid.T, s *Schema, m *dynamicpb.Message) []byte {
	body, err := proto.MarshalOptions{Deterministic: rapid.Bool().Draw(t, "in order")}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return append(bytes.Clone(s.index), body...)
}

func framedAs7(payload []byte) []byte { return append([]byte{0, 0, 0, 0, 7}, payload...) }

// TestNobodyAskedForIt: whatever a message holds, a chain without steps gives back its bytes, under the same schema and under another text that
// has the same message, which takes all of it apart.
func TestNobodyAskedForIt(t *testing.T) {
	s, again, other := parse(t, all, ""), parse(t, all, ""), parse(t, all+` message Extra {}`, "")
	same, apart := edit(t, s, again, `[]`, false), edit(t, s, other, `[]`, false)
	rapid.Check(t, func(t *rapid.T) {
		payload := written(t, s, drawn(t, s.root, 3))
		for _, e := range []interface {
			Append(dst, value []byte) ([]byte, bool, error)
		}{same, apart} {
			made, changed, err := e.Append(nil, framedAs7(payload))
			if err != nil || !changed || !bytes.Equal(made[5:], payload) {
				t.Fatalf("%x came out as %x, changed %t, %v", payload, made, changed, err)
			}
		}
	})
}

// TestBesideAFieldNothingChanges sets one field: the library reads all others as they were.
func TestBesideAFieldNothingChanges(t *testing.T) {
	s := parse(t, all, "")
	e := edit(t, s, s, `[{"set":{"field":"name","value":"new"}}]`, false)
	name := s.root.Fields().ByName("name")
	rapid.Check(t, func(t *rapid.T) {
		m := drawn(t, s.root, 3)
		made, changed, err := e.Append(nil, framedAs7(written(t, s, m)))
		if err != nil || !changed {
			t.Fatalf("changed %t, %v", changed, err)
		}
		out := dynamicpb.NewMessage(s.root)
		if err := proto.Unmarshal(made[5+len(s.index):], out); err != nil {
			t.Fatal(err)
		}
		m.Set(name, protoreflect.ValueOfString("new"))
		if !proto.Equal(m, out) || len(out.GetUnknown()) > 0 {
			t.Fatalf("- was, + is:\n- %v\n+ %v", m, out)
		}
	})
}

// TestWhatATreeCanNotHoldIsSetAside: fields that the schema does not know, ones that stand twice and the bits of a NaN are never lost. Where nothing is asked for they pass.
func TestWhatATreeCanNotHoldIsSetAside(t *testing.T) {
	s := parse(t, all, "")
	pass, set := edit(t, s, s, `[]`, false), edit(t, s, s, `[{"set":{"field":"note","value":"new"}}]`, false)
	rapid.Check(t, func(t *rapid.T) {
		payload := written(t, s, drawn(t, s.root, 2))
		switch rapid.IntRange(0, 2).Draw(t, "what") {
		case 0:
			payload = protowire.AppendVarint(protowire.AppendTag(payload, protowire.Number(rapid.IntRange(100, 1000).Draw(t, "number")), protowire.VarintType), 5)
		case 1:
			payload = protowire.AppendTag(payload, 1, protowire.VarintType)
			payload = protowire.AppendTag(protowire.AppendVarint(payload, 5), 1, protowire.VarintType)
			payload = protowire.AppendVarint(payload, 6)
		default:
			m := drawn(t, s.root, 2)
			m.Set(s.root.Fields().ByName("amount"), protoreflect.ValueOfFloat64(math.Float64frombits(math.Float64bits(nan)|uint64(rapid.IntRange(1, 1<<20).Draw(t, "NaN")))))
			payload = written(t, s, m)
		}
		if made, _, err := pass.Append(nil, framedAs7(payload)); err != nil || !bytes.Equal(made[5:], payload) {
			t.Fatalf("nothing was asked for: got %x, %v, want %x", made, err, payload)
		}
		made, changed, err := set.Append(nil, framedAs7(payload))
		var refused *transform.Refused
		if !errors.As(err, &refused) || refused.Code != source.CodeNotWhole || changed || len(made) > 0 {
			t.Fatalf("%x came out as %x, %v, want %s", payload, made, err, source.CodeNotWhole)
		}
	})
}

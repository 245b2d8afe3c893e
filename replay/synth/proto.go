package synth

import (
	"errors"
	"math"
	"sort"

	"backstitch/replay/framed"
	"backstitch/replay/message"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Messages of Protobuf. A place is a field of a message, wherever the message stands. What a message has of fields that its schema does not
// know is not learnt. A list of numbers is packed as its schema says; fields stand by number.

// protoSchema is one message of a schema.
type protoSchema struct {
	schema *message.Schema
	root   protoreflect.MessageDescriptor
	// heights are levels that a message has at least: what is required of it may require more.
	heights map[protoreflect.FullName]int
}

func parseProto(t Text, name string) (*protoSchema, error) {
	parsed, err := message.Parse(framed.Text{Schema: t.Schema, References: t.before(nil)}, name)
	if err != nil {
		return nil, err
	}
	p := &protoSchema{schema: parsed, root: parsed.Root(), heights: map[protoreflect.FullName]int{}}
	if p.height(p.root, 0) > maxNested {
		return nil, errors.New("no message of it has an end")
	}
	return p, nil
}

// height is how many levels what is required takes.
func (s *protoSchema) height(m protoreflect.MessageDescriptor, depth int) int {
	if h, ok := s.heights[m.FullName()]; ok {
		return h
	}
	if depth > maxNested {
		return endless
	}
	out := 1
	for i := range m.Fields().Len() {
		if f := m.Fields().Get(i); f.Cardinality() == protoreflect.Required && f.Message() != nil {
			out = max(out, 1+s.height(f.Message(), depth+1))
		}
	}
	if out < maxNested {
		s.heights[m.FullName()] = out
	}
	return out
}

// learn is model's.
func (s *protoSchema) learn(p *places, payload []byte) error {
	m, body, err := s.schema.Named(payload)
	if err != nil {
		return err
	}
	if m != s.root {
		return errOtherMessage
	}
	msg := dynamicpb.NewMessage(m)
	if err := (proto.UnmarshalOptions{AllowPartial: true, RecursionLimit: maxNested}).Unmarshal(body, msg); err != nil {
		return err
	}
	learnMessage(p, msg)
	return nil
}

// errOtherMessage says that a payload is another message of its schema than the one that is learnt.
var errOtherMessage = errors.New("another message of the schema")

func fieldAt(f protoreflect.FieldDescriptor) string { return string(f.FullName()) }

// oneof is the oneof that chooses whether f is there, nil where f says so alone.
func oneof(f protoreflect.FieldDescriptor) protoreflect.OneofDescriptor {
	if o := f.ContainingOneof(); o != nil && !o.IsSynthetic() {
		return o
	}
	return nil
}

func learnMessage(p *places, m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	for i := range m.Descriptor().Oneofs().Len() {
		if o := m.Descriptor().Oneofs().Get(i); !o.IsSynthetic() {
			chosen := 0
			if f := m.WhichOneof(o); f != nil {
				chosen = 1 + memberOf(o, f)
			}
			p.choose(string(o.FullName()), chosen, o.Fields().Len()+1)
		}
	}
	for i := range fields.Len() {
		f := fields.Get(i)
		at := fieldAt(f)
		switch {
		case f.IsMap():
			entries := m.Get(f).Map()
			p.size(at+"{}", entries.Len())
			entries.Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				learnScalar(p, at+".key", f.MapKey(), k.Value())
				learnValue(p, at+".value", f.MapValue(), v)
				return true
			})
		case f.IsList():
			list := m.Get(f).List()
			p.size(at+"[]", list.Len())
			for j := range list.Len() {
				learnValue(p, at, f, list.Get(j))
			}
		default:
			has := m.Has(f)
			if oneof(f) == nil {
				there := 0
				if has {
					there = 1
				}
				p.choose(at+"?", there, 2)
			}
			if has {
				learnValue(p, at, f, m.Get(f))
			}
		}
	}
}

func memberOf(o protoreflect.OneofDescriptor, f protoreflect.FieldDescriptor) int {
	for i := range o.Fields().Len() {
		if o.Fields().Get(i).Number() == f.Number() {
			return i
		}
	}
	return 0
}

func learnValue(p *places, at string, f protoreflect.FieldDescriptor, v protoreflect.Value) {
	if f.Message() != nil {
		learnMessage(p, v.Message())
		return
	}
	learnScalar(p, at, f, v)
}

func learnScalar(p *places, at string, f protoreflect.FieldDescriptor, v protoreflect.Value) {
	switch f.Kind() {
	case protoreflect.BoolKind:
		i := 0
		if v.Bool() {
			i = 1
		}
		p.choose(at, i, 2)
	case protoreflect.EnumKind:
		p.choose(at, symbolOf(f.Enum(), v.Enum()), f.Enum().Values().Len())
	case protoreflect.StringKind:
		p.text(at, v.String())
	case protoreflect.BytesKind:
		p.size(at, len(v.Bytes()))
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		p.floating(at, v.Float())
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		p.whole(at, int64(min(v.Uint(), math.MaxInt64)))
	default:
		p.whole(at, v.Int())
	}
}

// symbolOf is the place of a number among the values of an enum, -1 for one that it does not have.
func symbolOf(e protoreflect.EnumDescriptor, n protoreflect.EnumNumber) int {
	if v := e.Values().ByNumber(n); v != nil {
		return v.Index()
	}
	return -1
}

// draw is model's.
func (s *protoSchema) draw(d *drawing) { s.message(d, s.root) }

// index is model's.
func (s *protoSchema) index(glue bool) []byte {
	if glue {
		return s.schema.GlueIndex()
	}
	return s.schema.Index()
}

func (s *protoSchema) message(d *drawing, m protoreflect.MessageDescriptor) {
	d.depth++
	defer func() { d.depth-- }()
	there := map[protoreflect.FieldNumber]bool{}
	for i := range m.Oneofs().Len() {
		o := m.Oneofs().Get(i)
		if o.IsSynthetic() || d.places[string(o.FullName())] == nil || d.depth > maxNested {
			continue
		}
		if n := d.choose(string(o.FullName()), o.Fields().Len()+1, nil); n > 0 {
			there[o.Fields().Get(n-1).Number()] = true
		}
	}
	fields := make([]protoreflect.FieldDescriptor, m.Fields().Len())
	for i := range fields {
		fields[i] = m.Fields().Get(i)
	}
	sort.Slice(fields, func(i, j int) bool { return fields[i].Number() < fields[j].Number() })
	for _, f := range fields {
		at := fieldAt(f)
		switch {
		case f.IsMap():
			s.entries(d, f)
		case f.IsList():
			s.list(d, f)
		case oneof(f) != nil && !there[f.Number()]:
		case f.Cardinality() == protoreflect.Required, oneof(f) != nil, d.there(at + "?"):
			from := len(d.out)
			s.field(d, f, at)
			if !f.HasPresence() && zero(f, d.out[from:]) { // what has no presence is not written where it is zero
				d.out = d.out[:from]
			}
		}
	}
}

// zero reports whether b is a field, with its tag, that says nothing.
func zero(f protoreflect.FieldDescriptor, b []byte) bool {
	for _, c := range b[protowire.SizeTag(f.Number()):] {
		if c != 0 {
			return false
		}
	}
	return true
}

func (s *protoSchema) list(d *drawing, f protoreflect.FieldDescriptor) {
	at := fieldAt(f)
	n := d.entries(at + "[]")
	if f.IsPacked() && n > 0 {
		body := d.nested(func() {
			for range n {
				s.value(d, f, at)
			}
		})
		d.out = protowire.AppendBytes(protowire.AppendTag(d.out, f.Number(), protowire.BytesType), body)
		return
	}
	for range n {
		s.field(d, f, at)
	}
}

// entries writes a map; keys that come out alike are one.
func (s *protoSchema) entries(d *drawing, f protoreflect.FieldDescriptor) {
	at, seen := fieldAt(f), map[string]bool{}
	for range d.entries(at + "{}") {
		key := d.nested(func() { s.field(d, f.MapKey(), at+".key") })
		if seen[string(key)] {
			continue
		}
		seen[string(key)] = true
		entry := append(key, d.nested(func() { s.field(d, f.MapValue(), at+".value") })...)
		d.out = protowire.AppendBytes(protowire.AppendTag(d.out, f.Number(), protowire.BytesType), entry)
	}
}

// nested is what write appends, apart.
func (d *drawing) nested(write func()) []byte {
	outer := d.out
	d.out = nil
	write()
	made := d.out
	d.out = outer
	return made
}

func (s *protoSchema) field(d *drawing, f protoreflect.FieldDescriptor, at string) {
	switch f.Kind() {
	case protoreflect.GroupKind:
		d.out = protowire.AppendTag(d.out, f.Number(), protowire.StartGroupType)
		s.message(d, f.Message())
		d.out = protowire.AppendTag(d.out, f.Number(), protowire.EndGroupType)
		return
	case protoreflect.MessageKind:
		body := d.nested(func() { s.message(d, f.Message()) })
		d.out = protowire.AppendBytes(protowire.AppendTag(d.out, f.Number(), protowire.BytesType), body)
		return
	}
	typ := protowire.VarintType
	switch f.Kind() {
	case protoreflect.StringKind, protoreflect.BytesKind:
		typ = protowire.BytesType
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		typ = protowire.Fixed32Type
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		typ = protowire.Fixed64Type
	}
	d.out = protowire.AppendTag(d.out, f.Number(), typ)
	s.value(d, f, at)
}

// value appends a scalar without its tag.
func (s *protoSchema) value(d *drawing, f protoreflect.FieldDescriptor, at string) {
	switch f.Kind() {
	case protoreflect.BoolKind:
		d.out = protowire.AppendVarint(d.out, uint64(d.choose(at, 2, nil)))
	case protoreflect.EnumKind:
		values := f.Enum().Values()
		d.out = protowire.AppendVarint(d.out, uint64(values.Get(d.choose(at, values.Len(), nil)).Number()))
	case protoreflect.StringKind:
		d.out = protowire.AppendBytes(d.out, d.text(at))
	case protoreflect.BytesKind:
		d.out = protowire.AppendBytes(d.out, d.bytes(at))
	case protoreflect.FloatKind:
		d.out = protowire.AppendFixed32(d.out, math.Float32bits(float32(d.floating(at))))
	case protoreflect.DoubleKind:
		d.out = protowire.AppendFixed64(d.out, math.Float64bits(d.floating(at)))
	case protoreflect.Int32Kind:
		d.out = protowire.AppendVarint(d.out, uint64(d.whole(at, 31)))
	case protoreflect.Sint32Kind:
		d.out = protowire.AppendVarint(d.out, protowire.EncodeZigZag(d.whole(at, 31)))
	case protoreflect.Uint32Kind:
		d.out = protowire.AppendVarint(d.out, uint64(d.whole(at, 32)))
	case protoreflect.Fixed32Kind:
		d.out = protowire.AppendFixed32(d.out, uint32(d.whole(at, 32)))
	case protoreflect.Sfixed32Kind:
		d.out = protowire.AppendFixed32(d.out, uint32(int32(d.whole(at, 31))))
	case protoreflect.Int64Kind, protoreflect.Uint64Kind:
		d.out = protowire.AppendVarint(d.out, uint64(d.whole(at, 62)))
	case protoreflect.Sint64Kind:
		d.out = protowire.AppendVarint(d.out, protowire.EncodeZigZag(d.whole(at, 62)))
	default: // 64 fixed bits
		d.out = protowire.AppendFixed64(d.out, uint64(d.whole(at, 62)))
	}
}

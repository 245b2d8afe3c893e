package message

import (
	"fmt"

	"backstitch/replay/framed"
	"backstitch/replay/source"
	"backstitch/replay/transform"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A message as JSON. Members have the names of the .proto file and the order of the record. A field without presence that the record does
// not have is there with its zero, behind the others: for whoever reads the message it is. One with presence is there where the record has
// it. Well-known types are the messages that they are. This is not ProtoJSON, in which names, order, presence and 64 bits are not kept.
//
// The trap is what a tree can not hold: unknown fields, a field that stands twice, two members of one oneof. Who wants to write a message
// again is refused them; who looks only (spare) does not see unknown fields.

// MaxBytes bounds what one value becomes, and its JSON.
const MaxBytes = 64 << 20

// maxDepth bounds levels, as libraries of Protobuf do.
const maxDepth = 100

func malformed(format string, args ...any) *transform.Refused {
	return framed.Refuse(source.CodeNotDatum, "it is no message of its schema: "+format, args...)
}

func notWhole(format string, args ...any) *transform.Refused {
	return framed.Refuse(source.CodeNotWhole, format, args...)
}

type viewer struct{ spare bool }

// found is what a message has of one field, in order.
type found struct {
	field protoreflect.FieldDescriptor
	raw   [][]byte // values without their tags
	typ   []protowire.Type
}

// message appends m to dst.
func (v viewer) message(dst []byte, m protoreflect.MessageDescriptor, b []byte, depth int) ([]byte, *transform.Refused) {
	if depth > maxDepth {
		return dst, framed.Refuse(source.CodeNoForm, "it is more than %d levels deep", maxDepth)
	}
	list, why := v.split(m, b)
	if why != nil {
		return dst, why
	}
	dst = append(dst, '{')
	for i, f := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendName(dst, f.field)
		if dst, why = v.field(dst, f, depth); why != nil {
			return dst, why
		}
		if len(dst) > MaxBytes {
			return dst, framed.Refuse(source.CodeTooGrown, "as JSON it has more than %d bytes", MaxBytes)
		}
	}
	return append(dst, '}'), nil
}

func appendName(dst []byte, f protoreflect.FieldDescriptor) []byte {
	return append(append(append(dst, '"'), f.Name()...), '"', ':') // an identifier, which needs no escapes
}

// split sorts what a message has by field, and adds what it has without saying so.
func (v viewer) split(m protoreflect.MessageDescriptor, b []byte) ([]*found, *transform.Refused) {
	var list []*found
	by := map[protowire.Number]*found{}
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, malformed("%w", protowire.ParseError(n))
		}
		size := protowire.ConsumeFieldValue(num, typ, b[n:])
		if size < 0 {
			return nil, malformed("field %d: %w", num, protowire.ParseError(size))
		}
		raw := b[n : n+size]
		b = b[n+size:]
		field := m.Fields().ByNumber(num)
		if field == nil || !fits(field, typ) {
			if v.spare {
				continue
			}
			return nil, notWhole("field %d of %s is not in its schema, so nobody can tell what it becomes", num, m.FullName())
		}
		f := by[num]
		if f == nil {
			f = &found{field: field}
			by[num], list = f, append(list, f)
		} else if field.Cardinality() != protoreflect.Repeated {
			return nil, notWhole("%s stands twice", field.Name())
		}
		f.raw, f.typ = append(f.raw, raw), append(f.typ, typ)
	}
	for i := range m.Oneofs().Len() {
		of, there := m.Oneofs().Get(i).Fields(), 0
		for j := range of.Len() {
			if by[of.Get(j).Number()] != nil {
				there++
			}
		}
		if there > 1 {
			return nil, notWhole("oneof %s has %d members", m.Oneofs().Get(i).Name(), there)
		}
	}
	for i := range m.Fields().Len() {
		if f := m.Fields().Get(i); !f.HasPresence() && by[f.Number()] == nil {
			list = append(list, &found{field: f})
		}
	}
	return list, nil
}

// fits reports whether a field is written like that. Numbers of a list are read packed and apart.
func fits(f protoreflect.FieldDescriptor, typ protowire.Type) bool {
	want := wireType(f.Kind())
	return typ == want || typ == protowire.BytesType && f.IsList() && packable(want)
}

func packable(t protowire.Type) bool {
	return t == protowire.VarintType || t == protowire.Fixed32Type || t == protowire.Fixed64Type
}

func (v viewer) field(dst []byte, f *found, depth int) ([]byte, *transform.Refused) {
	switch {
	case f.field.IsMap():
		return v.entries(dst, f, depth)
	case !f.field.IsList() && len(f.raw) == 0:
		return appendZero(dst, f.field), nil
	case !f.field.IsList():
		return v.value(dst, f.field, f.raw[0], depth)
	}
	var why *transform.Refused
	dst = append(dst, '[')
	first := true
	add := func(raw []byte) *transform.Refused {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst, why = v.value(dst, f.field, raw, depth)
		return why
	}
	want := wireType(f.field.Kind())
	for i, raw := range f.raw {
		if f.typ[i] == want {
			if why := add(raw); why != nil {
				return dst, why
			}
			continue
		}
		packed, _ := protowire.ConsumeBytes(raw) // it was read over before
		for len(packed) > 0 {
			n := protowire.ConsumeFieldValue(f.field.Number(), want, packed)
			if n < 0 {
				return dst, malformed("%s: %w", f.field.Name(), protowire.ParseError(n))
			}
			if why := add(packed[:n]); why != nil {
				return dst, why
			}
			packed = packed[n:]
		}
	}
	return append(dst, ']'), nil
}

// entries appends a map, in the order of the record.
func (v viewer) entries(dst []byte, f *found, depth int) ([]byte, *transform.Refused) {
	key, value := f.field.MapKey(), f.field.MapValue()
	seen := map[string]bool{}
	dst = append(dst, '{')
	for i, raw := range f.raw {
		entry, _ := protowire.ConsumeBytes(raw) // it was read over before
		parts, why := v.split(f.field.Message(), entry)
		if why != nil {
			return dst, why
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		from := len(dst)
		var k, val *found
		for _, p := range parts {
			if p.field.Number() == key.Number() {
				k = p
			} else {
				val = p
			}
		}
		if dst, why = v.key(dst, key, k); why != nil {
			return dst, why
		}
		name := string(dst[from:])
		if seen[name] {
			return dst, notWhole("map %s has key %.60s twice", f.field.Name(), name)
		}
		seen[name] = true
		dst = append(dst, ':')
		if val == nil || len(val.raw) == 0 {
			if value.Message() != nil {
				dst = append(dst, '{', '}')
				return dst, notWhole("an entry of map %s has no value", f.field.Name())
			}
			dst = appendZero(dst, value)
			continue
		}
		if dst, why = v.value(dst, value, val.raw[0], depth); why != nil {
			return dst, why
		}
	}
	return append(dst, '}'), nil
}

// key appends a key of a map as the name of a member.
func (v viewer) key(dst []byte, f protoreflect.FieldDescriptor, k *found) ([]byte, *transform.Refused) {
	var text []byte
	var why *transform.Refused
	if k == nil || len(k.raw) == 0 {
		text = appendZero(nil, f)
	} else if text, why = v.value(nil, f, k.raw[0], 0); why != nil {
		return dst, why
	}
	if f.Kind() != protoreflect.StringKind {
		return append(append(append(dst, '"'), text...), '"'), nil
	}
	return append(dst, text...), nil
}

// value appends one value of a field.
func (v viewer) value(dst []byte, f protoreflect.FieldDescriptor, raw []byte, depth int) ([]byte, *transform.Refused) {
	var why *transform.Refused
	switch f.Kind() {
	case protoreflect.MessageKind:
		b, _ := protowire.ConsumeBytes(raw) // it was read over before
		dst, why = v.message(dst, f.Message(), b, depth+1)
	case protoreflect.GroupKind:
		b, n := protowire.ConsumeGroup(f.Number(), raw)
		if n < 0 {
			return dst, malformed("%s: %w", f.Name(), protowire.ParseError(n))
		}
		dst, why = v.message(dst, f.Message(), b, depth+1)
	case protoreflect.StringKind:
		b, _ := protowire.ConsumeBytes(raw)
		out, err := jsontext.AppendQuote(dst, b)
		if err != nil {
			return dst, framed.Refuse(source.CodeNotUTF8, "%s is not UTF-8", f.Name())
		}
		dst = out
	default:
		dst = appendScalar(dst, f, raw)
	}
	if why != nil {
		why.Err = fmt.Errorf("%s: %w", f.Name(), why.Err)
	}
	return dst, why
}

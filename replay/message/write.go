package message

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"backstitch/replay/framed"
	"backstitch/replay/source"
	"backstitch/replay/transform"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// JSON as a message, in the order in which its members stand: so a message of which nothing was changed has its order again, also in maps.

func noForm(format string, args ...any) *transform.Refused {
	return framed.Refuse(source.CodeNoForm, format, args...)
}

type writer struct{ spare bool }

// write appends text, which is JSON, as a message of m.
func (w writer) write(dst []byte, m protoreflect.MessageDescriptor, text []byte) ([]byte, *transform.Refused) {
	var d reader
	d.reset(text)
	if d.PeekKind() != '{' {
		return dst, framed.Refuse(source.CodeNotObject, "the value is no object")
	}
	dst, why := w.message(dst, m, &d, 0)
	if why == nil && len(dst) > MaxBytes {
		why = framed.Refuse(source.CodeTooGrown, "it becomes more than %d bytes", MaxBytes)
	}
	return dst, why
}

// message reads one object.
func (w writer) message(dst []byte, m protoreflect.MessageDescriptor, d *reader, depth int) ([]byte, *transform.Refused) {
	if depth > maxDepth {
		return dst, noForm("it is more than %d levels deep", maxDepth)
	}
	if _, err := d.ReadToken(); err != nil {
		return dst, broken(err)
	}
	there := map[protowire.Number]bool{}
	one := map[protoreflect.Name]protoreflect.Name{}
	for d.PeekKind() != '}' {
		t, err := d.ReadToken()
		if err != nil {
			return dst, broken(err)
		}
		name := protoreflect.Name(t.String())
		f := m.Fields().ByName(name)
		if f == nil {
			if !w.spare {
				return dst, framed.Refuse(source.CodeNoPlace, "%s has no field %.80q: rename it, drop it, or say unknownFields: drop", m.FullName(), name)
			}
			if err := d.SkipValue(); err != nil {
				return dst, broken(err)
			}
			continue
		}
		before := len(dst)
		var why *transform.Refused
		if d.PeekKind() == 'n' {
			if _, err := d.ReadToken(); err != nil {
				return dst, broken(err)
			}
			if !f.HasPresence() {
				return dst, noForm("%s is null, and a field without presence has no such value", f.Name())
			}
			continue
		}
		if dst, why = w.field(dst, f, d, depth); why != nil {
			why.Err = fmt.Errorf("%s: %w", f.Name(), why.Err)
			return dst, why
		}
		there[f.Number()] = true
		if of := f.ContainingOneof(); of != nil && len(dst) > before {
			if other, two := one[of.Name()]; two {
				return dst, noForm("%s and %s are of one oneof, %s", other, name, of.Name())
			}
			one[of.Name()] = name
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return dst, broken(err)
	}
	for i := range m.Fields().Len() {
		if f := m.Fields().Get(i); f.Cardinality() == protoreflect.Required && !there[f.Number()] {
			return dst, framed.Refuse(source.CodeNoPreset, "%s requires %s, and it is not there", m.FullName(), f.Name())
		}
	}
	return dst, nil
}

func broken(err error) *transform.Refused {
	return framed.Refuse(source.CodeNotJSON, "the value is no JSON: %w", err)
}

func (w writer) field(dst []byte, f protoreflect.FieldDescriptor, d *reader, depth int) ([]byte, *transform.Refused) {
	switch kind := d.PeekKind(); {
	case f.IsMap():
		if kind != '{' {
			return dst, noForm("it is a map, and the value no object")
		}
		return w.entries(dst, f, d, depth)
	case f.IsList():
		if kind != '[' {
			return dst, noForm("it is repeated, and the value no list")
		}
		return w.list(dst, f, d, depth)
	}
	return w.value(dst, f, d, depth, !f.HasPresence())
}

func (w writer) list(dst []byte, f protoreflect.FieldDescriptor, d *reader, depth int) ([]byte, *transform.Refused) {
	if _, err := d.ReadToken(); err != nil {
		return dst, broken(err)
	}
	var packed []byte
	var why *transform.Refused
	for d.PeekKind() != ']' {
		if f.IsPacked() {
			packed, why = w.scalar(packed, f, d)
		} else {
			dst, why = w.value(dst, f, d, depth, false)
		}
		if why != nil {
			return dst, why
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return dst, broken(err)
	}
	if len(packed) > 0 {
		dst = protowire.AppendBytes(protowire.AppendTag(dst, f.Number(), protowire.BytesType), packed)
	}
	return dst, nil
}

func (w writer) entries(dst []byte, f protoreflect.FieldDescriptor, d *reader, depth int) ([]byte, *transform.Refused) {
	if _, err := d.ReadToken(); err != nil {
		return dst, broken(err)
	}
	for d.PeekKind() != '}' {
		t, err := d.ReadToken()
		if err != nil {
			return dst, broken(err)
		}
		key, why := mapKey(f.MapKey(), t.String())
		if why != nil {
			return dst, why
		}
		if d.PeekKind() == 'n' {
			return dst, noForm("a value of a map is null")
		}
		if key, why = w.value(key, f.MapValue(), d, depth, false); why != nil {
			return dst, why
		}
		dst = protowire.AppendBytes(protowire.AppendTag(dst, f.Number(), protowire.BytesType), key)
	}
	if _, err := d.ReadToken(); err != nil {
		return dst, broken(err)
	}
	return dst, nil
}

// mapKey is a key with its tag.
func mapKey(f protoreflect.FieldDescriptor, name string) ([]byte, *transform.Refused) {
	dst := protowire.AppendTag(nil, f.Number(), wireType(f.Kind()))
	switch f.Kind() {
	case protoreflect.StringKind:
		return protowire.AppendString(dst, name), nil
	case protoreflect.BoolKind:
		if name != "true" && name != "false" {
			return nil, noForm("key %.60q is neither true nor false", name)
		}
		return protowire.AppendVarint(dst, protowire.EncodeBool(name == "true")), nil
	}
	u, err := parseInteger(f.Kind(), name)
	if err != nil {
		return nil, noForm("key %.60q: %w", name, err)
	}
	return appendNumber(dst, f.Kind(), u), nil
}

// value reads one value and appends it with its tag. implicit ones that are zero are not written.
func (w writer) value(dst []byte, f protoreflect.FieldDescriptor, d *reader, depth int, implicit bool) ([]byte, *transform.Refused) {
	tagged := protowire.AppendTag(dst, f.Number(), wireType(f.Kind()))
	if m := f.Message(); m != nil {
		if d.PeekKind() != '{' {
			return dst, noForm("it is a message, and the value no object")
		}
		if f.Kind() == protoreflect.GroupKind {
			out, why := w.message(tagged, m, d, depth+1)
			return protowire.AppendTag(out, f.Number(), protowire.EndGroupType), why
		}
		inner, why := w.message(nil, m, d, depth+1)
		return protowire.AppendBytes(tagged, inner), why
	}
	n := len(tagged)
	out, why := w.scalar(tagged, f, d)
	if why == nil && implicit && zero(out[n:]) {
		return dst, nil
	}
	return out, why
}

// zero reports whether a value without its tag is that of a field which is not there.
func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// scalar reads one value and appends it without its tag.
func (w writer) scalar(dst []byte, f protoreflect.FieldDescriptor, d *reader) ([]byte, *transform.Refused) {
	kind := d.PeekKind()
	if kind == '{' || kind == '[' {
		return dst, noForm("it is of type %s, and the value an object or a list", f.Kind())
	}
	t, err := d.ReadToken()
	if err != nil {
		return dst, broken(err)
	}
	text := t.String()
	wrong := func(err error) *transform.Refused {
		return noForm("it is of type %s, and the value %.60q: %w", f.Kind(), text, err)
	}
	switch f.Kind() {
	case protoreflect.BoolKind:
		if kind != 't' && kind != 'f' {
			return dst, wrong(errNotBoolean)
		}
		return protowire.AppendVarint(dst, protowire.EncodeBool(kind == 't')), nil
	case protoreflect.StringKind:
		if kind != '"' {
			return dst, wrong(errNotText)
		}
		return protowire.AppendString(dst, text), nil
	case protoreflect.BytesKind:
		b, err := base64.StdEncoding.Strict().DecodeString(text)
		if kind != '"' || err != nil {
			return dst, wrong(errNotBase64)
		}
		return protowire.AppendBytes(dst, b), nil
	case protoreflect.EnumKind:
		n, why := symbol(f.Enum(), kind, text)
		if why != nil {
			return dst, why
		}
		return protowire.AppendVarint(dst, uint64(int64(n))), nil
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		bits := 64
		if f.Kind() == protoreflect.FloatKind {
			bits = 32
		}
		if kind != '0' && kind != '"' {
			return dst, wrong(errNoNumber)
		}
		u, err := parseFloat(text, kind == '"', bits)
		if err != nil {
			return dst, wrong(err)
		}
		return appendNumber(dst, f.Kind(), u), nil
	}
	if kind != '0' {
		return dst, wrong(errNoNumber)
	}
	u, err := parseInteger(f.Kind(), text)
	if err != nil {
		return dst, wrong(err)
	}
	return appendNumber(dst, f.Kind(), u), nil
}

var (
	errNotBoolean = errors.New("neither true nor false")
	errNotText    = errors.New("no text")
	errNotBase64  = errors.New("no base64")
)

// symbol is the number of an enum's value. A closed enum has no others than those of its schema.
func symbol(e protoreflect.EnumDescriptor, kind jsontext.Kind, text string) (protoreflect.EnumNumber, *transform.Refused) {
	if kind == '"' {
		if v := e.Values().ByName(protoreflect.Name(text)); v != nil {
			return v.Number(), nil
		}
		return 0, noForm("enum %s has no %.60q", e.FullName(), text)
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if kind != '0' || err != nil {
		return 0, noForm("enum %s has no %.60q", e.FullName(), text)
	}
	if e.IsClosed() && e.Values().ByNumber(protoreflect.EnumNumber(n)) == nil {
		return 0, noForm("enum %s has no %d, and takes nothing else", e.FullName(), n)
	}
	return protoreflect.EnumNumber(n), nil
}

// parseInteger is an integer as its kind has it in 64 bits.
func parseInteger(k protoreflect.Kind, text string) (uint64, error) {
	switch k {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		n, err := strconv.ParseInt(text, 10, 32)
		return uint64(n), exact(err)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		n, err := strconv.ParseUint(text, 10, 32)
		return n, exact(err)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		n, err := strconv.ParseUint(text, 10, 64)
		return n, exact(err)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return uint64(n), exact(err)
}

func exact(err error) error {
	if err != nil {
		return errNotExact
	}
	return nil
}

// appendNumber appends a number as its kind is written.
func appendNumber(dst []byte, k protoreflect.Kind, u uint64) []byte {
	switch k {
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		return protowire.AppendVarint(dst, protowire.EncodeZigZag(int64(u)))
	}
	switch wireType(k) {
	case protowire.Fixed32Type:
		return protowire.AppendFixed32(dst, uint32(u))
	case protowire.Fixed64Type:
		return protowire.AppendFixed64(dst, u)
	}
	return protowire.AppendVarint(dst, u)
}

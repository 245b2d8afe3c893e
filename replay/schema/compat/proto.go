package compat

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Protobuf: fields go by their numbers, and what a reader does not know is kept aside. So most changes fit; those that do not are types of
// another group on the wire, fields that exclude each other now, and what proto2 requires. Messages and enums go by their names without
// the package, which is not on the wire.

type protoSchema struct {
	file  protoreflect.FileDescriptor
	local string // its package and a dot
}

const protoFile = "schema.proto"

func parseProto(text string, refs []Reference) (language, error) {
	files := map[string]string{protoFile: text}
	for _, r := range refs {
		if r.Name == protoFile {
			return nil, fmt.Errorf("a reference may not be called %s", protoFile)
		}
		files[r.Name] = r.Text.Schema
	}
	c := protocompile.Compiler{MaxParallelism: 1, Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
		Accessor: func(name string) (io.ReadCloser, error) {
			if text, ok := files[name]; ok {
				return io.NopCloser(strings.NewReader(text)), nil
			}
			return nil, fmt.Errorf("%s is not among the schema's references", name)
		},
	})}
	// Everything is in memory, so there is nothing to wait for.
	found, err := c.Compile(context.Background(), protoFile)
	if err != nil {
		return nil, err
	}
	out := &protoSchema{file: found[0]}
	if p := string(found[0].Package()); p != "" {
		out.local = p + "."
	}
	return out, nil
}

// name is what a message or an enum is called where packages do not count: without that of the schema itself.
func (s *protoSchema) name(d protoreflect.Descriptor) string {
	if d.ParentFile().Path() == protoFile {
		return strings.TrimPrefix(string(d.FullName()), s.local)
	}
	return "." + string(d.FullName())
}

// protoMessages are all messages of a file, each before those in it. Entries of maps are left out: their fields say them.
func protoMessages(list protoreflect.MessageDescriptors) []protoreflect.MessageDescriptor {
	var out []protoreflect.MessageDescriptor
	for i := range list.Len() {
		if m := list.Get(i); !m.IsMapEntry() {
			out = append(append(out, m), protoMessages(m.Messages())...)
		}
	}
	return out
}

func protoFields(m protoreflect.MessageDescriptor) []protoreflect.FieldDescriptor {
	var out []protoreflect.FieldDescriptor
	for i := range m.Fields().Len() {
		out = append(out, m.Fields().Get(i))
	}
	return out
}

func (s *protoSchema) reads(writer language) []Problem {
	w := writer.(*protoSchema)
	c := protoCheck{r: s, w: w, seen: map[[2]protoreflect.FullName]bool{}}
	mine := map[string]protoreflect.MessageDescriptor{}
	for _, m := range protoMessages(s.file.Messages()) {
		mine[s.name(m)] = m
	}
	for _, m := range protoMessages(w.file.Messages()) {
		name := w.name(m)
		if r := mine[name]; r != nil {
			c.message(r, m)
			continue
		}
		c.add(KindMessage, name, "", "message "+name, "the reader has no message %s, and the writer may write one", name)
	}
	if s.extends() || w.extends() {
		c.add(KindUndecided, "", "", "", "extensions are not compared")
	}
	return c.problems
}

// extends reports whether a file, or a message in it, extends messages.
func (s *protoSchema) extends() bool {
	return s.file.Extensions().Len() > 0 || slices.ContainsFunc(protoMessages(s.file.Messages()), func(m protoreflect.MessageDescriptor) bool {
		return m.Extensions().Len() > 0
	})
}

type protoCheck struct {
	r, w     *protoSchema
	seen     map[[2]protoreflect.FullName]bool
	problems []Problem
}

func (c *protoCheck) add(kind Kind, path, reader, writer, format string, args ...any) {
	c.problems = append(c.problems, Problem{Kind: kind, Path: path, Reader: reader, Writer: writer, Text: fmt.Sprintf(format, args...)})
}

func (c *protoCheck) message(r, w protoreflect.MessageDescriptor) {
	pair := [2]protoreflect.FullName{r.FullName(), w.FullName()}
	if c.seen[pair] {
		return
	}
	c.seen[pair] = true
	at := c.r.name(r)
	for _, f := range protoFields(r) {
		path := at + "." + string(f.Name())
		wf := w.Fields().ByNumber(f.Number())
		switch {
		case wf != nil:
			c.field(path, f, wf)
			if f.Cardinality() == protoreflect.Required && wf.Cardinality() != protoreflect.Required {
				c.add(KindRequired, path, c.r.field(f), c.w.field(wf), "the reader needs field %d, which the writer may leave out", f.Number())
			}
		case f.Cardinality() == protoreflect.Required:
			c.add(KindRequired, path, c.r.field(f), "", "the reader needs field %d, which the writer has not", f.Number())
		}
	}
	for _, f := range protoFields(w) {
		if o := protoOneof(f); o != nil && r.Fields().ByNumber(f.Number()) == nil {
			c.add(KindOneofRemoved, at+"."+string(o.Name()), "", c.w.field(f),
				"the writer's oneof has field %d, which the reader has not: it can not tell that from nothing", f.Number())
		}
	}
	for i := range r.Oneofs().Len() {
		if o := r.Oneofs().Get(i); !o.IsSynthetic() {
			c.oneof(at, o, w)
		}
	}
}

// protoOneof is the oneof that a field belongs to. That of an optional field of proto3 is only a way to say optional.
func protoOneof(f protoreflect.FieldDescriptor) protoreflect.OneofDescriptor {
	if o := f.ContainingOneof(); o != nil && !o.IsSynthetic() {
		return o
	}
	return nil
}

// oneof makes sure that fields which exclude each other for the reader do so for the writer, too: of two that were written the reader
// keeps the last.
func (c *protoCheck) oneof(at string, o protoreflect.OneofDescriptor, w protoreflect.MessageDescriptor) {
	var names []string
	homes := map[string]bool{}
	for i := range o.Fields().Len() {
		f := w.Fields().ByNumber(o.Fields().Get(i).Number())
		if f == nil {
			continue
		}
		home := fmt.Sprint(f.Number()) // by itself
		if in := protoOneof(f); in != nil {
			home = "oneof " + string(in.Name())
		}
		homes[home] = true
		names = append(names, string(f.Name()))
	}
	if len(homes) > 1 {
		c.add(KindOneofMove, at+"."+string(o.Name()), "oneof "+string(o.Name()), strings.Join(names, ", "),
			"the reader's oneof %s holds one of %s, and the writer may write several", o.Name(), strings.Join(names, ", "))
	}
}

// protoGroups are types that are the same on the wire. What does not fit into the smaller of two integers is cut off.
var protoGroups = map[protoreflect.Kind]string{
	protoreflect.Int32Kind: "varint", protoreflect.Int64Kind: "varint", protoreflect.Uint32Kind: "varint", protoreflect.Uint64Kind: "varint",
	protoreflect.BoolKind: "varint", protoreflect.EnumKind: "varint",
	protoreflect.Sint32Kind: "zigzag", protoreflect.Sint64Kind: "zigzag",
	protoreflect.Fixed32Kind: "fixed32", protoreflect.Sfixed32Kind: "fixed32",
	protoreflect.Fixed64Kind: "fixed64", protoreflect.Sfixed64Kind: "fixed64",
	protoreflect.StringKind: "bytes", protoreflect.BytesKind: "bytes",
}

// group is what has to be alike on both sides.
func protoGroup(k protoreflect.Kind) string {
	if g := protoGroups[k]; g != "" {
		return g
	}
	return k.String()
}

func (c *protoCheck) field(path string, r, w protoreflect.FieldDescriptor) {
	mine, theirs := c.r.field(r), c.w.field(w)
	switch {
	case r.IsMap() != w.IsMap(), protoGroup(r.Kind()) != protoGroup(w.Kind()):
		c.add(KindFieldType, path, mine, theirs, "field %d is of types that are not the same on the wire", r.Number())
		return
	case r.IsMap():
		c.field(path+"{key}", r.MapKey(), w.MapKey())
		c.field(path+"{value}", r.MapValue(), w.MapValue())
		return
	}
	if r.Kind() == protoreflect.StringKind && w.Kind() == protoreflect.BytesKind {
		c.add(KindUndecided, path, mine, theirs, "field %d is read as text, which fits only if the writer's bytes are UTF-8", r.Number())
	}
	// Repeated numbers are packed into one value, which a single field can not read.
	if r.IsList() != w.IsList() && protoGroup(r.Kind()) != "bytes" && r.Message() == nil {
		c.add(KindLabel, path, mine, theirs, "field %d is repeated on one side only, and numbers are packed", r.Number())
	}
	switch {
	case r.Message() != nil:
		if a, b := c.r.name(r.Message()), c.w.name(w.Message()); a != b {
			c.add(KindNamedType, path, mine, theirs, "field %d is message %s for the reader and %s for the writer", r.Number(), a, b)
			return
		}
		c.message(r.Message(), w.Message())
	case r.Enum() != nil && w.Enum() != nil:
		if a, b := c.r.name(r.Enum()), c.w.name(w.Enum()); a != b {
			c.add(KindNamedType, path, mine, theirs, "field %d is enum %s for the reader and %s for the writer", r.Number(), a, b)
			return
		}
		c.enum(path, r.Enum(), w.Enum())
	case r.Enum() != nil && r.Enum().IsClosed():
		c.add(KindEnumValue, path, mine, theirs, "the reader's enum %s is closed, and the writer may write any number", c.r.name(r.Enum()))
	}
}

// enum looks for values that a closed enum, as those of proto2 are, does not know. An open one keeps their numbers.
func (c *protoCheck) enum(path string, r, w protoreflect.EnumDescriptor) {
	if !r.IsClosed() {
		return
	}
	var unknown []string
	for i := range w.Values().Len() {
		if v := w.Values().Get(i); r.Values().ByNumber(v.Number()) == nil {
			unknown = append(unknown, fmt.Sprintf("%s = %d", v.Name(), v.Number()))
		}
	}
	if len(unknown) > 0 {
		c.add(KindEnumValue, path, "enum "+c.r.name(r), strings.Join(unknown, ", "), "the reader's closed enum has no value for %s: the field looks unset", strings.Join(unknown, ", "))
	}
}

// reuses looks for numbers that the older schema reserved, because records with another meaning may be about.
func (s *protoSchema) reuses(older language) []Problem {
	o := older.(*protoSchema)
	c := protoCheck{r: s, w: o}
	before := map[string]protoreflect.MessageDescriptor{}
	for _, m := range protoMessages(o.file.Messages()) {
		before[o.name(m)] = m
	}
	for _, m := range protoMessages(s.file.Messages()) {
		was := before[s.name(m)]
		if was == nil {
			continue
		}
		for _, f := range protoFields(m) {
			if was.ReservedRanges().Has(f.Number()) && was.Fields().ByNumber(f.Number()) == nil {
				c.add(KindReservedReuse, s.name(m)+"."+string(f.Name()), s.field(f), "reserved "+fmt.Sprint(f.Number()),
					"field number %d was reserved: records that were written before may hold something else in it", f.Number())
			}
		}
	}
	return c.problems
}

// field is a field as one line.
func (s *protoSchema) field(f protoreflect.FieldDescriptor) string {
	label := ""
	switch {
	case f.IsMap():
		return fmt.Sprintf("map<%s, %s> %s = %d", s.typ(f.MapKey()), s.typ(f.MapValue()), f.Name(), f.Number())
	case f.IsList():
		label = "repeated "
	case f.Cardinality() == protoreflect.Required:
		label = "required "
	case f.HasOptionalKeyword():
		label = "optional "
	}
	return fmt.Sprintf("%s%s %s = %d", label, s.typ(f), f.Name(), f.Number())
}

func (s *protoSchema) typ(f protoreflect.FieldDescriptor) string {
	switch {
	case f.Message() != nil:
		return strings.TrimPrefix(s.name(f.Message()), ".")
	case f.Enum() != nil:
		return strings.TrimPrefix(s.name(f.Enum()), ".")
	}
	return f.Kind().String()
}

func (s *protoSchema) parts() []part {
	out := []part{{"(file)", "package " + strings.TrimSuffix(s.local, ".") + ", " + s.file.Syntax().String()}}
	for _, m := range protoMessages(s.file.Messages()) {
		at := s.name(m)
		out = append(out, part{at, "message"})
		for _, f := range protoFields(m) {
			text := s.field(f)
			if o := protoOneof(f); o != nil {
				text += ", in oneof " + string(o.Name())
			}
			if f.HasDefault() {
				text += ", default " + f.Default().String()
			}
			out = append(out, part{fmt.Sprintf("%s #%d", at, f.Number()), text})
		}
		for i := range m.ReservedRanges().Len() {
			r := m.ReservedRanges().Get(i)
			out = append(out, part{fmt.Sprintf("%s #%d-%d", at, r[0], r[1]-1), "reserved"})
		}
		for i := range m.ReservedNames().Len() {
			out = append(out, part{at + " " + string(m.ReservedNames().Get(i)), "reserved name"})
		}
		out = append(out, s.enums(m.Enums())...)
	}
	return append(out, s.enums(s.file.Enums())...)
}

func (s *protoSchema) enums(list protoreflect.EnumDescriptors) []part {
	var out []part
	for i := range list.Len() {
		e := list.Get(i)
		out = append(out, part{s.name(e), "enum"})
		for j := range e.Values().Len() {
			v := e.Values().Get(j)
			out = append(out, part{fmt.Sprintf("%s #%d %s", s.name(e), v.Number(), v.Name()), "value"})
		}
	}
	return out
}

package datum

import (
	"fmt"
	"strings"

	"backstitch/replay/framed"
	"backstitch/replay/ocf"

	"github.com/twmb/avro"
)

// A schema with all that it means: names, aliases, defaults and logical types beside what its datums are on the wire.

// Schema is an Avro schema. It is never changed, and may be used by several goroutines.
type Schema struct {
	root *typ
	text string
	wire *ocf.Schema
}

// Text is the JSON of s, whole: it refers to nothing outside of it.
func (s *Schema) Text() string { return s.text }

// Whole is framed.Schema's.
func (s *Schema) Whole() framed.Text { return framed.Text{Schema: s.text} }

// Print is what s has in common with each schema that writes the same bytes under the same names.
func (s *Schema) Print() ocf.Print { return s.wire.Print() }

// kind is what a type is stored as.
type kind uint8

const (
	kNull kind = iota
	kBoolean
	kInt
	kLong
	kFloat
	kDouble
	kBytes
	kString
	kRecord
	kEnum
	kArray
	kMap
	kUnion
	kFixed
)

var kinds = map[string]kind{
	"null": kNull, "boolean": kBoolean, "int": kInt, "long": kLong, "float": kFloat, "double": kDouble, "bytes": kBytes, "string": kString,
	"record": kRecord, "error": kRecord, "enum": kEnum, "array": kArray, "map": kMap, "union": kUnion, "fixed": kFixed,
}

var kindNames = [...]string{"null", "boolean", "int", "long", "float", "double", "bytes", "string", "record", "enum", "array", "map", "union", "fixed"}

func (k kind) String() string { return kindNames[k] }

// typ is a type. Types refer to each other in circles.
type typ struct {
	kind    kind
	wire    ocf.Type
	name    string   // full, of named types
	aliases []string // full, and as they are written
	fields  []field
	parts   []*typ // branches of a union, the one type of an array's or a map's values
	symbols []string
	size    int // of a fixed
	// logical is what the stored value means, "" for itself and for what this program does not know: such a type is what it is stored as,
	// as the specification wants it.
	logical   string
	precision int // of a decimal
	scale     int
}

type field struct {
	name    string
	aliases []string
	typ     *typ
	has     bool   // it has a default
	value   any    // which, as the library gives it
	preset  []byte // and as a datum
}

// logicals are those that are known, each with what it may be stored as.
var logicals = map[string][]kind{
	"decimal": {kBytes, kFixed}, "uuid": {kString, kFixed}, "date": {kInt}, "time-millis": {kInt}, "time-micros": {kLong},
	"timestamp-millis": {kLong}, "timestamp-micros": {kLong}, "timestamp-nanos": {kLong},
	"local-timestamp-millis": {kLong}, "local-timestamp-micros": {kLong}, "local-timestamp-nanos": {kLong}, "duration": {kFixed},
}

// String is the type as people call it.
func (t *typ) String() string {
	out := t.kind.String()
	switch {
	case t.kind == kUnion:
		names := make([]string, len(t.parts))
		for i, p := range t.parts {
			names[i] = p.String()
		}
		return fmt.Sprintf("%.120s", "["+strings.Join(names, ", ")+"]")
	case t.logical == "decimal":
		return fmt.Sprintf("decimal(%d,%d)", t.precision, t.scale)
	case t.logical != "":
		return t.logical
	case t.name != "":
		return out + " " + t.name
	case t.kind == kArray, t.kind == kMap:
		return out + " of " + t.parts[0].kind.String()
	}
	return out
}

// Parse reads the JSON of a schema. refers are the texts of what it refers to, each before those that refer to it. Errors wrap ocf.ErrSchema.
func Parse(text string, refers ...string) (*Schema, error) {
	parsed, err := parse(text, refers)
	if err != nil {
		// Kafka Connect makes names of topics, which may have a dash.
		lax, laxErr := parse(text, refers, avro.WithLaxNames(nil))
		if laxErr != nil {
			return nil, fmt.Errorf("%w: %w", ocf.ErrSchema, err)
		}
		parsed = lax
	}
	wire, err := ocf.Compile(parsed)
	if err != nil {
		return nil, err
	}
	root := parsed.Root()
	if len(refers) > 0 {
		whole, err := root.Schema(avro.WithLaxNames(nil))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ocf.ErrSchema, err)
		}
		text = whole.String()
	}
	b := builder{named: map[string]*typ{}, linked: map[*typ]bool{}}
	b.declare(root)
	s := &Schema{text: text, wire: wire}
	if s.root, err = b.build(root, ""); err != nil {
		return nil, fmt.Errorf("%w: %w", ocf.ErrSchema, err)
	}
	b.link(s.root, wire.Root())
	// Defaults are made last: they may be of types that were not whole before.
	for _, f := range b.presets {
		if f.preset, err = appendPreset(nil, f.typ, f.value, 0); err != nil {
			return nil, fmt.Errorf("%w: default of field %s: %w", ocf.ErrSchema, f.name, err)
		}
	}
	return s, nil
}

// maxText bounds a schema, in bytes. Those that people write are far below.
const maxText = 1 << 20

// maxPrecision bounds the digits of a decimal, maxDecimal the bytes that are read as one: writing digits out takes time that grows faster.
const (
	maxPrecision = 1000
	maxDecimal   = 1024
)

func parse(text string, refers []string, opts ...avro.SchemaOpt) (*avro.Schema, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("a schema of %d bytes, at most %d are read", len(text), maxText)
	}
	if len(refers) == 0 {
		return avro.Parse(text, opts...)
	}
	var cache avro.SchemaCache
	for _, r := range refers {
		if _, err := cache.Parse(r, opts...); err != nil {
			return nil, err
		}
	}
	return cache.Parse(text, opts...)
}

// builder turns the library's tree, in which named types stand once and are named elsewhere, into one with pointers.
type builder struct {
	named   map[string]*typ
	linked  map[*typ]bool
	presets []*field
}

func fullName(n *avro.SchemaNode) string {
	if strings.Contains(n.Name, ".") || n.Namespace == "" {
		return n.Name
	}
	return n.Namespace + "." + n.Name
}

func isNamed(k kind) bool { return k == kRecord || k == kEnum || k == kFixed }

// inner are the types that stand in n.
func inner(n *avro.SchemaNode) []*avro.SchemaNode {
	var out []*avro.SchemaNode
	for i := range n.Fields {
		out = append(out, &n.Fields[i].Type)
	}
	for i := range n.Branches {
		out = append(out, &n.Branches[i])
	}
	if n.Items != nil {
		out = append(out, n.Items)
	}
	if n.Values != nil {
		out = append(out, n.Values)
	}
	return out
}

// declare makes room for all named types, before anything refers to them.
func (b *builder) declare(n *avro.SchemaNode) {
	if k, ok := kinds[n.Type]; ok && isNamed(k) {
		b.named[fullName(n)] = &typ{}
	}
	for _, x := range inner(n) {
		b.declare(x)
	}
}

// build makes the type of n, which stands in namespace space.
func (b *builder) build(n *avro.SchemaNode, space string) (*typ, error) {
	k, known := kinds[n.Type]
	if !known {
		if found := b.named[space+"."+n.Type]; found != nil && !strings.Contains(n.Type, ".") {
			return found, nil
		}
		if found := b.named[n.Type]; found != nil {
			return found, nil
		}
		return nil, fmt.Errorf("type %.80q is not known", n.Type)
	}
	t := &typ{}
	if isNamed(k) {
		name := fullName(n)
		if space = ""; strings.Contains(name, ".") {
			space = name[:strings.LastIndexByte(name, '.')]
		}
		t = b.named[name]
		t.name = name
	}
	t.kind, t.symbols, t.size = k, n.Symbols, n.Size
	for _, k := range logicals[n.LogicalType] {
		if k == t.kind {
			t.logical, t.precision, t.scale = n.LogicalType, n.Precision, n.Scale
		}
	}
	if t.precision > maxPrecision {
		return nil, fmt.Errorf("a decimal of %d digits, at most %d are written out", t.precision, maxPrecision)
	}
	for _, alias := range n.Aliases {
		t.aliases = append(t.aliases, alias)
		if !strings.Contains(alias, ".") && space != "" {
			t.aliases = append(t.aliases, space+"."+alias)
		}
	}
	if k != kRecord {
		for _, x := range inner(n) {
			part, err := b.build(x, space)
			if err != nil {
				return nil, err
			}
			t.parts = append(t.parts, part)
		}
		return t, nil
	}
	t.fields = make([]field, len(n.Fields))
	for i := range n.Fields {
		f := &n.Fields[i]
		part, err := b.build(&f.Type, space)
		if err != nil {
			return nil, err
		}
		t.fields[i] = field{name: f.Name, aliases: f.Aliases, typ: part, has: f.HasDefault, value: f.Default}
		if f.HasDefault {
			b.presets = append(b.presets, &t.fields[i])
		}
	}
	return t, nil
}

// link tells each type what it is on the wire. Both were made of one schema, so they have the same parts in the same order.
func (b *builder) link(t *typ, w ocf.Type) {
	if b.linked[t] {
		return
	}
	b.linked[t] = true
	t.wire = w
	for i := range t.fields {
		b.link(t.fields[i].typ, w.Part(i))
	}
	for i := range t.parts {
		b.link(t.parts[i], w.Part(i))
	}
}

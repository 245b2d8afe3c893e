package compat

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/avro"
)

// Avro: the library says the first place where two schemas do not fit. avroWalk follows the specification's rules through all of both and
// finds every place, with what both sides say there. Two schemas fit only if both say so, and a test compares the two over random schemas.
// They differ in one thing: the library gives a field whose type is a union that begins with null a default of null. The specification does
// not, and readers in Java fail.

type avroSchema struct {
	checked *avro.Schema
	root    *avroType
	named   map[string]*avroType // by full name
}

// avroType is a type with its names resolved: recursive ones point back.
type avroType struct {
	kind     string // record, enum, fixed, array, map, union, or a primitive
	name     string // full, of named types
	aliases  []string
	bare     []string // aliases without a namespace, as written
	fields   []avroField
	items    *avroType // of an array, and the values of a map
	branches []*avroType
	symbols  []string
	fallback *string // default symbol of an enum
	size     int
	logical  string
	decimal  [2]int // precision and scale
}

type avroField struct {
	name    string
	aliases []string
	typ     *avroType
	preset  *string // its default as JSON
}

func parseAvro(text string, refs []Reference) (language, error) {
	var cache avro.SchemaCache
	for _, r := range refs {
		if _, err := cache.Parse(r.Text.Schema); err != nil {
			return nil, fmt.Errorf("reference %q: %w", r.Name, err)
		}
	}
	checked, err := cache.Parse(text)
	if err != nil {
		return nil, err
	}
	b := avroBuilder{named: map[string]*avroType{}}
	root := checked.Root()
	b.declare(root)
	out := &avroSchema{checked: checked, named: b.named}
	out.root = b.build(root, "")
	return out, nil
}

func (s *avroSchema) reads(writer language) []Problem {
	w := writer.(*avroSchema)
	walk := avroWalk{seen: map[[2]*avroType]bool{}}
	walk.types("", s.root, w.root)
	if err := avro.CheckCompatibility(w.checked, s.checked); err != nil && len(walk.problems) == 0 {
		return []Problem{avroProblem(err)}
	}
	return walk.problems
}

// avroProblem is the library's own word, where the walk found nothing.
func avroProblem(err error) Problem {
	p := Problem{Kind: KindType, Text: err.Error()}
	if c, ok := err.(*avro.CompatibilityError); ok {
		p.Path, p.Reader, p.Writer, p.Text = c.Path, c.ReaderType, c.WriterType, c.Detail
	}
	return p
}

func (s *avroSchema) reuses(language) []Problem { return nil }

func (s *avroSchema) parts() []part {
	if s.root.name == "" {
		return append(s.namedParts(), part{"(root)", s.root.String()})
	}
	return s.namedParts()
}

func (s *avroSchema) namedParts() []part {
	var out []part
	for _, name := range slices.Sorted(maps.Keys(s.named)) {
		t := s.named[name]
		text := t.kind
		switch t.kind {
		case "enum":
			text += " {" + strings.Join(t.symbols, ", ") + "}"
			if t.fallback != nil {
				text += ", default " + *t.fallback
			}
		case "fixed":
			text = t.String()
		}
		if len(t.aliases) > 0 {
			text += ", aliases " + strings.Join(t.aliases, ", ")
		}
		out = append(out, part{name, text})
		for _, f := range t.fields {
			text := f.typ.String()
			if f.preset != nil {
				text += ", default " + *f.preset
			}
			if len(f.aliases) > 0 {
				text += ", aliases " + strings.Join(f.aliases, ", ")
			}
			out = append(out, part{name + "." + f.name, text})
		}
	}
	return out
}

// String is the type as one line. Of a named one it is the name: what is in it stands where it is defined.
func (t *avroType) String() string {
	out := t.kind
	switch t.kind {
	case "record", "enum":
		out += " " + t.name
	case "fixed":
		out += " " + t.name + "(" + strconv.Itoa(t.size) + ")"
	case "array", "map":
		out += " of " + t.items.String()
	case "union":
		var names []string
		for _, b := range t.branches {
			names = append(names, b.String())
		}
		out = "[" + strings.Join(names, ", ") + "]"
	}
	switch {
	case t.logical == "decimal":
		out += fmt.Sprintf(" decimal(%d,%d)", t.decimal[0], t.decimal[1])
	case t.logical != "":
		out += " " + t.logical
	}
	return out
}

// avroBuilder turns the library's tree, in which named types stand once and are named elsewhere, into one with pointers.
type avroBuilder struct{ named map[string]*avroType }

func avroFullName(n *avro.SchemaNode) string {
	if strings.Contains(n.Name, ".") || n.Namespace == "" {
		return n.Name
	}
	return n.Namespace + "." + n.Name
}

func avroNamed(kind string) bool {
	return kind == "record" || kind == "error" || kind == "enum" || kind == "fixed"
}

// declare makes room for all named types, before anything refers to them.
func (b *avroBuilder) declare(n *avro.SchemaNode) {
	if avroNamed(n.Type) {
		b.named[avroFullName(n)] = &avroType{}
	}
	for i := range n.Fields {
		b.declare(&n.Fields[i].Type)
	}
	for i := range n.Branches {
		b.declare(&n.Branches[i])
	}
	for _, inner := range []*avro.SchemaNode{n.Items, n.Values} {
		if inner != nil {
			b.declare(inner)
		}
	}
}

// build makes the type of n, which stands in namespace space.
func (b *avroBuilder) build(n *avro.SchemaNode, space string) *avroType {
	t := &avroType{kind: n.Type, logical: n.LogicalType, decimal: [2]int{n.Precision, n.Scale}}
	switch n.Type {
	case "null", "boolean", "int", "long", "float", "double", "bytes", "string":
		return t
	case "array":
		t.items = b.build(n.Items, space)
		return t
	case "map":
		t.items = b.build(n.Values, space)
		return t
	case "union":
		for i := range n.Branches {
			t.branches = append(t.branches, b.build(&n.Branches[i], space))
		}
		return t
	}
	if !avroNamed(n.Type) {
		if found := b.named[space+"."+n.Type]; found != nil && !strings.Contains(n.Type, ".") {
			return found
		}
		return b.named[n.Type] // the library has resolved it, so it is there
	}
	name := avroFullName(n)
	space = ""
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		space = name[:i]
	}
	out := b.named[name]
	*out = *t
	out.name, out.symbols, out.size = name, n.Symbols, n.Size
	if n.Type == "error" {
		out.kind = "record"
	}
	for _, alias := range n.Aliases {
		if !strings.Contains(alias, ".") {
			out.bare = append(out.bare, alias)
			if space != "" {
				alias = space + "." + alias
			}
		}
		out.aliases = append(out.aliases, alias)
	}
	if n.HasEnumDefault {
		out.fallback = &n.EnumDefault
	}
	for i := range n.Fields {
		f := &n.Fields[i]
		field := avroField{name: f.Name, aliases: f.Aliases, typ: b.build(&f.Type, space)}
		if f.HasDefault {
			text := avroDefault(f.Default)
			field.preset = &text
		}
		out.fields = append(out.fields, field)
	}
	return out
}

func avroDefault(v any) string {
	if raw, ok := v.([]byte); ok {
		return strconv.Quote(string(raw))
	}
	text, err := json.Marshal(v)
	if err != nil { // NaN and the infinities have no JSON
		return fmt.Sprint(v)
	}
	return brief(string(text))
}

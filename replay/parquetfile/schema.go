package parquetfile

import (
	"fmt"

	"backstitch/replay/ocf"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// A schema as what its rows are in JSON. Lists and maps are groups in groups, in more than one form: the specification has rules for the
// older ones, which are those that parquet-avro, and so Kafka Connect, still writes.

// Schema is what a file says of its rows. It is safe for concurrent use.
type Schema struct{ root *node }

type shape uint8

const (
	shapeLeaf shape = iota
	shapeGroup
	shapeList
	shapeMap
)

// node is one element of a schema.
type node struct {
	name               string
	label              []byte // the name as JSON, with a colon
	optional, repeated bool
	repetition         int // level at which it begins anew
	definition         int // level at which it is there
	first, last        int // its columns with values are [first,last)
	shape              shape
	parts              []*node
	repeats            *node // of a list or a map: what comes again and again
	each               *node // of a list: an element; repeats itself in the older forms
	leaf               leaf
	element            *format.SchemaElement
}

// Schema reads the schema for JSON: ErrNoForm, ErrCorrupt.
func (f *File) Schema() (*Schema, error) {
	c := compiler{rest: f.meta.Schema}
	root, err := c.node(0, 0, true)
	if err != nil {
		return nil, err
	}
	return &Schema{root: root}, nil
}

type compiler struct {
	rest   []format.SchemaElement
	leaves int
}

func (c *compiler) node(repetition, definition int, root bool) (*node, error) {
	e := &c.rest[0]
	c.rest = c.rest[1:]
	n := &node{name: e.Name, element: e, first: c.leaves}
	label, err := ocf.AppendJSONText(nil, []byte(e.Name))
	if err != nil {
		return nil, fmt.Errorf("the name of a column is not UTF-8: %w", ErrNoForm)
	}
	n.label = append(label, ':')
	if !root {
		n.optional, n.repeated = e.RepetitionType.V == format.Optional, e.RepetitionType.V == format.Repeated
	}
	if n.repeated {
		repetition++
	}
	if n.optional || n.repeated {
		definition++
	}
	n.repetition, n.definition = repetition, definition
	if e.Type.Valid {
		c.leaves++
		n.last = c.leaves
		if n.leaf, err = leafOf(e); err != nil {
			return nil, fmt.Errorf("column %.80q: %w", e.Name, err)
		}
		return n, nil
	}
	n.shape = shapeGroup
	names := map[string]bool{}
	for range e.NumChildren.V {
		part, err := c.node(repetition, definition, false)
		if err != nil {
			return nil, err
		}
		if names[part.name] {
			return nil, fmt.Errorf("%.80q has two columns of the name %.80q: %w", e.Name, part.name, ErrNoForm)
		}
		names[part.name] = true
		n.parts = append(n.parts, part)
	}
	n.last = c.leaves
	return n, n.classify()
}

// classify finds out whether a group is a list or a map.
func (n *node) classify() error {
	list, entries := false, false
	switch n.element.LogicalType.Value.(type) {
	case nil:
		ct := n.element.ConvertedType
		list = ct.Valid && ct.V == deprecated.List
		entries = ct.Valid && (ct.V == deprecated.Map || ct.V == deprecated.MapKeyValue)
	case *format.ListType:
		list = true
	case *format.MapType:
		entries = true
	default:
		return fmt.Errorf("group %.80q is a %s: %w", n.name, n.element.LogicalType.String(), ErrNoForm)
	}
	// Of older writers, the group in the middle of a map has the name of one, too. It is not one.
	if (list || entries) && (n.repeated || len(n.parts) != 1 || !n.parts[0].repeated) {
		if entries && n.repeated {
			return nil
		}
		return fmt.Errorf("group %.80q is called a list or a map, and has not the columns of one: %w", n.name, ErrNoForm)
	}
	switch {
	case list:
		n.shape, n.repeats = shapeList, n.parts[0]
		n.each = elementOf(n)
	case entries:
		n.shape, n.repeats = shapeMap, n.parts[0]
		if kv := n.repeats; kv.shape != shapeGroup || len(kv.parts) != 2 || kv.parts[0].repeated || !kv.parts[0].textual() {
			return fmt.Errorf("map %.80q has keys that are no strings: %w", n.name, ErrNoForm)
		}
	}
	return nil
}

// elementOf is what a list is of: what repeats, or the one column of it. The rules are those of the specification, "Lists".
func elementOf(list *node) *node {
	r := list.repeats
	if r.shape != shapeGroup || len(r.parts) != 1 || r.name == "array" || r.name == list.name+"_tuple" || r.parts[0].repeated {
		return r
	}
	return r.parts[0]
}

func (n *node) textual() bool { return n.shape == shapeLeaf && n.leaf.kind == kindText }

// Field finds a column by its path, through groups that do not repeat. ok is false where there is none.
func (s *Schema) Field(path ...string) (f Field, ok bool) {
	n := s.root
	for _, name := range path {
		if n.shape != shapeGroup {
			return f, false
		}
		var next *node
		for _, p := range n.parts {
			if p.name == name && !p.repeated {
				next = p
			}
		}
		if next == nil {
			return f, false
		}
		n = next
	}
	return Field{n}, true
}

// Names are those of the columns at the top, in their order.
func (s *Schema) Names() []string {
	var out []string
	for _, p := range s.root.parts {
		out = append(out, p.name)
	}
	return out
}

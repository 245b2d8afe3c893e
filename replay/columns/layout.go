package columns

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"backstitch/replay/datum"

	"github.com/parquet-go/parquet-go"
)

var (
	// ErrNoForm says that a schema, or a datum, has no form as columns that gives it back.
	ErrNoForm = errors.New("it has no form as columns")
	// ErrCorrupt says that levels describe no datum.
	ErrCorrupt = errors.New("corrupt columns")
)

// Limits of a layout. A record that holds two of another, which holds two of a third, doubles at each level.
const (
	maxColumns = 5000
	maxTypes   = 50_000
	maxDepth   = 60 // a list takes two levels of a file, which may have 128
)

// Layout is how the datums of a schema lie in columns. It is safe for concurrent use.
type Layout struct {
	root *place
	node parquet.Node
}

type shape uint8

const (
	shapeEmpty  shape = iota // what takes no bytes and needs no column
	shapeLeaf                // one column
	shapeRecord              // a group with a column for each field
	shapeOption              // null, or parts[0]: the other branch
	shapeUnion               // a group of options, of which one is there
	shapeList                // parts[0] again and again
	shapeMap                 // a column of keys beside parts[0]
)

// place is where datums of one type lie.
type place struct {
	shape       shape
	name        string // from the root, for people
	first, last int    // its columns are [first,last), from those of the root
	repetition  int    // level of what comes again; of a list or a map that of its items
	definition  int    // level at which it is there; of a list or a map that of its items
	parts       []*place
	leaf        leaf
	null        int   // branch of a union that is null, -1 for none
	branches    []int // of a union's parts
	count       int   // of a union's branches
	outer       int   // of a part of a union: the level of what is there without it
}

// New lays a schema out: ErrNoForm.
func New(s *datum.Schema) (*Layout, error) {
	b := builder{}
	root, node, err := b.place(s.Root(), "value")
	if err != nil {
		return nil, err
	}
	if root.shape == shapeOption || root.shape == shapeUnion {
		// Null is one thing, and no value another.
		root, node = &place{shape: shapeRecord, name: "value", parts: []*place{root}}, parquet.Group{"value": node}
	}
	if node == nil {
		return nil, fmt.Errorf("value has no columns: %w", ErrNoForm)
	}
	l := &Layout{root: root, node: parquet.Optional(node)}
	if n := root.number(0, 0, 1); n > maxColumns {
		return nil, fmt.Errorf("it has %d columns, at most %d are written: %w", n, maxColumns, ErrNoForm)
	}
	return l, nil
}

// Node is the column, or the group of columns, that holds datums or null.
func (l *Layout) Node() parquet.Node { return l.node }

// Columns is how many there are with values.
func (l *Layout) Columns() int { return l.root.last }

type builder struct {
	within []datum.Type // that are being laid out
	types  int
}

// place lays one type out. Its node is nil where it needs no column.
func (b *builder) place(t datum.Type, name string) (p *place, n parquet.Node, err error) {
	p = &place{name: name, null: -1}
	if slices.Contains(b.within, t) {
		return nil, nil, fmt.Errorf("%s: %s holds itself, and columns do not nest without end: %w", name, t.Name(), ErrNoForm)
	}
	if b.types++; b.types > maxTypes || len(b.within) > maxDepth {
		return nil, nil, fmt.Errorf("%s: the schema is larger or deeper than is written: %w", name, ErrNoForm)
	}
	b.within = append(b.within, t)
	defer func() { b.within = b.within[:len(b.within)-1] }()
	switch t.Stored() {
	case "record", "error":
		n, err = b.record(p, t)
	case "union":
		n, err = b.union(p, t)
	case "array":
		p.shape = shapeList
		if n, err = b.part(p, t.Parts()[0], name+"[]"); err == nil {
			n = parquet.List(n)
		}
	case "map":
		p.shape = shapeMap
		if n, err = b.part(p, t.Parts()[0], name+"{}"); err == nil {
			n = parquet.Map(parquet.String(), n)
		}
	default:
		if p.leaf, n = leafOf(t); n != nil {
			p.shape = shapeLeaf
		}
	}
	return p, n, err
}

// part lays out what has to have a column, or nobody could tell how often it is there.
func (b *builder) part(p *place, t datum.Type, name string) (parquet.Node, error) {
	part, n, err := b.place(t, name)
	if err == nil && n == nil {
		err = fmt.Errorf("%s takes no bytes, so there is no column that says whether it is there: %w", name, ErrNoForm)
	}
	p.parts = append(p.parts, part)
	return n, err
}

func (b *builder) record(p *place, t datum.Type) (parquet.Node, error) {
	group := parquet.Group{}
	for i, f := range t.Parts() {
		part, n, err := b.place(f, p.name+"."+t.Field(i))
		if err != nil {
			return nil, err
		}
		p.parts = append(p.parts, part)
		if n != nil {
			group[t.Field(i)] = n
		}
	}
	if len(group) == 0 {
		return nil, nil
	}
	p.shape = shapeRecord
	return group, nil
}

func (b *builder) union(p *place, t datum.Type) (parquet.Node, error) {
	branches := t.Parts()
	p.count = len(branches)
	group := parquet.Group{}
	for i, branch := range branches {
		if branch.Stored() == "null" {
			p.null = i
			continue
		}
		p.branches = append(p.branches, i)
		name := p.name
		if len(branches) > 2 || p.null < 0 && (len(branches) < 2 || branches[1].Stored() != "null") {
			name = p.name + "." + member(i)
		}
		n, err := b.part(p, branch, name)
		if err != nil {
			return nil, err
		}
		group[member(i)] = parquet.Optional(n)
	}
	switch {
	case len(group) == 0:
		return nil, fmt.Errorf("%s is a union of null alone: %w", p.name, ErrNoForm)
	case p.null >= 0 && len(branches) == 2:
		p.shape = shapeOption
		return group[member(p.branches[0])], nil
	}
	p.shape = shapeUnion
	return group, nil
}

// member is what Avro's converter calls a branch.
func member(i int) string { return "member" + strconv.Itoa(i) }

// number says at which columns and levels p lies, and returns the column behind. Columns of a group stand in the order of their names, as the library has
// them.
func (p *place) number(at, repetition, definition int) int {
	p.first, p.repetition, p.definition = at, repetition, definition
	switch p.shape {
	case shapeLeaf:
		at++
	case shapeRecord:
		for _, part := range p.byName() {
			at = part.number(at, repetition, definition)
		}
	case shapeOption:
		p.parts[0].outer = definition
		at = p.parts[0].number(at, repetition, definition+1)
	case shapeUnion:
		for _, part := range p.byName() {
			part.outer = definition
			at = part.number(at, repetition, definition+1)
		}
	case shapeList:
		p.repetition, p.definition = repetition+1, definition+1
		at = p.parts[0].number(at, repetition+1, definition+1)
	case shapeMap:
		p.repetition, p.definition = repetition+1, definition+1
		at = p.parts[0].number(at+1, repetition+1, definition+1)
	}
	p.last = at
	return at
}

func (p *place) byName() []*place {
	order := slices.Clone(p.parts)
	slices.SortFunc(order, func(a, b *place) int { return strings.Compare(a.name, b.name) })
	return order
}

package ocf

import (
	"crypto/sha256"
	"fmt"

	"github.com/twmb/avro"
)

// For those who take a single datum apart, or make one of another: the walk as it is used over blocks, with its limits.

// Compile is ParseSchema for a schema that the library has read, alone or with others that it refers to.
func Compile(parsed *avro.Schema) (*Schema, error) {
	canonical := parsed.Canonical()
	c := compiler{named: map[string]*node{}}
	root, err := c.node(canonical)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSchema, err)
	}
	return &Schema{root: root, print: sha256.Sum256(canonical)}, nil
}

// Type is a type as its datums are on the wire. Types are comparable: equal ones are one place of one schema.
type Type struct{ n *node }

// Root is the type of a whole datum.
func (s *Schema) Root() Type { return Type{s.root} }

// Part is the type of a record's field, a union's branch, or (part 0) an array's or a map's values.
func (t Type) Part(i int) Type { return Type{t.n.parts[i]} }

// Parts is how many there are.
func (t Type) Parts() int { return len(t.n.parts) }

// AppendJSON is Schema.AppendJSON for a datum of t.
func (t Type) AppendJSON(dst, datum []byte, limit int) ([]byte, error) {
	return (&Schema{root: t.n}).AppendJSON(dst, datum, limit)
}

// Cursor goes over one datum. Each step is counted, and steps are allowed by the bytes that there are: ErrLimit. It is used by one goroutine.
type Cursor struct{ w walker }

// NewCursor stands at the beginning of b, which stays the caller's.
func NewCursor(b []byte) Cursor { return Cursor{newWalker(b)} }

// At is how many bytes lie behind, Left how many are to come.
func (c *Cursor) At() int   { return c.w.at }
func (c *Cursor) Left() int { return len(c.w.b) - c.w.at }

// Skip passes over a datum of t and returns its bytes.
func (c *Cursor) Skip(t Type) ([]byte, error) {
	from := c.w.at
	if err := c.w.skip(t.n); err != nil {
		return nil, err
	}
	return c.w.b[from:c.w.at:c.w.at], nil
}

// Long reads a zigzag varint.
func (c *Cursor) Long() (int64, error) { return c.w.long() }

// Index reads which of n there is.
func (c *Cursor) Index(n int) (int, error) { return c.w.index(n) }

// Bytes reads bytes that have their length in front.
func (c *Cursor) Bytes() ([]byte, error) { return c.w.run() }

// Count reads how many items the next block of an array or a map has, 0 at the end.
func (c *Cursor) Count() (int64, error) { return c.w.count() }

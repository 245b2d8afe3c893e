package datum

import "backstitch/replay/ocf"

// For those who lay datums out in another way: what the types of a schema are.

// Type is a type of a schema. Types are comparable: equal ones are one place of one schema.
type Type struct{ t *typ }

// Root is the type of a whole datum.
func (s *Schema) Root() Type { return Type{s.root} }

// Stored is what a datum of t is stored as: "record", "union", "long" and so on, as the specification calls it.
func (t Type) Stored() string { return t.t.kind.String() }

// Wire is t as its datums are on the wire.
func (t Type) Wire() ocf.Type { return t.t.wire }

// Logical is what the stored value means, "" for itself and for what this program does not know.
func (t Type) Logical() string { return t.t.logical }

// Decimal are the digits of a decimal, all of them and those behind the point.
func (t Type) Decimal() (precision, scale int) { return t.t.precision, t.t.scale }

// Size is the bytes of a fixed.
func (t Type) Size() int { return t.t.size }

// Symbols are those of an enum.
func (t Type) Symbols() []string { return t.t.symbols }

// Name is the full name of a record, an enum or a fixed.
func (t Type) Name() string { return t.t.name }

// Parts are the fields of a record, the branches of a union, or the one type of an array's or a map's values.
func (t Type) Parts() []Type {
	var out []Type
	for i := range t.t.fields {
		out = append(out, Type{t.t.fields[i].typ})
	}
	for _, p := range t.t.parts {
		out = append(out, Type{p})
	}
	return out
}

// Field is the name of a record's field.
func (t Type) Field(i int) string { return t.t.fields[i].name }

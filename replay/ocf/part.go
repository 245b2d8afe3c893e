package ocf

import (
	"fmt"
)

// Parts of a datum: envelopes hold a record's key, value and headers in fields of their own.

// Picker finds parts of datums of one schema. It is safe for concurrent use.
type Picker struct {
	root  *node
	wants map[string]*want
}

// want is what is wanted of a field: itself, as part number at, or what is inside.
type want struct {
	at     int // -1 for what is inside
	inside map[string]*want
}

// Picker finds what lies at paths, each through records, which may be null. A path that the schema does not have gives a part that is
// not there. No path leads through another.
func (s *Schema) Picker(paths ...[]string) *Picker {
	p := &Picker{root: s.root, wants: map[string]*want{}}
	for i, path := range paths {
		at := p.wants
		for k, name := range path {
			w := at[name]
			if w == nil {
				w = &want{at: -1, inside: map[string]*want{}}
				at[name] = w
			}
			if at = w.inside; k == len(path)-1 {
				w.at = i
			}
		}
	}
	return p
}

// Names are those of the fields of a datum, none if it is no record.
func (s *Schema) Names() []string {
	n := orNull(s.root)
	if n.kind != kindRecord {
		return nil
	}
	return n.plain
}

// orNull is the one type of a union beside null, and otherwise n itself.
func orNull(n *node) *node {
	if n.kind == kindUnion && len(n.parts) == 2 {
		for i, p := range n.parts {
			if p.kind == kindNull {
				return n.parts[1-i]
			}
		}
	}
	return n
}

// Part is a part of a datum. Its zero value is one that is not there.
type Part struct {
	n *node
	b []byte
}

// Pick fills parts with what a datum, as Datums cut it, has at the picker's paths. They are valid as long as the datum.
func (p *Picker) Pick(parts []Part, datum []byte) error {
	clear(parts)
	w := newWalker(datum)
	return p.record(&w, p.root, p.wants, parts)
}

func (p *Picker) record(w *walker, n *node, wants map[string]*want, parts []Part) error {
	if n.kind == kindUnion {
		i, err := w.index(len(n.parts))
		if err != nil {
			return err
		}
		n = n.parts[i]
	}
	if n.kind != kindRecord {
		return w.skip(n)
	}
	if err := w.down(); err != nil {
		return err
	}
	defer w.up()
	for i, f := range n.parts {
		begin := w.at
		x := wants[n.plain[i]]
		var err error
		if x != nil && x.at < 0 {
			err = p.record(w, f, x.inside, parts)
		} else {
			err = w.skip(f)
		}
		if err != nil {
			return err
		}
		if x != nil && x.at >= 0 {
			parts[x.at] = Part{f, w.b[begin:w.at:w.at]}
		}
	}
	return nil
}

// whole is a part with the union around it taken away.
func (p Part) whole() (*node, []byte, error) {
	if p.n == nil {
		return primitives["null"], nil, nil
	}
	return (&Schema{root: p.n}).chosen(p.b)
}

// Null reports whether the part is null, or not there.
func (p Part) Null() bool {
	n, _, err := p.whole()
	return err == nil && n.kind == kindNull
}

// Plain is Schema.Plain for a part.
func (p Part) Plain() ([]byte, error) {
	if p.n == nil {
		return nil, nil
	}
	return (&Schema{root: p.n}).Plain(p.b)
}

// AppendJSON is Schema.AppendJSON for a part.
func (p Part) AppendJSON(dst []byte, limit int) ([]byte, error) {
	if p.n == nil {
		return append(dst, "null"...), nil
	}
	return (&Schema{root: p.n}).AppendJSON(dst, p.b, limit)
}

// Long is the whole number that a part is. ok is false where it is null.
func (p Part) Long() (v int64, ok bool, err error) {
	n, b, err := p.whole()
	switch {
	case err != nil:
		return 0, false, err
	case n.kind == kindNull:
		return 0, false, nil
	case n.kind != kindInt && n.kind != kindLong:
		return 0, false, fmt.Errorf("no number: %w", ErrNotPlain)
	}
	w := newWalker(b)
	v, err = w.long()
	return v, err == nil, err
}

// Entry is a member of a map, or a field of a record.
type Entry struct {
	Name  []byte
	Value Part
}

// Entries are the members of a map in the order in which they are stored, or the fields of a record; none of null: ErrNotPlain.
func (p Part) Entries() ([]Entry, error) {
	n, b, err := p.whole()
	if err != nil {
		return nil, err
	}
	var out []Entry
	w := newWalker(b)
	cut := func(name []byte, n *node) error {
		begin := w.at
		err := w.skip(n)
		out = append(out, Entry{name, Part{n, w.b[begin:w.at:w.at]}})
		return err
	}
	switch n.kind {
	case kindNull:
		return nil, nil
	case kindRecord:
		for i, f := range n.parts {
			if err := cut([]byte(n.plain[i]), f); err != nil {
				return nil, err
			}
		}
		return out, nil
	case kindMap:
		for {
			items, err := w.count()
			if err != nil || items == 0 {
				return out, err
			}
			for ; items > 0; items-- {
				name, err := w.run()
				if err != nil {
					return nil, err
				}
				if err := cut(name, n.parts[0]); err != nil {
					return nil, err
				}
			}
		}
	}
	return nil, fmt.Errorf("neither a map nor a record: %w", ErrNotPlain)
}

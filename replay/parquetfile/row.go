package parquetfile

import (
	"errors"
	"fmt"

	"backstitch/replay/ocf"

	"github.com/parquet-go/parquet-go"
)

// A row as JSON without blanks, in the form that package ocf gives a datum:
//
//   - a group is an object with its columns in the order of the schema, a map one in the order in which it is stored
//   - a column that is not there is null, and so is an element
//   - strings are strings, bytes and values of a fixed length are base64
//   - numbers are as short as they can be read back, times are the numbers that they are stored as; a decimal has all digits of its scale
//
// Values of a column have two levels: how far down they are there, and at which level something repeats. What a value of null stands for,
// an element, a list or the group around it, is in the first.

// Field is one column, or a group of them.
type Field struct{ n *node }

// errLevels says that levels do not describe a row.
var errLevels = fmt.Errorf("levels that describe no row: %w", ErrCorrupt)

// AppendJSON appends a row as JSON of at most limit bytes: ocf.ErrNoJSON, ErrLimit, ErrCorrupt.
func (s *Schema) AppendJSON(dst []byte, row *Row, limit int) ([]byte, error) {
	return Field{s.root}.AppendJSON(dst, row, limit)
}

// AppendJSON is Schema.AppendJSON for a part of a row.
func (f Field) AppendJSON(dst []byte, row *Row, limit int) ([]byte, error) {
	w := f.walk(row)
	w.out, w.end = dst, len(dst)+limit
	err := w.single(f.n)
	if err == nil && len(w.out) > w.end {
		err = tooLong()
	}
	return w.out, err
}

func tooLong() error { return fmt.Errorf("its JSON is too long: %w", ErrLimit) }

func (f Field) walk(row *Row) writer {
	clear(row.at[f.n.first:f.n.last])
	return writer{row: row}
}

// Null reports whether the column is not there in a row, or a group around it.
func (f Field) Null(row *Row) bool {
	vs := row.columns[f.n.first]
	return len(vs) == 0 || vs[0].DefinitionLevel() < f.n.definition
}

// ErrNotPlain says that a column is neither a string nor bytes.
var ErrNotPlain = errors.New("neither a string nor bytes")

// Plain returns what a column of strings or bytes holds, nil where it is null: ErrNotPlain. It is valid as long as the row.
func (f Field) Plain(row *Row) ([]byte, error) {
	if f.Null(row) {
		return nil, nil
	}
	if f.n.shape != shapeLeaf || f.n.leaf.kind != kindText && f.n.leaf.kind != kindBytes {
		return nil, ErrNotPlain
	}
	return row.columns[f.n.first][0].ByteArray(), nil
}

// Long returns what a column of whole numbers holds. ok is false where it is null.
func (f Field) Long(row *Row) (v int64, ok bool, err error) {
	if f.Null(row) {
		return 0, false, nil
	}
	if f.n.shape != shapeLeaf {
		return 0, false, fmt.Errorf("column %q is no number: %w", f.n.name, ErrNoForm)
	}
	switch x := row.columns[f.n.first][0]; f.n.leaf.kind {
	case kindInt32:
		return int64(x.Int32()), true, nil
	case kindInt64:
		return x.Int64(), true, nil
	}
	return 0, false, fmt.Errorf("column %q is no number: %w", f.n.name, ErrNoForm)
}

// Unit is how many of a time there are in a millisecond: 1, 1,000 or 1,000,000; 0 for what is no time stamp.
func (f Field) Unit() int64 { return f.n.leaf.unit }

// Entry is a member of a map, or a column of a group.
type Entry struct {
	Name  []byte
	Value []byte // nil for null
}

// Entries returns the members of a map or the columns of a group, each as the bytes that it is or, where it is neither a string nor bytes,
// as JSON of at most limit bytes. They are valid as long as the row.
func (f Field) Entries(row *Row, limit int) ([]Entry, error) {
	if f.Null(row) {
		return nil, nil
	}
	var out []Entry
	w := f.walk(row)
	switch f.n.shape {
	case shapeGroup:
		for _, p := range f.n.parts {
			v, err := w.opaque(p, limit)
			if err != nil {
				return nil, err
			}
			out = append(out, Entry{[]byte(p.name), v})
		}
		return out, nil
	case shapeMap:
		kv := f.n.repeats
		err := w.items(kv, func() error {
			key, err := w.opaque(kv.parts[0], limit)
			if err != nil {
				return err
			}
			v, err := w.opaque(kv.parts[1], limit)
			out = append(out, Entry{key, v})
			return err
		})
		return out, err
	}
	return nil, fmt.Errorf("column %q is neither a map nor a group: %w", f.n.name, ErrNoForm)
}

// writer walks over the values of a row.
type writer struct {
	row *Row
	out []byte
	end int // of out, at most
}

// peek is the value of n's first column that is next.
func (w *writer) peek(n *node) (parquet.Value, error) {
	vs, at := w.row.columns[n.first], w.row.at[n.first]
	if at >= len(vs) {
		return parquet.Value{}, errLevels
	}
	return vs[at], nil
}

// skip passes over one value of each of n's columns, which stand for one thing that is not there.
func (w *writer) skip(n *node) error {
	for c := n.first; c < n.last; c++ {
		if w.row.at[c] >= len(w.row.columns[c]) {
			return errLevels
		}
		w.row.at[c]++
	}
	return nil
}

// single writes n, which may be null, or an array if it repeats without being called a list.
func (w *writer) single(n *node) error {
	if len(w.out) > w.end {
		return tooLong()
	}
	if n.repeated {
		return w.array(n, func() error { return w.body(n) })
	}
	if n.optional {
		v, err := w.peek(n)
		if err != nil {
			return err
		}
		if v.DefinitionLevel() < n.definition {
			w.out = append(w.out, "null"...)
			return w.skip(n)
		}
	}
	return w.body(n)
}

// body writes n, which is there.
func (w *writer) body(n *node) error {
	switch n.shape {
	case shapeLeaf:
		v, err := w.peek(n)
		if err != nil {
			return err
		}
		if v.IsNull() {
			return errLevels
		}
		w.row.at[n.first]++
		w.out, err = n.leaf.append(w.out, v)
		return err
	case shapeList:
		return w.array(n.repeats, func() error {
			if n.each == n.repeats {
				return w.body(n.each)
			}
			return w.single(n.each)
		})
	case shapeMap:
		return w.entries(n)
	}
	w.out = append(w.out, '{')
	for i, p := range n.parts {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.out = append(w.out, p.label...)
		if err := w.single(p); err != nil {
			return err
		}
	}
	w.out = append(w.out, '}')
	return nil
}

func (w *writer) array(n *node, item func() error) error {
	w.out = append(w.out, '[')
	first := true
	err := w.items(n, func() error {
		if !first {
			w.out = append(w.out, ',')
		}
		first = false
		return item()
	})
	w.out = append(w.out, ']')
	return err
}

func (w *writer) entries(n *node) error {
	w.out = append(w.out, '{')
	first := true
	err := w.items(n.repeats, func() error {
		if !first {
			w.out = append(w.out, ',')
		}
		first = false
		if v, err := w.peek(n.repeats.parts[0]); err != nil {
			return err
		} else if v.IsNull() {
			return fmt.Errorf("a map has a key that is null: %w", ocf.ErrNoJSON)
		}
		if err := w.single(n.repeats.parts[0]); err != nil {
			return err
		}
		w.out = append(w.out, ':')
		return w.single(n.repeats.parts[1])
	})
	w.out = append(w.out, '}')
	return err
}

// items calls item for each time that n, which repeats, is there.
func (w *writer) items(n *node, item func() error) error {
	v, err := w.peek(n)
	if err != nil {
		return err
	}
	if v.DefinitionLevel() < n.definition {
		return w.skip(n)
	}
	for {
		if len(w.out) > w.end {
			return tooLong()
		}
		before := w.row.at[n.first]
		if err := item(); err != nil {
			return err
		}
		if w.row.at[n.first] == before {
			return errLevels
		}
		vs, at := w.row.columns[n.first], w.row.at[n.first]
		if at == len(vs) || vs[at].RepetitionLevel() < n.repetition {
			return nil
		}
		if vs[at].RepetitionLevel() > n.repetition {
			return errLevels
		}
	}
}

// opaque is a part of a row as the bytes that it is, nil for null, or as JSON.
func (w *writer) opaque(n *node, limit int) ([]byte, error) {
	if !n.repeated {
		v, err := w.peek(n)
		if err != nil {
			return nil, err
		}
		if v.DefinitionLevel() < n.definition {
			return nil, w.skip(n)
		}
		if n.shape == shapeLeaf && (n.leaf.kind == kindText || n.leaf.kind == kindBytes) {
			w.row.at[n.first]++
			return v.ByteArray(), nil
		}
	}
	sub := writer{row: w.row, end: limit}
	err := sub.single(n)
	return sub.out, err
}

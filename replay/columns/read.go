package columns

import (
	"fmt"

	"backstitch/replay/ocf"

	"github.com/parquet-go/parquet-go"
)

// Reader puts datums together. It is used by one goroutine.
type Reader struct {
	l  *Layout
	at []int // values of each column that were taken
	of func(column int) []parquet.Value
}

// Reader returns one.
func (l *Layout) Reader() *Reader { return &Reader{l: l, at: make([]int, l.Columns())} }

// Append appends the datum whose values are those of the layout's columns: ErrCorrupt. of returns the values of one column in a row.
func (r *Reader) Append(dst []byte, of func(column int) []parquet.Value) (_ []byte, err error) {
	clear(r.at)
	r.of = of
	if dst, err = r.value(dst, r.l.root); err != nil {
		return dst, err
	}
	for i, n := range r.at {
		if len(of(i)) != n {
			return dst, fmt.Errorf("column %d of the value has %d values too many: %w", i, len(of(i))-n, ErrCorrupt)
		}
	}
	return dst, nil
}

// peek is the value of a column that comes next.
func (r *Reader) peek(column int) (parquet.Value, error) {
	values := r.of(column)
	if r.at[column] >= len(values) {
		return parquet.Value{}, fmt.Errorf("column %d of the value has a value too few: %w", column, ErrCorrupt)
	}
	return values[r.at[column]], nil
}

// there reports whether the next values of p have something at a level, and passes over them where they have not.
func (r *Reader) there(p *place, definition int) (bool, error) {
	v, err := r.peek(p.first)
	if err != nil || v.DefinitionLevel() >= definition {
		return err == nil, err
	}
	for i := p.first; i < p.last; i++ {
		v, err := r.peek(i)
		if err != nil {
			return false, err
		}
		if v.DefinitionLevel() >= definition {
			return false, fmt.Errorf("%s is there and is not: %w", p.name, ErrCorrupt)
		}
		r.at[i]++
	}
	return false, nil
}

func (r *Reader) value(dst []byte, p *place) (_ []byte, err error) {
	switch p.shape {
	case shapeLeaf:
		return r.leaf(dst, p.name, p.first, p.definition, &p.leaf)
	case shapeRecord, shapeEmpty:
		for _, part := range p.parts {
			if dst, err = r.value(dst, part); err != nil {
				return dst, err
			}
		}
		return dst, nil
	case shapeOption, shapeUnion:
		return r.union(dst, p)
	}
	return r.items(dst, p)
}

func (r *Reader) leaf(dst []byte, name string, column, definition int, l *leaf) ([]byte, error) {
	v, err := r.peek(column)
	if err != nil {
		return dst, err
	}
	if v.IsNull() || v.DefinitionLevel() != definition {
		return dst, fmt.Errorf("%s is null: %w", name, ErrCorrupt)
	}
	if v.Kind() != l.kind {
		return dst, fmt.Errorf("%s is of type %s: %w", name, v.Kind(), ErrCorrupt)
	}
	r.at[column]++
	return l.append(dst, v)
}

func (r *Reader) union(dst []byte, p *place) ([]byte, error) {
	chosen := -1
	for k, part := range p.parts {
		there, err := r.there(part, part.outer+1)
		if err != nil {
			return dst, err
		}
		if !there {
			continue
		}
		if chosen >= 0 {
			return dst, fmt.Errorf("%s has two members: %w", p.name, ErrCorrupt)
		}
		chosen = k
	}
	switch {
	case chosen >= 0:
		return r.value(ocf.AppendLong(dst, int64(p.branches[chosen])), p.parts[chosen])
	case p.null >= 0:
		return ocf.AppendLong(dst, int64(p.null)), nil
	}
	return dst, fmt.Errorf("%s has no member: %w", p.name, ErrCorrupt)
}

func (r *Reader) items(dst []byte, p *place) ([]byte, error) {
	there, err := r.there(p, p.definition)
	if err != nil {
		return dst, err
	}
	if !there {
		return ocf.AppendLong(dst, 0), nil
	}
	// A column has a value at this level, or one further out, for each item; deeper ones belong to an item.
	values, n := r.of(p.first)[r.at[p.first]:], 1
	for i := 1; i < len(values) && values[i].RepetitionLevel() >= p.repetition; i++ {
		if values[i].RepetitionLevel() == p.repetition {
			n++
		}
	}
	dst = ocf.AppendLong(dst, int64(n))
	for range n {
		if p.shape == shapeMap {
			if dst, err = r.leaf(dst, p.name, p.first, p.definition, &keys); err != nil {
				return dst, err
			}
		}
		if dst, err = r.value(dst, p.parts[0]); err != nil {
			return dst, err
		}
	}
	return ocf.AppendLong(dst, 0), nil
}

// IsNull reports whether a row holds no datum.
func (l *Layout) IsNull(of func(column int) []parquet.Value) bool {
	values := of(0)
	return len(values) > 0 && values[0].DefinitionLevel() == 0
}

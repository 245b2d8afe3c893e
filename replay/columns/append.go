package columns

import (
	"bytes"
	"fmt"
	"slices"
	"unicode/utf8"

	"backstitch/replay/ocf"

	"github.com/parquet-go/parquet-go"
)

// Writer lays datums out. It is used by one goroutine.
type Writer struct {
	l       *Layout
	columns [][]parquet.Value // of the current datum
	back    []byte
	read    Reader
}

// Writer returns one.
func (l *Layout) Writer() *Writer {
	return &Writer{l: l, columns: make([][]parquet.Value, l.Columns()), read: *l.Reader()}
}

// Append appends the values of a datum, whole, that was walked over before, to a row in which they stand from column first on: ErrNoForm. They point into the datum.
func (w *Writer) Append(row parquet.Row, raw []byte, first int) (parquet.Row, error) {
	for i := range w.columns {
		w.columns[i] = w.columns[i][:0]
	}
	c := ocf.NewCursor(raw)
	a := appender{Writer: w, cursor: &c}
	err := a.value(w.l.root, 0)
	if err == nil && c.Left() > 0 {
		err = fmt.Errorf("%d bytes follow the datum: %w", c.Left(), ErrNoForm)
	}
	if err == nil {
		w.back, err = w.read.Append(w.back[:0], func(i int) []parquet.Value { return w.columns[i] })
	}
	if err == nil && !bytes.Equal(w.back, raw) {
		err = fmt.Errorf("of its columns come other bytes than it has, at byte %d: %w", same(w.back, raw), ErrNoForm)
	}
	if err != nil {
		return row, err
	}
	for i, values := range w.columns {
		for _, v := range values {
			row = append(row, v.Level(v.RepetitionLevel(), v.DefinitionLevel(), first+i))
		}
	}
	return row, nil
}

// Null appends the values of no datum.
func (l *Layout) Null(row parquet.Row, first int) parquet.Row {
	for i := range l.Columns() {
		row = append(row, parquet.NullValue().Level(0, 0, first+i))
	}
	return row
}

// same is how many bytes a and b have in common in front.
func same(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// appender goes over one datum.
type appender struct {
	*Writer
	cursor *ocf.Cursor
}

// value lays out what is next as p. repetition is the level of its first values.
func (a *appender) value(p *place, repetition int) error {
	switch p.shape {
	case shapeLeaf:
		return a.leaf(p, repetition)
	case shapeRecord, shapeEmpty:
		for _, part := range p.parts {
			if err := a.value(part, repetition); err != nil {
				return err
			}
		}
	case shapeOption, shapeUnion:
		return a.union(p, repetition)
	case shapeList, shapeMap:
		return a.items(p, repetition)
	}
	return nil
}

func (a *appender) leaf(p *place, repetition int) error {
	raw, err := a.cursor.Skip(p.leaf.wire)
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	v, err := p.leaf.value(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	a.columns[p.first] = append(a.columns[p.first], v.Level(repetition, p.definition, p.first))
	return nil
}

// absent says that p is not there: definition is how far down there is something.
func (a *appender) absent(p *place, repetition, definition int) {
	for i := p.first; i < p.last; i++ {
		a.columns[i] = append(a.columns[i], parquet.NullValue().Level(repetition, definition, i))
	}
}

func (a *appender) union(p *place, repetition int) error {
	i, err := a.cursor.Index(p.count)
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	at := slices.Index(p.branches, i)
	for k, part := range p.parts {
		if k == at {
			err = a.value(part, repetition)
		} else {
			a.absent(part, repetition, part.outer)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *appender) items(p *place, repetition int) error {
	begun := false
	for {
		n, err := a.cursor.Count()
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		if n == 0 {
			break
		}
		for ; n > 0; n-- {
			if begun {
				repetition = p.repetition
			}
			begun = true
			if p.shape == shapeMap {
				if err := a.key(p, repetition); err != nil {
					return err
				}
			}
			if err := a.value(p.parts[0], repetition); err != nil {
				return err
			}
		}
	}
	if !begun {
		a.absent(p, repetition, p.definition-1)
	}
	return nil
}

func (a *appender) key(p *place, repetition int) error {
	b, err := a.cursor.Bytes()
	if err == nil && !utf8.Valid(b) {
		err = errNotUTF8
	}
	if err != nil {
		return fmt.Errorf("%s: a key: %w", p.name, err)
	}
	a.columns[p.first] = append(a.columns[p.first], parquet.ByteArrayValue(b).Level(repetition, p.definition, p.first))
	return nil
}

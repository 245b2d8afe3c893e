package framed

import (
	"fmt"

	"backstitch/replay/record"
	"backstitch/replay/tree"
)

// Values makes trees of the values of records that came out, wherever they name their schema. It is used by one goroutine.
type Values struct {
	reader   Reader
	out      Schema
	whole    []byte
	inflater inflater
}

// NewValues makes one for what comes out of a chain.
func NewValues(c Chain) *Values { return &Values{reader: c.Reader(), out: c.Output()} }

// Read makes a tree of r's value.
func (v *Values) Read(r *record.Record) (tree.Doc, error) {
	x, err := look(r, all)
	if err != nil {
		return tree.Doc{}, fmt.Errorf("%w: it does not say its schema", tree.ErrNotJSON)
	}
	if x.name.Glue {
		payload, why := v.inflater.payload(&x)
		if why == nil {
			v.whole, _, why = unglued(v.whole[:0], v.out, payload)
		}
		if why != nil {
			return tree.Doc{}, fmt.Errorf("%w: %w", tree.ErrNotJSON, why)
		}
		return v.reader.Parse(v.whole)
	}
	if len(x.tail) == 0 {
		return v.reader.Parse(x.payload)
	}
	v.whole = append(append(v.whole[:0], x.tail...), x.payload...)
	return v.reader.Parse(v.whole)
}

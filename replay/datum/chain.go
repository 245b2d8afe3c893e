package datum

import (
	"errors"
	"fmt"

	"backstitch/replay/expr"
	"backstitch/replay/framed"
	"backstitch/replay/ocf"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/transform"
	"backstitch/replay/tree"
)

// Chain is a framed.Chain.
type Chain struct {
	steps []step
	out   *Schema
	id    uint32
	spare bool // fields that the output schema has no place for are left out
}

// New reads steps. Values come out as datums of out with id in front. With spare, fields that out has no place for are left out; else
// a record that has any is refused.
func New(steps []spec.Step, out *Schema, id uint32, spare bool) (*Chain, error) {
	c := &Chain{steps: make([]step, len(steps)), out: out, id: id, spare: spare}
	for i, s := range steps {
		var err error
		if c.steps[i], err = newStep(s); err != nil {
			return nil, fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return c, nil
}

// ID is framed.Chain's.
func (c *Chain) ID() uint32 { return c.id }

// Output is framed.Chain's.
func (c *Chain) Output() framed.Schema { return c.out }

// Reader is framed.Chain's.
func (c *Chain) Reader() framed.Reader { return &Reader{c.out} }

// Changer is framed.Chain's.
func (c *Chain) Changer() framed.Changer { return c.editor() }

// Editor makes an editor.
func (c *Chain) Editor(w framed.Writers) *framed.Editor {
	return framed.NewEditor(c, w, framed.Names{})
}

// editor is a framed.Changer.
type editor struct {
	chain *Chain
	pairs pairs

	// Of the value at hand.
	changed bool
	from    int // where it begins
	most    int // bytes that it may become
	tries   int // of branches, in vain
	objects []*object
	used    int
	spans   [][]byte
	at      []int

	scalars transform.Scalars
	parser  tree.Parser
	input   expr.Input
	text    []byte
}

func (c *Chain) editor() *editor { return &editor{chain: c, pairs: newPairs(), most: MaxBytes} }

var errNotAvro = errors.New("its schema is not one of Avro")

// Change is framed.Changer's.
func (e *editor) Change(dst []byte, w framed.Schema, payload []byte) ([]byte, error) {
	s, ok := w.(*Schema)
	if !ok {
		return dst, refusal(refuse(source.CodeNoWriter, "%w", errNotAvro), 0)
	}
	out, step, err := e.datum(dst, s, payload)
	if err != nil {
		return dst, refusal(err, step)
	}
	return out, nil
}

// datum appends what becomes of a datum of s.
func (e *editor) datum(dst []byte, s *Schema, datum []byte) (_ []byte, step int, err error) {
	// All that comes after goes by what this walk has seen: how deep it is, and where it ends.
	c := ocf.NewCursor(datum)
	if _, err := c.Skip(s.root.wire); err != nil {
		return dst, 0, refuse(source.CodeNotDatum, "it is no datum of its schema: %w", err)
	}
	if c.Left() > 0 {
		return dst, 0, refuse(source.CodeNotDatum, "%d bytes follow the datum", c.Left())
	}
	e.changed, e.used, e.tries, e.from, e.spans, e.at = false, 0, 0, len(dst), e.spans[:0], e.at[:0]
	root := value{t: s.root, raw: datum}
	if len(e.chain.steps) > 0 {
		o, err := e.open(&root)
		if err != nil {
			return dst, 0, err
		}
		if o == nil {
			return dst, 0, refuse(source.CodeNotObject, "the value is of type %s", s.root)
		}
		for i, step := range e.chain.steps {
			if err := step.do(e, o); err != nil {
				return dst, i + 1, err
			}
		}
		if !e.changed {
			root = value{t: s.root, raw: datum}
		}
	}
	dst, err = e.value(dst, &root, e.chain.out.root)
	if err == nil && len(dst)-e.from > e.most {
		err = refuse(source.CodeTooGrown, "it becomes more than %d bytes", e.most)
	}
	return dst, 0, err
}

package datum

import (
	"encoding/binary"
	"errors"
	"fmt"

	"backstitch/replay/expr"
	"backstitch/replay/ocf"
	"backstitch/replay/record"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/transform"
	"backstitch/replay/tree"
)

// Chain is steps in order, and what comes out of them. It is never changed, and may be used by several goroutines.
type Chain struct {
	steps []step
	out   *Schema
	frame [record.FrameLen]byte
	spare bool // fields that the output schema has no place for are left out
}

// New reads steps. Values come out as datums of out with id in front. With spare, fields that out has no place for are left out; else
// a record that has any is refused.
func New(steps []spec.Step, out *Schema, id uint32, spare bool) (*Chain, error) {
	c := &Chain{steps: make([]step, len(steps)), out: out, spare: spare}
	binary.BigEndian.PutUint32(c.frame[1:], id)
	for i, s := range steps {
		var err error
		if c.steps[i], err = newStep(s); err != nil {
			return nil, fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return c, nil
}

// Output is the schema that values come out under.
func (c *Chain) Output() *Schema { return c.out }

// Writers tells which schema a number in front of a value stands for. It may be used by several goroutines.
type Writers interface {
	// Writer is the schema of that number. An error says why it is not known.
	Writer(id uint32) (*Schema, error)
}

// Pinned are the writers that a plan has met.
type Pinned map[uint32]*Schema

// ErrNotMet says that a plan has not met a schema.
var ErrNotMet = errors.New("the plan met no record that names it")

// Writer is Writers's.
func (p Pinned) Writer(id uint32) (*Schema, error) {
	if s := p[id]; s != nil {
		return s, nil
	}
	return nil, ErrNotMet
}

// Editor changes values by a chain, one after the other. It is used by one goroutine.
type Editor struct {
	chain   *Chain
	writers Writers
	pairs   pairs
	last    *Schema // that of lastID
	lastID  uint32

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

// Editor makes an editor.
func (c *Chain) Editor(w Writers) *Editor {
	return &Editor{chain: c, writers: w, pairs: newPairs(), most: MaxBytes}
}

// Append appends value as it comes out to dst. changed is false when it comes out as it is: dst is then as it was. err is
// a *transform.Refused. value is not kept.
func (e *Editor) Append(dst, value []byte) (_ []byte, changed bool, err error) {
	id, ok := record.FrameID(value)
	if !ok {
		return dst, false, refusal(refuse(source.CodeNotFramed, "the value does not begin with a zero byte and the number of its schema"), 0)
	}
	if e.last == nil || e.lastID != id {
		s, err := e.writers.Writer(id)
		if err != nil {
			return dst, false, refusal(refuse(source.CodeNoWriter, "schema %d is not known: %w", id, err), 0)
		}
		e.last, e.lastID = s, id
	}
	n := len(dst)
	dst = append(dst, e.chain.frame[:]...)
	out, step, err := e.datum(dst, e.last, value[record.FrameLen:])
	if err != nil {
		return dst[:n], false, refusal(err, step)
	}
	if string(out[n:]) == string(value) {
		return dst[:n], false, nil
	}
	return out, true, nil
}

// datum appends what becomes of a datum of s.
func (e *Editor) datum(dst []byte, s *Schema, datum []byte) (_ []byte, step int, err error) {
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

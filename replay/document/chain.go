package document

import (
	"errors"
	"fmt"

	"backstitch/replay/framed"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/transform"
	"backstitch/replay/tree"
)

// Form is JSON behind the number of a JSON Schema, as a framed.Form.
type Form struct{}

var _ framed.Form = Form{}

var errNotJSONSchema = errors.New("its schema is no JSON Schema")

// Noun is framed.Form's.
func (Form) Noun() string { return "JSON" }

// Parse is framed.Form's.
func (Form) Parse(t framed.Text, _ string) (framed.Schema, error) {
	s, err := Parse(t)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Chain is framed.Form's. What an object may have the schema says, so there is nothing that spare would leave out.
func (Form) Chain(steps []spec.Step, out framed.Schema, id uint32, _ bool) (framed.Chain, error) {
	s, ok := out.(*Schema)
	if !ok {
		return nil, fmt.Errorf("output schema: %w", errNotJSONSchema)
	}
	c := &chain{out: s, id: id}
	if len(steps) > 0 {
		var err error
		if c.steps, err = transform.New(steps); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// chain is a framed.Chain.
type chain struct {
	steps *transform.Chain // nil where there are none: then a value may be no object
	out   *Schema
	id    uint32
}

func (c *chain) ID() uint32            { return c.id }
func (c *chain) Output() framed.Schema { return c.out }
func (c *chain) Reader() framed.Reader { return new(tree.Parser) }
func (c *chain) Changer() framed.Changer {
	out := &changer{out: c.out}
	if c.steps != nil {
		out.editor = c.steps.Editor()
	}
	return out
}

// changer is a framed.Changer.
type changer struct {
	editor *transform.Editor
	out    *Schema
	parser tree.Parser
}

func (c *changer) Change(dst []byte, w framed.Schema, payload []byte) (_ []byte, err error) {
	if _, ok := w.(*Schema); !ok {
		return dst, framed.Refuse(source.CodeNoWriter, "%w", errNotJSONSchema)
	}
	from, changed := len(dst), false
	if c.editor != nil {
		if dst, changed, err = c.editor.Append(dst, payload); err != nil {
			return dst, err
		}
	}
	if !changed {
		dst = append(dst, payload...)
	}
	if why := c.out.fits(dst[from:], &c.parser); why != nil {
		return dst[:from], why
	}
	return dst, nil
}

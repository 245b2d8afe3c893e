package message

import (
	"bytes"
	"errors"
	"fmt"

	"backstitch/replay/framed"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/transform"
	"backstitch/replay/tree"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Form is Protobuf as a framed.Form.
type Form struct{}

var _ framed.Form = Form{}

var errNotProtobuf = errors.New("its schema is not one of Protobuf")

// Noun is framed.Form's.
func (Form) Noun() string { return "messages of Protobuf" }

// Parse is framed.Form's.
func (Form) Parse(t framed.Text, message string) (framed.Schema, error) {
	s, err := Parse(t, message)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Chain is framed.Form's.
func (Form) Chain(steps []spec.Step, out framed.Schema, id uint32, spare bool) (framed.Chain, error) {
	s, ok := out.(*Schema)
	if !ok {
		return nil, fmt.Errorf("output schema: %w", errNotProtobuf)
	}
	c := &chain{steps: steps, out: s, id: id, spare: spare}
	if len(steps) > 0 {
		var err error
		if c.tree, err = transform.New(steps); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// chain is a framed.Chain.
type chain struct {
	steps []spec.Step
	tree  *transform.Chain // the same, over JSON; nil where there are none
	out   *Schema
	id    uint32
	spare bool
}

func (c *chain) ID() uint32            { return c.id }
func (c *chain) Output() framed.Schema { return c.out }
func (c *chain) Reader() framed.Reader { return &viewed{out: c.out} }
func (c *chain) Changer() framed.Changer {
	out := &changer{chain: c, plans: map[protoreflect.MessageDescriptor]plan{}}
	if c.tree != nil {
		out.editor = c.tree.Editor()
	}
	return out
}

// changer is a framed.Changer.
type changer struct {
	chain  *chain
	editor *transform.Editor
	plans  map[protoreflect.MessageDescriptor]plan

	// Of the value at hand, kept for the next.
	text, made, again []byte
}

// plan is what is known of a message before any record of it.
type plan struct {
	same bool  // as what comes out
	why  error // it can not come out
}

func (c *changer) plan(w *Schema, m protoreflect.MessageDescriptor) plan {
	p, ok := c.plans[m]
	if ok {
		return p
	}
	out := c.chain.out
	p.same = m.FullName() == out.root.FullName() && equal(w.file, out.file)
	if in := follow(m, c.chain.steps); in != nil {
		p.why = goes(in, out.root, map[pair]bool{})
	}
	c.plans[m] = p
	return p
}

func (c *changer) Change(dst []byte, w framed.Schema, payload []byte) ([]byte, error) {
	s, ok := w.(*Schema)
	if !ok {
		return dst, framed.Refuse(source.CodeNoWriter, "%w", errNotProtobuf)
	}
	m, body, err := s.message(payload)
	if err != nil {
		return dst, framed.Refuse(source.CodeNoMessage, "%w", err)
	}
	out, err := c.change(dst, c.plan(s, m), m, body, payload)
	if err != nil {
		return dst, err
	}
	return out, nil
}

func (c *changer) change(dst []byte, p plan, m protoreflect.MessageDescriptor, body, payload []byte) ([]byte, error) {
	text, why := viewer{}.message(c.text[:0], m, body, 0)
	c.text = text
	if why != nil && p.same && c.editor == nil && why.Code == source.CodeNotWhole {
		return append(dst, payload...), nil // nobody has to take it apart
	}
	if why != nil {
		return dst, why
	}
	if c.editor != nil {
		made, changed, err := c.editor.Append(c.made[:0], text)
		if err != nil {
			return dst, err
		}
		if c.made = made; changed {
			p.same, text = false, made
		}
	}
	if p.same {
		return append(dst, payload...), nil
	}
	if p.why != nil {
		return dst, noForm("message %s: %w", m.FullName(), p.why)
	}
	if c.again, why = (writer{}).write(c.again[:0], m, c.text); why != nil || !bytes.Equal(c.again, body) {
		return dst, notWhole("message %s has another spelling than libraries write, and would lose it%s", m.FullName(), because(why))
	}
	if dst, why = (writer{c.chain.spare}).write(append(dst, c.chain.out.index...), c.chain.out.root, text); why != nil {
		return dst, why
	}
	return dst, nil
}

func because(why *transform.Refused) string {
	if why == nil {
		return ""
	}
	return ": " + why.Error()
}

// reader reads JSON that was made of messages and steps.
type reader struct{ *jsontext.Decoder }

func (r *reader) reset(text []byte) { r.Decoder = jsontext.NewDecoder(bytes.NewBuffer(text)) }

// Payload is framed.Schema's.
func (s *Schema) Payload(text []byte) ([]byte, error) {
	out, why := writer{}.write(bytes.Clone(s.index), s.root, text)
	if why != nil {
		return nil, why
	}
	return out, nil
}

// JSON is framed.Schema's.
func (s *Schema) JSON(payload []byte) ([]byte, error) {
	m, body, err := s.message(payload)
	if err != nil {
		return nil, err
	}
	out, why := viewer{spare: true}.message(nil, m, body, 0)
	if why != nil {
		return nil, why
	}
	return out, nil
}

// viewed is a framed.Reader.
type viewed struct {
	out    *Schema
	parser tree.Parser
}

func (v *viewed) Parse(payload []byte) (tree.Doc, error) {
	text, err := v.out.JSON(payload)
	var why *transform.Refused
	switch {
	case errors.As(err, &why) && why.Code == source.CodeNotUTF8:
		return tree.Doc{}, fmt.Errorf("a string is %w", tree.ErrNotUTF8)
	case err != nil:
		return tree.Doc{}, fmt.Errorf("%w: %w", tree.ErrNotJSON, err)
	}
	return v.parser.Parse(text)
}

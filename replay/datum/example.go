package datum

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"backstitch/replay/record"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/transform"
	"backstitch/replay/tree"
)

// Examples are written in JSON, as view.go shows datums.

// Reader makes trees of values that a chain with that output has made: datums with a number in front.
func (s *Schema) Reader() *Reader { return &Reader{s} }

// Reader is a rule.Reader.
type Reader struct{ s *Schema }

// Parse is rule.Reader's.
func (r *Reader) Parse(value []byte) (tree.Doc, error) {
	if len(value) < record.FrameLen {
		return tree.Doc{}, fmt.Errorf("%w: no datum of Avro", tree.ErrNotJSON)
	}
	d, err := r.s.Doc(value[record.FrameLen:])
	if err != nil && !notUTF8(err) {
		err = fmt.Errorf("%w: %w", tree.ErrNotJSON, err)
	}
	return d, err
}

// Datum is what JSON says as a datum of s.
func (s *Schema) Datum(text []byte) ([]byte, error) {
	doc, err := new(tree.Parser).Parse(text)
	if err != nil {
		return nil, err
	}
	c := &Chain{out: s}
	return c.Editor(Pinned{}).json(nil, doc.Root, s.root)
}

// JSON is a datum of s as JSON.
func (s *Schema) JSON(datum []byte) ([]byte, error) {
	doc, err := s.Doc(datum)
	if err == nil && doc.Twice {
		err = errors.New("a map has two values of one name")
	}
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(doc.Root); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(out.Bytes()), nil
}

// Try runs the examples of t, whose values come out under out.
func Try(t *spec.Transform, out *Schema) ([]transform.Outcome, error) {
	chain, err := New(t.Steps, out, 0, t.Values.UnknownFields == "drop")
	if err != nil {
		return nil, err
	}
	outcomes := make([]transform.Outcome, 0, len(t.Examples))
	for i := range t.Examples {
		x := &t.Examples[i]
		o := transform.Outcome{Example: i + 1, Want: json.RawMessage(x.Out)}
		if o.Got, err = chain.example(x); err != nil {
			o.Got, o.Refused = nil, transform.Code(err)
		}
		o.OK = o.Got != nil && transform.Same(o.Got, o.Want)
		outcomes = append(outcomes, o)
	}
	return outcomes, nil
}

// example is what comes out of an example, as JSON.
func (c *Chain) example(x *spec.Example) ([]byte, error) {
	writer := c.out
	if x.Schema != nil {
		var err error
		if writer, err = Parse(string(x.Schema.Inline)); err != nil {
			return nil, err
		}
	}
	datum, err := writer.Datum(x.In)
	if err != nil {
		return nil, refusal(refuse(source.CodeNotDatum, "it is no value of its schema: %w", err), 0)
	}
	const id = 1
	value := append([]byte{0, 0, 0, 0, id}, datum...)
	made, changed, err := c.Editor(Pinned{id: writer}).Append(nil, value)
	if err != nil {
		return nil, err
	}
	if !changed {
		made = value
	}
	return c.out.JSON(made[record.FrameLen:])
}

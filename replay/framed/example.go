package framed

import (
	"encoding/json"

	"backstitch/replay/record"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/transform"
)

// Try runs the examples of t, whose values come out under out.
func Try(t *spec.Transform, form Form, out Schema) ([]transform.Outcome, error) {
	chain, err := form.Chain(t.Steps, out, 0, t.Values.UnknownFields == "drop")
	if err != nil {
		return nil, err
	}
	outcomes := make([]transform.Outcome, 0, len(t.Examples))
	for i := range t.Examples {
		x := &t.Examples[i]
		o := transform.Outcome{Example: i + 1, Want: json.RawMessage(x.Out)}
		if o.Got, err = example(form, chain, t.Values.Text, x); err != nil {
			o.Got, o.Refused = nil, transform.Code(err)
		}
		o.OK = o.Got != nil && transform.Same(o.Got, o.Want)
		outcomes = append(outcomes, o)
	}
	return outcomes, nil
}

// example is what comes out of an example, as JSON.
func example(form Form, c Chain, text func(*spec.ValueSchema) string, x *spec.Example) ([]byte, error) {
	writer := c.Output()
	if x.Schema != nil {
		var err error
		if writer, err = form.Parse(Text{Schema: text(x.Schema)}, x.Schema.Message); err != nil {
			return nil, err
		}
	}
	payload, err := writer.Payload(x.In)
	if err != nil {
		return nil, Refuse(source.CodeNotDatum, "it is no value of its schema: %w", err)
	}
	const id = 1
	value := append([]byte{0, 0, 0, 0, id}, payload...)
	made, changed, err := NewEditor(c, Pinned{{ID: id}: writer}, Names{}).Append(nil, value)
	if err != nil {
		return nil, err
	}
	if !changed {
		made = value
	}
	return c.Output().JSON(made[record.FrameLen:])
}

package datum

import (
	"fmt"

	"backstitch/replay/framed"
	"backstitch/replay/spec"
)

// Form is Avro as a framed.Form.
type Form struct{}

var _ framed.Form = Form{}

// Noun is framed.Form's.
func (Form) Noun() string { return "datums of Avro" }

// Parse is framed.Form's.
func (Form) Parse(t framed.Text, _ string) (framed.Schema, error) {
	refers := make([]string, len(t.References))
	for i, r := range t.References {
		refers[i] = r.Schema
	}
	s, err := Parse(t.Schema, refers...)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Chain is framed.Form's.
func (Form) Chain(steps []spec.Step, out framed.Schema, id uint32, spare bool) (framed.Chain, error) {
	s, ok := out.(*Schema)
	if !ok {
		return nil, fmt.Errorf("output schema: %w", errNotAvro)
	}
	c, err := New(steps, s, id, spare)
	if err != nil {
		return nil, err
	}
	return c, nil
}

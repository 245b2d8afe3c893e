package recovery

import (
	"errors"
	"fmt"
	"strings"

	"backstitch/replay/datum"
	"backstitch/replay/document"
	"backstitch/replay/framed"
	"backstitch/replay/message"
	"backstitch/replay/schema/compat"
	"backstitch/replay/spec"
	"backstitch/replay/transform"

	"github.com/twmb/franz-go/pkg/sr"
)

// form is a form of values with what registries call its schemas.
type form struct {
	framed.Form
	typ  sr.SchemaType
	name string
}

// formOf is the form that a spec or a recipe names.
func formOf(as string) (form, error) {
	switch as {
	case spec.Avro:
		return form{datum.Form{}, sr.TypeAvro, "Avro"}, nil
	case spec.Protobuf:
		return form{message.Form{}, sr.TypeProtobuf, "Protobuf"}, nil
	case spec.JSON:
		return form{document.Form{}, sr.TypeJSON, "JSON"}, nil
	}
	return form{}, fmt.Errorf("values of form %q are not known", as)
}

// formName is what people call a form.
func formName(as string) string {
	f, err := formOf(as)
	if err != nil {
		return as
	}
	return f.name
}

// formNoun is what people call values of a form.
func formNoun(as string) string {
	f, err := formOf(as)
	if err != nil {
		return as
	}
	return f.Noun()
}

// read reads a schema as a registry has it.
func (f form) read(t compat.Text, message string) (framed.Schema, error) {
	refers, err := refers(nil, t)
	if err != nil {
		return nil, err
	}
	return f.Parse(framed.Text{Schema: t.Schema, References: refers}, message)
}

// same reports whether a schema of a registry says what a spec has written out.
func (f form) same(t compat.Text, said string) bool {
	if f.typ != sr.TypeProtobuf {
		return transform.Same([]byte(t.Schema), []byte(said))
	}
	a, errA := f.read(t, "")
	t.Schema = said
	b, errB := f.read(t, "")
	return errA == nil && errB == nil && a.(*message.Schema).Equal(b.(*message.Schema))
}

// refers appends what t refers to, each before those that refer to it.
func refers(dst []framed.Reference, t compat.Text) (_ []framed.Reference, err error) {
	for _, r := range t.References {
		if dst, err = refers(dst, r.Text); err != nil {
			return nil, err
		}
		there := false
		for _, d := range dst {
			if d.Name == r.Name && d.Schema != r.Text.Schema {
				return nil, fmt.Errorf("two schemas are referred to as %q, and they differ", r.Name)
			}
			there = there || d.Name == r.Name
		}
		if !there {
			dst = append(dst, framed.Reference{Name: r.Name, Schema: r.Text.Schema})
		}
	}
	return dst, nil
}

// ErrElsewhere says that the output schema is in a registry.
var ErrElsewhere = errors.New("the output schema is in a registry, and nothing is connected to")

// Try runs the examples of a spec's transform, as far as the spec alone tells what comes out: ErrElsewhere where a registry has to.
func Try(t *spec.Transform) ([]transform.Outcome, error) {
	if t.Values == nil {
		return transform.Try(t)
	}
	text := t.Values.Text(&t.Values.Schema)
	if strings.TrimSpace(text) == "" {
		return nil, ErrElsewhere
	}
	form, err := formOf(t.Values.As)
	if err != nil {
		return nil, err
	}
	out, err := form.Parse(framed.Text{Schema: text}, t.Values.Schema.Message)
	if err != nil {
		return nil, fmt.Errorf("output schema: %w", err)
	}
	return framed.Try(t, form.Form, out)
}

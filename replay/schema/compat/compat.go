package compat

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"
)

// Text is a schema as a file or a registry has it, with what it refers to.
type Text struct {
	Type       sr.SchemaType
	Schema     string
	References []Reference
}

// Before are the texts that t refers to, each before those that refer to it.
func (t Text) Before() []string {
	var out []string
	for _, r := range t.References {
		for _, text := range append(r.Text.Before(), r.Text.Schema) {
			if !slices.Contains(out, text) {
				out = append(out, text)
			}
		}
	}
	return out
}

// Reference is a schema that another one refers to: by the full name of a type in Avro, by the target of an import in Protobuf, by what
// stands in $ref in JSON Schema.
type Reference struct {
	Name string
	Text Text
}

// maxReferences bounds how many schemas one refers to, also over others.
const maxReferences = 1000

// Schema is a schema that was understood. It does not change and is safe for concurrent use.
type Schema struct {
	typ  sr.SchemaType
	lang language
}

// language is what the three kinds of schemas have in common.
type language interface {
	// reads lists what keeps us from reading what writer wrote. writer is of the same type.
	reads(writer language) []Problem
	// reuses lists what is wrong with us as the younger of two, whoever reads.
	reuses(older language) []Problem
	// parts lists what the schema says, one place each.
	parts() []part
}

// Parse understands a schema. What is wrong with it is said in the library's words, which may repeat the schema.
func Parse(t Text) (*Schema, error) {
	if strings.TrimSpace(t.Schema) == "" {
		return nil, errors.New("there is no schema in it")
	}
	refs, err := flatten(t)
	if err != nil {
		return nil, err
	}
	out := &Schema{typ: t.Type}
	switch t.Type {
	case sr.TypeAvro:
		out.lang, err = parseAvro(t.Schema, refs)
	case sr.TypeJSON:
		out.lang, err = parseJSON(t.Schema, refs)
	case sr.TypeProtobuf:
		out.lang, err = parseProto(t.Schema, refs)
	default:
		err = fmt.Errorf("schemas of type %q are not known", t.Type)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Type is the schema's type.
func (s *Schema) Type() sr.SchemaType { return s.typ }

// flatten lists all references below t, each after those that it needs itself and each text once.
func flatten(t Text) ([]Reference, error) {
	var out []Reference
	var add func(list []Reference, depth int) error
	add = func(list []Reference, depth int) error {
		if depth > maxDepth {
			return fmt.Errorf("schemas refer to each other more than %d deep", maxDepth)
		}
		for _, r := range list {
			same := func(o Reference) bool { return o.Name == r.Name }
			if i := slices.IndexFunc(out, same); i >= 0 {
				if out[i].Text.Schema != r.Text.Schema {
					return fmt.Errorf("two schemas are referred to as %q, and they differ", r.Name)
				}
				continue
			}
			if r.Text.Type != t.Type {
				return fmt.Errorf("reference %q is %s, and the schema %s", r.Name, r.Text.Type, t.Type)
			}
			if err := add(r.Text.References, depth+1); err != nil {
				return err
			}
			if out = append(out, r); len(out) > maxReferences {
				return fmt.Errorf("it refers to more than %d schemas", maxReferences)
			}
		}
		return nil
	}
	return out, add(t.References, 0)
}

// maxDepth bounds how deep schemas nest and refer to each other.
const maxDepth = 64

// Problem is one reason why a reader can not read what a writer wrote, or why that is not known.
type Problem struct {
	Kind   Kind   `json:"kind"`
	Path   string `json:"path"`             // place in the schema, as its language names places; "" for all of it
	Reader string `json:"reader,omitempty"` // what the reader says there, "" for nothing
	Writer string `json:"writer,omitempty"` // and the writer
	Text   string `json:"text"`             // one sentence
}

// Undecided reports whether the problem is that we do not know.
func (p Problem) Undecided() bool { return p.Kind == KindUndecided }

// Verdict is what comes out of a comparison.
type Verdict string

const (
	Compatible   Verdict = "compatible"
	Incompatible Verdict = "incompatible"
	Undecided    Verdict = "undecided"
)

// VerdictOf is the verdict over a list of problems: one that is certain decides, whatever is unknown beside it.
func VerdictOf(problems []Problem) Verdict {
	out := Compatible
	for _, p := range problems {
		if !p.Undecided() {
			return Incompatible
		}
		out = Undecided
	}
	return out
}

// Reads lists what keeps reader from reading what was written with writer; nothing when it can.
func Reads(reader, writer *Schema) []Problem {
	if reader.typ != writer.typ {
		return []Problem{{Kind: KindSchemaType, Reader: reader.typ.String(), Writer: writer.typ.String(),
			Text: fmt.Sprintf("the reader's schema is %s, the writer's %s", reader.typ, writer.typ)}}
	}
	return reader.lang.reads(writer.lang)
}

// brief shortens what a schema says to what fits a line.
func brief(text string) string {
	const most = 160
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "..."
	}
	return text
}

package spec

import (
	"encoding/json"
	"fmt"

	"backstitch/replay/ocf"
)

// TransformValues says that values are no JSON, and what they become.
type TransformValues struct {
	// avro: a zero byte, the number of a schema, and the datum, as clients of a schema registry write it. What a number stands for the registry of the source says, when the plan is made. What comes out has the number that the target's registry, or the source's where the target names none, has for the output schema.
	As string `json:"as" jsonschema:"enum=avro"`
	// Output schema: each value comes out as a datum of it, whatever it was written with.
	Schema AvroSchema `json:"schema"`
	// What becomes of a field that the output schema has no place for, and no step has dropped: refuse sets the record aside, drop leaves the field out.
	UnknownFields string `json:"unknownFields,omitempty" jsonschema:"enum=refuse,enum=drop,default=refuse"`
}

// AvroSchema names a schema of Avro: by subject and version, or by its text.
type AvroSchema struct {
	// Subject of the registry that has the schema. Left out, it is the target's topic and -value.
	Subject string `json:"subject,omitempty" jsonschema:"minLength=1"`
	// Version of the subject. Left out together with file and inline, it is the latest.
	Version int `json:"version,omitempty" jsonschema:"minimum=1"`
	// The schema itself, which has to be a version of the subject.
	Inline Value `json:"inline,omitempty"`
	// A file with the schema, in JSON, beside the spec. What it says becomes a part of the plan.
	File string `json:"file,omitempty" jsonschema:"minLength=1"`
}

// Defaults of TransformValues.
const DefaultUnknownFields = "refuse"

// ValueSubject is where a registry has the schema, if topic is that of the values.
func (s *AvroSchema) ValueSubject(topic string) string {
	if s.Subject != "" {
		return s.Subject
	}
	return topic + "-value"
}

// avro reports whether the steps of r are for values in Avro.
func (r *Recovery) avro() bool { return r.Spec.Transform != nil && r.Spec.Transform.Values != nil }

// transformValues finds what is wrong with values besides their form.
func (c *checker) transformValues(r *Recovery) {
	t := r.Spec.Transform
	v := t.Values
	if len(t.Steps) == 0 && v == nil {
		c.add(CodeRequired, "spec.transform", "spec.transform.steps is missing", "write at least one step, or leave transform out")
	}
	for i := range t.Examples {
		s := t.Examples[i].Schema
		path := fmt.Sprintf("spec.transform.examples.%d.schema", i)
		switch {
		case s == nil:
		case v == nil:
			c.add(CodeTogether, path, "a schema of an example belongs to values: {as: avro}", "leave it out: values are JSON")
		case len(s.Inline) == 0 && s.File != "": // which could not be read
		case len(s.Inline) == 0:
			c.add(CodeRequired, path, "an example says its schema in inline or file", "write what the value before was written with")
		case s.Subject != "" || s.Version != 0:
			c.add(CodeTogether, path, "an example asks no registry", "leave subject and version out")
		default:
			c.avroSchema(path, s)
		}
	}
	if v == nil {
		return
	}
	const path = "spec.transform.values"
	if name, at := r.Spec.Source.registry(); name == "" {
		c.add(CodeRequired, "spec.source."+at, "values in Avro need the registry of the source: it knows what they were written with", "registry: NAME")
	}
	for i := range t.Steps {
		if t.Steps[i].Wasm != nil {
			c.add(CodeTogether, fmt.Sprintf("spec.transform.steps.%d.wasm", i), "a module takes a value as JSON, and these are Avro", "write it as other steps, or give values another job")
		}
	}
	if l := r.Spec.Source.files(); l != nil && l.Values != nil {
		c.add(CodeTogether, path, "what values of the archive were, in its own values, and values of a transform exclude each other", "keep one of them")
	}
	if s := &v.Schema; len(s.Inline) > 0 && s.Version != 0 {
		c.add(CodeTogether, path+".schema.version", "a version and the schema itself exclude each other", "keep one of them")
	} else {
		c.avroSchema(path+".schema", s)
	}
}

func (c *checker) avroSchema(path string, s *AvroSchema) {
	if len(s.Inline) == 0 {
		return
	}
	if _, err := ocf.ParseSchema(s.Inline); err != nil {
		c.add(CodeValue, path+".inline", err.Error(), "the JSON of an Avro schema, as the registry has it")
	}
}

// readSchemas takes the files of schemas in, so that whoever gets the spec needs none of them.
func (c *checker) readSchemas(t *Transform) {
	if t == nil {
		return
	}
	if t.Values != nil {
		c.readAvro("spec.transform.values.schema", &t.Values.Schema)
	}
	for i := range t.Examples {
		if s := t.Examples[i].Schema; s != nil {
			c.readAvro(fmt.Sprintf("spec.transform.examples.%d.schema", i), s)
		}
	}
}

func (c *checker) readAvro(path string, s *AvroSchema) {
	switch {
	case s.File == "":
		return
	case len(s.Inline) > 0:
		c.add(CodeOneOf, path, path+" has to say file or inline", "keep one of them")
		return
	case c.opts.ReadFile == nil:
		c.add(CodeValue, path+".file", "there are no files here: "+s.File, "write the schema in: inline")
		return
	}
	text, err := c.opts.ReadFile(s.File)
	switch {
	case err != nil:
		c.add(CodeValue, path+".file", err.Error(), "a file beside the spec")
	case len(text) > maxSchemaBytes:
		c.add(CodeValue, path+".file", fmt.Sprintf("%s has %d bytes, a schema has at most %d", s.File, len(text), maxSchemaBytes), "")
	case !json.Valid(text):
		c.add(CodeValue, path+".file", s.File+" is not JSON", "the JSON of an Avro schema")
	default:
		s.Inline, s.File = text, ""
	}
}

// files says how an archive lies there, nil for a topic.
func (s *Source) files() *Layout {
	switch {
	case s.S3 != nil:
		return &s.S3.Layout
	case s.Dir != nil:
		return &s.Dir.Layout
	}
	return nil
}

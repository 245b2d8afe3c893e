package spec

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"backstitch/replay/ocf"
)

// TransformValues says that values are no JSON, and what they become.
type TransformValues struct {
	// avro, protobuf, json: a zero byte, the number of a schema, and the payload, as clients of a schema registry write it, or with glue AWS Glue's frame: a datum of Avro, message indexes and a message, or JSON that fits a JSON Schema. What a number stands for the registry of the source says, when the plan is made. What comes out has the number that the target's registry, or the source's where the target names none, has for the output schema.
	As string `json:"as" jsonschema:"enum=avro,enum=protobuf,enum=json"`
	// Output schema: each value comes out under it, whatever it was written with.
	Schema ValueSchema `json:"schema"`
	// What becomes of a field that the output schema has no place for, and no step has dropped: refuse sets the record aside, drop leaves the field out. JSON has none: there the schema says what an object may have.
	UnknownFields string `json:"unknownFields,omitempty" jsonschema:"enum=refuse,enum=drop,default=refuse"`
	// Values in AWS Glue's frame: a byte 3, one for the compression, the UUID of a version of a schema, and the payload. Left out, they are set aside.
	Glue *Glue `json:"glue,omitempty"`
}

// ValueSchema names a schema: by subject and version, or by its text.
type ValueSchema struct {
	// Subject of the registry that has the schema. Left out, it is the target's topic and -value.
	Subject string `json:"subject,omitempty" jsonschema:"minLength=1"`
	// Version of the subject. Left out together with file and inline, it is the latest.
	Version int `json:"version,omitempty" jsonschema:"minimum=1"`
	// The schema itself, which has to be a version of the subject. That of Protobuf is a text.
	Inline Value `json:"inline,omitempty"`
	// A file with the schema beside the spec. What it says becomes a part of the plan.
	File string `json:"file,omitempty" jsonschema:"minLength=1"`
	// The message of a schema of Protobuf, such as shop.Order. Left out, it is the first one. Avro and JSON have none.
	Message string `json:"message,omitempty" jsonschema:"minLength=1"`
}

// What values that name their schema are.
const (
	Avro     = "avro"
	Protobuf = "protobuf"
	JSON     = "json"
)

// Defaults of TransformValues.
const DefaultUnknownFields = "refuse"

// Text is a schema of these values as a registry has it, "" where only a registry knows it: of Protobuf what the JSON text says, else the JSON itself.
func (v *TransformValues) Text(s *ValueSchema) string {
	var text string
	if v.As == Protobuf && json.Unmarshal(s.Inline, &text) == nil {
		return text
	}
	return string(s.Inline)
}

// ValueSubject is where a registry has the schema, if topic is that of the values.
func (s *ValueSchema) ValueSubject(topic string) string {
	if s.Subject != "" {
		return s.Subject
	}
	return topic + "-value"
}

// framed reports whether the steps of r are for values that name their schema.
func (r *Recovery) framed() bool { return r.Spec.Transform != nil && r.Spec.Transform.Values != nil }

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
			c.add(CodeTogether, path, "a schema of an example belongs to values that name one", "leave it out: values are JSON")
		case len(s.Inline) == 0 && s.File != "": // which could not be read
		case len(s.Inline) == 0:
			c.add(CodeRequired, path, "an example says its schema in inline or file", "write what the value before was written with")
		case s.Subject != "" || s.Version != 0:
			c.add(CodeTogether, path, "an example asks no registry", "leave subject and version out")
		default:
			c.valueSchema(path, v.As, s)
		}
	}
	if v == nil {
		return
	}
	const path = "spec.transform.values"
	name, at := r.Spec.Source.registry()
	switch {
	case v.Glue != nil:
		c.glue(path, r, v, name != "")
	case name == "":
		c.add(CodeRequired, "spec.source."+at, "values that name a schema need the registry of the source: it knows what they were written with", "registry: NAME, or for AWS Glue's frame glue: in transform.values")
	}
	if v.As == JSON && v.UnknownFields == "drop" {
		c.add(CodeTogether, path+".unknownFields", "a JSON Schema has no places for fields that could be left out", "name them in drop steps, or allow them in the schema")
	}
	for i := range t.Steps {
		if t.Steps[i].Wasm != nil && v.As == Avro {
			c.add(CodeTogether, fmt.Sprintf("spec.transform.steps.%d.wasm", i), "a module takes a value as JSON, and these are Avro", "write it as other steps, or give values another job")
		}
	}
	if l := r.Spec.Source.files(); l != nil && l.Values != nil {
		c.add(CodeTogether, path, "what values of the archive were, in its own values, and values of a transform exclude each other", "keep one of them")
	}
	if s := &v.Schema; len(s.Inline) > 0 && s.Version != 0 {
		c.add(CodeTogether, path+".schema.version", "a version and the schema itself exclude each other", "keep one of them")
	} else {
		c.valueSchema(path+".schema", v.As, s)
	}
}

// valueSchema looks at the form of a schema. What it refers to only a registry has, so the rest is found out when it has answered.
func (c *checker) valueSchema(path, as string, s *ValueSchema) {
	if s.Message != "" && as != Protobuf {
		c.add(CodeTogether, path+".message", "only a schema of Protobuf has messages", "leave message out")
	}
	if len(s.Inline) == 0 {
		return
	}
	switch kind := s.Inline[0]; {
	case as == Avro:
		if _, err := ocf.ParseSchema(s.Inline); err != nil {
			c.add(CodeValue, path+".inline", err.Error(), "the JSON of an Avro schema, as the registry has it")
		}
	case as == Protobuf && kind != '"':
		c.add(CodeValue, path+".inline", "a schema of Protobuf is a text", "inline: |, and the text of the .proto file below it")
	case as == JSON && kind != '{' && kind != 't' && kind != 'f':
		c.add(CodeValue, path+".inline", "a JSON Schema is an object, true or false", "the JSON Schema, as the registry has it")
	}
}

// readSchemas takes the files of schemas in, so that whoever gets the spec needs none of them.
func (c *checker) readSchemas(t *Transform) {
	if t == nil {
		return
	}
	if t.Values != nil {
		c.readSchema("spec.transform.values.schema", t.Values.As, &t.Values.Schema)
		if g := t.Values.Glue; g != nil {
			for i := range g.Versions {
				s := &ValueSchema{Inline: g.Versions[i].Inline, File: g.Versions[i].File}
				c.readSchema(fmt.Sprintf("spec.transform.values.glue.versions.%d", i), t.Values.As, s)
				g.Versions[i].Inline, g.Versions[i].File = s.Inline, s.File
			}
		}
	}
	for i := range t.Examples {
		if s := t.Examples[i].Schema; s != nil {
			as := Avro
			if t.Values != nil {
				as = t.Values.As
			}
			c.readSchema(fmt.Sprintf("spec.transform.examples.%d.schema", i), as, s)
		}
	}
}

func (c *checker) readSchema(path, as string, s *ValueSchema) {
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
	case as == Protobuf:
		if !utf8.Valid(text) {
			c.add(CodeValue, path+".file", s.File+" is not UTF-8", "the text of a .proto file")
			return
		}
		s.File = ""
		s.Inline, _ = json.Marshal(string(text)) // a text always has a form
	case !json.Valid(text):
		c.add(CodeValue, path+".file", s.File+" is not JSON", "the JSON of the schema, as the registry has it")
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

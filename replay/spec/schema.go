package spec

import (
	"bytes"
	_ "embed" // the schema below
	"encoding/json"
	"fmt"
	"sync"

	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
)

// SchemaName is the file name under which editors find the schema.
const SchemaName = "recovery.v1.schema.json"

//go:embed recovery.v1.schema.json
var schemaJSON []byte

// Schema returns the JSON Schema of Recovery, for editors and for people.
func Schema() []byte { return bytes.Clone(schemaJSON) }

// generate makes the schema from the types. comments is the directory of their source, for the descriptions.
func generate(comments string) ([]byte, error) {
	r := &jsonschema.Reflector{Anonymous: true, ExpandedStruct: true}
	if err := r.AddGoComments("backstitch/replay/spec", comments); err != nil {
		return nil, fmt.Errorf("read comments: %w", err)
	}
	s := r.Reflect(&Recovery{})
	s.Title = "backstitch recovery"
	for _, choice := range []string{"Source", "Target"} {
		one := uint64(1)
		s.Definitions[choice].MinProperties, s.Definitions[choice].MaxProperties = &one, &one
	}
	// The reflector drops the tags of fields whose type describes itself.
	for def, fields := range map[string]map[string]any{
		"Write":  {"commitInterval": string(DefaultCommitInterval)},
		"Slices": {"bytes": string(DefaultSliceBytes)},
	} {
		for name, value := range fields {
			field, ok := s.Definitions[def].Properties.Get(name)
			if !ok {
				return nil, fmt.Errorf("type %s has no field %s", def, name)
			}
			field.Default = value
		}
	}
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(out, '\n'), nil
}

// compiled is the schema in the form that validates.
var compiled = sync.OnceValues(func() (*validator.Schema, error) {
	doc, err := validator.UnmarshalJSON(bytes.NewReader(schemaJSON))
	if err != nil {
		return nil, err
	}
	c := validator.NewCompiler()
	if err := c.AddResource(SchemaName, doc); err != nil {
		return nil, err
	}
	return c.Compile(SchemaName)
})

package spec

import (
	"bytes"
	_ "embed" // the schemas below
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
)

// SchemaName, DatasetSchemaName and FlowSchemaName are the file names under which editors find the schemas.
const (
	SchemaName        = "recovery.v1.schema.json"
	DatasetSchemaName = "dataset.v1.schema.json"
	FlowSchemaName    = "flow.v1.schema.json"
)

var (
	//go:embed recovery.v1.schema.json
	schemaJSON []byte
	//go:embed dataset.v1.schema.json
	datasetJSON []byte
	//go:embed flow.v1.schema.json
	flowJSON []byte
)

// format is one kind of file: its schema, which validates, explains and knows the keys of each place.
type format struct {
	name     string // of the schema's file
	word     string // what explanations call the whole
	schema   []byte
	compiled func() (*validator.Schema, error)
}

var (
	recoveryFormat = newFormat(SchemaName, "recovery", schemaJSON)
	datasetFormat  = newFormat(DatasetSchemaName, "dataset", datasetJSON)
	flowFormat     = newFormat(FlowSchemaName, "flow", flowJSON)
)

func newFormat(name, word string, schema []byte) *format {
	return &format{name: name, word: word, schema: schema, compiled: sync.OnceValues(func() (*validator.Schema, error) {
		doc, err := validator.UnmarshalJSON(bytes.NewReader(schema))
		if err != nil {
			return nil, err
		}
		c := validator.NewCompiler()
		if err := c.AddResource(name, doc); err != nil {
			return nil, err
		}
		return c.Compile(name)
	})}
}

// Kinds are the kinds of files that there are.
func Kinds() []string { return []string{Kind, KindDataset, KindFlow} }

// formatOf returns the format of a kind, "" for Recovery.
func formatOf(kind string) (*format, error) {
	switch kind {
	case "", Kind:
		return recoveryFormat, nil
	case KindDataset:
		return datasetFormat, nil
	case KindFlow:
		return flowFormat, nil
	}
	p := Problem{Code: CodeValue, Message: fmt.Sprintf("there is no kind %q", kind), Hint: "kinds: " + strings.Join(Kinds(), ", ")}
	if near := nearest(kind, Kinds()); near != "" {
		p.Hint = "did you mean " + near + "?"
	}
	return nil, &pathError{p}
}

// flag is how a command line says which kind is meant.
func (f *format) flag() string {
	switch f {
	case datasetFormat:
		return "--kind " + KindDataset + " "
	case flowFormat:
		return "--kind " + KindFlow + " "
	}
	return ""
}

// Schema returns the JSON Schema of a kind, "" for Recovery, and the name of its file, for editors and for people.
func Schema(kind string) (name string, schema []byte, err error) {
	f, err := formatOf(kind)
	if err != nil {
		return "", nil, err
	}
	return f.name, bytes.Clone(f.schema), nil
}

// generate makes the schema of one of the kinds from the types. comments is the directory of their source, for the descriptions.
func generate(comments, name string) ([]byte, error) {
	r := &jsonschema.Reflector{Anonymous: true, ExpandedStruct: true}
	if err := r.AddGoComments("backstitch/replay/spec", comments); err != nil {
		return nil, fmt.Errorf("read comments: %w", err)
	}
	var s *jsonschema.Schema
	defaults := map[string]map[string]any{}
	switch name {
	case DatasetSchemaName:
		s = r.Reflect(&Dataset{})
		s.Title = "backstitch dataset"
	case FlowSchemaName:
		s = r.Reflect(&Flow{})
		s.Title = "backstitch flow"
		defaults["FlowRetry"] = map[string]any{"initial": string(DefaultFlowInitial), "max": string(DefaultFlowMax), "retryOn": defaultRetryOn}
	default:
		s = r.Reflect(&Recovery{})
		s.Title = "backstitch recovery"
		// The reflector drops the tags of fields whose type describes itself.
		defaults["Write"] = map[string]any{"commitInterval": string(DefaultCommitInterval)}
		defaults["Slices"] = map[string]any{"bytes": string(DefaultSliceBytes)}
		defaults["Throttle"] = map[string]any{"floor": string(DefaultFloor)}
		defaults["Spare"] = map[string]any{"maxLagIncrease": string(DefaultMaxLagIncrease)}
		defaults["Wasm"] = map[string]any{"memory": string(DefaultWasmMemory), "time": string(DefaultWasmTime)}
	}
	for _, choice := range []string{"Source", "Target", "Step"} {
		one := uint64(1)
		if def, ok := s.Definitions[choice]; ok {
			def.MinProperties, def.MaxProperties = &one, &one
		}
	}
	for def, fields := range defaults {
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

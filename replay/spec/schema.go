package spec

import (
	"bytes"
	_ "embed" // the schemas below
	"fmt"
	"strings"
	"sync"

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

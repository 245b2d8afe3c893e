package spec

import (
	"embed"
	"fmt"
	"strings"
)

// InitKinds are the templates that Init knows: what the source of a recovery is, a dataset, or a flow.
func InitKinds() []string {
	return []string{"s3", "dir", "kafka", "confluent", "auto", "dataset", "flow"}
}

//go:embed templates/*.yaml
var templates embed.FS

// Init returns a spec to begin with. kind is one of InitKinds. It parses as it is; what has to be changed is in capitals.
func Init(kind string) (string, error) {
	text, err := templates.ReadFile("templates/" + kind + ".yaml")
	if err != nil {
		p := Problem{Code: CodeValue, Message: fmt.Sprintf("there is no template %q", kind), Hint: "templates: " + strings.Join(InitKinds(), ", ")}
		if near := nearest(kind, InitKinds()); near != "" {
			p.Hint = "did you mean " + near + "?"
		}
		return "", &pathError{p}
	}
	schema := SchemaName
	switch kind {
	case "dataset":
		schema = DatasetSchemaName
	case "flow":
		schema = FlowSchemaName
	}
	return "# yaml-language-server: $schema=./" + schema + "\n" + string(text), nil
}

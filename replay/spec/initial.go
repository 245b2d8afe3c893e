package spec

import (
	"embed"
	"fmt"
	"strings"
)

// InitKinds are the templates that Init knows: what the source is.
func InitKinds() []string { return []string{"s3", "dir", "kafka", "confluent"} }

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
	return "# yaml-language-server: $schema=./" + SchemaName + "\n" + string(text), nil
}

package spec

import (
	"fmt"
	"strings"
)

// Values in AWS Glue's frame name the version of a schema by a UUID. Nobody asks AWS: what the versions say stands in the spec, so a plan of
// it is the same wherever it is made.

// Glue says what the UUIDs in AWS Glue's frame stand for.
type Glue struct {
	// UUID of the version that is the output schema. It stands in front of what comes out of a value in this frame.
	Output UUID `json:"output"`
	// Versions that values were written with. That of output is known by its schema.
	Versions []GlueVersion `json:"versions,omitempty" jsonschema:"maxItems=500"`
}

// GlueVersion is a version of a schema, with its text.
type GlueVersion struct {
	// UUID of the version, as values name it.
	UUID UUID `json:"uuid"`
	// The schema itself. That of Protobuf is a text.
	Inline Value `json:"inline,omitempty"`
	// A file with the schema beside the spec. What it says becomes a part of the plan.
	File string `json:"file,omitempty" jsonschema:"minLength=1"`
}

// UUID is one in its usual form, in letters of either case.
type UUID string

const uuidPattern = `^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`

// Canonical is the UUID in small letters.
func (u UUID) Canonical() string { return strings.ToLower(string(u)) }

// glue finds what is wrong with versions besides their form. registry says that the source names one, whose values are read as well.
func (c *checker) glue(path string, r *Recovery, v *TransformValues, registry bool) {
	if !registry {
		if url, at := r.Spec.Target.registry(); url != "" {
			c.add(CodeTogether, "spec.target."+at, "values in AWS Glue's frame alone ask no registry", "leave it out, or name that of the source, too")
		}
		switch s := &v.Schema; {
		case s.Subject != "" || s.Version != 0:
			c.add(CodeTogether, path+".schema", "without the registry of the source there are no subjects and versions: AWS is not asked", "schema: {file: FILE}, with what the version of glue.output says")
		case len(s.Inline) == 0 && s.File == "":
			c.add(CodeRequired, path+".schema", "the output schema is missing: AWS is not asked what the version of glue.output says", "schema: {file: FILE}")
		}
	}
	path += ".glue"
	seen := map[string]string{v.Glue.Output.Canonical(): "output"}
	for i, x := range v.Glue.Versions {
		at := fmt.Sprintf("%s.versions.%d", path, i)
		if before, is := seen[x.UUID.Canonical()]; is {
			c.add(CodeTwice, at+".uuid", fmt.Sprintf("version %s is named twice, the first time in %s", x.UUID.Canonical(), before), "leave one of them out; that of output is known by values.schema")
		}
		seen[x.UUID.Canonical()] = fmt.Sprintf("versions.%d", i)
		switch {
		case len(x.Inline) > 0:
			c.valueSchema(at, v.As, &ValueSchema{Inline: x.Inline})
		case x.File == "": // else it could not be read
			c.add(CodeOneOf, at, fmt.Sprintf("version %s has to say file or inline", x.UUID.Canonical()), "file: FILE; aws glue get-schema-version --schema-version-id "+x.UUID.Canonical()+" shows its schema")
		}
	}
}

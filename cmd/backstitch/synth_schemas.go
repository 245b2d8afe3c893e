package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"backstitch/cluster/client"
	"backstitch/replay/record"
	"backstitch/replay/schema"
	"backstitch/replay/synth"
	"backstitch/replay/synth/replica"
)

// schemaFlags say where schemas come from that values name.
type schemaFlags struct {
	prefix   string
	registry string
	glue     []string // UUID=FILE
	subjects []string
	likely   []string // subjects that the profile is to have if the registry does
}

func (s *schemaFlags) flags(f *pflag.FlagSet, prefix string) {
	s.prefix = prefix
	f.StringVar(&s.registry, prefix+"registry", "", "named connection or `URL` of the schema registry that knows what values name; without it they are bytes")
	f.StringArrayVar(&s.glue, prefix+"glue", nil, "`UUID=FILE` of a version of AWS Glue's schemas, as .avsc, .proto or .json; again for more")
}

// open is nil where values that name a schema are to be bytes.
func (s *schemaFlags) open(ctx context.Context, where *places, topic string) (*replica.Schemas, error) {
	if s.registry == "" && len(s.subjects) > 0 {
		return nil, s.wrong("--subject needs --registry, which has it")
	}
	if s.registry == "" && len(s.glue) == 0 {
		return nil, nil
	}
	out := &replica.Schemas{Topic: topic, Versions: map[record.SchemaName]synth.Schema{}}
	for _, x := range s.glue {
		text, file, ok := strings.Cut(x, "=")
		n, err := schema.ParseName(text)
		if !ok || err != nil || !n.ByGUID {
			return nil, s.wrong(fmt.Sprintf("--%sglue %q: want UUID=FILE", s.prefix, x))
		}
		kind, ok := map[string]string{".avsc": synth.KindAvro, ".proto": synth.KindProtobuf, ".json": synth.KindJSON}[filepath.Ext(file)]
		if !ok {
			return nil, s.wrong(fmt.Sprintf("--%sglue %q: what kind of schema it is tells the end of its name: .avsc, .proto or .json", s.prefix, x))
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, s.wrong(fmt.Sprintf("--%sglue: %v", s.prefix, err))
		}
		out.Versions[record.GlueVersion(n.GUID)] = synth.Schema{Kind: kind, Text: synth.Text{Schema: string(b)}}
	}
	if s.registry == "" {
		return out, nil
	}
	out.Subjects, out.Likely = s.subjects, s.likely
	var err error
	out.Registry, err = where.reachRegistry(ctx, s.registry)
	return out, err
}

func (s *schemaFlags) wrong(detail string) error {
	return &failure{Code: codeUsage, Title: "the flags for schemas do not go together", Detail: detail, Next: "backstitch help synth learn", Exit: client.ExitUsage}
}

// explain says why values of a topic can not be learnt from by their schemas.
func (s *schemaFlags) explain(topic string, err error) error {
	out := &failure{Code: codeNoSchema, Title: fmt.Sprintf("a schema of topic %s can not be had", topic), Detail: err.Error(), Err: err, Exit: client.ExitFailed,
		Next: "leave out --" + s.prefix + "registry and --" + s.prefix + "glue: values are then bytes"}
	var one *replica.SchemaError
	switch {
	case errors.Is(err, synth.ErrKind):
		out.Code, out.Title = codeSchemaKind, fmt.Sprintf("no values of a schema of topic %s can be made", topic)
	case errors.As(err, &one) && one.Name.Glue:
		out.Next = fmt.Sprintf("--%sglue %s=FILE; aws glue get-schema-version --schema-version-id %s --query SchemaDefinition --output text shows it", s.prefix, one.Name.Text(), one.Name.Text())
	case errors.As(err, &one) && s.registry == "":
		out.Next = "--" + s.prefix + "registry HOST:8081 asks for it; without --" + s.prefix + "glue such values are bytes"
	}
	return out
}

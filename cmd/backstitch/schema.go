package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/twmb/franz-go/pkg/sr"

	"backstitch/cluster/client"
	"backstitch/replay/connect"
	"backstitch/replay/schema"
	"backstitch/replay/schema/compat"
)

func newSchema(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "schema", Short: "Look at schemas, check whether they go together, register them"}
	cmd.AddCommand(newSchemaCheck(a), newSchemaDiff(a), newSchemaHistory(a), newSchemaRegister(a), newSchemaCopy(a))
	return cmd
}

// schemas finds the schemas that a command line names, in files and in a registry.
type schemas struct {
	app      *app
	where    places
	registry string
	typ      string
	refs     []string
	reg      *schema.Registry // once it was needed
}

func (s *schemas) registryFlags(f *pflag.FlagSet) {
	s.where.flags(f)
	f.StringVar(&s.registry, "registry", "", "named connection or `URL` of the schema registry")
}

func (s *schemas) fileFlags(f *pflag.FlagSet) {
	f.StringVar(&s.typ, "type", "", "`type` of the files: avro, json or protobuf; without it .avsc, .json and .proto say it")
	f.StringArrayVar(&s.refs, "reference", nil, "`NAME=SUBJECT@VERSION` or NAME=FILE that the files refer to as NAME; may be given several times")
}

// open reads the connections and reaches the registry, if one is named. close may always be called.
func (s *schemas) open(ctx context.Context) error {
	if err := s.where.load(s.app); err != nil || s.registry == "" {
		return err
	}
	r, err := s.where.reachRegistry(ctx, s.registry)
	if err != nil {
		return err
	}
	s.reg = r
	return nil
}

func (s *schemas) close() {
	if s.reg != nil {
		s.reg.Close()
	}
}

// named is one schema with what people call it.
type named struct {
	name    string
	version *schema.Version // of a registry
	sent    sr.Schema       // of a file, as a registry is to have it
	text    compat.Text
	parsed  *compat.Schema
}

// version is what a reference or an argument says in the registry's terms: SUBJECT@VERSION or SUBJECT@latest, 0 for the latest.
func subjectVersion(text string) (subject string, version int, ok bool) {
	i := strings.LastIndexByte(text, '@')
	if i <= 0 {
		return "", 0, false
	}
	if text[i+1:] == "latest" {
		return text[:i], 0, true
	}
	n, err := strconv.Atoi(text[i+1:])
	return text[:i], n, err == nil && n > 0
}

// schema reads a schema by what an argument says: SUBJECT@VERSION of the registry, or a file.
func (s *schemas) schema(ctx context.Context, cmd *cobra.Command, arg string) (*named, error) {
	subject, version, ok := subjectVersion(arg)
	if !ok {
		return s.file(ctx, cmd, arg)
	}
	if s.reg == nil {
		return nil, usage(cmd, fmt.Errorf("%s is a version of a registry, and --registry names none", arg))
	}
	v, err := s.reg.Version(ctx, subject, version)
	if err != nil {
		return nil, s.problem(err)
	}
	return s.known(v)
}

// known is a version of the registry, understood.
func (s *schemas) known(v schema.Version) (*named, error) {
	parsed, err := compat.Parse(v.Text)
	if err != nil {
		return nil, notASchema(v.Name(), err)
	}
	return &named{name: v.Name(), version: &v, text: v.Text, parsed: parsed}, nil
}

// file reads a schema from a file, with what --reference says that it refers to.
func (s *schemas) file(ctx context.Context, cmd *cobra.Command, path string) (*named, error) {
	typ, err := s.typeOf(cmd, path)
	if err != nil {
		return nil, err
	}
	body, err := readText(path)
	if err != nil {
		return nil, err
	}
	out := &named{name: path, sent: sr.Schema{Schema: body, Type: typ}, text: compat.Text{Type: typ, Schema: body}}
	for _, ref := range s.refs {
		name, to, ok := strings.Cut(ref, "=")
		if !ok || name == "" || to == "" {
			return nil, usage(cmd, fmt.Errorf("--reference %q: want NAME=SUBJECT@VERSION or NAME=FILE", ref))
		}
		subject, version, inRegistry := subjectVersion(to)
		if !inRegistry {
			text, err := readText(to)
			if err != nil {
				return nil, err
			}
			out.text.References = append(out.text.References, compat.Reference{Name: name, Text: compat.Text{Type: typ, Schema: text}})
			continue
		}
		if s.reg == nil {
			return nil, usage(cmd, fmt.Errorf("--reference %s is a version of a registry, and --registry names none", ref))
		}
		v, err := s.reg.Version(ctx, subject, version)
		if err != nil {
			return nil, s.problem(err)
		}
		out.text.References = append(out.text.References, compat.Reference{Name: name, Text: v.Text})
		out.sent.References = append(out.sent.References, sr.SchemaReference{Name: name, Subject: subject, Version: v.Version})
	}
	if out.parsed, err = compat.Parse(out.text); err != nil {
		return nil, notASchema(path, err)
	}
	return out, nil
}

func (s *schemas) typeOf(cmd *cobra.Command, path string) (sr.SchemaType, error) {
	word := s.typ
	if word == "" {
		word = map[string]string{".avsc": "avro", ".json": "json", ".proto": "protobuf"}[strings.ToLower(filepath.Ext(path))]
	}
	switch word {
	case "avro":
		return sr.TypeAvro, nil
	case "json":
		return sr.TypeJSON, nil
	case "protobuf":
		return sr.TypeProtobuf, nil
	case "":
		return 0, usage(cmd, fmt.Errorf("%s does not say by its name what it is: --type avro, json or protobuf", path))
	}
	return 0, usage(cmd, fmt.Errorf("--type %q: want avro, json or protobuf", word))
}

// mostSchemaBytes bounds a file: a larger one is no schema.
const mostSchemaBytes = 8 << 20

func readText(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", unreadable(path, err)
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, mostSchemaBytes+1))
	if err == nil && len(body) > mostSchemaBytes {
		err = fmt.Errorf("it has more than %s", bytesText(mostSchemaBytes))
	}
	if err != nil {
		return "", unreadable(path, err)
	}
	return string(body), nil
}

func unreadable(path string, err error) error {
	out := &failure{Code: codeFile, Title: "can not read " + path, Detail: err.Error(), Next: "check the name", Exit: client.ExitUsage, Err: err}
	if errors.Is(err, os.ErrNotExist) {
		out.Exit = client.ExitNotFound
	}
	return out
}

func notASchema(name string, err error) error {
	return &failure{
		Code: codeNotASchema, Title: name + " can not be understood", Detail: err.Error(), Exit: client.ExitUsage, Err: err,
		Next: "check the text, --type, and that every schema that it refers to is named: --reference NAME=SUBJECT@VERSION",
	}
}

// problem says what a registry's answer means for a command.
func (s *schemas) problem(err error) error {
	out := &failure{Title: "schema registry " + s.reg.Name() + " can not be used", Detail: err.Error(), Exit: client.ExitFailed, Err: err}
	switch {
	case errors.Is(err, schema.ErrUnknown):
		out.Code, out.Title, out.Exit = codeNoSubject, "the registry has no such subject or version", client.ExitNotFound
		out.Next = "check the name; a subject in a context is written :.CONTEXT:SUBJECT"
	case errors.Is(err, schema.ErrRefused):
		out.Code, out.Title, out.Exit = codeSchemaRefused, "the registry does not take the schema", client.ExitConflict
		out.Next = "look at what the subject has: backstitch schema history SUBJECT --registry " + quoted(s.registry)
	case errors.Is(err, schema.ErrLogin):
		out.Code, out.Exit = connect.CodeRegistryLogin, client.ExitNotAllowed
		out.Next = "check user and password, or token, of connections.NAME.registry, and what they may do"
	case errors.Is(err, schema.ErrNoAnswer):
		out.Code, out.Next = connect.CodeRegistryDown, "check the address from this machine, and that a registry is there"
	default:
		return err // the command's own end, or what nobody has foreseen
	}
	return out
}

// status is what a verdict ends a command with.
func verdictStatus(v compat.Verdict) error {
	switch v {
	case compat.Compatible:
		return nil
	case compat.Incompatible:
		return exitStatus(client.ExitIncompatible)
	}
	return exitStatus(client.ExitIndeterminate)
}

// problemsText prints problems for people, each in two lines.
func problemsText(w io.Writer, indent string, problems []compat.Problem) {
	for _, p := range problems {
		fmt.Fprintf(w, "%s%-16s %s\n%s  %s\n", indent, p.Kind, dash(p.Path), indent, p.Text)
		if p.Reader+p.Writer != "" {
			fmt.Fprintf(w, "%s  reader  %s\n%s  writer  %s\n", indent, dash(p.Reader), indent, dash(p.Writer))
		}
	}
}

package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/replay/spec"
)

func newSpec(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "spec", Short: "Write, check and explain job specs, datasets and flows"}
	cmd.AddCommand(newSpecInit(a), newSpecValidate(a), newSpecExplain(a), newSpecSchema(a))
	return cmd
}

func newSpecInit(a *app) *cobra.Command {
	return &cobra.Command{
		Use:       "init {" + strings.Join(spec.InitKinds(), "|") + "} [FILE]",
		Short:     "Write a spec to begin with, to FILE or stdout",
		Example:   "  backstitch spec init s3 orders.yaml",
		Args:      cobra.RangeArgs(1, 2),
		ValidArgs: spec.InitKinds(),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := spec.Init(args[0])
			if err != nil {
				return usage(cmd, err)
			}
			if len(args) == 2 {
				if err := writeFile(args[1], []byte(text)); err != nil {
					return err
				}
				a.say("Wrote %s.  Change what is in capitals, then: backstitch spec validate %s", args[1], args[1])
				return a.print(answer{value: map[string]string{"file": args[1]}, names: args[1:], text: func(io.Writer) error { return nil }})
			}
			return a.print(answer{value: map[string]string{"spec": text}, names: args, text: func(w io.Writer) error {
				_, err := io.WriteString(w, text)
				return err
			}})
		},
	}
}

func newSpecValidate(a *app) *cobra.Command {
	var where places
	cmd := &cobra.Command{
		Use:   "validate FILE...",
		Short: "Say everything that is wrong with a spec, with line and column",
		Long: `Say everything that is wrong with a spec. Nothing is connected to. With --connections the names that the spec uses have to be
among those in that file.`,
		Example: "  backstitch spec validate orders.yaml --connections agent.yaml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := where.load(a); err != nil {
				return err
			}
			var all []any
			var names, full []string
			next := ""
			for _, file := range args {
				data, err := readSpecFile(file)
				if err != nil {
					return err
				}
				namespace, name, then := "", "", ""
				switch spec.KindOf(data) {
				case spec.KindFlow:
					f, _, err := readFlow(file, data, &where)
					if err != nil {
						return err
					}
					all, namespace, name, then = append(all, f), f.Metadata.Namespace, f.Metadata.Name, "backstitch flow submit -f "+file
				case spec.KindDataset:
					d, err := spec.ParseDataset(file, data, spec.Options{Connections: where.kinds()})
					if err != nil {
						return err
					}
					d = d.WithDefaults()
					all, namespace, name, then = append(all, d), d.Metadata.Namespace, d.Metadata.Name, "backstitch dataset apply -f "+file
				default:
					r, err := spec.Parse(file, data, spec.Options{Connections: where.kinds(), ReadFile: besideSpec(file)})
					if err != nil {
						return err
					}
					r = r.WithDefaults()
					all, namespace, name, then = append(all, r), r.Metadata.Namespace, r.Metadata.Name, "backstitch gaps heatmap -f "+file
				}
				names, full = append(names, name), append(full, namespace+"/"+name)
				next = cmp.Or(next, then)
			}
			return a.print(answer{value: map[string]any{"valid": true, "specs": all}, rows: all, names: names, text: func(w io.Writer) error {
				for i, file := range args {
					fmt.Fprintf(w, "ok: %s   %s\n", file, full[i])
				}
				_, err := fmt.Fprintf(w, "Next: %s\n", next)
				return err
			}})
		},
	}
	where.flags(cmd.Flags())
	return cmd
}

// readSpec reads a spec from a file.
func readSpec(file string, where *places) (*spec.Recovery, error) {
	data, err := readSpecFile(file)
	if err != nil {
		return nil, err
	}
	return spec.Parse(file, data, spec.Options{Connections: where.kinds(), ReadFile: besideSpec(file)})
}

// besideSpec reads files that the spec in file names: from the directory that it is in.
func besideSpec(file string) func(name string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(file), name)
		}
		return readSpecFile(name)
	}
}

// readSpecFile reads as much of a file as a spec may have, and a byte more.
func readSpecFile(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, &failure{
			Code: codeFile, Title: "can not read " + file, Detail: err.Error(), Exit: client.ExitNotFound, Err: err,
			Next: "backstitch spec init s3 " + file,
		}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, spec.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return data, nil
}

// kinds says what each named connection is; nil when no file was given.
func (p *places) kinds() map[string]string {
	if p.file == "" {
		return nil
	}
	out := map[string]string{}
	for name, c := range p.named {
		out[name] = c.Kind()
	}
	return out
}

func newSpecExplain(a *app) *cobra.Command {
	kind := spec.Kind
	cmd := &cobra.Command{
		Use:     "explain [PATH]",
		Short:   "Explain one field of a spec",
		Example: "  backstitch spec explain spec.write",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			path := strings.Join(args, "")
			text, err := spec.Explain(kind, path)
			if err != nil {
				return err
			}
			return a.print(answer{value: map[string]string{"path": path, "text": text}, names: args, text: func(w io.Writer) error {
				_, err := io.WriteString(w, text)
				return err
			}})
		},
	}
	cmd.Flags().StringVar(&kind, "kind", kind, "`kind` of file that has the field: "+strings.Join(spec.Kinds(), ", "))
	return cmd
}

func newSpecSchema(a *app) *cobra.Command {
	kind := spec.Kind
	cmd := &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of specs, for editors",
		Example: "  backstitch spec schema > " + spec.SchemaName + "\n  backstitch spec schema --kind " + spec.KindDataset + " > " + spec.DatasetSchemaName,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			name, schema, err := spec.Schema(kind)
			if err != nil {
				return err
			}
			return a.print(answer{value: json.RawMessage(schema), names: []string{name}, text: func(w io.Writer) error {
				_, err := w.Write(schema)
				return err
			}})
		},
	}
	cmd.Flags().StringVar(&kind, "kind", kind, "`kind` of file that the schema is of: "+strings.Join(spec.Kinds(), ", "))
	return cmd
}

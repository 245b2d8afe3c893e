package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/replay/spec"
)

func newSpec(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "spec", Short: "Write, check and explain job specs"}
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
			var all []*spec.Recovery
			var names []string
			for _, file := range args {
				r, err := readSpec(file, &where)
				if err != nil {
					return err
				}
				all = append(all, r.WithDefaults())
				names = append(names, r.Metadata.Name)
			}
			return a.print(answer{value: map[string]any{"valid": true, "specs": all}, rows: anys(all), names: names, text: func(w io.Writer) error {
				for i, file := range args {
					fmt.Fprintf(w, "ok: %s   %s/%s\n", file, all[i].Metadata.Namespace, all[i].Metadata.Name)
				}
				_, err := fmt.Fprintf(w, "Next: backstitch gaps heatmap -f %s\n", args[0])
				return err
			}})
		},
	}
	where.flags(cmd.Flags())
	return cmd
}

// readSpec reads a spec from a file.
func readSpec(file string, where *places) (*spec.Recovery, error) {
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
	return spec.Parse(file, data, spec.Options{Connections: where.kinds()})
}

// kinds says what each named connection is; nil when no file was given.
func (p *places) kinds() map[string]string {
	if p.file == "" {
		return nil
	}
	out := map[string]string{}
	for name, c := range p.named {
		if c.Kafka != nil {
			out[name] = "kafka"
		} else {
			out[name] = "s3"
		}
	}
	return out
}

func newSpecExplain(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "explain [PATH]",
		Short:   "Explain one field of a spec",
		Example: "  backstitch spec explain spec.write",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			path := strings.Join(args, "")
			text, err := spec.Explain(path)
			if err != nil {
				return err
			}
			return a.print(answer{value: map[string]string{"path": path, "text": text}, names: args, text: func(w io.Writer) error {
				_, err := io.WriteString(w, text)
				return err
			}})
		},
	}
}

func newSpecSchema(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of specs, for editors",
		Example: "  backstitch spec schema > " + spec.SchemaName,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.print(answer{value: json.RawMessage(spec.Schema()), names: []string{spec.SchemaName}, text: func(w io.Writer) error {
				_, err := w.Write(spec.Schema())
				return err
			}})
		},
	}
}

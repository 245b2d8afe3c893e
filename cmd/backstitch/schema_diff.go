package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/replay/schema/compat"
)

// schemaDiffered is what a diff prints. Backward: New reads what Old wrote; forward, the other way round.
type schemaDiffered struct {
	Old      string          `json:"old"`
	New      string          `json:"new"`
	Type     string          `json:"type"` // of New
	Changes  []compat.Change `json:"changes"`
	Backward compat.Answer   `json:"backward"`
	Forward  compat.Answer   `json:"forward"`
}

func newSchemaDiff(a *app) *cobra.Command {
	s := &schemas{app: a}
	detailed := false
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Show field by field what two schemas say differently, and whether each reads the other",
		Long: `Compare two schemas place by place: fields of Avro by record, places of JSON Schema by pointer, fields of Protobuf by number. Each is a file,
or SUBJECT@VERSION or SUBJECT@latest of --registry. Documentation and the order of fields do not count. Nothing is written.`,
		Example: `  backstitch schema diff order-v1.avsc order-v2.avsc
  backstitch schema diff orders-value@3 orders-value@latest --registry https://schemas:8081
  backstitch schema diff orders-value@latest order.avsc --registry schemas --connections agent.yaml -o json`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if err := s.open(ctx); err != nil {
				return err
			}
			defer s.close()
			old, err := s.schema(ctx, cmd, args[0])
			if err != nil {
				return err
			}
			now, err := s.schema(ctx, cmd, args[1])
			if err != nil {
				return err
			}
			out := schemaDiffer(old, now)
			if err := a.print(answer{value: out, rows: anys(out.Changes), names: changedPaths(out.Changes), text: out.text}); err != nil {
				return err
			}
			if detailed && len(out.Changes) > 0 {
				return exitStatus(client.ExitWork)
			}
			return nil
		},
	}
	f := cmd.Flags()
	s.registryFlags(f)
	s.fileFlags(f)
	f.BoolVar(&detailed, "detailed-exitcode", false, "exit with 8 when the schemas say something differently")
	return cmd
}

func schemaDiffer(old, now *named) schemaDiffered {
	out := schemaDiffered{Old: old.name, New: now.name, Type: now.parsed.Type().String(), Changes: compat.Diff(old.parsed, now.parsed)}
	back, forth := compat.Reads(now.parsed, old.parsed), compat.Reads(old.parsed, now.parsed)
	out.Backward = compat.Answer{Verdict: compat.VerdictOf(back), Problems: back}
	out.Forward = compat.Answer{Verdict: compat.VerdictOf(forth), Problems: forth}
	return out
}

func changedPaths(changes []compat.Change) []string {
	var out []string
	for _, c := range changes {
		out = append(out, c.Path)
	}
	return out
}

func (d schemaDiffered) text(w io.Writer) error {
	fmt.Fprintf(w, "Schema %s -> %s   %s\n", d.Old, d.New, d.Type)
	changesText(w, "  ", d.Changes)
	if len(d.Changes) == 0 {
		fmt.Fprintln(w, "  No place says something differently; documentation and the order of fields were not compared.")
	}
	for _, side := range []struct {
		what string
		compat.Answer
	}{{"The new one reads what was written with the old one: ", d.Backward}, {"The old one reads what is written with the new one: ", d.Forward}} {
		if _, err := fmt.Fprintf(w, "%s%s\n", side.what, side.Verdict); err != nil {
			return err
		}
		problemsText(w, "  ", side.Problems)
	}
	return nil
}

// changesText prints one change per line: + is new, - is gone, ~ is another one now.
func changesText(w io.Writer, indent string, changes []compat.Change) {
	for _, c := range changes {
		switch {
		case c.Old == "":
			fmt.Fprintf(w, "%s+ %s  %s\n", indent, c.Path, c.New)
		case c.New == "":
			fmt.Fprintf(w, "%s- %s  %s\n", indent, c.Path, c.Old)
		default:
			fmt.Fprintf(w, "%s~ %s  %s -> %s\n", indent, dash(c.Path), c.Old, c.New)
		}
	}
}

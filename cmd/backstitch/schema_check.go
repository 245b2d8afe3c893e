package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"backstitch/replay/schema/compat"
)

// schemaCheck says whether a candidate goes together with what there is.
type schemaCheck struct {
	schemas
	subject string
	mode    string
	against []string
}

// checked is what a check prints.
type checked struct {
	Schema  string `json:"schema"`
	Subject string `json:"subject,omitempty"`
	ModeOf  string `json:"modeOf"` // who says the mode: flag, registry, default
	compat.Report
}

func newSchemaCheck(a *app) *cobra.Command {
	c := &schemaCheck{schemas: schemas{app: a}}
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Say whether a schema goes together with earlier ones, and where it does not",
		Long: `Compare a schema with the versions of a registry's subject, or with files, and say for each place that does not fit what both sides
have there. Nothing is written. What is not understood is undecided, never compatible.

The mode is that of the registry unless --mode says it, and backward between files: backward, the new schema reads what the earlier one
wrote; forward, the other way round; full, both. A transitive one looks at all versions, the others at the latest.

The exit status is 7 when it is incompatible, and 5 when that is undecided or nothing was compared.`,
		Example: `  backstitch schema check order.avsc --registry https://schemas:8081 --subject orders-value
  backstitch schema check order.avsc --registry schemas --connections agent.yaml --subject orders-value --mode full_transitive
  backstitch schema check order-v3.proto --against order-v1.proto --against order-v2.proto --mode backward_transitive`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case (c.registry != "") == (len(c.against) > 0):
				return usage(cmd, errors.New("compare with what? --registry and --subject, or --against FILE"))
			case (c.registry != "") != (c.subject != ""):
				return usage(cmd, errors.New("--registry and --subject go together"))
			}
			return c.run(cmd, args[0])
		},
	}
	f := cmd.Flags()
	c.registryFlags(f)
	c.fileFlags(f)
	f.StringVar(&c.subject, "subject", "", "`subject` with whose versions to compare; in a context :.CONTEXT:SUBJECT")
	f.StringVar(&c.mode, "mode", "", "`mode`: "+modeWords())
	f.StringArrayVar(&c.against, "against", nil, "`file` with an earlier schema; may be given several times, oldest first")
	return cmd
}

func modeWords() string {
	var out []string
	for _, m := range compat.Modes() {
		out = append(out, strings.ToLower(string(m)))
	}
	return strings.Join(out, ", ")
}

func (c *schemaCheck) run(cmd *cobra.Command, file string) error {
	ctx := cmd.Context()
	var mode compat.Mode
	if c.mode != "" {
		var err error
		if mode, err = compat.ParseMode(c.mode); err != nil {
			return usage(cmd, err)
		}
	}
	if err := c.open(ctx); err != nil {
		return err
	}
	defer c.close()
	candidate, err := c.file(ctx, cmd, file)
	if err != nil {
		return err
	}
	out := checked{Schema: file, Subject: c.subject, ModeOf: "flag"}
	var earlier []compat.Version
	if c.registry == "" {
		if mode == "" {
			mode, out.ModeOf = compat.Backward, "default"
		}
		for _, path := range c.against {
			old, err := c.file(ctx, cmd, path)
			if err != nil {
				return err
			}
			earlier = append(earlier, compat.Version{Name: path, Schema: old.parsed})
		}
	} else {
		if mode == "" {
			out.ModeOf = "registry"
			if mode, err = c.reg.Mode(ctx, c.subject); err != nil {
				return c.problem(err)
			}
		}
		if earlier, err = c.versions(cmd, c.subject, mode); err != nil {
			return err
		}
	}
	out.Report = compat.Check(candidate.parsed, earlier, mode)
	err = c.app.print(answer{value: out, rows: anys(out.Against), names: []string{string(out.Verdict)}, text: out.text})
	if err != nil {
		return err
	}
	return verdictStatus(out.Verdict)
}

// versions are those of a subject that a mode looks at. One that can not be understood is compared all the same, and undecided.
func (s *schemas) versions(cmd *cobra.Command, subject string, mode compat.Mode) ([]compat.Version, error) {
	numbers, err := s.reg.Versions(cmd.Context(), subject)
	if err != nil {
		return nil, s.problem(err)
	}
	if !mode.Transitive() && len(numbers) > 0 {
		numbers = numbers[len(numbers)-1:]
	}
	var out []compat.Version
	for _, n := range numbers {
		v, err := s.reg.Version(cmd.Context(), subject, n)
		if err != nil {
			return nil, s.problem(err)
		}
		parsed, err := compat.Parse(v.Text)
		out = append(out, compat.Version{Name: v.Name(), Schema: parsed, Err: err})
	}
	return out, nil
}

func (c checked) text(w io.Writer) error {
	against := c.Subject
	if against == "" {
		against = "files"
	}
	whose := map[string]string{"flag": "--mode", "registry": "the registry's", "default": "the default"}[c.ModeOf]
	fmt.Fprintf(w, "Schema %s against %s   mode %s (%s)\n", c.Schema, against, c.Mode, whose)
	problems := 0
	for _, a := range c.Against {
		for _, side := range []struct {
			what string
			*compat.Answer
		}{{"reads what it wrote", a.Backward}, {"is read by it", a.Forward}} {
			if side.Answer == nil {
				continue
			}
			fmt.Fprintf(w, "  %-24s %-20s %s\n", a.Version, side.what, side.Verdict)
			problemsText(w, "    ", side.Problems)
			problems += len(side.Problems)
		}
		problemsText(w, "    ", a.Reuse)
		problems += len(a.Reuse)
	}
	why := c.Why
	switch {
	case problems == 1:
		why = "1 problem"
	case problems > 1:
		why = fmt.Sprintf("%d problems", problems)
	}
	if why == "" {
		why = fmt.Sprintf("compared with %d", len(c.Against))
	}
	_, err := fmt.Fprintf(w, "%s: %s.  Nothing was written.\n", strings.ToUpper(string(c.Verdict)), why)
	return err
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/replay/schema"
)

// schemaCopy registers a subject's versions in another registry.
type schemaCopy struct {
	app      *app
	where    places
	from, to string // registries
	as       string
	dry      bool
}

// subjectCopy is what a copy prints.
type subjectCopy struct {
	From    string        `json:"from"`
	To      string        `json:"to"`
	Subject string        `json:"subject"`
	As      string        `json:"as"`
	DryRun  bool          `json:"dryRun,omitempty"`
	Steps   []versionCopy `json:"steps"`
}

// versionCopy is one version.
type versionCopy struct {
	From        string `json:"from"` // SUBJECT@VERSION
	ID          int    `json:"id"`
	To          string `json:"to,omitempty"`
	ToID        int    `json:"toId,omitempty"`
	Done        string `json:"done"` // there, registered, to be registered
	Reference   bool   `json:"reference,omitempty"`
	Fingerprint string `json:"fingerprint"`
}

func newSchemaCopy(a *app) *cobra.Command {
	c := &schemaCopy{app: a}
	cmd := changes(&cobra.Command{
		Use:   "copy SUBJECT",
		Short: "Register a subject's versions, with all that they refer to, in another registry",
		Long: `Read all versions of a subject from one registry and what they refer to, and register those that another registry lacks, in their order, references
first. What is there already, to the byte, stays as it is. Nothing is ever overwritten, deleted or configured; numbers are the other registry's own.
References keep their subjects, contexts too; --as registers the subject itself under another name or in another context, into which those of its own
context go along. Each version is read back, by its number as well. The other registry checks by its own mode and may refuse; what was registered until then
stays, and the command can be given again.`,
		Example: `  backstitch schema copy orders-value --from west --to east --connections agent.yaml --dry-run
  backstitch schema copy :.pay:orders-value --from https://west:8081 --to https://east:8081 --as orders-value --yes`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := required(cmd, "from", "to"); err != nil {
				return err
			}
			return c.run(cmd.Context(), args[0])
		},
	})
	f := cmd.Flags()
	c.where.flags(f)
	f.StringVar(&c.from, "from", "", "named connection or `URL` of the registry that has the subject")
	f.StringVar(&c.to, "to", "", "named connection or `URL` of the registry that is to have it")
	f.StringVar(&c.as, "as", "", "`subject` that it becomes there; without it, it keeps its name")
	f.BoolVar(&c.dry, "dry-run", false, "print what would be registered and register nothing")
	return cmd
}

func (c *schemaCopy) run(ctx context.Context, subject string) error {
	if c.as == "" {
		c.as = subject
	}
	if c.from == c.to && c.as == subject {
		return &failure{Code: codeSameRegistry, Title: "--from and --to are the same registry", Detail: "Subject " + subject + " would be copied onto itself.", Exit: client.ExitUsage,
			Next: "name another registry: --to REGISTRY, or another subject: --as SUBJECT"}
	}
	from, err := c.reach(ctx, c.from)
	if err != nil {
		return err
	}
	defer from.close()
	to, err := c.reach(ctx, c.to)
	if err != nil {
		return err
	}
	defer to.close()
	plan, err := schema.PlanCopy(ctx, from.reg, to.reg, subject, c.as)
	if err != nil {
		return c.problem(err, from, to)
	}
	if c.dry || plan.Lacking() == 0 {
		return c.say(subject, from, to, plan, c.dry)
	}
	if err := c.app.confirm(fmt.Sprintf("Register %d version(s) at %s, of subject %s and what it refers to?", plan.Lacking(), to.reg.Name(), c.as), "--yes, or --dry-run to look only"); err != nil {
		return err
	}
	done := 0
	err = plan.Run(ctx, func(schema.CopyStep) { done++ })
	if err != nil {
		return c.stopped(err, from, to, done, plan.Lacking())
	}
	return c.say(subject, from, to, plan, false)
}

// reach opens a registry.
func (c *schemaCopy) reach(ctx context.Context, name string) (*schemas, error) {
	s := &schemas{app: c.app, where: c.where, registry: name}
	return s, s.open(ctx)
}

// problem says which registry did not answer.
func (c *schemaCopy) problem(err error, from, to *schemas) error {
	s := from
	if !errors.Is(err, schema.ErrUnknown) && to.reg.Down() {
		s = to
	}
	return s.problem(err)
}

// stopped says how far a copy came. What was registered stays: taking it back could take away what somebody has begun to use.
func (c *schemaCopy) stopped(err error, from, to *schemas, done, all int) error {
	next := "backstitch schema copy with the same words goes on where it stopped"
	switch {
	case errors.Is(err, schema.ErrReadBack):
		next = "look at both with backstitch schema diff, and turn off what rewrites schemas at " + to.reg.Name()
	case errors.Is(err, schema.ErrRefused):
		next = "backstitch schema history " + quoted(c.as) + " --registry " + quoted(c.to) + " shows what it has and its mode; then the same command goes on"
	}
	return &failure{Code: codeCopyStopped, Title: fmt.Sprintf("%d of %d versions were registered at %s", done, all, to.reg.Name()), Detail: err.Error(), Next: next, Exit: client.ExitFailed, Err: err}
}

func (c *schemaCopy) say(subject string, from, to *schemas, plan *schema.Copy, dry bool) error {
	out := subjectCopy{From: from.reg.Name(), To: to.reg.Name(), Subject: subject, As: c.as, DryRun: dry, Steps: []versionCopy{}}
	var names []string
	for _, s := range plan.Steps {
		step := versionCopy{From: s.From.Name(), ID: s.From.ID, Reference: s.Needed, Fingerprint: describe(s.From).Fingerprint, Done: "to be registered"}
		switch {
		case s.There:
			step.Done = "there"
		case s.To.Version > 0:
			step.Done = "registered"
		}
		if s.To.Version > 0 {
			step.To, step.ToID = s.To.Name(), s.To.ID
			names = append(names, step.To)
		} else {
			step.To = s.Subject
		}
		out.Steps = append(out.Steps, step)
	}
	return c.app.print(answer{value: out, names: names, text: out.text})
}

func (o subjectCopy) text(w io.Writer) error {
	fmt.Fprintf(w, "Subject %s of %s   into %s of %s\n", o.Subject, o.From, o.As, o.To)
	lacking, registered := 0, 0
	for _, s := range o.Steps {
		line := fmt.Sprintf("  %-16s %s (id %d) -> %s", s.Done, s.From, s.ID, s.To)
		switch s.Done {
		case "registered":
			registered++
		case "to be registered":
			lacking++
		}
		if s.ToID > 0 {
			line += fmt.Sprintf(" (id %d)", s.ToID)
		}
		if s.Reference {
			line += "   referred to"
		}
		fmt.Fprintf(w, "%s   fingerprint %s\n", line, short(s.Fingerprint))
	}
	said := fmt.Sprintf("%d registered and read back.", registered)
	if lacking > 0 {
		said = fmt.Sprintf("%d to be registered. Nothing was written.", lacking)
	} else if registered == 0 {
		said = "All of it is there. Nothing was written."
	}
	_, err := fmt.Fprintln(w, said)
	return err
}

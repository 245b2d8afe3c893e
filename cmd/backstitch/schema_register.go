package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/replay/schema"
	"backstitch/replay/schema/compat"
)

// schemaRegister adds a version to a subject.
type schemaRegister struct {
	schemas
	subject string
	force   bool
}

// registered is what a registration prints.
type registered struct {
	Subject string         `json:"subject"`
	Created bool           `json:"created"` // false: the subject had it already
	Check   *compat.Report `json:"check,omitempty"`
	Note    string         `json:"note,omitempty"`
	schemaVersion
}

func newSchemaRegister(a *app) *cobra.Command {
	r := &schemaRegister{schemas: schemas{app: a}}
	cmd := changes(&cobra.Command{
		Use:   "register FILE",
		Short: "Add a version to a subject of a registry, after a check",
		Long: `Check a schema against what the subject has, by the registry's mode; ask; register it as the next version; read it back. A schema that the
subject has already is not registered again. Nothing is ever overwritten, deleted or configured.

One that is incompatible, or of which that is undecided, is refused unless --allow-incompatible is given. The registry checks for itself and
may still refuse; its mode is not changed.`,
		Example: `  backstitch schema register order.avsc --registry https://schemas:8081 --subject orders-value
  backstitch schema register order.proto --registry schemas --connections agent.yaml --subject :.payments:orders-value \
      --reference common/money.proto=money@2 --yes`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := required(cmd, "registry", "subject"); err != nil {
				return err
			}
			return r.run(cmd, args[0])
		},
	})
	f := cmd.Flags()
	r.registryFlags(f)
	r.fileFlags(f)
	f.StringVar(&r.subject, "subject", "", "`subject` to add a version to; in a context :.CONTEXT:SUBJECT")
	f.BoolVar(&r.force, "allow-incompatible", false, "register although readers of one version can not, or may not be able to, read what is written with another")
	return cmd
}

func (r *schemaRegister) run(cmd *cobra.Command, file string) error {
	ctx := cmd.Context()
	if err := r.open(ctx); err != nil {
		return err
	}
	defer r.close()
	candidate, err := r.file(ctx, cmd, file)
	if err != nil {
		return err
	}
	if len(candidate.sent.References) < len(candidate.text.References) {
		return usage(cmd, errors.New("a registry keeps references to versions of subjects, not to files: --reference NAME=SUBJECT@VERSION"))
	}
	numbers, err := r.reg.Versions(ctx, r.subject)
	if err != nil && !errors.Is(err, schema.ErrUnknown) {
		return r.problem(err)
	}
	latest := 0
	if len(numbers) > 0 {
		latest = numbers[len(numbers)-1]
		have, err := r.reg.Lookup(ctx, r.subject, candidate.sent)
		if err == nil {
			return r.say(registered{Subject: r.subject, schemaVersion: describe(have)})
		}
		if !errors.Is(err, schema.ErrUnknown) {
			return r.problem(err)
		}
	}
	report, err := r.check(cmd, candidate, latest)
	if err != nil {
		return err
	}
	question := fmt.Sprintf("Register %s as version %d of subject %s at %s?", file, latest+1, r.subject, r.reg.Name())
	if latest == 0 {
		question = fmt.Sprintf("Register %s as the first version of the new subject %s at %s?", file, r.subject, r.reg.Name())
	}
	if report != nil && report.Verdict != compat.Compatible {
		question = fmt.Sprintf("It is %s (%s). %s", report.Verdict, reason(report), question)
	}
	if err := r.app.confirm(question, "--yes"); err != nil {
		return err
	}
	back, err := r.reg.Register(ctx, r.subject, candidate.sent)
	if err != nil {
		return r.problem(err)
	}
	if err := r.same(candidate, back); err != nil {
		return err
	}
	out := registered{Subject: r.subject, Created: true, Check: report, schemaVersion: describe(back)}
	if back.Version > latest+1 && latest > 0 {
		out.Note = fmt.Sprintf("somebody else registered a version meanwhile: this one was checked against version %d, not against %d", latest, back.Version-1)
	}
	return r.say(out)
}

// check refuses what does not go together with what the subject has. A subject without versions has nothing to compare with.
func (r *schemaRegister) check(cmd *cobra.Command, candidate *named, latest int) (*compat.Report, error) {
	if latest == 0 {
		return nil, nil
	}
	mode, err := r.reg.Mode(cmd.Context(), r.subject)
	if err != nil {
		return nil, r.problem(err)
	}
	earlier, err := r.versions(cmd, r.subject, mode)
	if err != nil {
		return nil, err
	}
	report := compat.Check(candidate.parsed, earlier, mode)
	if report.Verdict == compat.Compatible || r.force || mode == compat.None {
		return &report, nil // who has set NONE wants no check; the question says that there was none
	}
	out := &failure{
		Code: codeIncompatible, Title: candidate.name + " is incompatible with what subject " + r.subject + " has", Exit: client.ExitIncompatible,
		Detail: "Mode " + string(mode) + ": " + reason(&report) + ". Nothing was registered.",
		Next: "backstitch schema check " + quoted(candidate.name) + " --registry " + quoted(r.registry) + " --subject " + quoted(r.subject) +
			"     or --allow-incompatible",
	}
	if report.Verdict == compat.Undecided {
		out.Code, out.Exit = codeUndecided, client.ExitIndeterminate
		out.Title = "whether " + candidate.name + " goes together with what subject " + r.subject + " has is undecided"
	}
	return &report, out
}

// reason is the first problem of a report in one line, and how many more there are.
func reason(report *compat.Report) string {
	var all []string
	for _, a := range report.Against {
		for _, side := range []*compat.Answer{a.Backward, a.Forward, {Problems: a.Reuse}} {
			if side == nil {
				continue
			}
			for _, p := range side.Problems {
				all = append(all, strings.TrimSpace(a.Version+" "+p.Path)+": "+p.Text)
			}
		}
	}
	switch len(all) {
	case 0:
		return report.Why
	case 1:
		return all[0]
	}
	return fmt.Sprintf("%s; and %d more", all[0], len(all)-1)
}

// same makes sure that the registry has what was sent.
func (r *schemaRegister) same(candidate *named, back schema.Version) error {
	have, err := compat.Parse(back.Text)
	if err == nil {
		differ := compat.Diff(candidate.parsed, have)
		if len(differ) == 0 {
			return nil
		}
		err = fmt.Errorf("%s says %s, and was sent %s", differ[0].Path, dash(differ[0].New), dash(differ[0].Old))
	}
	return &failure{
		Code: codeReadBack, Title: back.Name() + " is not what was sent", Detail: err.Error(), Exit: client.ExitDiffer, Err: err,
		Next: "backstitch schema diff " + quoted(candidate.name) + " " + quoted(back.Name()) + " --registry " + quoted(r.registry),
	}
}

func (r *schemaRegister) say(out registered) error {
	return r.app.print(answer{value: out, names: []string{fmt.Sprintf("%s@%d", out.Subject, out.Version)}, text: out.text})
}

// checked says what the registration stands on.
func (o registered) checked() string {
	switch {
	case o.Check == nil:
		return "Not checked: the subject is new"
	case o.Check.Verdict == compat.Compatible:
		return fmt.Sprintf("Checked: compatible by mode %s with what the subject had", o.Check.Mode)
	}
	return fmt.Sprintf("Checked: %s: %s", o.Check.Verdict, reason(o.Check))
}

func (o registered) text(w io.Writer) error {
	what := "Registered and read back"
	if !o.Created {
		what = "Registered already; nothing was written"
	}
	_, err := fmt.Fprintf(w, "%s: %s@%d  id %d  fingerprint %s\n", what, o.Subject, o.Version, o.ID, short(o.Fingerprint))
	if o.Created {
		_, err = fmt.Fprintf(w, "%s.\n", o.checked())
	}
	if o.Note != "" {
		_, err = fmt.Fprintf(w, "Note: %s.\n", o.Note)
	}
	return err
}

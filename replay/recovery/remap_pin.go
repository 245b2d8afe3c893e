package recovery

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"backstitch/replay/gap"
	"backstitch/replay/record"
	"backstitch/replay/schema"
)

// What was found becomes part of the recipe, or a reason to refuse the plan. The trap: a plan must not register what is lacking; a registry
// is somebody else's, and a schema there is for ever. So the refusal says what to type.

// pinNames puts what was met into the recipe, or says why nothing can be written.
func (b *builder) pinNames(ctx context.Context, in *gap.Input) error {
	r := b.names
	r.mu.RLock()
	defer r.mu.RUnlock()
	n := &Names{Source: b.recipe.Source.Registry, Target: b.recipe.Target.Registry, Keys: r.Keys()}
	switch {
	case r.torn:
		return b.tornKeys()
	case r.failed != nil:
		return b.untold(ctx, r.failed)
	case len(r.lacking) > 0:
		return b.lacking()
	case len(r.met) > maxNames:
		return &Error{Code: CodeManyNames, Title: "the plan met more schemas than a job takes along", Exit: exitUsage,
			Why:  fmt.Sprintf("The records name %s; at most %s are kept.", plural(len(r.met), "schema"), gap.Count(maxNames)),
			Hint: "narrow spec.range or spec.select.partitions and recover in steps"}
	}
	others := map[record.SchemaName]record.Print{}
	ours := map[record.SchemaName]bool{}
	for name, f := range r.met {
		n.Schemas = append(n.Schemas, Named{From: name.Text(), To: f.To.Text(), Print: schema.PrintText(f.Print), Subject: f.subject})
		ours[f.To] = true
		for _, o := range f.others {
			others[o] = f.Print
		}
	}
	prints := map[record.Print]bool{}
	for _, f := range r.met {
		prints[f.Print] = true
	}
	for _, x := range in.TargetSchemas.Named() {
		if x.Seen != 0 && prints[x.Print] {
			others[x.Name] = x.Print
		}
	}
	slices.SortFunc(n.Schemas, func(a, b Named) int { return byName(a.From, b.From) })
	for name, print := range others {
		if !ours[name] {
			n.Others = append(n.Others, OtherName{name.Text(), schema.PrintText(print)})
		}
	}
	slices.SortFunc(n.Others, func(a, b OtherName) int { return byName(a.Name, b.Name) })
	b.recipe.Source.Names = n
	b.recipe.Version = b.recipe.Needs()
	return nil
}

// byName puts numbers in their order, and before GUIDs.
func byName(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) }

// tornKeys refuses keys that begin with names by one registry alone.
func (b *builder) tornKeys() error {
	r := b.names
	has, lacks := schema.KeySubject(r.source), schema.KeySubject(r.topic)
	from, to := b.recipe.Source.Registry, b.recipe.Target.Registry
	hint := copyCommand(has, from, to, lacks)
	if r.framed[1] {
		has, lacks, from, to = lacks, has, to, from
		hint = "if keys are no schemas, delete subject " + has + " of registry " + from + "; else register the schema of keys in registry " + to
	}
	return &Error{Code: CodeTornKeys, Title: "only one registry has schemas of keys", Exit: exitUsage, Err: schema.ErrKeys,
		Why: fmt.Sprintf("Registry %s has subject %s and registry %s has no %s, so whether the first bytes of keys are numbers of schemas is not known.", from, has, to, lacks), Hint: hint}
}

// copyCommand is what registers a subject's versions in another registry.
func copyCommand(subject, from, to, as string) string {
	out := "backstitch schema copy " + subject + " --from " + from + " --to " + to
	if as != subject {
		out += " --as " + as
	}
	return out
}

// maxLacking is how many schemas an error names.
const maxLacking = 5

// lacking refuses a plan whose records name schemas that the target's registry does not have.
func (b *builder) lacking() error {
	r := b.names
	var said, commands []string
	names := slices.SortedFunc(maps.Keys(r.lacking), func(a, b record.SchemaName) int { return byName(a.Text(), b.Text()) })
	for i, name := range names {
		if i == maxLacking {
			said = append(said, fmt.Sprintf("and %d more", len(names)-maxLacking))
			break
		}
		said = append(said, fmt.Sprintf("%s (subject %s)", name, r.lacking[name]))
	}
	for _, subject := range slices.Compact(slices.Sorted(maps.Values(r.lacking))) {
		as := subject
		switch subject { // that of a topic by another name
		case schema.ValueSubject(r.source):
			as = schema.ValueSubject(r.topic)
		case schema.KeySubject(r.source):
			as = schema.KeySubject(r.topic)
		}
		commands = append(commands, copyCommand(subject, b.recipe.Source.Registry, b.recipe.Target.Registry, as))
	}
	return &Error{Code: CodeNoName, Title: "the target's registry does not have all schemas that the records name", Exit: exitUsage,
		Why: fmt.Sprintf("Records of the reference name %s of registry %s, and registry %s has nothing that says the same to the byte, with the same references. A plan registers nothing.",
			strings.Join(said, ", "), b.recipe.Source.Registry, b.recipe.Target.Registry),
		Hint: strings.Join(commands, "; ") + "; and plan again"}
}

// untold is what a plan ends with when a registry does not answer.
func (b *builder) untold(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &Error{Code: CodeUntold, Title: "what the target calls the schemas of the records can not be told", Exit: exitFailed, Err: err,
		Why:  "Registry " + b.recipe.Source.Registry + " for the source, " + b.recipe.Target.Registry + " for the target: " + err.Error() + ".",
		Hint: "check the registries (backstitch doctor --registry), and plan again"}
}

// noteNames says by what is compared where names are remapped.
func (b *builder) noteNames() []string {
	if !b.remaps() {
		return nil
	}
	out := []string{"records are compared and written under the names that registry " + b.recipe.Target.Registry + " has for their schemas"}
	if b.opt.Compare != nil {
		out = append(out, "no ledger is used: it does not say whether records have a name in front or in a header")
	}
	return out
}

// names says what becomes of names of schemas.
func (c *preflight) names() {
	n := c.p.Recipe.Source.Names
	if n == nil || c.p.Empty() {
		return
	}
	c.check("names", "ok", fmt.Sprintf("%s of registry %s; %d are written as registry %s has them, %d are the same there", plural(len(n.Schemas), "schema"), n.Source, n.Changed(),
		n.Target, len(n.Schemas)-n.Changed()))
	several := 0
	first := ""
	for _, s := range n.Schemas {
		i := slices.IndexFunc(n.Others, func(o OtherName) bool { return o.Print == s.Print })
		if i < 0 {
			continue
		}
		if several++; several == 1 {
			first = fmt.Sprintf("schema %s is also %s", s.To, n.Others[i].Name)
		}
	}
	if several > 0 {
		c.note(NoteSeveralNames, fmt.Sprintf("Registry %s has more than one name for %s that records name: %s. They mean the same; records that are there under any of them count, and what is "+
			"written has the one in the plan.", n.Target, plural(several, "schema"), first))
	}
	if glued := c.b.report.Glued(); glued > 0 {
		c.note(NoteGlue, fmt.Sprintf("%s of the reference look as if they named a version of a schema of AWS Glue. No registry of AWS is asked: such names are written as they are.",
			gap.Plural(glued, "record")))
	}
}

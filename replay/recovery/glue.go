package recovery

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"backstitch/replay/framed"
	"backstitch/replay/gap"
	"backstitch/replay/record"
	"backstitch/replay/spec"
)

// Steps over values in AWS Glue's frame. Nobody asks AWS: the spec says what the UUIDs of versions stand for, all of them go into the recipe, and
// whoever carries it out goes by them. So what a plan writes depends on no login and on nothing that has changed since. That the UUID of the
// output stands for the schema that the spec has is believed, and the plan says so.

// GlueVersions is spec.Glue: the versions of AWS Glue's schemas that a job knows.
type GlueVersions struct {
	// Output is the UUID in front of what comes out of a value in that frame. The schema is the transform's.
	Output   string       `json:"output"`
	Versions []GlueWriter `json:"versions,omitempty"`
}

// GlueWriter is a version that records name.
type GlueWriter struct {
	UUID   string `json:"uuid"`
	Schema string `json:"schema"`
}

// newGlue takes over what a spec says, nil for nothing.
func newGlue(v *spec.TransformValues) *GlueVersions {
	if v.Glue == nil {
		return nil
	}
	g := &GlueVersions{Output: v.Glue.Output.Canonical()}
	for _, x := range v.Glue.Versions {
		g.Versions = append(g.Versions, GlueWriter{UUID: x.UUID.Canonical(), Schema: compact(v.Text(&spec.ValueSchema{Inline: x.Inline}))})
	}
	return g
}

// glueName is the name that a UUID in its usual form is.
func glueName(uuid string) (record.SchemaName, error) {
	raw, err := hex.DecodeString(strings.ReplaceAll(uuid, "-", ""))
	if err == nil && len(raw) == 16 {
		if name := record.GlueVersion([16]byte(raw)); name.Text() == uuid {
			return name, nil
		}
	}
	return record.SchemaName{}, fmt.Errorf("%q is not the UUID of a version of AWS Glue's schemas", uuid)
}

// glued adds the versions of AWS Glue's schemas that d knows to out: those of the recipe, and the output schema under its UUID.
func (d *Datums) glued(form form, out framed.Pinned) error {
	if d.Glue == nil {
		return nil
	}
	add := func(uuid string, t framed.Text) error {
		name, err := glueName(uuid)
		if err != nil {
			return err
		}
		if out[name], err = form.Parse(t, ""); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	for _, v := range d.Glue.Versions {
		if err := add(v.UUID, framed.Text{Schema: v.Schema}); err != nil {
			return err
		}
	}
	return add(d.Glue.Output, d.text())
}

// alone reports whether d is for values in AWS Glue's frame and no others: no registry is asked.
func (d *Datums) alone() bool { return d.Glue != nil && d.Source == "" }

// outputs says what values come out as.
func (d *Datums) outputs() string {
	var out []string
	if !d.alone() {
		out = append(out, fmt.Sprintf("schema %d, version %d of subject %s of registry %s", d.ID, d.Version, d.Subject, d.Target))
	}
	if d.Glue != nil {
		out = append(out, fmt.Sprintf("version %s in AWS Glue's frame", d.Glue.Output))
	}
	return strings.Join(out, ", and as ")
}

// size is the bytes of all texts of schemas. nil has none.
func (g *GlueVersions) size() (n int) {
	if g == nil {
		return 0
	}
	for _, v := range g.Versions {
		n += len(v.Schema)
	}
	return n
}

// outputOfGlue makes the output schema of what the spec says, where no registry has it.
func (b *builder) outputOfGlue(form form, d *Datums) error {
	out, err := form.Parse(d.text(), d.Message)
	if err != nil {
		return &Error{
			Code: CodeGlue, Title: "the output schema of the transform can not be read", Exit: exitUsage, Err: err,
			Why:  fmt.Sprintf("spec.transform.values.schema, which is version %s of AWS Glue's schemas, is no schema of %s: %v.", d.Glue.Output, form.name, err),
			Hint: "aws glue get-schema-version --schema-version-id " + d.Glue.Output + " shows the schema as AWS has it",
		}
	}
	return b.exampleDatums(form, out)
}

// glueVersions makes the versions of the spec ready, nil where values in that frame are not read.
func (b *builder) glueVersions(form form, d *Datums) (framed.Pinned, error) {
	out := framed.Pinned{}
	if err := d.glued(form, out); err != nil {
		return nil, &Error{
			Code: CodeGlue, Title: "a version of AWS Glue's schemas can not be read", Exit: exitUsage, Err: err,
			Why:  fmt.Sprintf("What spec.transform.values.glue says is no schema of %s: %v.", form.name, err),
			Hint: "aws glue get-schema-version --schema-version-id UUID shows the schema as AWS has it; what it refers to is not looked for anywhere",
		}
	}
	return out, nil
}

// Bounds of the versions that records name and the spec does not give.
const (
	maxUntold = 1000 // that are kept; more are as many as that
	maxSaid   = 10   // that a note names
)

// lack notes a version that a record names and nobody has told.
func (w *writers) lack(name record.SchemaName) {
	w.mu.RLock()
	_, is := w.lacking[name]
	full := len(w.lacking) >= maxUntold
	w.mu.RUnlock()
	if is || full {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lacking == nil {
		w.lacking = map[record.SchemaName]struct{}{}
	}
	w.lacking[name] = struct{}{}
}

// glue says what nobody has made sure of, and which versions are lacking.
func (c *preflight) glue() {
	d := c.b.datums()
	if d == nil || d.Glue == nil {
		return
	}
	if !c.p.Empty() {
		c.note(NoteGlueOutput, fmt.Sprintf("Values in AWS Glue's frame come out under version %s, whose schema the spec says. AWS was not asked whether it is that: compare "+
			"aws glue get-schema-version --schema-version-id %s.", d.Glue.Output, d.Glue.Output))
	}
	names := c.b.writers.lacked()
	if len(names) == 0 {
		return
	}
	many := plural(len(names), "version")
	if len(names) >= maxUntold {
		many = fmt.Sprintf("at least %s versions", gap.Count(maxUntold))
	}
	said := strings.Join(names[:min(len(names), maxSaid)], ", ")
	if more := len(names) - maxSaid; more > 0 {
		said += fmt.Sprintf(" and %d more", more)
	}
	c.note(NoteGlueLacking, fmt.Sprintf("Records name %s of AWS Glue's schemas that the spec does not give, so they are set aside: %s. Add each to spec.transform.values.glue.versions as "+
		"{uuid: UUID, file: FILE}; aws glue get-schema-version --schema-version-id UUID shows its schema.", many, said))
}

// lacked are the UUIDs that records name and nobody has told, in order.
func (w *writers) lacked() (uuids []string) {
	if w == nil {
		return nil
	}
	w.mu.RLock()
	defer w.mu.RUnlock()
	for name := range w.lacking {
		uuids = append(uuids, name.Text())
	}
	slices.Sort(uuids)
	return uuids
}

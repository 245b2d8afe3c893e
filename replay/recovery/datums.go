package recovery

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"backstitch/replay/framed"
	"backstitch/replay/gap"
	"backstitch/replay/record"
	"backstitch/replay/rule"
	"backstitch/replay/schema"
	"backstitch/replay/schema/compat"
	"backstitch/replay/source"
	"backstitch/replay/spec"
)

// Steps over values that name their schema. Before anything is read the target's registry says which number the output schema has; while the reference is
// read its registry says what the numbers in front of its values stand for. A plan keeps both, with the schemas' texts, so whoever carries
// it out asks no registry, and a record that names what the plan has not met is set aside. The trap: what keeps digests of records that were
// read before would hide from a plan what they name. So there is no ledger here.

// Datums is what spec.TransformValues says, with what registries have told.
type Datums struct {
	As string `json:"as"`
	// Source and Target are the registries' connections or addresses. Nobody asks them who carries a plan out.
	Source  string `json:"source"`
	Target  string `json:"target"`
	Subject string `json:"subject"`
	Version int    `json:"version,omitempty"` // of the output schema; before a plan is made 0 for the latest, or for the one that says Schema
	ID      uint32 `json:"id,omitempty"`      // that stands in front of what comes out
	GUID    string `json:"guid,omitempty"`    // that does where the value had a GUID; "" where the target's registry has none
	Schema  string `json:"schema,omitempty"`  // which is written with this
	// References are what Schema refers to. A schema of Avro is whole without any.
	References []framed.Reference `json:"references,omitempty"`
	Message    string             `json:"message,omitempty"` // of Schema, in Protobuf; "" the first
	Drop       bool               `json:"drop,omitempty"`    // fields that it has no place for
	// Elsewhere is set where a record of the plan names its schema by a GUID or in a header. Else records that do are set aside.
	Elsewhere bool `json:"elsewhere,omitempty"`
	// Writers are the schemas that the plan's records name, by number and then by GUID.
	Writers []Writer `json:"writers,omitempty"`
	// Glue is what versions of AWS Glue's schemas are; nil where values in that frame are set aside.
	Glue *GlueVersions `json:"glue,omitempty"`
}

// Writer is a schema that records name.
type Writer struct {
	ID         uint32             `json:"id"`
	GUID       string             `json:"guid,omitempty"` // instead of the number
	Schema     string             `json:"schema"`
	References []framed.Reference `json:"references,omitempty"`
}

// newDatums takes over what a spec says, and the registries that it names for its two sides.
func newDatums(v *spec.TransformValues, r *Recipe) *Datums {
	if v == nil {
		return nil
	}
	d := &Datums{As: v.As, Source: r.Source.Registry, Target: cmp.Or(r.Target.Registry, r.Source.Registry), Version: v.Schema.Version,
		Schema: v.Text(&v.Schema), Message: v.Schema.Message, Subject: v.Schema.ValueSubject(r.Target.Topic), Drop: v.UnknownFields == "drop", Glue: newGlue(v)}
	if d.alone() {
		d.Subject = ""
	}
	// What is compared is compared as bytes: the reference's come out with the target's numbers.
	r.Source.Registry, r.Target.Registry = "", ""
	return d
}

// asked are the registries that a plan asks.
func (d *Datums) asked() []string {
	if d == nil {
		return nil
	}
	return []string{d.Source, d.Target}
}

// text is the output schema.
func (d *Datums) text() framed.Text {
	return framed.Text{Schema: d.Schema, References: d.References}
}

// pinned are the schemas that d knows.
func (d *Datums) pinned() (framed.Pinned, error) {
	form, err := formOf(d.As)
	if err != nil {
		return nil, err
	}
	out := framed.Pinned{}
	for _, w := range d.Writers {
		name := record.SchemaName{ID: w.ID}
		if w.GUID != "" {
			if name, err = schema.ParseName(w.GUID); err != nil {
				return nil, err
			}
		}
		s, err := form.Parse(framed.Text{Schema: w.Schema, References: w.References}, "")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = s
	}
	return out, d.glued(form, out)
}

// names is how values that come out name their schema.
func (d *Datums) names() (framed.Names, error) {
	out := framed.Names{Elsewhere: d.Elsewhere}
	if d.Glue != nil {
		name, err := glueName(d.Glue.Output)
		if err != nil {
			return out, fmt.Errorf("output schema: %w", err)
		}
		out.Glue = &name.GUID
	}
	if d.GUID == "" {
		return out, nil
	}
	name, err := schema.ParseName(d.GUID)
	if err != nil {
		return out, fmt.Errorf("output schema: %w", err)
	}
	out.GUID = &name.GUID
	return out, nil
}

// chain is steps over such values, ready for use.
func (d *Datums) chain(steps []spec.Step) (framed.Chain, error) {
	form, err := formOf(d.As)
	if err != nil {
		return nil, err
	}
	out, err := form.Parse(d.text(), d.Message)
	if err != nil {
		return nil, fmt.Errorf("output schema: %w", err)
	}
	return form.Chain(steps, out, d.ID, d.Drop)
}

// Framed is the steps for values that name their schema, ready for use, and what they come out under; nil where values are JSON alone.
func (t *Transform) Framed() (framed.Chain, error) {
	if t == nil || t.Values == nil {
		return nil, nil
	}
	c, err := t.Values.chain(t.Steps)
	if err != nil {
		return nil, fmt.Errorf("transform %s: %w", t.Version, err)
	}
	return c, nil
}

// Writers are the schemas that the plan's records name; nil where values are JSON.
func (t *Transform) Writers() (framed.Pinned, error) {
	if t == nil || t.Values == nil {
		return nil, nil
	}
	out, err := t.Values.pinned()
	if err != nil {
		return nil, fmt.Errorf("transform %s: %w", t.Version, err)
	}
	return out, nil
}

// Names is how values name their schema, and how those that come out do. Who asks as he goes (asking) reads all ways.
func (t *Transform) Names(asking bool) (framed.Names, error) {
	if t == nil || t.Values == nil {
		return framed.Names{}, nil
	}
	out, err := t.Values.names()
	if err != nil {
		return out, fmt.Errorf("transform %s: %w", t.Version, err)
	}
	out.Elsewhere = out.Elsewhere || asking
	return out, nil
}

// Ready is the source of a spec, ready to change single records: with the output schema of steps over values that name their schema, and what tells what values are
// written with, nil where they are JSON. The caller closes it.
func Ready(ctx context.Context, r *spec.Recovery, clients Clients) (*Source, framed.Learner, func(), error) {
	b := &builder{spec: r.WithDefaults()}
	if err := b.prepare(); err != nil {
		return nil, nil, nil, err
	}
	if err := b.output(ctx, clients); err != nil {
		return nil, nil, nil, err
	}
	closer, err := b.learnWriters(clients)
	if err != nil {
		return nil, nil, nil, err
	}
	if b.writers == nil {
		return &b.recipe.Source, nil, closer, nil
	}
	return &b.recipe.Source, b.writers, closer, nil
}

// over is Source.Over for a transform of values that name their schema. writers nil are those of the recipe.
func (s *Source) over(src source.Source, set *rule.Set, tally *rule.Tally, writers framed.Writers) (source.Source, error) {
	chain, err := s.Transform.Framed()
	if err != nil {
		return nil, err
	}
	names, err := s.Transform.Names(writers != nil)
	if err != nil {
		return nil, err
	}
	if writers == nil {
		if writers, err = s.Transform.Writers(); err != nil {
			return nil, err
		}
	}
	return rule.OverRead(framed.Over(src, chain, writers, names), set, tally, func() rule.Reader { return framed.NewValues(chain) }), nil
}

// datums is that of the recipe at hand, nil where values are JSON.
func (b *builder) datums() *Datums {
	if t := b.recipe.Source.Transform; t != nil {
		return t.Values
	}
	return nil
}

// setDatums gives the recipe another one. The spec's own stays as it is.
func (b *builder) setDatums(d *Datums) {
	t := *b.recipe.Source.Transform
	t.Values = d
	b.recipe.Source.Transform = &t
}

// output asks the target's registry for the output schema and its number, once, before anything is read.
func (b *builder) output(ctx context.Context, clients Clients) error {
	d := b.datums()
	if d == nil || d.ID != 0 {
		return nil
	}
	form, err := formOf(d.As)
	if err != nil {
		return err
	}
	if d.alone() {
		return b.outputOfGlue(form, d)
	}
	reg, err := clients.Registry(d.Target)
	if err != nil {
		return err
	}
	defer reg.Close()
	found, err := find(ctx, reg, form, d)
	if err != nil {
		return unwritable(ctx, d, err)
	}
	if found.Text.Type != form.typ {
		return unwritable(ctx, d, fmt.Errorf("%s is of type %s", found.Name(), found.Text.Type))
	}
	out, err := form.read(found.Text, d.Message)
	if err != nil {
		return unwritable(ctx, d, fmt.Errorf("%s: %w", found.Name(), err))
	}
	now := *d
	whole := out.Whole()
	now.Version, now.ID, now.GUID, now.Schema, now.References = found.Version, uint32(found.ID), found.GUID, whole.Schema, whole.References
	b.setDatums(&now)
	return b.exampleDatums(form, out)
}

// maxSame bounds how many versions of a subject are looked at for the one that a spec has written out.
const maxSame = 200

var errNoVersion = errors.New("no version of it says the schema that the spec has written out")

// find is the version of the subject that d means.
func find(ctx context.Context, reg *schema.Registry, form form, d *Datums) (schema.Version, error) {
	if d.Schema == "" {
		return reg.Version(ctx, d.Subject, d.Version)
	}
	versions, err := reg.Versions(ctx, d.Subject)
	if err != nil {
		return schema.Version{}, err
	}
	slices.Reverse(versions)
	for _, n := range versions[:min(len(versions), maxSame)] {
		v, err := reg.Version(ctx, d.Subject, n)
		if err != nil {
			return v, err
		}
		if form.same(v.Text, d.Schema) {
			return v, nil
		}
	}
	return schema.Version{}, errNoVersion
}

func unwritable(ctx context.Context, d *Datums, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &Error{
		Code: CodeOutput, Title: "the output schema of the transform has no number", Exit: exitUsage, Err: err,
		Why:  fmt.Sprintf("Subject %s of registry %s: %v. What comes out begins with the number that this registry has for its schema.", d.Subject, d.Target, err),
		Hint: fmt.Sprintf("backstitch schema register FILE --registry %s --subject %s; or name another version: spec.transform.values.schema", d.Target, d.Subject),
	}
}

// writers gets to know what numbers in front of values stand for.
type writers struct {
	reg  *schema.Registry // nil where values are in AWS Glue's frame alone
	form form
	glue framed.Pinned // versions of AWS Glue's schemas, which nobody is asked for

	mu        sync.RWMutex
	met       map[record.SchemaName]framed.Schema
	unknown   map[record.SchemaName]error
	lacking   map[record.SchemaName]struct{} // versions that are not among glue
	elsewhere atomic.Bool                    // a record names one by a GUID or in a header
	failed    error                          // why what is written can not be told
}

var _ framed.Learner = (*writers)(nil)

// Bounds of what a plan meets.
const (
	maxUnknown     = 1000      // names that stand for nothing: such values are of another form
	maxWriterBytes = 512 << 10 // of the schemas' texts, which are part of a recipe
)

// learnWriters opens the registry of the reference. It asks it nothing yet. nil where values are JSON.
func (b *builder) learnWriters(clients Clients) (closer func(), err error) {
	d := b.datums()
	if d == nil {
		return func() {}, nil
	}
	form, err := formOf(d.As)
	if err != nil {
		return nil, err
	}
	glue, err := b.glueVersions(form, d)
	if err != nil {
		return nil, err
	}
	b.writers = &writers{form: form, glue: glue, met: map[record.SchemaName]framed.Schema{}, unknown: map[record.SchemaName]error{}}
	if d.alone() {
		return func() {}, nil
	}
	if b.writers.reg, err = clients.Registry(d.Source); err != nil {
		return nil, err
	}
	return b.writers.reg.Close, nil
}

var errNoRegistry = errors.New("the spec names no registry of the source")

// Writer is framed.Writers's.
func (w *writers) Writer(name record.SchemaName) (framed.Schema, error) {
	switch {
	case name.Glue:
		return w.glue.Writer(name)
	case w.reg == nil:
		return nil, errNoRegistry
	}
	w.mu.RLock()
	defer w.mu.RUnlock()
	if s := w.met[name]; s != nil {
		return s, nil
	}
	if err := w.unknown[name]; err != nil {
		return nil, err
	}
	return nil, framed.ErrNotMet
}

// Learn is framed.Learner's.
func (w *writers) Learn(ctx context.Context, r *record.Record) error {
	name, elsewhere, ok := framed.Name(r)
	if !ok {
		return nil
	}
	_, err := w.Writer(name)
	if name.Glue {
		if err != nil {
			w.lack(name)
		}
		return nil
	}
	if errors.Is(err, framed.ErrNotMet) {
		if err := w.ask(ctx, name); err != nil {
			return err
		}
		_, err = w.Writer(name)
	}
	if err == nil && elsewhere && !w.elsewhere.Load() { // most records have nothing new to say
		w.elsewhere.Store(true)
	}
	return nil
}

// ask asks for a schema that was not asked for before.
func (w *writers) ask(ctx context.Context, name record.SchemaName) error {
	text, err := w.reg.Named(ctx, name)
	if err != nil && !errors.Is(err, schema.ErrUnknown) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return w.fail(err)
	}
	var s framed.Schema
	if err == nil && text.Type != w.form.typ {
		err = fmt.Errorf("it is of type %s", text.Type)
	}
	if err == nil {
		s, err = w.form.read(text, "")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		w.met[name] = s
		return nil
	}
	if w.unknown[name] = err; len(w.unknown) > maxUnknown && w.failed == nil {
		w.failed = fmt.Errorf("more than %d names in front of values stand for no schema of registry %s, so these are no %s", maxUnknown, w.reg.Name(), w.form.Noun())
	}
	return w.failed
}

// fail keeps that the registry does not tell. Of whoever meets it next nothing is said either.
func (w *writers) fail(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed == nil {
		w.failed = err
	}
	return err
}

// pinWriters puts what was met into the recipe.
func (b *builder) pinWriters() error {
	if b.writers == nil {
		return nil
	}
	b.writers.mu.RLock()
	defer b.writers.mu.RUnlock()
	if err := b.writers.failed; err != nil && b.planning {
		return &Error{Code: CodeWriters, Title: "what the values of the reference are written with can not be told", Exit: exitFailed, Err: err,
			Why: "Of those partitions nothing can be planned: " + err.Error() + ".", Hint: "check the registry of the source: backstitch doctor --registry NAME; and plan again"}
	}
	d, total := *b.datums(), 0
	d.Writers = nil
	d.Elsewhere = b.writers.elsewhere.Load()
	for _, name := range slices.SortedFunc(maps.Keys(b.writers.met), inOrder) {
		whole := b.writers.met[name].Whole()
		text := compact(whole.Schema)
		total += len(text)
		for _, r := range whole.References {
			total += len(r.Schema)
		}
		w := Writer{ID: name.ID, Schema: text, References: whole.References}
		if name.ByGUID {
			w.GUID = name.Text()
		}
		d.Writers = append(d.Writers, w)
	}
	if total > maxWriterBytes {
		return &Error{Code: CodeManySchemas, Title: "the plan met more schemas than a job takes along", Exit: exitUsage,
			Why:  fmt.Sprintf("The records name %s of %s bytes in all; at most %s are kept.", plural(len(d.Writers), "schema"), gap.Count(int64(total)), gap.Count(maxWriterBytes)),
			Hint: "narrow spec.range or spec.select.partitions and recover in steps"}
	}
	if size := d.Glue.size(); total+size > maxWriterBytes {
		return &Error{Code: CodeManySchemas, Title: "the spec gives more schemas than a job takes along", Exit: exitUsage,
			Why:  fmt.Sprintf("Those of spec.transform.values.glue.versions have %s bytes in all; a job takes %s along, with those of registries.", gap.Count(int64(size)), gap.Count(maxWriterBytes)),
			Hint: "leave versions out that no record of the range names"}
	}
	b.setDatums(&d)
	b.recipe.Version = b.recipe.Needs()
	return nil
}

// inOrder puts numbers before GUIDs.
func inOrder(a, b record.SchemaName) int {
	if a.ByGUID != b.ByGUID {
		return map[bool]int{false: -1, true: 1}[a.ByGUID]
	}
	return cmp.Or(cmp.Compare(a.ID, b.ID), bytes.Compare(a.GUID[:], b.GUID[:]))
}

// compact takes blanks out of a schema's text, which has been read.
func compact(text string) string {
	var v json.RawMessage = []byte(text)
	if out, err := json.Marshal(v); err == nil {
		return string(out)
	}
	return text
}

// noteDatums says under what values come out. It is known before anything is read, so all parts of a scan say the same.
func (b *builder) noteDatums() []string {
	d := b.datums()
	if d == nil {
		return nil
	}
	out := []string{fmt.Sprintf("values are %s; they come out as %s", formNoun(d.As), d.outputs())}
	if b.opt.Compare != nil {
		out = append(out, "no ledger is used: which schemas the records name is seen in their values, which it does not keep")
	}
	return out
}

// outputRead says whether readers of the target can read what comes out. It is for a person to know and no reason to refuse.
func (b *builder) outputRead(ctx context.Context, clients Clients) error {
	d := b.datums()
	if d == nil || !b.planning || d.alone() {
		return nil
	}
	reg, err := clients.Registry(d.Target)
	if err != nil {
		return err
	}
	defer reg.Close()
	out := &readers{more: map[string]int{}}
	b.readable = out
	latest, err := reg.Version(ctx, d.Subject, 0)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	this := fmt.Sprintf("version %d of subject %s (schema %d)", d.Version, d.Subject, d.ID)
	switch {
	case err == nil && latest.Version == d.Version:
		out.ok = append(out.ok, "values come out as "+this+", which is the latest")
		return nil
	case err == nil:
		var problems []compat.Problem
		if problems, err = latestReads(latest, d); err != nil {
			break
		}
		if len(problems) == 0 {
			out.ok = append(out.ok, "values come out as "+this+"; "+latest.Name()+", the latest, reads it")
			return nil
		}
		said := strings.TrimSpace(problems[0].Path + ": " + problems[0].Text)
		if compat.VerdictOf(problems) == compat.Undecided {
			err = errors.New(said)
			break
		}
		out.note(NoteOutput, "Values come out as %s, and %s, the latest, can not read it: %s. Readers that have it fail at such records.", this, latest.Name(), said)
		return nil
	}
	out.note(NoteOutputUnsure, "Whether readers with the latest version of subject %s read %s is not known: %v.", d.Subject, this, err)
	return nil
}

// sameKeys refuses to plan where keys name schemas that are others in the target's registry: steps do not look at keys, so they keep the numbers
// that the source's registry has given.
func (b *builder) sameKeys(ctx context.Context, clients Clients) error {
	d := b.datums()
	if d == nil || !b.planning || d.Source == d.Target { // or both are "", and nobody is asked
		return nil
	}
	from, err := clients.Registry(d.Source)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := clients.Registry(d.Target)
	if err != nil {
		return err
	}
	defer to.Close()
	subject := schema.KeySubject(b.recipe.Source.Topic)
	versions, err := from.Versions(ctx, subject)
	if errors.Is(err, schema.ErrUnknown) {
		return nil
	}
	for i := 0; i < len(versions) && err == nil; i++ {
		var v schema.Version
		if v, err = from.Version(ctx, subject, versions[i]); err != nil {
			break
		}
		name := record.SchemaName{ID: uint32(v.ID)}
		if err = to.Learn(ctx, name); err != nil {
			break
		}
		if print, _ := to.Known(name); print != v.Print {
			err = fmt.Errorf("%s is %s in registry %s, and another schema in registry %s", v.Name(), name, d.Source, d.Target)
		}
	}
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return &Error{Code: CodeKeys, Title: "keys would name other schemas in the target's registry", Exit: exitUsage, Err: err,
		Why: fmt.Sprintf("Registry %s has subject %s, so keys begin with its numbers, and they are not changed: %v.", d.Source, subject, err), Hint: "use one registry for both, or one that is a copy with its numbers"}
}

func latestReads(latest schema.Version, d *Datums) ([]compat.Problem, error) {
	reader, err := compat.Parse(latest.Text)
	if err != nil {
		return nil, err
	}
	text := compat.Text{Type: latest.Text.Type, Schema: d.Schema}
	for _, r := range d.References {
		text.References = append(text.References, compat.Reference{Name: r.Name, Text: compat.Text{Type: text.Type, Schema: r.Schema}})
	}
	writer, err := compat.Parse(text)
	if err != nil {
		return nil, err
	}
	return compat.Reads(reader, writer), nil
}

// exampleDatums runs the examples, now that the output schema is known.
func (b *builder) exampleDatums(form form, out framed.Schema) error {
	t := b.spec.Spec.Transform
	if !b.planning {
		return nil
	}
	outcomes, err := framed.Try(t, form.Form, out)
	if err != nil {
		return err
	}
	return judgeExamples(t, outcomes)
}

package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/sr"

	"backstitch/cluster/client"
	"backstitch/cmd/backstitch/sandbox"
	"backstitch/replay/framed"
	"backstitch/replay/record"
	"backstitch/replay/revise"
	"backstitch/replay/schema"
	"backstitch/replay/spec"
	"backstitch/replay/synth"
	"backstitch/replay/synth/replica"
)

// Registries of a rehearsal. The sandbox has one for each that the spec names, with the schemas of the profile, so that finding, planning and
// proving ask as they will. Where the two sides have one registry, or are to keep the names of schemas, both have the same numbers; where
// records are written under the target's names, its numbers are others. The trap: what the target lost and kept has to be told from what a replica is, without
// asking the job. So what survives is written as the job would write it, once with the spec's steps, one record after the other, and
// a remapped name by the table that the numbers were made from.

// Names of the sandbox's registries.
const (
	sourceRegistry = "source-registry"
	targetRegistry = "target-registry"
)

// rehearsedNames is what records of the replica call a schema, and what they do in the target.
type rehearsedNames map[record.SchemaName]record.SchemaName

// filling puts schemas into a registry.
type filling struct {
	list   []sr.SubjectSchema
	nextID int
	salt   string // of GUIDs: registries that are to differ have others
	refers map[string]sr.SchemaReference
}

func (f *filling) id() int { f.nextID++; return f.nextID - 1 }

// guid is one for a text. It has the form of one and is the same each time.
func (f *filling) guid(t synth.Text, kind string) string {
	b, _ := json.Marshal(t) // texts always can
	sum := sha256.Sum256(append([]byte(f.salt+kind), b...))
	return record.SchemaName{ByGUID: true, GUID: [16]byte(sum[:16])}.Text()
}

// add registers a version of a subject, with what it refers to before it. Of a version that is taken it is the next one; 0 is the next one, too.
func (f *filling) add(subject string, version, id int, guid, kind string, t synth.Text) sr.SubjectSchema {
	var refers []sr.SchemaReference
	for _, r := range t.References {
		b, _ := json.Marshal(r.Text)
		at, there := f.refers[string(b)]
		if !there {
			made := f.add(fmt.Sprintf("rehearsal-reference-%d", len(f.refers)+1), 1, f.id(), "", kind, r.Text)
			at = sr.SchemaReference{Subject: made.Subject, Version: made.Version}
			f.refers[string(b)] = at
		}
		at.Name = r.Name
		refers = append(refers, at)
	}
	if guid == "" {
		guid = f.guid(t, kind)
	}
	taken := func(n int) bool {
		return n == 0 || slices.ContainsFunc(f.list, func(s sr.SubjectSchema) bool { return s.Subject == subject && s.Version == n })
	}
	for taken(version) {
		version++
	}
	var typ sr.SchemaType
	_ = typ.UnmarshalText([]byte(strings.ToUpper(kind))) // the profile's kinds are all known
	out := sr.SubjectSchema{Subject: subject, Version: version, ID: id, GUID: guid, Schema: sr.Schema{Schema: t.Schema, Type: typ, References: refers}}
	f.list = append(f.list, out)
	return out
}

// fill makes a registry of a profile's schemas, and says what each is called there. base is added to numbers.
func fill(p *synth.Profile, topic string, base int, salt string) (*filling, rehearsedNames, error) {
	f := &filling{nextID: 1, salt: salt, refers: map[string]sr.SchemaReference{}}
	for i := range p.Schemas {
		f.nextID = max(f.nextID, int(p.Schemas[i].ID)+base+1)
	}
	names := rehearsedNames{}
	for i := range p.Schemas {
		s := &p.Schemas[i]
		name, err := s.Name()
		if err != nil {
			return nil, nil, err
		}
		if name.Glue {
			continue // no registry has it
		}
		subject := s.Subject
		if subject == "" {
			subject = schema.ValueSubject(topic)
		}
		id, guid := int(s.ID)+base, ""
		if name.ByGUID {
			id = f.id()
			if guid = s.GUID; salt != "" {
				guid = ""
			}
		}
		made := f.add(subject, s.Version, id, guid, s.Kind, s.Text)
		to := record.SchemaName{ID: uint32(made.ID)}
		if name.ByGUID {
			if to, err = schema.ParseName(made.GUID); err != nil {
				return nil, nil, err
			}
		}
		names[name] = to
	}
	return f, names, nil
}

// registriesOf are the registries that a spec for the sandbox names, with the schemas of p. It gives the spec's sides their names.
func registriesOf(original, r *spec.Recovery, p *synth.Profile) (sandbox.Registries, rehearsedNames, error) {
	if err := stepsSee(r.Spec.Transform, p); err != nil {
		return nil, nil, err
	}
	from, to := registryOf(&original.Spec.Source), original.Spec.Target.Kafka.Registry
	if from == "" && to == "" {
		return nil, nil, nil
	}
	k := r.Spec.Target.Kafka
	remap := k.Schemas == spec.RemapSchemas && from != to
	base, salt := 0, ""
	if remap {
		salt = "target"
		for i := range p.Schemas {
			base = max(base, int(p.Schemas[i].ID)+1000)
		}
	}
	source, _, err := fill(p, k.Topic, 0, "")
	if err != nil {
		return nil, nil, err
	}
	target, names, err := fill(p, k.Topic, base, salt)
	if err != nil {
		return nil, nil, err
	}
	out := sandbox.Registries{}
	if t := r.Spec.Transform; t != nil && t.Values != nil {
		if err := target.output(t.Values, k.Topic); err != nil {
			return nil, nil, err
		}
	}
	if !remap {
		names = nil
	}
	if from != "" {
		r.Spec.Source.S3.Registry, out[sourceRegistry] = sourceRegistry, source.list
	}
	switch {
	case to != "" && to != from:
		k.Registry, out[targetRegistry] = targetRegistry, target.list
	default: // one for both sides has what the target has to have
		out[sourceRegistry] = target.list
		if to != "" {
			k.Registry = sourceRegistry
		}
	}
	return out, names, nil
}

// stepsSee makes sure that steps have something to do: to rehearse them over values without any members would show nothing.
func stepsSee(t *spec.Transform, p *synth.Profile) error {
	switch {
	case t == nil:
		return nil
	case t.Values == nil && p.Values.Shape == nil:
		return &failure{
			Code: codeNoRehearsal, Title: "the profile does not say which members values have", Exit: client.ExitUsage,
			Detail: "Steps of the spec's transform change members of JSON, and a replica of this profile has none of them.", Next: "learn again: backstitch synth learn TOPIC --keep-shape",
		}
	case t.Values != nil && !slices.ContainsFunc(p.Schemas, func(s synth.Schema) bool { return s.Kind == t.Values.As && len(s.Framings) > 0 }):
		return &failure{
			Code: codeNoSchema, Title: "the profile has no schema of its values", Exit: client.ExitUsage,
			Detail: fmt.Sprintf("Steps of the spec's transform change values of kind %s that name their schema, and a replica of this profile has none.", t.Values.As),
			Next:   "learn again: backstitch synth learn TOPIC --registry REGISTRY, or --glue UUID=FILE for AWS Glue's frame",
		}
	}
	return nil
}

// output makes sure that the schema which values come out under is in the registry: of the spec, where that has its text, or of the profile.
func (f *filling) output(v *spec.TransformValues, topic string) error {
	subject := v.Schema.ValueSubject(topic)
	if text := v.Text(&v.Schema); text != "" {
		f.add(subject, 0, f.id(), "", v.As, synth.Text{Schema: text})
		return nil
	}
	if slices.ContainsFunc(f.list, func(s sr.SubjectSchema) bool {
		return s.Subject == subject && (v.Schema.Version == 0 || s.Version == v.Schema.Version)
	}) {
		return nil
	}
	which := "subject " + subject
	if v.Schema.Version != 0 {
		which = fmt.Sprintf("version %d of %s", v.Schema.Version, which)
	}
	return &failure{
		Code: codeNoSchema, Title: "the profile does not have the output schema of the transform", Exit: client.ExitUsage,
		Detail: fmt.Sprintf("Values come out under %s, and nothing of where the spec reads and writes is asked in a rehearsal.", which),
		Next:   fmt.Sprintf("learn again with --registry REGISTRY --subject %s, or put the schema into the spec: transform.values.schema.file", subject),
	}
}

// rename gives a record the target's name of its schema.
func (n rehearsedNames) rename(r record.Record) record.Record {
	_, x := record.Namings(&r, record.AllFields, record.FieldValue)
	to, ok := n[x.Name]
	if !x.OK || !ok || r.Value == nil && x.Header < 0 {
		return r
	}
	put := func(b []byte) []byte {
		return append(framed.AppendName(nil, to), b[len(framed.AppendName(nil, x.Name)):]...)
	}
	if x.Header >= 0 {
		r.Headers = slices.Clone(r.Headers)
		r.Headers[x.Header].Value = put(r.Headers[x.Header].Value)
		return r
	}
	r.Value = put(r.Value)
	return r
}

// change is what becomes of records of the replica on their way into the target; nil where they stay as they are. The sandbox is up.
func (r *rehearsing) change(ctx context.Context) (replica.Change, func(), error) {
	if r.spec.Spec.Transform == nil {
		if r.names == nil {
			return nil, func() {}, nil
		}
		return func(_ context.Context, _ int32, rec record.Record) (record.Record, error) {
			return r.names.rename(rec), nil
		}, func() {}, nil
	}
	where := places{file: r.site.connectionsFile()}
	if err := where.load(r.app); err != nil {
		return nil, func() {}, err
	}
	v, closer, err := revise.Of(ctx, r.spec, where.clients())
	if err != nil {
		return nil, func() {}, err
	}
	var mu sync.Mutex // v is for one at a time
	return func(ctx context.Context, p int32, rec record.Record) (record.Record, error) {
		mu.Lock()
		defer mu.Unlock()
		if err := v.Learn(ctx, &rec); err != nil {
			return rec, err
		}
		out, refused := v.Make(p, &rec)
		if refused != nil {
			return rec, &failure{
				Code: codeRehearsal, Title: fmt.Sprintf("the steps refuse a record of the replica, p%02d offset %d", p, rec.Offset), Exit: client.ExitFailed,
				Detail: refused.String() + "\nA job would set such a record aside. Values of a replica are like the real ones in type, length and form, and say nothing.",
				Next:   "make the steps take what the schema allows, or rehearse a copy of the spec without them",
			}
		}
		out.Value = slices.Clone(out.Value)
		return out, nil
	}, closer, nil
}

// outputSubjects are the subjects of which a profile needs schemas for the spec to be rehearsed.
func outputSubjects(r *spec.Recovery) []string {
	t := r.Spec.Transform
	if t == nil || t.Values == nil || r.Spec.Target.Kafka == nil || registryOf(&r.Spec.Source) == "" || t.Values.Text(&t.Values.Schema) != "" {
		return nil
	}
	return []string{t.Values.Schema.ValueSubject(r.Spec.Target.Kafka.Topic)}
}

package recovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/schema"
	"backstitch/replay/schema/compat"
	"backstitch/replay/spec"
)

// Which schemas records name is a side product of comparing them by schema. Against what earlier scans have met, a change can be told that
// nobody expects. The traps: the partitions of one scan must not learn from each other, or the first scan would alarm about the schemas of
// its own second partition; and a schema that could not be judged must not be kept, or nobody would ever judge it.

// Watch is what a scan knows of the schemas of its pair, and what it finds out of one partition.
type Watch struct {
	// Expect is spec.SchemaWatch.Expect, "" to judge nothing, and Mode the compatibility that it wants; "" is the registry's.
	Expect string
	Mode   compat.Mode
	Known  []fsm.DatasetSchema // of scans before this one

	// Seen are the schemas that the partition's records name and that were judged, by place and first record.
	Seen []fsm.SeenSchema

	findings []gap.Finding
	notes    []string
}

// watch tells b.opt.Watch what was met. What a registry does not say becomes a note; an error is only the end of ctx.
func (b *builder) watch(ctx context.Context, in *gap.Input) error {
	w := b.opt.Watch
	if w == nil || in.ReferenceSchemas == nil {
		return nil
	}
	for _, x := range []struct {
		side       *schema.Side
		key, value fsm.SchemaPlace
	}{{in.ReferenceSchemas, fsm.ReferenceKey, fsm.ReferenceValue}, {in.TargetSchemas, fsm.TargetKey, fsm.TargetValue}} {
		named := x.side.Named()
		for i, part := range []struct {
			place   fsm.SchemaPlace
			subject string
			names   func(schema.Seen) bool
		}{{x.key, schema.KeySubject(x.side.Topic()), schema.Seen.Keys}, {x.value, schema.ValueSubject(x.side.Topic()), schema.Seen.Values}} {
			of := slices.DeleteFunc(slices.Clone(named), func(n schema.Named) bool { return !part.names(n.Seen) })
			slices.SortFunc(of, func(a, b schema.Named) int { return cmp.Compare(a.First[i].Offset, b.First[i].Offset) })
			for _, n := range of {
				first := n.First[i]
				seen := fsm.SeenSchema{
					Place: part.place, Name: n.Name.Text(), Print: n.Print.Sum, First: fsm.Position{Partition: b.parts[0], Offset: first.Offset},
					TimestampMs: max(first.TimestampMs, 0),
				}
				if err := w.look(ctx, x.side.Registry(), part.subject, n, seen); err != nil {
					return err
				}
			}
		}
	}
	if n := len(w.Seen) - fsm.MaxSeenSchemas; n > 0 {
		w.notes = append(w.notes, fmt.Sprintf("schemas: records of partition %d name %d more than are kept in the history", b.parts[0], n))
		w.Seen = w.Seen[:fsm.MaxSeenSchemas]
	}
	return nil
}

// look judges one schema and keeps it.
func (w *Watch) look(ctx context.Context, reg *schema.Registry, subject string, n schema.Named, seen fsm.SeenSchema) error {
	before := w.before(seen.Place)
	i := slices.IndexFunc(before, func(d fsm.DatasetSchema) bool { return d.Seen.Name == seen.Name && d.Seen.Print == seen.Print })
	if i >= 0 && before[i].Seen.Version > 0 {
		seen.Subject, seen.Version = before[i].Seen.Subject, before[i].Seen.Version // numbers are for ever
		w.Seen = append(w.Seen, seen)
		return nil
	}
	v, err := reg.Listed(ctx, subject, n.Name)
	switch {
	case err == nil:
		seen.Subject, seen.Version = subject, int32(v.Version)
	case ctx.Err() != nil:
		return ctx.Err()
	case !errors.Is(err, schema.ErrUnknown):
		w.notes = append(w.notes, fmt.Sprintf("schemas: whether subject %s lists %s is not known, so it is not in the history: %v", subject, n.Name, err))
		return nil
	}
	fresh := !slices.ContainsFunc(before, func(d fsm.DatasetSchema) bool { return d.Seen.Print == seen.Print })
	if fresh && len(before) > 0 && w.Expect != "" {
		why, err := w.unexpected(ctx, reg, subject, n, seen, before)
		if err != nil {
			return err
		}
		if why != "" {
			w.find(seen, before[len(before)-1].Seen, subject, why)
		}
	}
	w.Seen = append(w.Seen, seen)
	return nil
}

// before are the schemas that earlier scans have met at a place, the newest last.
func (w *Watch) before(place fsm.SchemaPlace) []fsm.DatasetSchema {
	out := slices.DeleteFunc(slices.Clone(w.Known), func(d fsm.DatasetSchema) bool { return d.Seen.Place != place })
	slices.SortStableFunc(out, func(a, b fsm.DatasetSchema) int {
		return cmp.Or(cmp.Compare(a.Seen.TimestampMs, b.Seen.TimestampMs), cmp.Compare(a.Seen.Version, b.Seen.Version))
	})
	return out
}

// unexpected says why nobody expects a schema that no scan before has met, "" when it is as expected.
func (w *Watch) unexpected(ctx context.Context, reg *schema.Registry, subject string, n schema.Named, seen fsm.SeenSchema, before []fsm.DatasetSchema) (string, error) {
	if w.Expect == spec.ExpectKnown {
		return "no scan before has met it", nil
	}
	if seen.Version == 0 {
		return fmt.Sprintf("subject %s of registry %s does not list it", subject, reg.Name()), nil
	}
	if w.Expect == spec.ExpectRegistered {
		return "", nil
	}
	mode, err := w.Mode, error(nil)
	if mode == "" {
		mode, err = reg.Mode(ctx, subject)
	}
	var candidate *compat.Schema
	if err == nil && mode != compat.None {
		var text compat.Text
		if text, err = reg.Named(ctx, n.Name); err == nil {
			candidate, err = compat.Parse(text)
		}
	}
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return fmt.Sprintf("whether it goes together with the one before is not known: %v", err), nil
	case mode == compat.None:
		return "", nil
	}
	answer := compat.Check(candidate, earlier(ctx, reg, before), mode)
	if answer.Verdict == compat.Compatible || ctx.Err() != nil {
		return "", ctx.Err()
	}
	return fmt.Sprintf("by mode %s it is %s with the one before%s", strings.ToLower(string(mode)), answer.Verdict, firstProblem(answer)), nil
}

// earlier are schemas of before as their registry has them.
func earlier(ctx context.Context, reg *schema.Registry, before []fsm.DatasetSchema) []compat.Version {
	var out []compat.Version
	for _, d := range before {
		v := compat.Version{Name: ref(d.Seen).String()}
		name, err := schema.ParseName(d.Seen.Name)
		var text compat.Text
		if err == nil {
			text, err = reg.Named(ctx, name)
		}
		if err == nil {
			v.Schema, err = compat.Parse(text)
		}
		v.Err = err
		out = append(out, v)
	}
	return out
}

// firstProblem is ": " and the first thing that does not go together, "" when there is none to name.
func firstProblem(r compat.Report) string {
	for _, a := range r.Against {
		var all []compat.Problem
		for _, side := range []*compat.Answer{a.Backward, a.Forward} {
			if side != nil {
				all = append(all, side.Problems...)
			}
		}
		if all = append(all, a.Reuse...); len(all) > 0 {
			return ": " + strings.Join(strings.Fields(all[0].Path+" "+all[0].Text), " ")
		}
	}
	return ""
}

func (w *Watch) find(seen, old fsm.SeenSchema, subject, why string) {
	at := seen.First.Offset
	w.findings = append(w.findings, gap.Finding{
		Kind: gap.Schema, Partition: seen.First.Partition, Range: partition.Range{From: at, To: at + 1}, Count: -1, FirstMs: seen.TimestampMs, LastMs: seen.TimestampMs,
		Reason: fmt.Sprintf("%s name %s from offset %d on, and %s; before it they named %s", seen.Place, ref(seen), at, why, ref(old)),
		Schema: &gap.SchemaChange{Place: seen.Place.String(), New: ref(seen), Old: ref(old)},
	})
}

func ref(s fsm.SeenSchema) gap.SchemaRef {
	return gap.SchemaRef{Name: s.Name, Subject: s.Subject, Version: s.Version}
}

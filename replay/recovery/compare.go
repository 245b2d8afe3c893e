package recovery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"backstitch/replay/framed"
	"backstitch/replay/gap"
	"backstitch/replay/record"
	"backstitch/replay/rename"
	"backstitch/replay/source"
)

// ends are a reference and a target that are open.
type ends struct {
	ref Reference
	end End
}

func (e ends) close() {
	e.ref.Close()
	e.end.Close()
}

// open opens both ends and finds out what they are. The caller closes them.
func (b *builder) open(ctx context.Context, clients Clients) (e ends, err error) {
	if err := b.output(ctx, clients); err != nil {
		return e, err
	}
	if err := b.columns(ctx, clients); err != nil {
		return e, err
	}
	e.end, err = clients.Target(ctx, b.recipe.Target)
	if err != nil {
		return e, explainEnd(err, CodeNoTarget, "the target "+targetName(b.recipe.Target)+" is not there",
			"The topic must exist, with the partitions that the reference has; backstitch does not create it.")
	}
	defer func() {
		if err != nil {
			e.end.Close()
		}
	}()
	if b.state, err = e.end.Describe(ctx); err != nil {
		return e, explainEnd(b.amid(err), CodeNoTarget, "the target "+targetName(b.recipe.Target)+" can not be described", "")
	}
	b.recipe.Target.ClusterID, b.recipe.Target.TopicID = b.state.ClusterID, b.state.TopicID
	if err := b.spared(ctx, e.end); err != nil {
		return e, err
	}
	e.ref, err = clients.Reference(ctx, b.recipe.Source)
	if err != nil {
		return e, explainEnd(err, CodeNoReference, "the reference "+sourceName(b.recipe.Source)+" is not there",
			"Nothing of that topic is found there. Are source and target swapped, or is the prefix another one?")
	}
	b.fields = e.ref.Fields()
	if b.scope.Timed() && b.fields&record.FieldTimestamp == 0 {
		e.ref.Close()
		return e, &Error{Code: CodeNoTime, Title: "the reference holds no timestamps, so a range can not go by time", Exit: exitUsage,
			Why:  fmt.Sprintf("%s holds %s of each record.", sourceName(b.recipe.Source), fieldsText(b.fields)),
			Hint: "use spec.range.offsets, or leave the range out"}
	}
	if err := b.blind(); err != nil {
		e.ref.Close()
		return e, err
	}
	if err := b.inventory(ctx, e); err != nil {
		e.ref.Close()
		return e, err
	}
	if err := b.reshape(); err != nil {
		e.ref.Close()
		return e, err
	}
	return e, nil
}

// compare looks at what there is and compares it.
func (b *builder) compare(ctx context.Context, clients Clients, e ends) (err error) {
	if b.extent, err = b.extents(ctx, e.ref); err != nil {
		return b.nothing(err)
	}
	if err := b.selected(slices.Sorted(maps.Keys(b.extent))); err != nil {
		return err
	}
	closeWriters, err := b.learnWriters(clients)
	if err != nil {
		return err
	}
	defer closeWriters()
	closeNames, err := b.learnNames(ctx, clients)
	if err != nil {
		return err
	}
	defer closeNames()
	in, err := b.input(ctx, e)
	if err != nil {
		return err
	}
	in.Extents = b.extent
	closeRegistries, err := b.registries(&in, clients)
	if err != nil {
		return err
	}
	defer closeRegistries()
	if b.recipe.Source.Layout == "kafka" {
		in.Reference = b.opt.Pace.Source(in.Reference)
		if in.Whole != nil {
			in.Whole = b.opt.Pace.Source(in.Whole)
		}
	}
	in.Target = b.opt.Pace.Targets(in.Target)
	if err := b.listen(&in); err != nil {
		return err
	}
	if err := b.reshaped(&in); err != nil {
		return err
	}
	if b.report, err = b.compareBy(ctx, e.ref, e.end, in); err != nil {
		return b.amid(err)
	}
	if err := b.unmixed(); err != nil {
		return err
	}
	if err := b.supersede(ctx, &in); err != nil {
		return b.amid(err)
	}
	if err := b.pinWriters(); err != nil {
		return err
	}
	if err := b.numbers(ctx, &in); err != nil {
		return err
	}
	if err := b.sameKeys(ctx, clients); err != nil {
		return err
	}
	if err := b.outputRead(ctx, clients); err != nil {
		return err
	}
	if err := b.watch(ctx, &in); err != nil {
		return err
	}
	if err := b.causes(ctx, e.ref, e.end); err != nil {
		return fmt.Errorf("look for the cause of what is missing: %w", err)
	}
	return b.hold(ctx, e.ref)
}

// nothing explains why the partitions of the reference can not be told.
func (b *builder) nothing(err error) error {
	if errors.Is(err, source.ErrTooMany) {
		return &Error{Code: CodeTooMany, Title: "the reference " + sourceName(b.recipe.Source) + " has more objects than can be looked at at once",
			Why:  fmt.Sprintf("Of the partitions that are selected there are more than %s.", gap.Count(source.MaxObjects)),
			Hint: "select some partitions at a time: --partitions 0-9, or spec.select.partitions", Exit: exitUsage, Err: err}
	}
	return explainEnd(err, CodeNoReference, "the reference "+sourceName(b.recipe.Source)+" has nothing",
		"Nothing of that topic is found there. Are source and target swapped, or is the prefix another one?")
}

// selected refuses a spec that selects a partition which the reference has not.
func (b *builder) selected(have []int32) error {
	for _, n := range b.parts {
		if !slices.Contains(have, n) {
			return &Error{Code: CodePartition, Title: fmt.Sprintf("the reference has no partition %d", n), Exit: exitUsage,
				Why:  fmt.Sprintf("Of those selected, %s has %s.", sourceName(b.recipe.Source), list(have)),
				Hint: "change spec.select.partitions"}
		}
	}
	return nil
}

// input is what gap.Scan wants to know, without extents.
func (b *builder) input(ctx context.Context, e ends) (gap.Input, error) {
	b.about = e.ref.About()
	b.recipe.Source = b.about.Source
	b.recipe.Version = b.recipe.Needs() // of what was found out, too
	if err := b.whole(); err != nil {
		return gap.Input{}, err
	}
	var err error
	if b.tally, err = b.recipe.Tally(); err != nil {
		return gap.Input{}, err
	}
	var by framed.Writers
	if b.writers != nil {
		by = b.writers
	}
	var named source.Source = e.ref
	if b.names != nil {
		named = rename.Over(named, b.names)
	}
	ref, err := b.recipe.Source.overBy(named, b.tally, by)
	if err != nil {
		return gap.Input{}, err
	}
	in := gap.Input{
		Redelivers: b.about.Redelivers, Rendered: b.recipe.Source.rendering(), Dataset: b.recipe.partitionsOf(b.state.Topic), ReferenceTopic: b.topic, Reference: ref, Target: e.end, Scope: b.scope,
	}
	if err := b.without(&in); err != nil {
		return in, err
	}
	return in, b.facts(ctx, e.ref, e.end, &in)
}

// whole refuses to compare an archive without partitions with a topic that has several: each of its records would look lost in
// the first one.
func (b *builder) whole() error {
	if n := len(b.state.Partitions); b.about.Whole && n > 1 && b.recipe.Target.Reshape == nil {
		return &Error{Code: CodePartition, Title: "the reference knows no partitions, the target has " + fmt.Sprint(n), Exit: exitUsage,
			Why:  sourceName(b.recipe.Source) + " does not say of which partition a record was, so it can only be compared with a topic of one.",
			Hint: "compare it with a topic of one partition"}
	}
	return nil
}

// facts adds what is known besides the records.
func (b *builder) facts(ctx context.Context, ref Reference, end End, in *gap.Input) (err error) {
	in.Facts = gap.Facts{
		CleanupPolicy: b.state.Limits.CleanupPolicy, TargetStarts: map[int32]int64{}, Layout: b.about.Evidence,
		Notes: slices.Concat(b.noteRegistries(), b.noteValues(), b.noteRepeats(), b.noteDatums(), b.noteNames(), b.noteColumns(), b.notes, b.about.Notes),
	}
	if b.recipe.Target.Reshape != nil {
		return nil // partitions of the two sides have nothing to do with each other
	}
	for part := range b.extent {
		if _, ok := b.state.Partition(part); !ok && !b.recipe.Target.Files() {
			in.Missing = append(in.Missing, part)
		}
	}
	slices.Sort(in.Missing)
	for _, p := range b.state.Partitions {
		in.Facts.TargetStarts[p.Partition] = p.LogStart
	}
	if in.Facts.Recreated, err = b.recreated(ctx, ref); err != nil {
		return err
	}
	if in.Scope.Timed() && in.Fields()&record.FieldTimestamp != 0 {
		if in.TargetFrom, err = end.OffsetsAt(ctx, in.Scope.FromMs); err != nil {
			return fmt.Errorf("look up offsets by time: %w", err)
		}
	}
	return nil
}

// recreated says whether the target has another topic id than the reference saw, "" where nobody knows or it is so on purpose. A part sees
// its own objects and the survey saw the first of all, so there the survey's word counts.
func (b *builder) recreated(ctx context.Context, ref Reference) (string, error) {
	if b.pinned != nil {
		return b.pinned.Header.Facts.Recreated, nil
	}
	seen, err := ref.TopicID(ctx)
	switch {
	case err != nil:
		return "", fmt.Errorf("ask the reference for its topic id: %w", err)
	case seen == "" || b.state.TopicID == "" || b.recipe.Source.Layout == "kafka":
		return "", nil
	case seen != b.state.TopicID:
		return "yes", nil
	}
	return "no", nil
}

// judge refuses a comparison from which nothing can be concluded.
func (b *builder) judge() error {
	var expected, actual, target int64
	comparable := false
	for _, r := range b.report.Results {
		expected += r.Expected.Records
		actual += r.Actual.Records
		target += r.TargetTo - r.TargetFrom
		comparable = comparable || r.Comparable
	}
	switch {
	case !comparable && len(b.report.Results) > 0:
		return nil // the findings say why, partition by partition
	case expected == 0 && !b.damaged():
		return &Error{Code: CodeEmpty, Title: "the reference has no records in this range", Exit: exitUsage,
			Why:  fmt.Sprintf("%s: nothing to compare with in %s.", sourceName(b.recipe.Source), b.rangeText()),
			Hint: "backstitch gaps heatmap without a range shows what the reference holds"}
	case actual == 0 && target > 0 && b.spec.Spec.Range == nil && b.spec.Spec.Select.Only != "all":
		return &Error{Code: CodeUnrelated, Title: "reference and target have no record in common", Exit: exitUsage,
			Why: fmt.Sprintf("%s has %s records and %s has about %s, and none of them are equal. That is not a gap: it is another topic, "+
				"or source and target are swapped, or what is compared (%s) is written in another form.",
				sourceName(b.recipe.Source), gap.Count(expected), targetName(b.recipe.Target), gap.Count(target), fieldsText(b.fields)),
			Hint: "check spec.source and spec.target; to write everything all the same, set spec.select.only: all"}
	}
	return nil
}

// damaged reports whether a part of the reference could not be read: then nobody knows whether it is empty.
func (b *builder) damaged() bool {
	return slices.ContainsFunc(b.report.Findings, func(f gap.Finding) bool { return f.Kind == gap.Corrupt || f.Kind == gap.NotComparable })
}

// unreadable reports whether a part of partition n of the reference could not be read.
func (b *builder) unreadable(n int32) bool {
	return slices.ContainsFunc(b.report.Findings, func(f gap.Finding) bool {
		return (f.Kind == gap.Corrupt || f.Kind == gap.NotComparable) && f.Partition == n
	})
}

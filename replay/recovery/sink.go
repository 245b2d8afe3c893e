package recovery

import (
	"context"
	"fmt"
	"time"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/gap/delivered"
	"backstitch/replay/spec"
)

// Positioned is an upgrade of Reference for archives whose positions are the offsets of the topic that they were made of.
type Positioned interface {
	// Newest is the time of the newest record among the last objects of all partitions, in Kafka milliseconds; 0 for none.
	Newest(ctx context.Context, extents map[int32]gap.Extent) (int64, error)
	// Span is what offsets an object takes by its name.
	Span(o partition.Object) partition.Range
}

// ScanSink turns a spec round: what of its target, a topic, is not in its source, an archive that a sink makes of it. It writes
// nothing. grace is how long the sink may hold a record back, by the times of records.
func ScanSink(ctx context.Context, r *spec.Recovery, grace time.Duration, clients Clients, opt Options) (*delivered.Report, error) {
	if err := asTheyStand(r); err != nil {
		return nil, err
	}
	r = r.WithDefaults()
	recipe, _, err := NewRecipe(r)
	if err != nil {
		return nil, err
	}
	parts, err := r.Spec.Select.Partitions.Parse()
	if err != nil {
		return nil, err
	}
	if recipe.Target.Kind != "kafka" || recipe.Source.Layout == "kafka" || r.Spec.Range != nil {
		return nil, &Error{Code: CodeSwapped, Title: "a sink makes an archive of a topic", Exit: exitUsage,
			Why:  "The spec names other ends, or a range: all that the topic still has is compared.",
			Hint: "name a topic as target, an archive as source, and no range"}
	}
	if err := recipe.Source.asTopic(); err != nil {
		return nil, err
	}
	if recipe.Source.Registry != "" {
		return nil, &Error{Code: CodeNumbers, Title: "what a sink wrote is compared with its topic by bytes, and registries are named", Exit: exitUsage,
			Why:  "A sink archives records as it reads them, with the names of schemas that they have.",
			Hint: "leave registry out on both sides; by schema compares: backstitch gaps list"}
	}
	end, err := clients.Target(ctx, recipe.Target)
	if err != nil {
		return nil, explainEnd(err, CodeNoTarget, "the topic "+targetName(recipe.Target)+" is not there", "It is what the archive is compared with.")
	}
	defer end.Close()
	state, err := end.Describe(ctx)
	if err != nil {
		return nil, explainEnd(err, CodeNoTarget, "the topic "+targetName(recipe.Target)+" can not be described", "")
	}
	t := recipe.Target
	topic, err := clients.Reference(ctx, Source{Layout: "kafka", Brokers: t.Brokers, Connection: t.Connection, Topic: t.Topic})
	if err != nil {
		return nil, explainEnd(err, CodeNoTarget, "the topic "+targetName(t)+" can not be read", "")
	}
	defer topic.Close()
	archive, err := clients.Reference(ctx, recipe.Source)
	if err != nil {
		return nil, explainEnd(err, CodeNoReference, "the archive "+sourceName(recipe.Source)+" is not there", "Nothing of that topic is found there.")
	}
	defer archive.Close()
	if archive.About().Whole {
		return nil, &Error{Code: CodePartition, Title: "the archive " + sourceName(recipe.Source) + " knows no partitions", Exit: exitUsage,
			Why:  "Its layout keeps the records of all partitions together, and a topic is compared partition by partition.",
			Hint: "compare with: backstitch gaps list"}
	}
	in := delivered.Input{
		Topic: t.Topic, Reference: topic, Archive: archive, Grace: grace, Unplaced: archive.About().Unplaced,
		Compacted: gap.Facts{CleanupPolicy: state.Limits.CleanupPolicy}.Compacted(), RetentionMs: state.Limits.keepsMs(),
	}
	if err := extents(ctx, &in, topic, archive, parts, recipe); err != nil {
		return nil, err
	}
	inv, err := inventoryOf(ctx, archive)
	if err != nil {
		return nil, err
	}
	if inv != nil {
		in.Unlisted = map[int32]string{}
		for _, n := range inv.hides(&state, parts) {
			in.Unlisted[n] = inv.unlisted()
		}
	}
	if err := position(ctx, &in, archive, end, state.TopicID, opt.Now()); err != nil {
		return nil, err
	}
	return delivered.Scan(ctx, in, opt.Scan)
}

// extents asks both ends what they hold, the topic first: what a sink writes in between is then in the listing all the same.
func extents(ctx context.Context, in *delivered.Input, topic, archive Reference, parts []int32, recipe Recipe) (err error) {
	if in.Extents, err = topic.Extents(ctx, parts, 0); err != nil {
		return explainEnd(err, CodeNoTarget, "the topic "+targetName(recipe.Target)+" can not be read", "")
	}
	for _, n := range parts {
		if _, ok := in.Extents[n]; !ok {
			return &Error{Code: CodePartition, Title: fmt.Sprintf("the topic has no partition %d", n), Exit: exitUsage, Hint: "change --partitions"}
		}
	}
	// All partitions of the archive are listed: its newest record says what the others owe.
	if in.Objects, err = archive.Extents(ctx, nil, 0); err != nil {
		return explainEnd(err, CodeNoReference, "the archive "+sourceName(recipe.Source)+" has nothing",
			"Nothing of that topic is found there, and nobody can tell whether it is too early. Is the prefix another one?")
	}
	return nil
}

// position finds out what the archive's positions mean, and until when records are due.
func position(ctx context.Context, in *delivered.Input, archive Reference, end End, topicID string, now time.Time) error {
	p, ok := archive.(Positioned)
	if !ok {
		return nil
	}
	seen, err := archive.TopicID(ctx)
	if err != nil {
		return fmt.Errorf("ask the archive for its topic id: %w", err)
	}
	// Offsets of a topic of the same name that is gone say nothing about this one's.
	if in.Exact = seen != "" && seen == topicID; in.Exact {
		in.Span = p.Span
	}
	if in.NewestMs, err = p.Newest(ctx, in.Objects); err != nil {
		return fmt.Errorf("ask the archive for its newest record: %w", err)
	}
	// A producer whose clock is ahead must not make everything due.
	if in.NewestMs = min(in.NewestMs, now.UnixMilli()); in.NewestMs <= 0 {
		return nil
	}
	if in.DueTo, err = end.OffsetsAt(ctx, in.DueMs()); err != nil {
		return fmt.Errorf("look up offsets by time: %w", err)
	}
	return nil
}

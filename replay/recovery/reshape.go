package recovery

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"backstitch/replay/dedupe"
	"backstitch/replay/gap"
	"backstitch/replay/record"
	"backstitch/replay/repartition"
	"backstitch/replay/sink"
	"backstitch/replay/spec"
)

// Another number of partitions. What a partition of the reference has in the target is told by origin headers, so the target is one that this
// program alone has filled, from that reference and under the same rule. Everything else is refused by name: what is there without an origin
// can not be told from what is missing.

// Murmur2 is the partitioner that Java's clients have, and the name of it.
const Murmur2 = "murmur2"

// Reshape says how records get their partition in the target.
type Reshape struct {
	Partitioner string `json:"partitioner"` // Murmur2
	// Ends are those of the target's partitions when the plan was made. There are as many as the rule is for.
	Ends []int64 `json:"ends"`
	// Split is how many keys are in more than one partition of the reference, -1 where it is not known: of those nobody knows the order.
	Split int64 `json:"split,omitempty"`
}

// partitionsOf is the topic whose partitions a recipe is cut by: the target, unless records get others there.
func (r *Recipe) partitionsOf(target string) string {
	if r.Target.Reshape != nil {
		return r.Source.Topic
	}
	return target
}

// Rule is where records go; nil where they keep their partition.
func (r *Reshape) Rule() *repartition.Rule {
	if r == nil {
		return nil
	}
	return &repartition.Rule{Partitions: int32(len(r.Ends))}
}

// View is targets as partitions of the reference, which origin headers call topic.
func (r *Reshape) View(targets sink.Targets, topic string) (sink.Targets, error) {
	if r.Partitioner != Murmur2 {
		return nil, fmt.Errorf("partitioner %q is not known", r.Partitioner)
	}
	return repartition.NewView(targets, repartition.Options{Rule: *r.Rule(), Topic: topic, Ends: r.Ends})
}

// name is what a spec calls the partitioner.
func (r *Reshape) name() string {
	if r == nil {
		return spec.DefaultPartitioner
	}
	return r.Partitioner
}

// Unordered says for people what order the proof can not be about, "" where it is about all of it.
func (r *Reshape) Unordered() string {
	switch {
	case r == nil || r.Split == 0:
		return ""
	case r.Split < 0:
		return "order of records of one key that lie in several partitions of the reference; whether there are any is not known"
	}
	return "order of records of one key that lie in several partitions of the reference, as those of " + gap.Plural(r.Split, "key") + " do"
}

// reshape refuses what can not be given other partitions, once both ends are open.
func (b *builder) reshape() error {
	shape := b.recipe.Target.Reshape
	if shape == nil {
		return nil
	}
	refuse := func(title, why, hint string) error {
		return &Error{Code: CodeReshape, Title: title, Why: why, Hint: hint, Exit: exitUsage}
	}
	switch n := len(b.state.Partitions); {
	case b.fields&record.FieldKey == 0:
		return &Error{Code: CodeKeyless, Title: "the reference holds no keys, so records can not be given a partition by key", Exit: exitUsage,
			Why:  fmt.Sprintf("%s holds %s of each record.", sourceName(b.recipe.Source), fieldsText(b.fields)),
			Hint: "read from a reference that holds keys, or leave target.kafka.partitioner out"}
	case n == 0:
		return refuse("the target does not say how many partitions it has", targetName(b.recipe.Target)+" is described without any.",
			"create the topic with the partitions that it is to have")
	case gap.Facts{CleanupPolicy: b.state.Limits.CleanupPolicy}.Compacted():
		return refuse("a compacted topic can not be filled with other partitions",
			fmt.Sprintf("Topic %s is compacted (cleanup.policy=%s): it drops records that the proof compares, and which of a key's it keeps hangs on their order.",
				b.state.Topic, b.state.Limits.CleanupPolicy),
			"kafka-configs --alter --entity-type topics --entity-name "+b.state.Topic+" --add-config cleanup.policy=delete, and set it back when the job is done")
	case b.opt.Compare != nil:
		return &Error{Code: CodePutTogether, Title: "a ledger does not go with another number of partitions", Exit: exitUsage,
			Why: "It keeps what partitions of the target hold, and here each is put together of all of them.", Hint: "leave --ledger out"}
	}
	shape.Ends = make([]int64, len(b.state.Partitions))
	for i, p := range b.state.Partitions {
		if p.Partition != int32(i) {
			return refuse("the target does not describe all of its partitions", fmt.Sprintf("Partition %d of topic %s is not among them.", i, b.state.Topic),
				"try again when all partitions have a leader")
		}
		shape.Ends[i] = p.LSO
	}
	return nil
}

// inPieces refuses to scan partition by partition what only the whole of the target can tell.
func (b *builder) inPieces() error {
	if b.recipe.Target.Reshape == nil {
		return nil
	}
	return &Error{Code: CodePutTogether, Title: "a scan of the cluster does not compare with another number of partitions", Exit: exitUsage,
		Why:  "It is cut by partitions, and each of them lies in all partitions of the target.",
		Hint: "backstitch plan -f SPEC -o FILE.plan, or backstitch gaps list -f SPEC"}
}

// reshaped looks at the two sides as partitions of the reference.
func (b *builder) reshaped(in *gap.Input) error {
	shape := b.recipe.Target.Reshape
	if shape == nil {
		return nil
	}
	var err error
	b.view, err = repartition.NewView(in.Target, repartition.Options{Rule: *shape.Rule(), Topic: b.topic, Ends: shape.Ends, Pinned: true})
	if err != nil {
		return err
	}
	last := slices.Max(append(slices.Collect(maps.Keys(b.extent)), 0))
	b.keys = repartition.NewKeys(last + 1)
	in.Target, in.Reference = b.view, b.keys.Over(in.Reference)
	return nil
}

// unmixed refuses a target in which there is anything else, and takes down what was seen of keys.
func (b *builder) unmixed() error {
	if b.view == nil {
		return nil
	}
	foreign, strayed := b.view.Counted()
	at := func(p repartition.Places) string {
		return fmt.Sprintf("The first is in partition %d at offset %d.", p.Partition, p.Offset)
	}
	const hint = "fill a new topic: kafka-topics --create --topic NAME --partitions N"
	switch {
	case foreign.Records > 0:
		return &Error{Code: CodeMixed, Title: fmt.Sprintf("the target has %s that are not from the reference", gap.Plural(foreign.Records, "record")), Exit: exitUsage,
			Why:  fmt.Sprintf("With another number of partitions, a topic is compared by origin headers that name %s; these do not. %s", b.topic, at(foreign)),
			Hint: hint}
	case strayed.Records > 0:
		return &Error{Code: CodeMixed, Title: fmt.Sprintf("the target has %s in another partition than their key has among %d", gap.Plural(strayed.Records, "record"),
			len(b.state.Partitions)), Exit: exitUsage, Why: "The topic had another number of partitions when they were written. " + at(strayed), Hint: hint}
	}
	b.recipe.Target.Reshape.Split = b.keys.Seen().Split
	return nil
}

// holes are the partitions in which something is missing before something that is there.
func (b *builder) holes() (out []int32) {
	for _, r := range b.report.Results {
		if n := len(r.Missing); n > 1 || n == 1 && r.Missing[0].To < r.Compared[len(r.Compared)-1].To {
			out = append(out, r.Partition)
		}
	}
	return out
}

// reshape says what becomes of partitions, and of which records nobody knows the order.
func (c *preflight) reshape() {
	shape := c.p.Recipe.Target.Reshape
	if shape == nil {
		return
	}
	seen := c.b.keys.Seen()
	text := fmt.Sprintf("%s of the reference into %s of %s, by %s of the key; order per key kept", gap.Plural(int64(len(c.p.Parts)), "partition"),
		gap.Plural(int64(len(shape.Ends)), "partition"), c.p.Target.Topic, shape.Partitioner)
	if seen.Keyless > 0 {
		text += fmt.Sprintf("; %s without a key, in runs of %d positions", gap.Plural(seen.Keyless, "record"), repartition.Run)
	}
	c.check("partitions", "ok", text)
	text = fmt.Sprintf("Nobody else may write into topic %s before the job is proved: the proof does not look at what others write. Its number "+
		"of partitions has to stay %d.", c.p.Target.Topic, len(shape.Ends))
	if holes := c.b.holes(); len(holes) > 0 {
		text += fmt.Sprintf(" Of partitions %s of the reference the topic has records that are later than some that it lacks: what is written comes behind "+
			"them, out of the order of its keys.", list(holes))
	}
	c.note(NoteReshape, text)
	switch {
	case seen.Split > 0:
		c.note(NoteSplitKeys, fmt.Sprintf("The records of %s are in more than one partition of the reference. They come into one partition, in the order that they have "+
			"in each partition of the reference; between those there is none.", gap.Plural(seen.Split, "key")))
	case seen.Split < 0:
		c.note(NoteSplitKeys, fmt.Sprintf("%s are not where %s would put them among %d partitions, and there are too many keys to compare. Keys that are in "+
			"more than one partition of the reference have no order between those.", gap.Plural(seen.Astray, "record"), shape.Partitioner, len(c.p.Parts)))
	}
}

// alone says whether what has been written into the target since the plan is of anybody but the plan's own job.
func (e *StaleError) alone(ctx context.Context, p *Plan, end End, now *State) error {
	hash, err := p.Hash()
	if err != nil {
		return err
	}
	job := string(JobID(hash))
	for q, was := range p.Recipe.Target.Reshape.Ends {
		t, _ := now.Partition(int32(q))
		switch {
		case t.LSO < was:
			e.add("%s ends at offset %d, the plan saw %d: records were lost since.", gap.Name(p.Target.Topic, t.Partition), t.LSO, was)
			continue
		case t.LSO == was:
			continue
		}
		other, err := firstOther(ctx, end, t.Partition, was, t.LSO, job)
		if err != nil {
			return fmt.Errorf("look at what is new in the target: %w", err)
		}
		if other >= 0 {
			e.add("%s has a record at offset %d that came since the plan and is not of its job: nobody else may write there.", gap.Name(p.Target.Topic, t.Partition), other)
		}
	}
	return nil
}

// firstOther is where the first batch of records at [from, to) has one that the job did not write, -1 for nowhere. One batch is enough: jobs
// lock the whole topic, so what is of others lies before all that is of ours, or is written by nobody that heeds locks.
func firstOther(ctx context.Context, end End, part int32, from, to int64, job string) (int64, error) {
	r, err := end.Read(ctx, part, from, to)
	if err != nil {
		return -1, err
	}
	defer r.Close()
	b, err := r.Next(ctx)
	if err == io.EOF {
		return -1, nil // markers
	}
	if err != nil {
		return -1, err
	}
	defer b.Release()
	for i := range b.Records {
		if _, by := dedupe.Origin(&b.Records[i]); by != job {
			return b.Records[i].Offset, nil
		}
	}
	return -1, nil
}

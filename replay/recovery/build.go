package recovery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"backstitch/partition"
	"backstitch/partition/plan"
	"backstitch/replay/datum"
	"backstitch/replay/gap"
	"backstitch/replay/record"
	"backstitch/replay/repartition"
	"backstitch/replay/repeat"
	"backstitch/replay/rule"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/throttle"
)

// Options are what Build needs besides the spec.
type Options struct {
	// Pace bounds how fast topics and directories are read, nil does not. Whoever makes Clients paces archives.
	Pace    *throttle.Limiter
	Cluster string           // id of the backstitch cluster, "" when there is none yet
	Now     func() time.Time // for what would expire
	Scan    gap.Config
	// Only are the positions of the reference, by partition, that a plan may write and prove; nil for all. The scan looks at everything.
	Only map[int32]partition.Ranges
	// Watch, if set, is told which schemas a partition's records name, and judges those that are new. It is for scans of one partition.
	Watch *Watch
	// Compare is how reference and target are compared; nil is gap.Scan. A ledger has another way to the same report.
	Compare func(ctx context.Context, in gap.Input, cfg gap.Config, a gap.Anchors) (*gap.Report, error)
}

// DefaultOptions scans as gap.DefaultConfig does. The caller sets Now.
func DefaultOptions() Options { return Options{Scan: gap.DefaultConfig()} }

// Build scans what the spec names and freezes what is to be done. It writes nothing.
func Build(ctx context.Context, r *spec.Recovery, clients Clients, opt Options) (*Plan, error) {
	p, _, err := BuildWithScan(ctx, r, clients, opt)
	return p, err
}

// BuildWithScan is Build for callers that show the scan, too.
func BuildWithScan(ctx context.Context, r *spec.Recovery, clients Clients, opt Options) (*Plan, *gap.Report, error) {
	b := &builder{spec: r.WithDefaults(), opt: opt, planning: true}
	if err := b.examples(); err != nil {
		return nil, nil, err
	}
	if err := b.scan(ctx, clients); err != nil {
		return nil, nil, err
	}
	p, err := b.plan()
	return p, b.report, err
}

// Scan only looks: it is the first half of Build.
func Scan(ctx context.Context, r *spec.Recovery, clients Clients, opt Options) (*gap.Report, error) {
	b := &builder{spec: r.WithDefaults(), opt: opt}
	if err := b.scan(ctx, clients); err != nil {
		return nil, err
	}
	return b.report, nil
}

type builder struct {
	spec   *spec.Recovery
	opt    Options
	recipe Recipe
	topic  string // of the reference, as the spec calls it
	scope  gap.Scope
	parts  []int32 // that are selected, nil for all
	pinned *Survey // of a scan in pieces
	// What an inventory can not tell of the reference: partitions that it names nothing of, and why that is no answer; notes for people.
	hidden   []int32
	unlisted string
	notes    []string
	state    State
	fields   record.Fields // of the reference
	about    About
	extent   map[int32]gap.Extent
	report   *gap.Report
	planning bool         // what was scanned is to be written
	readable *readers     // of the target, when planning; nil where no registries are named
	writers  *writers     // that values in Avro name; nil where they are JSON
	tally    *rule.Tally  // nil where nobody bounds what may be lacking
	repeats  *repeat.Book // nil where no repetitions are left out
	// Set where records get other partitions than they have.
	view *repartition.View
	keys *repartition.Keys
}

// scan opens both ends, finds out what they are, compares them, and refuses a comparison from which nothing can be concluded.
func (b *builder) scan(ctx context.Context, clients Clients) error {
	if err := b.prepare(); err != nil {
		return err
	}
	e, err := b.open(ctx, clients)
	if err != nil {
		return err
	}
	defer e.close()
	if err := b.compare(ctx, clients, e); err != nil {
		return err
	}
	return b.judge()
}

// prepare reads the spec.
func (b *builder) prepare() (err error) {
	if b.recipe, b.scope, err = NewRecipe(b.spec); err != nil {
		return err
	}
	b.topic = b.recipe.Source.Topic
	if b.opt.Only != nil {
		b.parts = slices.Sorted(maps.Keys(b.opt.Only))
		return nil
	}
	b.parts, err = b.spec.Spec.Select.Partitions.Parse()
	return err
}

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
	if err := b.reshaped(&in); err != nil {
		return err
	}
	if b.report, err = b.compareBy(ctx, e.ref, e.end, in); err != nil {
		return b.amid(err)
	}
	if err := b.unmixed(); err != nil {
		return err
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
	if err := b.whole(); err != nil {
		return gap.Input{}, err
	}
	var err error
	if b.tally, err = b.recipe.Tally(); err != nil {
		return gap.Input{}, err
	}
	var by datum.Writers
	if b.writers != nil {
		by = b.writers
	}
	ref, err := b.recipe.Source.overBy(e.ref, b.tally, by)
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
		Notes: slices.Concat(b.noteRegistries(), b.noteValues(), b.noteRepeats(), b.noteDatums(), b.notes, b.about.Notes),
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

// plan freezes what the scan found.
func (b *builder) plan() (*Plan, error) {
	b.report.Findings = b.concerning(b.report.Findings)
	p := &Plan{
		Version: PlanVersion, Cluster: b.opt.Cluster, Spec: b.spec, Recipe: b.recipe, Target: b.state,
		Findings: unheld(b.report.Findings), Set: b.report.Set,
	}
	limits, err := b.limits()
	if err != nil {
		return nil, err
	}
	var parts []plan.Part
	for i := range b.report.Results {
		res := &b.report.Results[i]
		b.freezeTarget(p, res)
		p.Totals.Compared += res.Expected.Records
		part := b.part(res)
		doc := b.describe(res, &part)
		p.Parts = append(p.Parts, doc)
		if res.Comparable && len(part.Compare) > 0 {
			parts = append(parts, part)
		}
	}
	cut, err := plan.Cut("", parts, limits)
	if err != nil {
		if errors.Is(err, plan.ErrTooLarge) {
			return nil, &Error{Code: CodeTooLarge, Title: "the plan is larger than one job can be", Why: err.Error(), Exit: exitUsage,
				Hint: "narrow spec.range or spec.select.partitions and recover in steps", Err: err}
		}
		return nil, fmt.Errorf("cut the plan: %w", err)
	}
	b.slices(p, cut)
	if err := b.preflight(p); err != nil {
		return nil, err
	}
	p.Recipe.Left, p.Recipe.LeftMore = p.left()
	if err := b.validate(p); err != nil {
		return nil, err
	}
	p.Undo = b.undo()
	return p, nil
}

// freezeTarget puts the end of the target that the scan saw into the plan: what came after it was not compared.
func (b *builder) freezeTarget(p *Plan, res *gap.Result) {
	if b.view != nil {
		return // it was looked at as it was described
	}
	for i := range p.Target.Partitions {
		if t := &p.Target.Partitions[i]; t.Partition == res.Partition && res.Comparable {
			t.LogStart, t.LSO = res.TargetFrom, res.TargetTo
		}
	}
}

func (b *builder) limits() (plan.Limits, error) {
	l := plan.DefaultLimits()
	size, err := b.spec.Spec.Slices.Bytes.Parse()
	if err != nil {
		return l, err
	}
	l.Bytes, l.Records = size, b.spec.Spec.Slices.Records
	return l, nil
}

// part is what plan.Cut gets for one partition.
func (b *builder) part(res *gap.Result) plan.Part {
	out := plan.Part{
		Partition: res.Partition, Compare: b.among(res.Partition, res.Compared), Fill: res.Missing,
		TargetFrom: res.TargetFrom, TargetTo: res.TargetTo, Counts: []plan.Count{},
	}
	if b.opt.Only != nil {
		out.Fill = b.among(res.Partition, res.Missing)
		for _, r := range out.Fill {
			out.Counts = append(out.Counts, plan.Count{Range: r, Records: r.Len(), Bytes: res.BytesOf(r, r.Len())})
		}
	} else if b.spec.Spec.Select.Only == "all" {
		out.Fill = res.Compared
		for _, w := range res.Windows {
			out.Counts = append(out.Counts, plan.Count{Range: w.Range, Records: w.Records, Bytes: w.Bytes})
		}
	} else {
		for i, r := range res.Missing {
			out.Counts = append(out.Counts, plan.Count{Range: r, Records: res.MissingCounts[i], Bytes: res.BytesOf(r, res.MissingCounts[i])})
		}
	}
	b.split(&out)
	damaged := map[string]bool{}
	for _, f := range b.report.Findings {
		if f.Kind == gap.Corrupt && f.Partition == res.Partition && f.Whole {
			damaged[f.Object] = true
		}
	}
	for _, o := range b.extent[res.Partition].Objects {
		if !damaged[o.Key] {
			out.Objects = append(out.Objects, o)
		}
	}
	slices.SortStableFunc(out.Objects, func(a, b partition.Object) int {
		if a.Base != b.Base {
			return int(min(max(a.Base-b.Base, -1), 1))
		}
		return strings.Compare(a.Key, b.Key)
	})
	return out
}

// describe is a partition in the form in which people read it.
func (b *builder) describe(res *gap.Result, part *plan.Part) Part {
	out := Part{Partition: res.Partition, Action: "skip", Ranges: len(part.Fill)}
	if !res.Comparable {
		out.Action = "cannot"
		for _, f := range b.report.Findings {
			if f.Partition == res.Partition && f.Kind == gap.NotComparable {
				out.Reason = f.Reason
			}
		}
		return out
	}
	if len(part.Fill) == 0 {
		if b.unreadable(res.Partition) {
			out.Action = "unread"
		}
		return out
	}
	out.Action = "fill"
	span := part.Fill.Span()
	out.From, out.To = span.From, span.To
	for _, c := range part.Counts {
		out.Records += c.Records
		out.Bytes += c.Bytes
	}
	if b.report.Columns == "time" {
		_, out.FirstMs, out.LastMs = res.Estimate(part.Fill, out.Records)
	}
	return out
}

// slices freezes the cut and sums it up.
func (b *builder) slices(p *Plan, cut []partition.Slice) {
	read := map[string]int64{}
	perPart := map[int32]map[string]bool{}
	for _, s := range cut {
		if s.Kind == partition.SliceVerify {
			// A verify slice reads all that was compared; the counts given to Cut were those of the records to write.
			res := b.report.Result(s.Partition)
			s.Records, s.Bytes = res.Expected.Records, res.Expected.Bytes
			if b.opt.Only != nil {
				s.Records, s.Bytes = s.Ranges.Len(), res.BytesOf(s.Ranges.Span(), s.Ranges.Len())
			}
		} else {
			for _, o := range s.Objects {
				read[o.Key] = o.Size
				if perPart[s.Partition] == nil {
					perPart[s.Partition] = map[string]bool{}
				}
				perPart[s.Partition][o.Key] = true
			}
		}
		p.Slices = append(p.Slices, freeze(s))
	}
	p.Totals.Records, p.Totals.Bytes = plan.Totals(cut)
	p.Totals.Objects, p.Totals.Slices = len(read), len(cut)
	for _, size := range read {
		p.Totals.ReadBytes += size
	}
	if len(read) == 0 {
		p.Totals.ReadBytes = p.Totals.Bytes
	}
	for i := range p.Parts {
		part := &p.Parts[i]
		part.Objects = len(perPart[part.Partition])
		switch part.Action {
		case "fill":
			p.Totals.Fill++
		case "skip":
			p.Totals.Skip++
		default:
			p.Totals.Cannot++
		}
	}
	work := p.Totals.Bytes + p.Totals.ReadBytes + b.comparedBytes()
	p.Totals.LowSeconds, p.Totals.HighSeconds = (work+fastBytes-1)/fastBytes, (work+slowBytes-1)/slowBytes
}

// Speeds of an estimate, in bytes per second over all nodes, reading and comparing included.
const (
	slowBytes = 20 << 20
	fastBytes = 200 << 20
)

func (b *builder) comparedBytes() int64 {
	var n int64
	for _, r := range b.report.Results {
		n += r.Expected.Bytes
	}
	return n
}

func (b *builder) undo() string {
	if b.recipe.Write.OriginHeaders {
		return "a log can not be shortened in the middle; every record written has the header backstitch.job, by which consumers can skip it"
	}
	return "none: a log can not be shortened in the middle, and without origin headers the records can not be told apart later"
}

func (b *builder) rangeText() string {
	g := b.spec.Spec.Range
	switch {
	case g == nil:
		return "everything"
	case g.Offsets != nil:
		return fmt.Sprintf("offsets [%d,%d)", g.Offsets.From, g.Offsets.To)
	}
	return fmt.Sprintf("[%s,%s)", g.From, g.To)
}

// NewRecipe is what workers get to know of a spec with its defaults, and its scope.
func NewRecipe(r *spec.Recovery) (Recipe, gap.Scope, error) {
	s := &r.Spec
	var out Recipe
	switch {
	case s.Source.S3 != nil:
		c := s.Source.S3
		out.Source = Source{Layout: c.Layout.Layout, URL: s3URL(c.Bucket, c.Prefix), Endpoint: c.Endpoint, Region: c.Region, Connection: c.Connection,
			Topic: c.Layout.Topic, Inventory: c.Inventory}
		out.Source.archive(&c.Layout)
		out.Source.Registry = c.Registry
	case s.Source.Dir != nil:
		c := s.Source.Dir
		out.Source = Source{Layout: c.Layout.Layout, URL: c.Path, Topic: c.Layout.Topic, Registry: c.Registry}
		out.Source.archive(&c.Layout)
	case s.Source.Kafka != nil:
		c := s.Source.Kafka
		out.Source = Source{Layout: "kafka", Brokers: c.Brokers, Connection: c.Connection, Topic: c.Topic, Registry: c.Registry}
	}
	if t := s.Transform; t != nil {
		out.Source.Transform = &Transform{Version: t.Version, Steps: t.Steps}
	}
	if v := s.Validate; v != nil {
		if len(v.Rules) > 0 {
			out.Source.Rules = &Rules{Version: v.Version, Rules: v.Rules}
		}
		for _, n := range v.NullRate {
			out.Nulls = append(out.Nulls, rule.Limit{Field: n.Field, Allowed: -1}) // the plan says how many
		}
	}
	switch {
	case s.Target.Kafka != nil:
		c := s.Target.Kafka
		out.Target = Target{Kind: "kafka", Brokers: c.Brokers, Connection: c.Connection, Topic: c.Topic, Registry: c.Registry}
		if c.Partitioner == Murmur2 {
			out.Target.Reshape = &Reshape{Partitioner: c.Partitioner}
		}
	case s.Target.Dir != nil:
		out.Target = Target{Kind: "dir", Path: s.Target.Dir.Path, Topic: s.Target.Dir.Topic}
	case s.Target.S3 != nil:
		c := s.Target.S3
		out.Target = Target{Kind: "s3", Path: s3URL(c.Bucket, c.Prefix), Connection: c.Connection, Endpoint: c.Endpoint, Region: c.Region, Topic: c.Topic}
	}
	if t := s.Transform; t != nil {
		out.Source.Transform.Values = newDatums(t.Values, &out)
	}
	every, err := s.Write.CommitInterval.Parse()
	if err != nil {
		return out, gap.Scope{}, err
	}
	out.Write = Write{OriginHeaders: *s.Write.OriginHeaders, CommitRecords: s.Write.CommitRecords, CommitMs: every.Milliseconds(), MaxQuarantine: s.Write.MaxQuarantine}
	if err := out.files(r.Files()); err != nil {
		return out, gap.Scope{}, err
	}
	if out.Dedupe, err = newDedupe(s.Write.Dedupe); err != nil {
		return out, gap.Scope{}, err
	}
	out.Version = out.Needs()
	var scope gap.Scope
	if g := s.Range; g != nil {
		if g.Offsets != nil {
			scope.Offsets = partition.Range{From: g.Offsets.From, To: g.Offsets.To}
		} else {
			from, ferr := g.From.Parse()
			to, terr := g.To.Parse()
			if err := errors.Join(ferr, terr); err != nil {
				return out, scope, err
			}
			scope.FromMs, scope.ToMs = ceilMs(from), ceilMs(to)
			out.Source.FromMs, out.Source.ToMs = scope.FromMs, scope.ToMs
		}
	}
	return out, scope, nil
}

// files takes over what a spec says of the files that are written.
func (r *Recipe) files(f *spec.Files) error {
	if f == nil {
		return nil
	}
	n, err := f.FileBytes.Parse()
	if err != nil {
		return err
	}
	if f.FileBytes != spec.DefaultFileBytes {
		r.Write.CommitBytes = n
	}
	if f.Format != spec.DefaultFileFormat {
		r.Target.Format, r.Target.Codec = f.Format, f.Codec
	}
	return nil
}

func s3URL(bucket, prefix string) string {
	return strings.TrimRight("s3://"+bucket+"/"+strings.Trim(prefix, "/"), "/")
}

// archive takes over what a spec says of an archive's layout.
func (s *Source) archive(l *spec.Layout) {
	s.Format, s.Fields, s.TopicsDir, s.DirDelim, s.FileDelim = l.Format, l.Fields, l.TopicsDir, l.DirectoryDelim, l.FileDelim
	s.Values = newValues(l)
}

// ceilMs is the first millisecond that is not before t, so that [from,to) holds the same records at Kafka's precision.
func ceilMs(t time.Time) int64 {
	ms := t.UnixMilli()
	if time.UnixMilli(ms).Before(t) {
		ms++
	}
	return ms
}

func sourceName(s Source) string {
	if s.Layout == "kafka" {
		return "topic " + s.Topic + " at " + cmpOr(s.Connection, s.Brokers)
	}
	return s.Layout + " of " + s.Topic + " in " + s.URL
}

func targetName(t Target) string {
	switch {
	case t.Files() && t.Format != "":
		return t.Path + " (files of " + t.Format + ")"
	case t.Files():
		return t.Path
	}
	return "topic " + t.Topic + " at " + cmpOr(t.Connection, t.Brokers)
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func fieldsText(f record.Fields) string {
	var out []string
	for _, x := range []struct {
		bit  record.Fields
		name string
	}{{record.FieldKey, "keys"}, {record.FieldValue, "values"}, {record.FieldHeaders, "headers"}, {record.FieldTimestamp, "timestamps"}} {
		if f&x.bit != 0 {
			out = append(out, x.name)
		}
	}
	return strings.Join(out, ", ")
}

// list prints partition numbers as ranges.
func list(ns []int32) string {
	var out []string
	for i := 0; i < len(ns); {
		j := i
		for j+1 < len(ns) && ns[j+1] == ns[j]+1 {
			j++
		}
		if i == j {
			out = append(out, fmt.Sprint(ns[i]))
		} else {
			out = append(out, fmt.Sprintf("%d-%d", ns[i], ns[j]))
		}
		i = j + 1
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ",")
}

// explainEnd makes an Error of an end that is not there; other errors are passed on with their own words.
func explainEnd(err error, code, title, why string) error {
	if !errors.Is(err, ErrNoTarget) && !errors.Is(err, ErrNoReference) {
		return err
	}
	return &Error{Code: code, Title: title, Why: strings.TrimSpace(err.Error() + ". " + why), Hint: "check spec.source and spec.target", Exit: exitNotFound, Err: err}
}

package offsetmap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/gap/match"
	"backstitch/replay/record"
	"backstitch/replay/sink"
	"backstitch/replay/source"
	"backstitch/storage/spill"

	"golang.org/x/sync/errgroup"
)

// By is what tells that two records are one.
type By string

const (
	// ByContent pairs what is equal.
	ByContent By = "content"
	// ByHeaders believes jobs first: a record that names an offset of the source as its origin is that one, whatever it holds and whether
	// the source still has it. It is for records that were changed on their way, and it takes somebody who knows that the source is the
	// one that the job read: a topic of that name that was deleted since and made anew counts from 0 again, and no header says so. What
	// has no such header pairs by content.
	ByHeaders By = "headers"
)

// ParseBy reads what people write.
func ParseBy(s string) (By, error) {
	if by := By(s); by == ByContent || by == ByHeaders {
		return by, nil
	}
	return "", fmt.Errorf("%q: want content or headers", s)
}

// Input is what to map.
type Input struct {
	SourceTopic string // what origin headers call the source
	Source      source.Source
	Extents     map[int32]gap.Extent // of the source, the partitions to map
	Target      sink.Targets
	By          By            // "" is ByContent
	Ignore      record.Fields // not compared though both sides have them
}

// Fields is what is compared.
func (in *Input) Fields() record.Fields {
	return in.Source.Fields() & in.Target.Fields() &^ in.Ignore
}

// notChecked says, for people, what is not compared, and why.
func (in *Input) notChecked() []string {
	out := gap.NotChecked(in.Source.Fields(), in.Target.Fields())
	for _, f := range []struct {
		bit  record.Fields
		name string
	}{{record.FieldKey, "keys"}, {record.FieldHeaders, "headers"}, {record.FieldTimestamp, "timestamps"}} {
		if in.Ignore&f.bit != 0 {
			out = append(out, f.name+": to be left out")
		}
	}
	return out
}

// Config says how to map.
type Config struct {
	Parallel int          // partitions at a time
	NewBag   match.NewBag // where records wait for their partner; nil for memory
	MaxRuns  int64        // of all partitions together; one takes 24 bytes while its partition is read and about 5 afterwards
}

// DefaultConfig is good for a workstation. It holds about 100 MB of runs at most.
func DefaultConfig() Config {
	return Config{Parallel: 4, NewBag: match.Spill(spill.Options{MemoryBytes: 16 << 20}), MaxRuns: 4 << 20}
}

// Validate reports what can not be meant.
func (c Config) Validate() error {
	if c.Parallel < 1 || c.MaxRuns < 1 {
		return errors.New("offset map: partitions at a time and number of runs must be at least 1")
	}
	return nil
}

// Map is which offset is which, by partition. A partition is compared with the one of its number; one that was written into another number of
// partitions is Broken, as far as headers tell, and a thing for Cross.
type Map struct {
	By         By
	NotChecked []string // parts of records that were not compared, for people
	Partitions []Partition
}

// Of returns one partition.
func (m *Map) Of(part int32) (*Partition, bool) {
	i, ok := slices.BinarySearchFunc(m.Partitions, part, func(p Partition, n int32) int { return int(p.Partition) - int(n) })
	if !ok {
		return nil, false
	}
	return &m.Partitions[i], true
}

// Partition is the map of one partition.
type Partition struct {
	Partition int32
	Source    partition.Range // what was read of the source
	Target    partition.Range // and of the target: log start to last stable offset of when it was opened
	Runs      Runs
	Marked    int64 // pairs that headers told, under ByHeaders
	// SourceOnly and TargetOnly are the offsets of records without a partner. They take a bit for each offset of a log at most.
	SourceOnly match.Positions
	TargetOnly match.Positions
	// Named is how many of TargetOnly name an offset of this source in a job's headers.
	Named int64
	// Broken says why nothing is known of the partition, "" when it was mapped.
	Broken string
	// Spread says that it is broken because a job has written the source into another number of partitions. Cross tells what is where then.
	Spread bool
}

// SourceRecords and TargetRecords are what each side held.
func (p *Partition) SourceRecords() int64 { return p.Runs.Pairs() + p.SourceOnly.Len() }

// TargetRecords counts those of the target.
func (p *Partition) TargetRecords() int64 { return p.Runs.Pairs() + p.TargetOnly.Len() }

// Spread reports whether the target has the source's records in other partitions than theirs, as far as headers tell.
func (m *Map) Spread() bool {
	return slices.ContainsFunc(m.Partitions, func(p Partition) bool { return p.Spread })
}

// Build reads both sides and maps them. Every error is of a side that does not answer; what a side has not got makes its partition Broken.
func Build(ctx context.Context, in Input, cfg Config) (*Map, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if in.By == "" {
		in.By = ByContent
	}
	out := &Map{By: in.By, NotChecked: in.notChecked()}
	for _, n := range slices.Sorted(maps.Keys(in.Extents)) {
		out.Partitions = append(out.Partitions, Partition{Partition: n})
	}
	runs := &budget{limit: cfg.MaxRuns}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(cfg.Parallel)
	for i := range out.Partitions {
		p := &out.Partitions[i]
		g.Go(func() error {
			b := &building{in: &in, cfg: &cfg, p: p, extent: in.Extents[p.Partition], runs: builder{budget: runs}}
			if err := b.run(gctx); err != nil {
				return fmt.Errorf("map partition %d: %w", p.Partition, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return out, nil
}

// building is one partition on its way.
type building struct {
	in     *Input
	cfg    *Config
	p      *Partition
	extent gap.Extent
	runs   builder

	// Under ByHeaders, what headers have paired.
	origins match.Positions // of the source
	copies  match.Positions // of the target

	named  match.Positions // offsets of target records that name one of the source
	spread int64           // target records that name another partition of the source
}

func (b *building) run(ctx context.Context) error {
	p := b.p
	p.Source = b.extent.Range
	switch why := broken(b.extent); {
	case why != "":
		p.Broken = why
		return nil
	case b.in.Fields()&record.FieldValue == 0:
		p.Broken = "the two sides have no values in common that could be compared"
		return nil
	}
	start, end, err := b.in.Target.Bounds(ctx, p.Partition)
	if errors.Is(err, sink.ErrNoTarget) {
		p.Broken = "the target has no such partition"
		return nil
	}
	if err != nil {
		return err
	}
	p.Target = partition.Range{From: start, To: end}
	if b.in.By == ByHeaders {
		if err := b.headers(ctx); err != nil {
			return err
		}
	}
	if b.spread == 0 {
		err = b.contents(ctx)
	}
	var damaged *source.DamagedError
	if errors.As(err, &damaged) {
		// What lies in the damage may be anything, so a record that only the target has may be one of those.
		*p = Partition{Partition: p.Partition, Source: p.Source, Target: p.Target, Broken: damaged.Error()}
		return nil
	}
	if err != nil {
		return err
	}
	if b.spread > 0 {
		*p = Partition{Partition: p.Partition, Source: p.Source, Target: p.Target, Spread: true, Broken: fmt.Sprintf(
			"the target has records of other partitions of %[2]s there, %[1]d of them: a job has written it into another number of partitions", b.spread, b.in.SourceTopic)}
		return nil
	}
	p.Runs = b.runs.done()
	for o := range b.named.All() {
		if p.TargetOnly.Contains(o) {
			p.Named++
		}
	}
	return nil
}

// headers pairs what names its origin. Of several copies the oldest is it.
func (b *building) headers(ctx context.Context) error {
	return sink.Each(ctx, b.in.Target, b.p.Partition, b.p.Target.From, b.p.Target.To, b.marked)
}

func (b *building) marked(r *record.Record) error {
	o, ok := sink.OriginOf(r)
	switch {
	case !ok || o.Topic != b.in.SourceTopic:
		return nil
	case o.Partition != b.p.Partition:
		b.spread++
		return nil
	case b.spread > 0 || !b.origins.Add(o.Offset): // of what is spread a run would be a record
		return nil
	}
	b.copies.Add(r.Offset)
	b.p.Marked++
	return b.runs.add(o.Offset, r.Offset)
}

// contents pairs what is equal, of what headers have left.
func (b *building) contents(ctx context.Context) error {
	ref, err := b.openSource(ctx)
	if err != nil {
		return err
	}
	defer ref.Close()
	tgt, err := b.in.Target.Read(ctx, b.p.Partition, b.p.Target.From, b.p.Target.To)
	if err != nil {
		return err
	}
	defer tgt.Close()
	out, err := match.Run(ctx, ref, tgt, match.Options{Fields: b.in.Fields(), NewBag: b.cfg.NewBag, Watch: match.Watch{
		WantReference: func(r *record.Record) bool { return !b.origins.Contains(r.Offset) },
		WantTarget:    func(r *record.Record) bool { return !b.copies.Contains(r.Offset) },
		Target: func(r *record.Record, _ *record.Digest) {
			switch o, ok := sink.OriginOf(r); {
			case !ok || o.Topic != b.in.SourceTopic:
			case o.Partition == b.p.Partition:
				b.named.Add(r.Offset)
			default:
				b.spread++
			}
		},
		Paired: b.runs.add,
	}})
	if err != nil {
		return err
	}
	b.p.SourceOnly = out.Missing
	err = out.Surplus.Each(func(_ [16]byte, offset uint64) error {
		b.p.TargetOnly.Add(int64(offset))
		return nil
	})
	return errors.Join(err, out.Close())
}

// ended is a source without records.
type ended struct{}

func (ended) Next(context.Context) (*record.Batch, error) { return nil, io.EOF }
func (ended) Close() error                                { return nil }

func (b *building) openSource(ctx context.Context) (source.Reader, error) {
	if b.p.Source.Empty() {
		return ended{}, nil
	}
	slice := partition.Slice{
		Kind: partition.SliceVerify, Partition: b.p.Partition, Objects: b.extent.Objects, Ranges: partition.Ranges{b.p.Source},
	}
	return b.in.Source.Open(ctx, slice, b.p.Source.From)
}

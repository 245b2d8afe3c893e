package recovery

import (
	"context"
	"maps"
	"slices"
	"time"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/late"
	"backstitch/replay/record"
	"backstitch/replay/repartition"
	"backstitch/replay/repeat"
	"backstitch/replay/rule"
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
	e, err := b.scan(ctx, clients)
	if err != nil {
		return nil, nil, err
	}
	defer e.close()
	p, err := b.plan(ctx, e)
	return p, b.report, err
}

// Scan only looks: it is the first half of Build.
func Scan(ctx context.Context, r *spec.Recovery, clients Clients, opt Options) (*gap.Report, error) {
	b := &builder{spec: r.WithDefaults(), opt: opt}
	e, err := b.scan(ctx, clients)
	if err != nil {
		return nil, err
	}
	e.close()
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
	planning bool                  // what was scanned is to be written
	unasked  string                // why nobody knows whether the groups are there that the job is to spare
	readable *readers              // of the target, when planning; nil where no registries are named
	writers  *writers              // that values in Avro name; nil where they are JSON
	names    *remapper             // that the target has for schemas, when planning; nil where records keep theirs
	tally    *rule.Tally           // nil where nobody bounds what may be lacking
	repeats  *repeat.Book          // nil where no repetitions are left out
	behind   map[int32]*superseded // by partition; those of which nothing is to be said are left out
	heard    *late.Heard           // nil where nobody asks what is late
	highest  []late.Mark           // of what a partition will have, by partition that is to be written
	untimed  reasons               // of what is to be written: why it has no event time
	// Set where records get other partitions than they have.
	view *repartition.View
	keys *repartition.Keys
}

// scan opens both ends, finds out what they are, compares them, and refuses a comparison from which nothing can be concluded. The caller
// closes them.
func (b *builder) scan(ctx context.Context, clients Clients) (ends, error) {
	if err := b.prepare(); err != nil {
		return ends{}, err
	}
	e, err := b.open(ctx, clients)
	if err != nil {
		return ends{}, err
	}
	if err = b.compare(ctx, clients, e); err == nil {
		err = b.judge()
	}
	if err != nil {
		e.close()
		return ends{}, err
	}
	return e, nil
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

package recovery

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"backstitch/replay/gap"
	"backstitch/replay/spec"
)

// A scan of a cluster is done in pieces: somebody surveys what there is, and then each partition is scanned by itself, by whoever has it.
// gap.Join makes one report of it. What the survey found out is pinned: a piece that meets another topic in its place refuses.

// Survey is what a scan in pieces knows before it begins.
type Survey struct {
	Source Source     `json:"source"` // with what was found out about its layout
	Target Target     `json:"target"` // with its ids
	Header gap.Header `json:"header"`
}

// Extent is one partition of a survey.
type Extent struct {
	Partition int32
	Bytes     int64 // of its objects, as they are stored; 0 when nobody knows
}

// Lister is an upgrade of Reference for those whose Extents read all objects.
type Lister interface {
	// Partitions says what partitions there are, and what their objects take, by names alone. parts is nil for all.
	Partitions(ctx context.Context, parts []int32) (map[int32]int64, error)
}

// LookOver surveys what a scan of r would compare. It reads no records.
func LookOver(ctx context.Context, r *spec.Recovery, clients Clients, opt Options) (*Survey, []Extent, error) {
	b := &builder{spec: r.WithDefaults(), opt: opt}
	if err := b.prepare(); err != nil {
		return nil, nil, err
	}
	if err := b.inPieces(); err != nil {
		return nil, nil, err
	}
	e, err := b.open(ctx, clients)
	if err != nil {
		return nil, nil, err
	}
	defer e.close()
	sizes, err := b.sizes(ctx, e.ref)
	if err != nil {
		return nil, nil, b.nothing(err)
	}
	list := make([]Extent, 0, len(sizes))
	for _, n := range slices.Sorted(maps.Keys(sizes)) {
		list = append(list, Extent{Partition: n, Bytes: sizes[n]})
	}
	if err := b.selected(slices.Sorted(maps.Keys(sizes))); err != nil {
		return nil, nil, err
	}
	if len(list) == 0 {
		return nil, nil, b.nothing(fmt.Errorf("no partition: %w", ErrNoReference))
	}
	in, err := b.input(ctx, e)
	if err != nil {
		return nil, nil, err
	}
	closeRegistries, err := b.registries(&in, clients) // a registry that nobody has heard of ends a scan before it begins
	if err != nil {
		return nil, nil, err
	}
	closeRegistries()
	return &Survey{Source: b.recipe.Source, Target: b.recipe.Target, Header: in.Report().Header()}, list, nil
}

// sizes are the partitions of the reference with about what there is to read of each.
func (b *builder) sizes(ctx context.Context, ref Reference) (map[int32]int64, error) {
	if l, ok := ref.(Lister); ok {
		sizes, err := l.Partitions(ctx, b.parts)
		hidden, err := b.hide(map[int32]gap.Extent{}, err)
		if err != nil {
			return nil, err
		}
		out := maps.Clone(sizes)
		if out == nil {
			out = map[int32]int64{}
		}
		for n := range hidden {
			out[n] = 0
		}
		left, err := b.nameless(ctx, ref, func(n int32) bool { _, ok := out[n]; return ok })
		for _, n := range left {
			out[n] = 0
		}
		return out, err
	}
	extents, err := b.extents(ctx, ref)
	if err != nil {
		return nil, err
	}
	out := make(map[int32]int64, len(extents))
	for n, x := range extents {
		out[n] = 0
		for _, o := range x.Objects {
			out[n] += o.Size
		}
	}
	return out, nil
}

// ScanPart scans one partition of what s has surveyed.
func ScanPart(ctx context.Context, r *spec.Recovery, s *Survey, part int32, clients Clients, opt Options) (*gap.Part, error) {
	b := &builder{spec: r.WithDefaults(), opt: opt}
	if err := b.prepare(); err != nil {
		return nil, err
	}
	if err := b.inPieces(); err != nil {
		return nil, err
	}
	b.recipe.Source, b.parts, b.pinned = s.Source, []int32{part}, s
	e, err := b.open(ctx, clients)
	if err != nil {
		return nil, err
	}
	defer e.close()
	if now := b.recipe.Target; now.ClusterID != s.Target.ClusterID || now.TopicID != s.Target.TopicID {
		return nil, &Error{Code: CodeMoved, Title: "the target is not the one that the scan began with", Exit: exitConflict,
			Why: fmt.Sprintf("%s has id %s in Kafka cluster %s now; the survey saw %s in %s.", targetName(now), dash(now.TopicID), dash(now.ClusterID),
				dash(s.Target.TopicID), dash(s.Target.ClusterID)),
			Hint: "start a new scan: backstitch scan run"}
	}
	if err := b.compare(ctx, clients, e); err != nil {
		return nil, err
	}
	if h := b.report.Header(); h.Columns != s.Header.Columns {
		return nil, &Error{Code: CodeMoved, Title: "the reference is not the one that the scan began with", Exit: exitConflict,
			Why:  fmt.Sprintf("%s holds other fields now.", sourceName(b.recipe.Source)),
			Hint: "start a new scan: backstitch scan run"}
	}
	p, err := b.report.Part()
	if err == nil && opt.Watch != nil {
		p.Add(opt.Watch.findings)
		p.Notes = append(slices.Clone(p.Notes), opt.Watch.notes...)
	}
	return p, err
}

// Judge refuses a report from which nothing can be concluded, as Scan does. It is for a report that was joined from parts.
func Judge(r *spec.Recovery, rep *gap.Report) error {
	b := &builder{spec: r.WithDefaults(), report: rep}
	if err := b.prepare(); err != nil {
		return err
	}
	return b.judge()
}

// Everything reports whether a scan of r leaves nothing out by time, position or choice: two sides without a record in common are then
// a mistake and no gap.
func Everything(r *spec.Recovery) bool {
	r = r.WithDefaults()
	return r.Spec.Range == nil && r.Spec.Select.Only != "all"
}

// Pair names the two that r compares, for people and to tell pairs apart. Connections are named and not looked up.
func Pair(r *spec.Recovery) (string, error) {
	recipe, _, err := NewRecipe(r.WithDefaults())
	if err != nil {
		return "", err
	}
	return targetName(recipe.Target) + " <- " + sourceName(recipe.Source), nil
}

func dash(s string) string { return cmp.Or(s, "-") }

package offsetmap

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/gap/match"
	"backstitch/replay/record"
	"backstitch/replay/sink"
	"backstitch/replay/source"

	"golang.org/x/sync/errgroup"
)

// A topic that a job has written into another number of partitions. Which record is which stands in the headers that the job wrote, and nowhere
// else: no partition of the one is one of the other. As runs such a map would be one entry a record, so it is not made: whoever asks says
// what for, where a reader stands or which records are looked for, and the target is read once.
//
// A reader that has seen each partition of the source up to some offset has one right place in each partition of the target, as there is one
// between two partitions of one order: the job keeps the order of a partition of the source inside each of the target. But records of
// several partitions lie there in an order that the source never had, so what is seen again is seldom nothing.

// Question is what is asked of a topic that was written into another number of partitions.
type Question struct {
	// Stands are where a reader stands, by partition of the source: it has seen all below and nothing from there on. In a partition without
	// an entry it has seen nothing.
	Stands map[int32]int64
	Choice Choice
	// Records are offsets of the source whose records are looked for, and Back those of the target whose origins are.
	Records, Back []Spot
}

// Spot is an offset of a partition.
type Spot struct {
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"`
}

// Across is the answer.
type Across struct {
	Sources []Left  // by partition of the source
	Targets []Lane  // by partition of the target
	Routes  []Route // what came from where, by source and target
	// Found are the places in the target of Question.Records, and origins in the source of Question.Back. A record that was written twice
	// has two.
	Found, Origins map[Spot][]Spot
}

// Left is what the target lacks of one partition of the source.
type Left struct {
	Partition int32
	Range     partition.Range // of the source
	// Lacking are records from where the reader stands on that the target does not have; Behind those of them behind all that it has.
	Lacking, Behind int64
	// Gone are offsets from the reader's on that the source has lost already.
	Gone int64
	// Broken says why nothing is known of the partition, "" otherwise. What is said of the target holds all the same.
	Broken string
}

// Lane is one partition of the target.
type Lane struct {
	Partition int32
	Range     partition.Range // log start to last stable offset of when it was opened
	Named     int64           // records that name a place in the source
	Only      int64           // and those that do not
	Landing   Landing         // of the reader; what is lacking stands with the source
}

// Route is what a partition of the target has of one of the source.
type Route struct {
	Source  int32           `json:"source"`
	Target  int32           `json:"target"`
	Records int64           `json:"records"`
	Origins partition.Range `json:"origins"` // that span them
	Back    int64           `json:"backTimes,omitempty"`
}

// Named is how many records of the target name a place in the source.
func (a *Across) Named() (n int64) {
	for i := range a.Targets {
		n += a.Targets[i].Named
	}
	return n
}

// Strays reports whether a record lies in another partition than its own.
func (a *Across) Strays() bool {
	return slices.ContainsFunc(a.Routes, func(r Route) bool { return r.Source != r.Target })
}

// Cross reads the target once, and of the source what the reader has not seen. in.Target has to be a sink.Whole. Headers are believed as under
// ByHeaders, with what that takes. Every error is of a side that does not answer.
func Cross(ctx context.Context, in Input, q Question, cfg Config) (*Across, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	whole, ok := in.Target.(sink.Whole)
	if !ok {
		return nil, fmt.Errorf("offset map: target %T does not say how many partitions it has", in.Target)
	}
	bounds, err := whole.AllBounds(ctx)
	if err != nil {
		return nil, err
	}
	c := &crossing{in: &in, q: &q, named: map[int32]*match.Positions{}, last: map[int32]int64{}, asked: set(q.Records), back: set(q.Back),
		out: &Across{Targets: make([]Lane, len(bounds)), Found: map[Spot][]Spot{}, Origins: map[Spot][]Spot{}}}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(cfg.Parallel)
	for n, b := range bounds {
		lane := &c.out.Targets[n]
		lane.Partition, lane.Range = int32(n), partition.Range{From: b.Start, To: b.End}
		g.Go(func() error {
			if err := c.lane(gctx, lane); err != nil {
				return fmt.Errorf("map partition %d of the target: %w", n, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(c.out.Routes, func(a, b Route) int {
		if a.Source != b.Source {
			return int(a.Source - b.Source)
		}
		return int(a.Target - b.Target)
	})
	for _, list := range c.out.Found {
		slices.SortFunc(list, func(a, b Spot) int { return int(a.Partition - b.Partition) })
	}
	return c.out, c.sources(ctx, &cfg)
}

// crossing is a question on its way.
type crossing struct {
	in    *Input
	q     *Question
	asked map[Spot]bool
	back  map[Spot]bool

	mu    sync.Mutex
	named map[int32]*match.Positions // by partition of the source, origins from where the reader stands on
	last  map[int32]int64            // and the last origin of all
	out   *Across
}

func set(spots []Spot) map[Spot]bool {
	out := map[Spot]bool{}
	for _, s := range spots {
		out[s] = true
	}
	return out
}

// lane reads one partition of the target.
func (c *crossing) lane(ctx context.Context, l *Lane) error {
	at := passing{from: l.Range.From, to: l.Range.To}
	routes := map[int32]*Route{}
	next := map[int32]int64{} // by partition of the source, behind the last origin
	err := sink.Each(ctx, c.in.Target, l.Partition, l.Range.From, l.Range.To, func(r *record.Record) error {
		here := Spot{l.Partition, r.Offset}
		o, ok := sink.OriginOf(r)
		if !ok || o.Topic != c.in.SourceTopic {
			l.Only++
			at.only(r.Offset)
			return nil
		}
		l.Named++
		seen := o.Offset < c.q.Stands[o.Partition]
		at.record(r.Offset, seen)
		route := routes[o.Partition]
		if route == nil {
			route = &Route{Source: o.Partition, Target: l.Partition, Origins: partition.Range{From: o.Offset, To: o.Offset + 1}}
			routes[o.Partition] = route
		}
		route.Records++
		if o.Offset < next[o.Partition] {
			route.Back++
		}
		next[o.Partition] = o.Offset + 1
		route.Origins.From, route.Origins.To = min(route.Origins.From, o.Offset), max(route.Origins.To, o.Offset+1)
		c.note(Spot{o.Partition, o.Offset}, here, seen)
		return nil
	})
	if err != nil {
		return err
	}
	l.Landing = at.land(c.q.Choice)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, part := range slices.Sorted(maps.Keys(routes)) {
		c.out.Routes = append(c.out.Routes, *routes[part])
		c.last[part] = max(c.last[part], routes[part].Origins.To)
	}
	return nil
}

// note keeps what is asked of one record.
func (c *crossing) note(from, here Spot, seen bool) {
	asked, back := c.asked[from], c.back[here]
	if seen && !asked && !back {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if asked {
		c.out.Found[from] = append(c.out.Found[from], here)
	}
	if back {
		c.out.Origins[here] = append(c.out.Origins[here], from)
	}
	if seen {
		return
	}
	p := c.named[from.Partition]
	if p == nil {
		p = &match.Positions{}
		c.named[from.Partition] = p
	}
	p.Add(from.Offset)
}

// sources reads what the reader has not seen, for what of it the target lacks.
func (c *crossing) sources(ctx context.Context, cfg *Config) error {
	parts := slices.Sorted(maps.Keys(c.in.Extents))
	c.out.Sources = make([]Left, len(parts))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(cfg.Parallel)
	for i, part := range parts {
		l := &c.out.Sources[i]
		g.Go(func() error {
			*l = Left{Partition: part, Range: c.in.Extents[part].Range}
			if err := c.left(gctx, l, c.in.Extents[part]); err != nil {
				return fmt.Errorf("map partition %d: %w", part, err)
			}
			return nil
		})
	}
	return g.Wait()
}

func (c *crossing) left(ctx context.Context, l *Left, e gap.Extent) error {
	at := c.q.Stands[l.Partition]
	l.Gone = max(l.Range.From-at, 0)
	rest := partition.Range{From: max(at, l.Range.From), To: l.Range.To}
	if l.Broken = broken(e); l.Broken != "" || rest.Empty() {
		return nil
	}
	named := c.named[l.Partition]
	if named == nil {
		named = &match.Positions{}
	}
	slice := partition.Slice{Kind: partition.SliceVerify, Partition: l.Partition, Objects: e.Objects, Ranges: partition.Ranges{rest}}
	err := source.Each(ctx, c.in.Source, slice, func(r *record.Record) (bool, error) {
		if !named.Contains(r.Offset) {
			l.Lacking++
			if r.Offset >= c.last[l.Partition] {
				l.Behind++
			}
		}
		return true, nil
	})
	var damaged *source.DamagedError
	if errors.As(err, &damaged) {
		l.Lacking, l.Behind, l.Broken = 0, 0, damaged.Error()
		return nil
	}
	return err
}

// broken says why a source can not be read whole, "" where it can.
func broken(e gap.Extent) string {
	switch {
	case e.Unlisted != "":
		return e.Unlisted
	case len(e.Damaged) > 0:
		return e.Damaged[0].Error()
	case len(e.Unread) > 0:
		return "the source has objects in a format that is not read"
	}
	return ""
}

package repartition

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/sink"

	"golang.org/x/sync/errgroup"
)

// A view reads all of the target for each partition of the reference. Whoever wants to know of all of them whether everything is there as it
// should be, and nothing else, reads it once: sums and chains for each pair of a partition of the reference and one of the target are small,
// and the reference's own, routed by the rule, are the same exactly when contents and order are.

// Question is what a census counts.
type Question struct {
	Job          partition.JobID
	Fields       record.Fields // that are compared
	FromMs, ToMs int64         // of what was there at the plan, half-open; both zero for all
}

// Count is what one partition of the target holds of one partition of the reference.
type Count struct {
	Records int64
	Bytes   int64 // of the compared fields, our own headers left out
	Sum     record.Sum
	Chain   record.Chain // in the order of the target's partition
}

// Add counts one record, which stands behind all that were counted.
func (c *Count) Add(hash [16]byte, bytes int64) {
	c.Records++
	c.Bytes += bytes
	c.Sum.Add(hash)
	c.Chain.Fold(hash)
}

// Held is what the target holds of one partition of the reference.
type Held struct {
	Then   []Count // by partition of the target: what was there at the plan
	Since  []Count // and what the job has written
	Astray int64   // records in another partition than theirs
	Others int64   // that came since the plan and are not of the job
}

// NewHeld has counted nothing.
func (r Rule) NewHeld() *Held {
	return &Held{Then: make([]Count, r.Partitions), Since: make([]Count, r.Partitions)}
}

// Census is what the target holds, by partition of the reference. It is not changed any more.
type Census struct {
	parts map[int32]*Held
	none  *Held
}

// Of is what it holds of one partition of the reference.
func (c *Census) Of(part int32) *Held {
	if h := c.parts[part]; h != nil {
		return h
	}
	return c.none
}

// censuses keeps the last one. Partitions that are proved side by side ask the same.
type censuses struct {
	turn   chan struct{} // held while the target is read
	asked  Question
	bounds []sink.Bound
	last   *Census
}

// parallel is how many partitions of the target a census reads at a time.
const parallel = 4

// Census reads the target, unless it was read for the same question and has neither grown nor shrunk since. progress is told of records as
// they are read; nil for nobody.
func (v *View) Census(ctx context.Context, q Question, progress func(records, bytes int64)) (*Census, error) {
	select {
	case v.censuses.turn <- struct{}{}:
		defer func() { <-v.censuses.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	bounds, err := v.bounds(ctx)
	if err != nil {
		return nil, err
	}
	c := &v.censuses
	if c.last != nil && c.asked == q && slices.Equal(c.bounds, bounds) {
		return c.last, nil
	}
	out := &Census{parts: map[int32]*Held{}, none: v.opt.Rule.NewHeld()}
	var mu sync.Mutex
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i := range bounds {
		g.Go(func() error {
			found, err := v.countLog(gctx, int32(i), bounds[i], q, progress)
			if err != nil {
				return fmt.Errorf("count partition %d of the target: %w", i, err)
			}
			mu.Lock()
			defer mu.Unlock()
			for part, h := range found {
				to := out.parts[part]
				if to == nil {
					to = v.opt.Rule.NewHeld()
					out.parts[part] = to
				}
				to.Then[i], to.Since[i] = h.then, h.since
				to.Astray += h.astray
				to.Others += h.others
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	c.asked, c.bounds, c.last = q, bounds, out
	return out, nil
}

// heldIn is what one partition of the target holds of one of the reference.
type heldIn struct {
	then, since    Count
	astray, others int64
}

// countLog counts one partition of the target, by partition of the reference.
func (v *View) countLog(ctx context.Context, q int32, at sink.Bound, ask Question, progress func(records, bytes int64)) (map[int32]*heldIn, error) {
	out := map[int32]*heldIn{}
	if at.Start >= at.End {
		return out, nil
	}
	r, err := v.Targets.Read(ctx, q, at.Start, at.End)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var h record.Hasher
	for {
		b, err := r.Next(ctx)
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		for i := range b.Records {
			rec := &b.Records[i]
			part, origin, ok := v.origin(rec)
			if !ok {
				continue
			}
			in := out[part]
			if in == nil {
				in = &heldIn{}
				out[part] = in
			}
			then := rec.Offset < v.opt.Ends[q]
			switch {
			case then && ask.Fields&record.FieldTimestamp != 0 && (ask.FromMs != 0 || ask.ToMs != 0) && (rec.TimestampMs < ask.FromMs || rec.TimestampMs >= ask.ToMs):
			case !then && by(rec) != string(ask.Job):
				in.others++
			case v.opt.Rule.at(part, origin, rec.Key) != q:
				in.astray++
			case then:
				in.then.Add(h.Hash(rec, ask.Fields), rec.SizeUnder(ask.Fields))
			default:
				in.since.Add(h.Hash(rec, ask.Fields), rec.SizeUnder(ask.Fields))
			}
		}
		if progress != nil {
			progress(int64(len(b.Records)), b.Bytes)
		}
		b.Release()
	}
}

// by is the job that r names, "" for none.
func by(r *record.Record) string {
	for i := len(r.Headers) - 1; i >= 0; i-- {
		if r.Headers[i].Key == sink.JobHeader {
			return record.BorrowString(r.Headers[i].Value)
		}
	}
	return ""
}

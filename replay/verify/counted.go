package verify

import (
	"context"
	"fmt"

	"backstitch/fsm"
	"backstitch/replay/record"
	"backstitch/replay/repartition"
)

// Where records have other partitions than in the reference, one partition of the reference lies in the whole target, and a comparison by
// matching reads all of it. So what can be proved by counting is: sums and chains of what the rule sends into each partition of the target,
// against those of what is there, which are counted once for all partitions of the reference. They are equal only when every record is
// there, once, in its partition and in its order. If they are not, matching finds out what is wrong.

// counted reports whether everything is as it should be. If it is not, or nobody can tell by counting, c is as it was.
func (c *comparison) counted(ctx context.Context) (bool, error) {
	view, ok := c.work.Target.(*repartition.View)
	if !ok {
		return false, nil
	}
	rule := c.work.Recipe.Target.Reshape.Rule()
	if rule == nil {
		return false, fmt.Errorf("the target is put together of its partitions, and the recipe has no rule for them")
	}
	src := &c.work.Recipe.Source
	census, err := view.Census(ctx, repartition.Question{Job: c.work.Slice.ID.Job, Fields: c.fields, FromMs: src.FromMs, ToMs: src.ToMs}, c.cfg.Progress)
	if err != nil {
		return false, err
	}
	is := census.Of(c.work.Slice.Partition)
	if is.Astray > 0 || is.Others > 0 {
		return false, nil
	}
	want, err := c.routed(ctx, rule)
	if err != nil {
		return false, err
	}
	for q := range rule.Partitions {
		if want.Then[q] != is.Then[q] || want.Since[q] != is.Since[q] {
			c.ledger = newLedger(c.work.Slice.Ranges, c.fields)
			return false, nil
		}
	}
	for _, side := range []struct {
		held *repartition.Held
		out  *fsm.Side
		n    int
	}{{want, &c.out.Expected, 0}, {is, &c.out.Actual, 1}} {
		for _, counts := range [][]repartition.Count{side.held.Then, side.held.Since} {
			for _, n := range counts {
				side.out.Records += n.Records
				side.out.Bytes += n.Bytes
				c.sum[side.n].AddSum(n.Sum)
				c.chain[side.n].Fold(n.Chain)
			}
		}
	}
	return true, nil
}

// routed counts what the reference has, by where the rule sends it.
func (c *comparison) routed(ctx context.Context, rule *repartition.Rule) (*repartition.Held, error) {
	k := &class{c: c, ranges: c.wanted}
	ref, err := k.openReference(ctx)
	if err != nil {
		return nil, err
	}
	defer ref.Close()
	meter := &meter{progress: c.cfg.Progress}
	defer meter.flush()
	out, part := rule.NewHeld(), c.work.Slice.Partition
	var h record.Hasher
	return out, each(ctx, ref, func(r *record.Record) error {
		d := h.Digest(r, c.fields) // of bytes, as a census counts: a name that is another one than the rule's is looked into by matching
		hash, bytes := d.Hash, d.Size
		meter.add(bytes)
		filled := c.filled.Contains(r.Offset)
		c.ledger.count(r, &d, filled)
		to := &out.Then[rule.Of(part, r)]
		if filled {
			to = &out.Since[rule.Of(part, r)]
		}
		to.Add(hash, bytes)
		return nil
	})
}

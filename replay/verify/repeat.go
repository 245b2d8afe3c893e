package verify

import (
	"context"
	"errors"
	"fmt"

	"backstitch/partition"
	"backstitch/replay/record"
)

// A job that leaves out events that came twice has slices without them, because its plan has read everything in order. The proof does not
// take that from the plan: it reads in order, too, before it compares, and expects what it finds to be no repetition.

// repetitions finds the records of the reference that the job was not to write, because the same event came before.
func (c *comparison) repetitions(ctx context.Context) (err error) {
	d := c.work.Recipe.Dedupe
	rule, err := d.Rule()
	if err != nil || rule == nil {
		return err
	}
	find := rule.Finder(c.cfg.Spill)
	defer func() { err = errors.Join(err, find.Close()) }()
	ref, err := (&class{c: c, ranges: c.work.Slice.Ranges}).openReference(ctx)
	if err != nil {
		return err
	}
	defer ref.Close()
	if r, ok := ref.(*reference); ok {
		r.ranges = c.wanted // what could not be read when the job met it was nothing that came before
	}
	var left partition.Ranges
	meter := &meter{progress: c.cfg.Progress}
	defer meter.flush()
	err = each(ctx, ref, func(r *record.Record) error {
		meter.add(r.SizeUnder(c.fields))
		repetition, _, err := find.See(r)
		if n := len(left); err != nil || !repetition {
			return err
		} else if n > 0 && left[n-1].To == r.Offset {
			left[n-1].To++
		} else {
			left = append(left, partition.Range{From: r.Offset, To: r.Offset + 1})
		}
		return nil
	})
	if err != nil {
		return err
	}
	moved := ""
	if planned := d.Of(c.work.Slice.Partition); planned != left.Len() {
		moved = fmt.Sprintf("the plan left out %d records as repetitions, and the reference has %d of them now: what is to be there can not be told", planned, left.Len())
	}
	c.leave(left, moved)
	return nil
}

// leave takes repetitions out of what is expected.
func (c *comparison) leave(left partition.Ranges, moved string) {
	c.left, c.moved = left, moved
	c.wanted, c.filled = c.wanted.Minus(left), c.filled.Minus(left)
}

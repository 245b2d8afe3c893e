package verify

import (
	"context"
	"errors"
	"fmt"

	"backstitch/replay/record"
	"backstitch/replay/sink"
)

// Where records have other partitions than in the reference, what is read of one of its partitions comes from all of the target's. A record
// that stands in a partition that is not its key's is none that its readers find, so it takes no part, and its origin is missing.

// inPlace is want, which may be nil for all, of records that stand where they belong. The others are counted and named.
func (c *comparison) inPlace(want func(*record.Record) bool) func(*record.Record) bool {
	spread, ok := c.work.Target.(sink.Spread)
	if !ok {
		return want
	}
	return func(r *record.Record) bool {
		if want != nil && !want(r) {
			c.countOther(r)
			return false
		}
		belongs, strayed := spread.Strayed(c.work.Slice.Partition, r)
		if !strayed {
			return true
		}
		if c.astray.Add(r.Offset) {
			c.out.OrderViolations++
			at, _ := origin(r)
			c.say(fmt.Sprintf("%s: a record of reference offset %d stands here and belongs in partition %d%s", c.name(r.Offset), at, belongs, c.window(at)))
		}
		return false
	}
}

// countOther counts a record of the reference that somebody but the job has written since the plan. Its reader gets it twice.
func (c *comparison) countOther(r *record.Record) {
	if r.Offset < c.work.Slice.TargetTo || !c.astray.Add(r.Offset) {
		return // out of the time range, or counted
	}
	if at, ok := origin(r); ok && c.filled.Contains(at) {
		c.out.IntroducedDuplicates++
		c.say(fmt.Sprintf("%s: a record of reference offset %d that came since the plan and is not of this job", c.name(r.Offset), at))
	}
}

// disordered says for people where the order of refilled records is broken, "" when it is found nowhere.
func (k *class) disordered(ctx context.Context) (string, error) {
	if where, err := k.behind(ctx); where != "" || err != nil {
		return where, err
	}
	at, wanted, ok, err := k.disorder(ctx)
	if err != nil || !ok {
		return "", err
	}
	return fmt.Sprintf(": %s stands where reference offset %d should%s", k.c.name(at), wanted, k.c.window(wanted)), nil
}

// behind looks for the first record that stands behind a later one of the same partition of the target, by what their headers say. Streams
// that are put together show a broken order at the first record that had to wait for it, which may be in any partition.
func (k *class) behind(ctx context.Context) (string, error) {
	spread, ok := k.c.work.Target.(sink.Spread)
	if !ok {
		return "", nil
	}
	tgt, err := k.openTarget(ctx, k.from, k.to)
	if err != nil {
		return "", err
	}
	defer tgt.Close()
	where, last := "", map[int32]int64{}
	err = each(ctx, tgt, func(r *record.Record) error {
		at, named := origin(r)
		if !named || !k.matchedTarget(r) {
			return nil
		}
		q, _ := spread.At(r.Offset)
		if before, seen := last[q]; seen && at < before {
			where = fmt.Sprintf(": %s is of reference offset %d and stands behind one of %d%s", k.c.name(r.Offset), at, before, k.c.window(at))
			return errEnough
		}
		last[q] = at
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return where, err
}

package foreign

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"backstitch/replay/bucket"
	"backstitch/replay/source"

	"golang.org/x/sync/errgroup"
)

// Tags say what an object held when it was written. They are the only thing that shows an end that is missing from the last
// object, and an object that was cut at the end of a line. They cost a request each, so they are asked for only where the first
// object has them.

// tags compares what was counted with the tags of the objects.
func (a *Archive) tags(ctx context.Context, files []*entry) error {
	t, ok := a.b.(bucket.Tagger)
	if !ok || !a.traits.Tagged || len(files) == 0 {
		return nil
	}
	first, err := t.Tags(ctx, files[0].in.Key)
	if err != nil || first["recordCount"] == "" {
		return ctx.Err() // whoever may not read tags goes without them, as before the connector wrote any
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(a.limits.Parallel)
	for _, e := range files {
		g.Go(func() error {
			tags, err := t.Tags(ctx, e.in.Key)
			switch {
			case errors.Is(err, bucket.ErrNotFound):
				return nil // counting has said so
			case err != nil:
				return fmt.Errorf("%s of %s: %w", a.traits.Title, a.traits.Topic, err)
			}
			e.compare(tags)
			return nil
		})
	}
	return g.Wait()
}

// compare sets damage where an object is not what its tags say. Tags that are no numbers say nothing.
func (e *entry) compare(tags map[string]string) {
	number := func(name string) int64 {
		n, err := strconv.ParseInt(tags[name], 10, 64)
		if err != nil || n < 0 {
			return -1
		}
		return n
	}
	count, start, end := number("recordCount"), number("startOffset"), number("endOffset")
	moved := start >= 0 && e.name.First >= 0 && start != e.name.First
	if end >= e.name.First && e.name.Last < 0 && !moved {
		e.name.Last = end
	}
	switch {
	case e.damage != nil || count < 0:
	case moved:
		e.damage = Foreign("its tag says that it begins at %d, its name says %d", start, e.name.First)
		e.records, e.disbelieved = 0, true
	case e.records > count:
		e.damage = Foreign("it holds %d records, its tag says %d", e.records, count)
		e.records, e.disbelieved = 0, true
	case e.records < count:
		e.damage = &Damage{Code: source.CodeTruncated, Err: fmt.Errorf("it holds %d records, its tag says %d", e.records, count)}
	}
}

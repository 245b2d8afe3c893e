package reach

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"backstitch/partition"
	"backstitch/replay/bucket"
	"backstitch/replay/connect"
	"backstitch/replay/foreign"
	"backstitch/replay/gap"
	"backstitch/replay/inventory"
	"backstitch/replay/layout"
	"backstitch/replay/open"
	"backstitch/replay/recovery"
)

// Archives that others wrote, as references.

// inventory lists the archive by an S3 Inventory of its bucket.
func (c *Clients) inventory(ctx context.Context, live bucket.Bucket, s recovery.Source, store connect.S3) (bucket.Bucket, error) {
	at, err := connect.Bucket(ctx, s.Inventory, store, c.cfg.Env)
	if err != nil {
		return nil, err
	}
	var cfg inventory.Config
	if rest, ok := strings.CutPrefix(s.URL, "s3://"); ok {
		cfg.Bucket, cfg.Prefix, _ = strings.Cut(rest, "/")
		if cfg.Prefix != "" {
			cfg.Prefix = strings.TrimSuffix(cfg.Prefix, "/") + "/"
		}
	}
	b, err := inventory.Open(ctx, live, at, cfg)
	if err != nil {
		return nil, unusable(err)
	}
	return b, nil
}

// unusable makes what is wrong with an inventory a thing that a person can act on.
func unusable(err error) error {
	if !errors.Is(err, inventory.ErrInventory) {
		return err
	}
	return &recovery.Error{Code: recovery.CodeInventory, Title: "the inventory can not be used", Why: err.Error(), Exit: exitUsage, Err: err,
		Hint: "leave spec.source.s3.inventory out to list the bucket itself"}
}

// detect finds out which layout the archive has.
func detect(ctx context.Context, b bucket.Bucket, about *recovery.About) error {
	found, err := layout.Detect(ctx, b, about.Source.Topic)
	if err != nil {
		return untold(missing(err), about.Source)
	}
	s := &about.Source
	s.Layout, about.Evidence = found.Layout, found.Evidence
	if s.TopicsDir == nil {
		s.TopicsDir = found.TopicsDir
	}
	return nil
}

// untold makes an archive whose layout or content can not be told a thing that a person can act on.
func untold(err error, s recovery.Source) error {
	if !errors.Is(err, layout.ErrAmbiguous) && !errors.Is(err, layout.ErrUnsettled) && !errors.Is(err, layout.ErrUnknown) {
		return err
	}
	return &recovery.Error{
		Code: recovery.CodeLayout, Title: "the layout of " + s.URL + " can not be told", Why: err.Error(), Exit: exitUsage, Err: err,
		Hint: "say it: --layout " + strings.Join(layout.Names(), "|") + ", and in a spec also format and fields",
	}
}

// others opens an archive that somebody else wrote.
// live is what an inventory is of, and tells the directories that it lacks.
func others(ctx context.Context, b bucket.Bucket, live bucket.Browser, about recovery.About) (recovery.Reference, error) {
	opts, err := layout.Settle(ctx, b, open.Layout(&about.Source))
	if err != nil {
		return nil, untold(missing(err), about.Source)
	}
	a, err := layout.Open(b, opts)
	if err != nil {
		return nil, untold(err, about.Source)
	}
	if i, ok := b.(*inventory.Bucket); ok {
		if err := i.Complete(ctx, live, a.Layout().Traits().Prefix); err != nil {
			return nil, unusable(err)
		}
	}
	s := &about.Source
	s.Format, s.Fields, s.Keys, s.Headers, s.Rows = opts.Format, opts.Fields, opts.Keys, opts.Headers, opts.Rows
	t := a.Layout().Traits()
	about.Whole, about.Redelivers, about.Unplaced = t.Whole, t.Redelivers, t.Bytes
	return &other{Archive: a, b: b, about: about}, nil
}

// other is an archive that somebody else wrote.
type other struct {
	*foreign.Archive
	b     bucket.Bucket
	about recovery.About
}

// About says what was found out.
func (o *other) About() recovery.About { return o.about }

var _ recovery.Lister = (*other)(nil)

// Partitions goes by names: Extents would read every object.
func (o *other) Partitions(ctx context.Context, parts []int32) (map[int32]int64, error) {
	sizes, err := o.Sizes(ctx, parts)
	return sizes, missing(err)
}

// Extents counts the records of all objects. Positions above the last one do not exist, but a damaged object's length is not
// known.
func (o *other) Extents(ctx context.Context, parts []int32, _ int64) (map[int32]gap.Extent, error) {
	l, err := o.Catalog(ctx, parts)
	if err != nil {
		return nil, missing(err)
	}
	o.about.Notes = l.Overlaps
	if i, ok := o.b.(*inventory.Bucket); ok {
		o.about.Notes = append(listed(i), l.Overlaps...)
	}
	out := map[int32]gap.Extent{}
	for n, list := range l.Objects {
		e := gap.Extent{Objects: list, Range: partition.Range{From: list[0].Base}}
		for _, obj := range list {
			if obj.Count < 0 {
				e.Range.To = math.MaxInt64
				continue
			}
			e.Range.To = max(e.Range.To, obj.Base+obj.Count)
		}
		out[n] = e
	}
	for _, d := range l.Damaged {
		n, _ := o.Layout().Parse(d.Object)
		e := out[n.Partition]
		e.Damaged = append(e.Damaged, d)
		out[n.Partition] = e
	}
	if n := len(l.Unread); n > 0 && o.about.Source.Values == nil {
		switch f := l.Unread[0].Format; {
		case f == foreign.Single:
			o.about.Notes = append(o.about.Notes, "objects in bytes are read where the spec says that each is one value: format: bytes")
		case f == foreign.Texts:
			o.about.Notes = append(o.about.Notes, "objects in csv hold what the fields of values print as, and no value can be made of them: give another reference, such as an archive that the sink writes with STOREAS JSON, AVRO or PARQUET")
		case f == foreign.Avro && o.about.Source.Layout != "firehose":
			o.about.Notes = append(o.about.Notes, "objects in avro are read where the spec says what bytes their values had: format: avro, values: {as: plain, confluent or json}")
		case f == foreign.Parquet:
			o.about.Notes = append(o.about.Notes, "objects in parquet are read where the spec says what their values were: format: parquet, values: {as: json}, or {as: plain} for envelopes of strings or bytes")
		}
	}
	for _, u := range l.Unread {
		e := out[u.Partition]
		e.Unread = append(e.Unread, gap.Unread{Object: u.Key, Format: string(u.Format)})
		out[u.Partition] = e
	}
	for _, m := range l.Misplaced {
		e := out[m.Partition]
		e.Astray = append(e.Astray, gap.Astray{Object: m.Key, Reason: m.Reason, Base: m.Base, Records: m.Records})
		out[m.Partition] = e
	}
	return out, nil
}

// listed says how an inventory was used, and what it lacks.
func listed(i *inventory.Bucket) []string {
	out := []string{"listed by the inventory of " + i.Date() + "; directories in which it leaves room were listed again"}
	if dirs := i.Lacked(); len(dirs) > 0 {
		out = append(out, fmt.Sprintf("directories that the inventory lacks were listed instead: %s, the first is %s", gap.Count(int64(len(dirs))), dirs[0]))
	}
	if dir := i.Unseen(); dir != nil {
		out = append(out, fmt.Sprintf("whether the inventory lacks directories in %q and those behind it was not looked: %s were asked", *dir, gap.Count(inventory.MaxLooks)))
	}
	return out
}

// Inventory is which partitions an inventory names.
func (o *other) Inventory(ctx context.Context) (*recovery.Inventory, error) {
	i, ok := o.b.(*inventory.Bucket)
	if !ok {
		return nil, nil
	}
	sizes, err := o.Sizes(ctx, nil)
	if err != nil {
		return nil, missing(err)
	}
	return &recovery.Inventory{Time: i.Time(), Partitions: slices.Sorted(maps.Keys(sizes))}, nil
}

// TopicID is not in such objects.
func (o *other) TopicID(context.Context) (string, error) { return "", nil }

// Check lists once and compares. Companions are part of an object's ETag; they are checked when the object is read.
func (o *other) Check(ctx context.Context, objects []partition.Object) ([]string, error) {
	plain := make([]partition.Object, 0, len(objects))
	for _, obj := range objects {
		obj.ETag, _, _ = strings.Cut(obj.ETag, "|")
		plain = append(plain, obj)
	}
	b := o.b
	if old, ok := b.(bucket.Dated); ok {
		b = old.Live()
	}
	moved, err := check(ctx, b, "", plain)
	if err != nil {
		return nil, fmt.Errorf("look at the archive again: %w", err)
	}
	return moved, nil
}

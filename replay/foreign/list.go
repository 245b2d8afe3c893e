package foreign

import (
	"context"
	"fmt"
	"slices"

	"backstitch/partition"
	"backstitch/replay/bucket"
	"backstitch/replay/source"
)

// Listing is the archive of one topic as a plan freezes it.
type Listing struct {
	// Objects are the data objects by partition, in order of position. A damaged one has Count -1. One that claims the same
	// offsets as another with other contents is not among them.
	Objects map[int32][]partition.Object
	// Damaged are the objects that could not be read to their end. Offset and Next are positions as in a reader's error.
	Damaged []*source.DamagedError
	// Unread are the objects of formats that are not read.
	Unread []Unread
	// Misplaced are the objects whose directory says another time than they are of.
	Misplaced []Misplaced
	// Overlaps says, for people, which objects hold the same records.
	Overlaps []string
}

// Unread is an object that may hold records of the topic and is in a format that is not read.
type Unread struct {
	Partition int32
	Key       string
	Format    Format
}

// entry is a data object on its way into a Listing.
type entry struct {
	name       Name
	in         bucket.Info
	companions map[string]companion

	// What count found.
	records     int64
	first, last partition.Offset // positions of their own; -1 when there is no record
	damage      *Damage

	disbelieved bool // its neighbour or its tags show what is wrong, so nobody may read it alone
	renewed     bool // it was another object when it was listed

	floor partition.Offset // the least position that an object of this directory and name can begin at
	base  partition.Offset // what overlap found; -1 when it did not look
}

// Catalog lists the objects of the topic and counts their records, which takes reading them all. parts is nil for all
// partitions. A bucket that holds no object of the topic gives bucket.ErrNotFound, one that holds more than Limits.MaxObjects
// source.ErrTooMany.
func (a *Archive) Catalog(ctx context.Context, parts []int32) (*Listing, error) {
	l := &Listing{Objects: map[int32][]partition.Object{}}
	files, err := a.list(ctx, l, parts)
	if err != nil {
		return nil, err
	}
	if files, err = a.expect(ctx, parts, files); err != nil {
		return nil, err
	}
	if err := a.count(ctx, files); err != nil {
		return nil, err
	}
	if err := a.tags(ctx, files); err != nil {
		return nil, err
	}
	if files, err = a.relist(ctx, l, parts, files); err != nil {
		return nil, err
	}
	files = place(files, a.traits)
	if err := a.overlaps(ctx, l, files); err != nil {
		return nil, err
	}
	a.number(l, files)
	misplaced(l, files)
	return l, nil
}

// Sizes is what the objects of each partition take, as they are stored, those of formats that are not read included. It goes by a listing
// alone. parts is nil for all partitions. A bucket that holds no object of the topic gives bucket.ErrNotFound.
func (a *Archive) Sizes(ctx context.Context, parts []int32) (map[int32]int64, error) {
	out := map[int32]int64{}
	for in, err := range a.b.List(ctx, a.traits.Prefix) {
		if err != nil {
			return nil, fmt.Errorf("list %s of %s: %w", a.traits.Title, a.traits.Topic, err)
		}
		if n, ok := a.layout.Parse(in.Key); ok && n.Companion == "" && (parts == nil || slices.Contains(parts, n.Partition)) {
			out[n.Partition] += in.Size
		}
	}
	if len(out) == 0 {
		return nil, a.nothing()
	}
	return out, nil
}

func (a *Archive) nothing() error {
	return fmt.Errorf("%s of topic %s: no object under %q in %s: %w", a.traits.Title, a.traits.Topic, a.traits.Prefix, a.b.URL(), bucket.ErrNotFound)
}

// list finds data objects and their companions.
func (a *Archive) list(ctx context.Context, l *Listing, parts []int32) ([]*entry, error) {
	s := &lister{a: a, l: l, parts: parts, byStem: map[string]*entry{}, companions: map[string]map[string]companion{}}
	if err := s.under(ctx, a.b, a.traits.Prefix); err != nil {
		return nil, err
	}
	if len(s.files)+len(l.Unread) == 0 {
		return nil, a.nothing()
	}
	return s.complete(), nil
}

type lister struct {
	a          *Archive
	l          *Listing
	parts      []int32
	files      []*entry
	byStem     map[string]*entry
	companions map[string]map[string]companion
}

// under lists what begins with prefix.
func (s *lister) under(ctx context.Context, b bucket.Bucket, prefix string) error {
	for in, err := range b.List(ctx, prefix) {
		if err != nil {
			return fmt.Errorf("list %s of %s: %w", s.a.traits.Title, s.a.traits.Topic, err)
		}
		n, ok := s.a.layout.Parse(in.Key)
		if !ok || (s.parts != nil && !slices.Contains(s.parts, n.Partition)) {
			continue
		}
		if err := s.add(n, in); err != nil {
			return err
		}
	}
	return nil
}

func (s *lister) add(n Name, in bucket.Info) error {
	switch {
	case n.Companion != "":
		if slices.Contains(s.a.traits.Companions, n.Companion) {
			if s.companions[n.Stem] == nil {
				s.companions[n.Stem] = map[string]companion{}
			}
			s.companions[n.Stem][n.Companion] = companion{ext: n.Ext, etag: in.ETag}
		}
		return nil
	case !s.a.traits.reads(n.Format):
		s.l.Unread = append(s.l.Unread, Unread{Partition: n.Partition, Key: in.Key, Format: n.Format})
		return nil
	}
	if old := s.byStem[n.Stem]; old != nil {
		return fmt.Errorf("%s of %s: %s and %s hold the same records", s.a.traits.Title, s.a.traits.Topic, old.in.Key, in.Key)
	}
	if len(s.files) == s.a.limits.MaxObjects {
		return fmt.Errorf("%s of %s: more than %d objects: %w", s.a.traits.Title, s.a.traits.Topic, len(s.files), source.ErrTooMany)
	}
	e := &entry{name: n, in: in, first: -1, last: -1}
	s.byStem[n.Stem] = e
	s.files = append(s.files, e)
	return nil
}

// complete gives the objects their companions. One that is missing is damage.
func (s *lister) complete() []*entry {
	for _, e := range s.files {
		e.companions = s.companions[e.name.Stem]
		for _, kind := range s.a.traits.Companions {
			if _, ok := e.companions[kind]; !ok {
				e.damage = &Damage{Code: source.CodeBadCompanion, Err: fmt.Errorf("its .%s file is missing", kind)}
			}
		}
	}
	return s.files
}

// expect adds what the layout knows to be missing from the listing.
func (a *Archive) expect(ctx context.Context, parts []int32, files []*entry) ([]*entry, error) {
	x, ok := a.layout.(Expecter)
	if !ok {
		return files, nil
	}
	want, err := x.Expected(ctx, a.b)
	if err != nil {
		return nil, fmt.Errorf("%s of %s: %w", a.traits.Title, a.traits.Topic, err)
	}
	have := map[string]bool{}
	for _, e := range files {
		have[e.in.Key] = true
	}
	for _, w := range want {
		n, ok := a.layout.Parse(w.Key)
		if !ok || have[w.Key] || (parts != nil && !slices.Contains(parts, n.Partition)) {
			continue
		}
		n.First, n.Last = w.First, w.Last
		files = append(files, &entry{name: n, in: bucket.Info{Key: w.Key}, first: -1, last: -1,
			damage: &Damage{Code: source.CodeGone, Err: fmt.Errorf("the manifest names it with %d records, and it is not there", w.Records)}})
	}
	return files, nil
}

// relist looks again, for real, at the directories in which an old listing leaves room for objects: it was never one moment.
func (a *Archive) relist(ctx context.Context, l *Listing, parts []int32, files []*entry) ([]*entry, error) {
	old, ok := a.b.(bucket.Dated)
	if !ok {
		return files, nil
	}
	s := &lister{a: a, l: l, parts: parts, byStem: map[string]*entry{}, companions: map[string]map[string]companion{}}
	for _, e := range files {
		s.byStem[e.name.Stem] = e
	}
	seen := map[string]bool{}
	for _, dir := range holes(place(files, a.traits)) {
		if seen[dir] {
			continue
		}
		seen[dir] = true
		fresh := &lister{a: a, l: &Listing{}, parts: parts, byStem: map[string]*entry{}, companions: map[string]map[string]companion{}}
		if err := fresh.under(ctx, old.Live(), dir); err != nil {
			return nil, err
		}
		for _, e := range fresh.complete() {
			if s.byStem[e.name.Stem] == nil {
				s.byStem[e.name.Stem] = e
				s.files = append(s.files, e)
			}
		}
	}
	if err := a.count(ctx, s.files); err != nil {
		return nil, err
	}
	return append(files, s.files...), nil
}

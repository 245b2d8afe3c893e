// Package archive reads slices from backstitch's own archive, whose bytes replay/archive lays down.
//
// Invariants:
//   - An object is read only under the ETag that the plan froze, its footer's hash is checked before the index is used, and
//     each batch's hash before its records are.
//   - Only batches that overlap the slice's ranges are read.
//   - Objects may overlap. Each offset is returned once: that of the object with the lowest first offset, then name.
//   - Damage takes no more than a batch with it: reading goes on behind it, and the DamagedError names the offsets.
//
// What is not here: the layout (replay/archive), how batches are decoded (replay/kbatch).
//
// Reading order: archive.go, reader.go, catalog.go.
package archive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"backstitch/partition"
	format "backstitch/replay/archive"
	"backstitch/replay/bucket"
	"backstitch/replay/kbatch"
	"backstitch/replay/record"
	"backstitch/replay/source"
)

// Config says how to read.
type Config struct {
	Topic string // as it is called in the archive
	// ReadBytes is how much one read of the store asks for; two are held at a time. 0 means 4 MiB.
	ReadBytes int64
	// DecompressBytes bounds what one batch may decompress to; 0 means kbatch.DefaultCeiling.
	DecompressBytes int
}

const defaultReadBytes = 4 << 20

// Validate reports what is missing.
func (c Config) Validate() error {
	if c.Topic == "" {
		return errors.New("archive source: no topic")
	}
	if c.ReadBytes < 0 || c.DecompressBytes < 0 {
		return errors.New("archive source: negative size")
	}
	return nil
}

// Source reads an archive. It satisfies source.Source.
type Source struct {
	b   bucket.Bucket
	cfg Config
	dec *kbatch.Decoder
}

var (
	_ source.Source   = (*Source)(nil)
	_ source.Digester = (*Source)(nil)
)

// New returns a source over b. It does not touch the store.
func New(b bucket.Bucket, cfg Config) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.ReadBytes == 0 {
		cfg.ReadBytes = defaultReadBytes
	}
	return &Source{b: b, cfg: cfg, dec: kbatch.NewDecoder(cfg.DecompressBytes)}, nil
}

// Fields returns AllFields: the archive holds everything a topic does.
func (s *Source) Fields() record.Fields { return record.AllFields }

// Close does nothing; the bucket is the caller's.
func (s *Source) Close() error { return nil }

// Open starts reading slice at cursor.
func (s *Source) Open(ctx context.Context, slice partition.Slice, cursor partition.Offset) (source.Reader, error) {
	return s.start(ctx, slice, cursor, nil)
}

// OpenDigests is Open for a comparison of fields.
func (s *Source) OpenDigests(ctx context.Context, slice partition.Slice, cursor partition.Offset, fields record.Fields) (source.Reader, error) {
	return s.start(ctx, slice, cursor, &fields)
}

func (s *Source) start(ctx context.Context, slice partition.Slice, cursor partition.Offset, compared *record.Fields) (source.Reader, error) {
	type named struct {
		partition.Object
		name format.Name
	}
	var objs []named
	for _, o := range slice.Objects {
		n, err := format.ParseName(o.Key)
		switch {
		case err != nil:
			return nil, fmt.Errorf("open slice %s: %w", slice.ID, err)
		case n.Topic != s.cfg.Topic || n.Partition != slice.Partition:
			return nil, fmt.Errorf("open slice %s: %s is not of %s/%d: %w", slice.ID, o.Key, s.cfg.Topic, slice.Partition, format.ErrName)
		}
		if n.Last >= cursor && overlaps(slice.Ranges, partition.Range{From: n.First, To: n.Last + 1}) {
			objs = append(objs, named{o, n})
		}
	}
	slices.SortFunc(objs, func(a, b named) int {
		if a.name.First != b.name.First {
			return int(min(max(a.name.First-b.name.First, -1), 1))
		}
		return strings.Compare(a.Key, b.Key)
	})
	r := &reader{src: s, part: slice.Partition, want: slice.Ranges, cursor: max(cursor, slice.Ranges.Span().From), compared: compared}
	for _, o := range objs {
		r.objects = append(r.objects, o.Object)
	}
	r.start(ctx)
	return r, nil
}

// overlaps reports whether r shares a position with one of rs.
func overlaps(rs partition.Ranges, r partition.Range) bool {
	i, _ := slices.BinarySearchFunc(rs, r.From, func(x partition.Range, from partition.Offset) int {
		if x.To <= from {
			return -1
		}
		return 1
	})
	return i < len(rs) && rs[i].Overlaps(r)
}

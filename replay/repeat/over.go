package repeat

import (
	"context"
	"errors"
	"fmt"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/source"
	"backstitch/storage/spill"
)

// Config says how Over works.
type Config struct {
	Rule *Rule
	Book *Book // what is left out is entered here
	// About says which records of a slice the job is about. Others pass, and nothing is a repetition of them. Nil takes all.
	About func(partition.Slice, *record.Record) bool
	Spill spill.Options // for one partition
}

// Over returns src without the repetitions. It is for whoever reads slices from their beginning: what comes before a cursor decides
// about what comes behind it. Records that can not be read pass as damage, and are not among what comes before. Closing it closes src.
func Over(src source.Source, cfg Config) source.Source { return &once{src, cfg} }

type once struct {
	source.Source
	cfg Config
}

var (
	errDigests = errors.New("the source gives digests instead of records, which have no key")
	errMidway  = errors.New("repetitions are told from the beginning of a slice")
)

// Open starts reading slice.
func (o *once) Open(ctx context.Context, slice partition.Slice, cursor partition.Offset) (source.Reader, error) {
	if from := slice.Ranges.Span().From; cursor > from {
		return nil, fmt.Errorf("open partition %d at %d, its slice begins at %d: %w", slice.Partition, cursor, from, errMidway)
	}
	r, err := o.Source.Open(ctx, slice, cursor)
	if err != nil {
		return nil, err
	}
	return &reader{Reader: r, cfg: &o.cfg, slice: slice, find: o.cfg.Rule.Finder(o.cfg.Spill), part: new(Part)}, nil
}

type reader struct {
	source.Reader
	cfg   *Config
	slice partition.Slice
	find  *Finder
	part  *Part
}

// Next is Reader's.
func (r *reader) Next(ctx context.Context) (*record.Batch, error) {
	for {
		b, err := r.Reader.Next(ctx)
		if err != nil {
			return nil, err
		}
		next := b.Next
		if err := r.sift(b); err != nil {
			b.Release()
			return nil, err
		}
		r.cfg.Book.reached(r.slice.Partition, r.part, next)
		if len(b.Records) > 0 {
			return b, nil
		}
		b.Release()
	}
}

// sift takes the repetitions out of b.
func (r *reader) sift(b *record.Batch) error {
	if b.Digests != nil {
		return errDigests
	}
	kept := b.Records[:0]
	for i := range b.Records {
		rec := &b.Records[i]
		if r.cfg.About == nil || r.cfg.About(r.slice, rec) {
			repetition, why, err := r.find.See(rec)
			switch {
			case err != nil:
				return err
			case repetition:
				r.part.Keyed++
				r.part.left(rec.Offset)
				b.Bytes -= rec.Size()
				continue
			case why != nil:
				r.part.Unkeyed.Add(rec.Offset, why)
			default:
				r.part.Keyed++
			}
		}
		kept = append(kept, *rec)
	}
	b.Records = kept
	return nil
}

// Close ends reading.
func (r *reader) Close() error { return errors.Join(r.Reader.Close(), r.find.Close()) }

package verify

import (
	"context"
	"io"

	"backstitch/replay/gap/match"
	"backstitch/replay/record"
)

// Chains say that an order is broken, and not where. When they differ, both sides are read in step once more, without what has no
// partner, up to the first place at which they are not the same.

// disorder returns the first place of the target that holds another record than the reference's order wants, and which one that is.
// ok is false when there is none.
func (k *class) disorder(ctx context.Context) (target, reference int64, ok bool, err error) {
	ref, tgt, err := k.both(ctx)
	if err != nil {
		return 0, 0, false, err
	}
	defer ref.Close()
	defer tgt.Close()
	a, b := steps{r: ref, want: k.there, hasher: *k.c.hasher()}, steps{r: tgt, want: k.matchedTarget, hasher: *k.c.hasher()}
	defer a.release()
	defer b.release()
	for {
		x, err := a.next(ctx)
		if err != nil || x == nil {
			return 0, 0, false, err
		}
		y, err := b.next(ctx)
		if err != nil || y == nil {
			return 0, 0, false, err
		}
		if a.hasher.Hash(x, k.c.fields) != b.hasher.Hash(y, k.c.fields) {
			return y.Offset, x.Offset, true, nil
		}
	}
}

// steps reads a side record by record.
type steps struct {
	r      match.Reader
	want   func(*record.Record) bool // nil for all
	hasher record.Hasher
	batch  *record.Batch
	i      int
}

// next returns the next wanted record, valid until the call after it, or nil at the end.
func (s *steps) next(ctx context.Context) (*record.Record, error) {
	for {
		for s.batch != nil && s.i < len(s.batch.Records) {
			r := &s.batch.Records[s.i]
			s.i++
			if s.want == nil || s.want(r) {
				return r, nil
			}
		}
		s.release()
		b, err := s.r.Next(ctx)
		if err == io.EOF {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		s.batch, s.i = b, 0
	}
}

func (s *steps) release() {
	if s.batch != nil {
		s.batch.Release()
		s.batch = nil
	}
}

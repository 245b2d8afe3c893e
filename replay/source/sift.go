package source

import (
	"context"
	"sort"

	"backstitch/partition"
	"backstitch/replay/record"
)

// Refusal says why a record is not passed on.
type Refusal struct {
	Code string // stable, one of the Code constants
	Rule int    // of the recipe, from 1, that the record has broken; 0 for what is no rule
	Err  error
}

// Sift returns r with its records as look leaves them. look goes through a batch in order, may change its values, and says how many
// records are done and why the next one is refused; a batch without refusal is done whole. Any err of it ends the reading.
//
// A record that is refused parts its batch: those before it come first, then a *DamagedError for its position, and then the rest,
// which look sees once more.
func Sift(r Reader, slice partition.Slice, look func(*record.Batch) (n int, why *Refusal, err error)) Reader {
	return &sieve{Reader: r, slice: slice, look: look}
}

type sieve struct {
	Reader
	slice partition.Slice
	look  func(*record.Batch) (int, *Refusal, error)

	damage *DamagedError // to be told next
	rest   *record.Batch // behind the damage, not looked at yet
}

// Next is Reader's.
func (s *sieve) Next(ctx context.Context) (*record.Batch, error) {
	if d := s.damage; d != nil {
		s.damage = nil
		return nil, d
	}
	b := s.rest
	if s.rest = nil; b == nil {
		var err error
		if b, err = s.Reader.Next(ctx); err != nil {
			return nil, err
		}
	}
	n, why, err := s.look(b)
	if err != nil {
		b.Release()
		return nil, err
	}
	if why == nil {
		return b, nil
	}
	bad := b
	var front *record.Batch
	if n > 0 {
		front = b.Split(n)
	}
	at := bad.Records[0].Offset
	d := &DamagedError{Object: ObjectAt(s.slice, at), Offset: at, Next: at + 1, Code: why.Code, Rule: why.Rule, Err: why.Err}
	if len(bad.Records) == 1 {
		bad.Release()
	} else {
		bad.Bytes -= bad.SizeOf(0)
		bad.Records = bad.Records[1:]
		s.rest = bad
	}
	if front == nil {
		return nil, d
	}
	s.damage = d
	return front, nil
}

// Close ends reading.
func (s *sieve) Close() error {
	if s.rest != nil {
		s.rest.Release()
		s.rest = nil
	}
	return s.Reader.Close()
}

// ObjectAt names the object of slice that holds a position, "" when it has none. Objects are in order of Base, and one reaches to the
// next: holes stretch it beyond its count.
func ObjectAt(slice partition.Slice, at partition.Offset) string {
	i := sort.Search(len(slice.Objects), func(i int) bool { return slice.Objects[i].Base > at })
	if i == 0 {
		return ""
	}
	return slice.Objects[i-1].Key
}

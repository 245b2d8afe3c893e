package rename

import (
	"context"
	"errors"
	"fmt"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/source"
)

// Over returns src with its records renamed; src itself where names is nil. Closing it closes src.
func Over(src source.Source, names Names) source.Source {
	if names == nil {
		return src
	}
	return &renamed{src, names}
}

// renamed hides what src can besides: digests are of records under their old names.
type renamed struct {
	source.Source
	names Names
}

var errDigests = errors.New("the source gives digests instead of records, which can not be renamed")

// maxBuffer bounds what is taken for a batch at once.
const maxBuffer = 8 << 20

// Open starts reading slice.
func (s *renamed) Open(ctx context.Context, slice partition.Slice, cursor partition.Offset) (source.Reader, error) {
	r, err := s.Source.Open(ctx, slice, cursor)
	if err != nil {
		return nil, err
	}
	if l, ok := s.names.(Learner); ok {
		r = &learning{r, l}
	}
	e := &editor{names: s.names}
	return source.Sift(r, slice, func(b *record.Batch) (int, *source.Refusal, error) {
		if b.Digests != nil {
			return 0, nil, errDigests
		}
		n, why := e.batch(b)
		return n, why, nil
	}), nil
}

// batch renames the records of b in their order. It returns how many are done, and why the next one is not.
func (e *editor) batch(b *record.Batch) (n int, why *source.Refusal) {
	buf := record.NewBuffer(int(min(b.Bytes+b.Bytes/8, maxBuffer)))
	b.Own(buf)
	for i := range b.Records {
		// When it has no room the buffer gets other memory. What was made before stays in the old one, which nobody uses again.
		out, more, why := e.record(buf.B, &b.Records[i])
		if why != nil {
			return i, why
		}
		buf.B = out
		b.Bytes += int64(more)
	}
	return len(b.Records), nil
}

// learning gets to know what batches name before they are looked at.
type learning struct {
	source.Reader
	learner Learner
}

// Next is source.Reader's.
func (l *learning) Next(ctx context.Context) (*record.Batch, error) {
	b, err := l.Reader.Next(ctx)
	if err != nil {
		return nil, err
	}
	var last [2]Met
	var known [2]bool
	for i := range b.Records {
		at, _, err := places(&b.Records[i], l.learner.Keys())
		if err != nil {
			continue // the record is refused for it
		}
		for p := range at {
			met := Met{Name: at[p].name, Key: p == 0, Header: at[p].header >= 0}
			if !at[p].ok || known[p] && met == last[p] {
				continue
			}
			if err := l.learner.Learn(ctx, met); err != nil {
				b.Release()
				return nil, fmt.Errorf("what the target calls its schemas is not known: %w", err)
			}
			last[p], known[p] = met, true
		}
	}
	return b, nil
}

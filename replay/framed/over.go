package framed

import (
	"context"
	"errors"
	"fmt"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/source"
	"backstitch/replay/transform"
)

// Learner is an upgrade of Writers for who asks as he goes. Before the values of a batch are changed it gets to know what they name.
type Learner interface {
	Writers
	// Learn asks for the schema that the value of r names, unless it was asked for before, and notes how it is named. That nothing is named, or that
	// there is no such schema, is no error: Writer says it. An error ends the reading.
	Learn(ctx context.Context, r *record.Record) error
}

// Over returns src with its values changed by chain; src itself where chain is nil. Closing it closes src.
func Over(src source.Source, chain Chain, writers Writers, names Names) source.Source {
	if chain == nil {
		return src
	}
	return &changed{src, chain, writers, names}
}

type changed struct {
	source.Source
	chain   Chain
	writers Writers
	names   Names
}

var errDigests = errors.New("the source gives digests instead of records, which no step can change")

// Open starts reading slice.
func (c *changed) Open(ctx context.Context, slice partition.Slice, cursor partition.Offset) (source.Reader, error) {
	r, err := c.Source.Open(ctx, slice, cursor)
	if err != nil {
		return nil, err
	}
	if l, ok := c.writers.(Learner); ok {
		r = &learning{r, l}
	}
	e := NewEditor(c.chain, c.writers, c.names)
	return source.Sift(r, slice, func(b *record.Batch) (int, *source.Refusal, error) {
		if b.Digests != nil {
			return 0, nil, errDigests
		}
		n, why := transform.Rewrite(b, e.Record)
		return n, why.Refusal(), nil
	}), nil
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
	for i := range b.Records {
		if err := l.learner.Learn(ctx, &b.Records[i]); err != nil {
			b.Release()
			return nil, fmt.Errorf("what values are written with is not known: %w", err)
		}
	}
	return b, nil
}

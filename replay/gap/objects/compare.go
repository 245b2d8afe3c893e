package objects

import (
	"context"
	"errors"
	"fmt"

	"backstitch/replay/bucket"
	"backstitch/replay/gap"

	"golang.org/x/sync/errgroup"
)

// The merge: one goroutine walks both listings and makes a step of each key. Steps that need a store are answered by workers;
// the caller takes all steps in key order, so that runs of neighbours can be told and output is the same each time.

// ErrNoVersions says that a bucket keeps no versions that could be looked at.
var ErrNoVersions = errors.New("it keeps no versions")

// step is one key of either side.
type step struct {
	key      string
	ref, tgt *object // nil when the side has nothing
	answer   chan verdict
}

// comparison is one Compare.
type comparison struct {
	cfg      Config
	ref, tgt bucket.Bucket
	// Read by the caller when the merge is over.
	left, right *listing
}

// Compare compares two buckets. An error means that the comparison itself could not go on: ctx is over, or Each refused. What is
// wrong with a bucket is in the report.
func Compare(ctx context.Context, reference, target bucket.Bucket, cfg Config) (*Report, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Versions {
		for _, b := range []bucket.Bucket{reference, target} {
			if _, ok := b.(bucket.Inspector); !ok {
				return nil, fmt.Errorf("%s: %w", b.URL(), ErrNoVersions)
			}
		}
	}
	c := &comparison{cfg: cfg, ref: reference, tgt: target}
	rep := &Report{By: map[string]int64{}, Kinds: map[gap.Kind]int64{}, Findings: []Finding{}}
	t := newTally(rep, cfg)

	inner, stop := context.WithCancel(ctx)
	defer stop()
	var g errgroup.Group
	order := make(chan *step, 4*cfg.Parallel)
	ask := make(chan *step, cfg.Parallel)
	c.left = list(inner, reference, cfg.Versions, &rep.Reference, g.Go)
	c.right = list(inner, target, cfg.Versions, &rep.Target, g.Go)
	g.Go(func() error {
		c.merge(inner, order, ask)
		return nil
	})
	for range cfg.Parallel {
		g.Go(func() error {
			for s := range ask {
				s.answer <- c.judge(inner, s)
			}
			return nil
		})
	}
	err := take(order, t)
	stop()
	for range order { // a merge that waits for us sees that it is over
	}
	_ = g.Wait() // none of them fails: what goes wrong is a verdict
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil && !errors.Is(err, errStopped) {
		return nil, err
	}
	if err == nil {
		t.cut(c.left, "reference")
		t.cut(c.right, "target")
	}
	t.finish()
	return rep, nil
}

// take hands the verdicts on in the order of keys.
func take(order <-chan *step, t *tally) error {
	for s := range order {
		if err := t.add(s, <-s.answer); err != nil {
			return err
		}
	}
	return nil
}

// merge makes a step of each key, until one listing breaks off: what the other has behind that key can not be judged.
func (c *comparison) merge(ctx context.Context, order, ask chan<- *step) {
	defer close(order)
	defer close(ask)
	for {
		s := &step{answer: make(chan verdict, 1)}
		r, t := c.left.peek(), c.right.peek()
		switch {
		case c.left.err != nil, c.right.err != nil, r == nil && t == nil:
			return
		case t == nil || (r != nil && r.Key < t.Key):
			s.key, s.ref = r.Key, c.left.pop()
		case r == nil || t.Key < r.Key:
			s.key, s.tgt = t.Key, c.right.pop()
		default:
			s.key, s.ref, s.tgt = r.Key, c.left.pop(), c.right.pop()
		}
		v, settled := c.glance(s)
		if settled {
			s.answer <- v
		}
		select {
		case order <- s:
		case <-ctx.Done():
			return
		}
		if settled {
			continue
		}
		select {
		case ask <- s:
		case <-ctx.Done():
			s.answer <- verdict{} // nobody looks at it
			return
		}
	}
}

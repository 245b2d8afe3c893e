// Package throttle bounds how fast this node works, in two ways. A Limiter is one rate of bytes for what reads for one purpose, such as a
// scan, so that the bound holds for the node and not for each reader. A Quota is this node's part of the cluster's budgets: jobs draw on
// it with a Meter, their lanes with a Lane. Beside the budgets a Meter has a pace of its own, and notes what the target says of how it is.
//
// Invariants:
//   - A nil *Limiter, *Meter or *Lane bounds nothing, and its wrappers return what they were given.
//   - What was read is paid for afterwards: one batch or piece may exceed the rate, and the next one waits for it.
//   - What is to be written is paid for before. One record may exceed a budget that it does not fit into; the debt is waited for.
//   - Nothing goes through a scope that has a budget and of which this node has no share, or one that has lapsed.
//   - A wait ends with its context, and nobody waits for longer than a quarter of a second without looking again.
//
// What is not here: which part of a budget a node gets (cluster/quota), which pace a job has (replay/pace, replay/feedback), how a write is
// paced by its target (replay/engine).
//
// Reading order: throttle.go, bucket.go; gauge.go, quota.go, meter.go, pace.go, calls.go, senses.go.
package throttle

import (
	"context"
	"fmt"
	"io"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/sink"
	"backstitch/replay/source"

	"golang.org/x/time/rate"
)

// Limiter is a rate of bytes. It is safe for concurrent use.
type Limiter struct{ bytes *rate.Limiter }

// New makes one of so many bytes per second, nil for 0.
func New(bytesPerSecond int64) *Limiter {
	if bytesPerSecond <= 0 {
		return nil
	}
	burst := int(min(max(bytesPerSecond, 64<<10), 1<<30))
	return &Limiter{bytes: rate.NewLimiter(rate.Limit(bytesPerSecond), burst)}
}

// Wait pays for n bytes.
func (l *Limiter) Wait(ctx context.Context, n int64) error {
	if l == nil {
		return nil
	}
	for n > 0 {
		part := min(n, int64(l.bytes.Burst()))
		if err := l.bytes.WaitN(ctx, int(part)); err != nil {
			return fmt.Errorf("wait for the read rate: %w", context.Cause(ctx))
		}
		n -= part
	}
	return nil
}

// Source paces the records of s.
func (l *Limiter) Source(s source.Source) source.Source {
	if l == nil {
		return s
	}
	return &pacedSource{s, l}
}

// Targets paces the records of t.
func (l *Limiter) Targets(t sink.Targets) sink.Targets {
	if l == nil {
		return t
	}
	return &pacedTargets{t, l.pay}
}

type pacedSource struct {
	source.Source
	l *Limiter
}

func (s *pacedSource) Open(ctx context.Context, slice partition.Slice, cursor partition.Offset) (source.Reader, error) {
	r, err := s.Source.Open(ctx, slice, cursor)
	if err != nil {
		return nil, err
	}
	return &pacedReader{r, s.l}, nil
}

// OpenDigests is Open of what s paces. Digests are as dear as the records that they are of.
func (s *pacedSource) OpenDigests(ctx context.Context, slice partition.Slice, cursor partition.Offset, fields record.Fields) (source.Reader, error) {
	r, err := source.OpenDigests(ctx, s.Source, slice, cursor, fields)
	if err != nil {
		return nil, err
	}
	return &pacedReader{r, s.l}, nil
}

type pacedReader struct {
	source.Reader
	l *Limiter
}

func (r *pacedReader) Next(ctx context.Context) (*record.Batch, error) {
	return next(ctx, r.l.pay, r.Reader)
}

// payment pays for what was read, before more is.
type payment func(ctx context.Context, records, bytes int64) error

func (l *Limiter) pay(ctx context.Context, _, bytes int64) error { return l.Wait(ctx, bytes) }

type pacedTargets struct {
	sink.Targets
	pay payment
}

func (t *pacedTargets) Read(ctx context.Context, part int32, from, to int64) (sink.Reader, error) {
	r, err := t.Targets.Read(ctx, part, from, to)
	if err != nil {
		return nil, err
	}
	return &pacedTarget{r, t.pay}, nil
}

type pacedTarget struct {
	sink.Reader
	pay payment
}

func (r *pacedTarget) Next(ctx context.Context) (*record.Batch, error) {
	return next(ctx, r.pay, r.Reader)
}

func next(ctx context.Context, pay payment, r interface {
	Next(context.Context) (*record.Batch, error)
}) (*record.Batch, error) {
	b, err := r.Next(ctx)
	if err != nil {
		return b, err
	}
	if err := pay(ctx, int64(len(b.Records)), b.Bytes); err != nil {
		b.Release()
		return nil, err
	}
	return b, nil
}

// pacedBody pays for each piece of a body.
type pacedBody struct {
	io.ReadCloser
	ctx context.Context //nolint:containedctx // io.Reader has no place for one, and the body ends with the call that opened it
	l   *Limiter
}

func (b *pacedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if wait := b.l.Wait(b.ctx, int64(n)); wait != nil && (err == nil || err == io.EOF) {
		return n, wait
	}
	return n, err
}

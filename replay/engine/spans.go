package engine

import (
	"context"
	"errors"
	"time"

	"backstitch/replay/record"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Spans of a slice: lease (older owners are fenced, the progress is learned), and for each commit read, produce and checkpoint. There is none for
// a batch, of which there are thousands in a second: read and produce go from the first batch of a commit to its last, and busy says how much of
// that time they took. Without a tracer nothing is measured.

const (
	// maxLinks bounds the records of one commit whose own traces its produce span links to, and looked how many records of a batch are
	// searched for one.
	maxLinks = 16
	looked   = 64
)

// spans makes the spans of one slice; nil makes none. It is the engine's goroutine's.
type spans struct {
	tracer trace.Tracer
	clock  func() time.Time
	reads  phase
	writes phase
	links  []trace.Link
}

// phase is what is done again and again between two commits.
type phase struct {
	began, ended time.Time
	busy         time.Duration
}

func newSpans(tracer trace.Tracer, clock func() time.Time) *spans {
	if tracer == nil {
		return nil
	}
	return &spans{tracer: tracer, clock: clock}
}

// start begins a span. end ends it.
func (s *spans) start(ctx context.Context, name string, about ...attribute.KeyValue) (_ context.Context, end func(error)) {
	if s == nil {
		return ctx, func(error) {}
	}
	ctx, span := s.tracer.Start(ctx, name, trace.WithTimestamp(s.clock()), trace.WithAttributes(about...))
	return ctx, func(err error) {
		if err != nil && !errors.Is(err, ErrDrained) {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End(trace.WithTimestamp(s.clock()))
	}
}

// now is when something begins; it costs nothing where there are no spans.
func (s *spans) now() time.Time {
	if s == nil {
		return time.Time{}
	}
	return s.clock()
}

// read adds a batch, and links to what its records were part of when they were first written.
func (s *spans) read(began time.Time, batch *record.Batch) {
	if s == nil {
		return
	}
	s.reads.add(began, s.clock())
	for i := range batch.Records[:min(len(batch.Records), looked)] {
		if len(s.links) >= maxLinks {
			return
		}
		if sc := origin(&batch.Records[i]); sc.IsValid() {
			s.links = append(s.links, trace.Link{SpanContext: sc, Attributes: []attribute.KeyValue{attribute.Int64("backstitch.offset", batch.Records[i].Offset)}})
		}
	}
}

// produced adds a batch that the sink has taken.
func (s *spans) produced(began time.Time) {
	if s != nil {
		s.writes.add(began, s.clock())
	}
}

func (p *phase) add(began, ended time.Time) {
	if p.began.IsZero() {
		p.began = began
	}
	p.ended = ended
	p.busy += ended.Sub(began)
}

// copied makes the spans of what was copied since the last commit.
func (s *spans) copied(ctx context.Context) {
	if s == nil {
		return
	}
	s.phase(ctx, "read", trace.SpanKindConsumer, s.reads)
	s.phase(ctx, "produce", trace.SpanKindProducer, s.writes, s.links...)
	s.reads, s.writes, s.links = phase{}, phase{}, nil
}

func (s *spans) phase(ctx context.Context, name string, kind trace.SpanKind, p phase, links ...trace.Link) {
	if p.began.IsZero() {
		return
	}
	_, span := s.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithTimestamp(p.began), trace.WithLinks(links...),
		trace.WithAttributes(attribute.Float64("backstitch.busy_seconds", p.busy.Seconds())))
	span.End(trace.WithTimestamp(p.ended))
}

// origin is the context that a record carries in the header traceparent of W3C, invalid for none. The header goes into the target unchanged.
func origin(r *record.Record) trace.SpanContext {
	for _, h := range r.Headers {
		if h.Key == "traceparent" && len(h.Value) <= 64 {
			ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": string(h.Value)})
			return trace.SpanContextFromContext(ctx)
		}
	}
	return trace.SpanContext{}
}

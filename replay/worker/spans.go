package worker

import (
	"context"
	"errors"
	"strconv"

	"backstitch/partition/trail"
	"backstitch/replay/engine"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// traced makes the slice a span of its job, and all that is done under the context a part of that.
func (r *run) traced() (ctx context.Context, end func()) {
	d := r.w.deps
	if d.Tracer == nil {
		return r.ctx, func() {}
	}
	slice := r.work.Slice
	ctx, span := d.Tracer.Start(trail.Within(r.ctx, d.Cluster(), slice.ID.Job), "slice "+slice.Kind.String(), trace.WithTimestamp(d.Now()), trace.WithAttributes(
		attribute.String(trail.Attribute, string(slice.ID.Job)), attribute.String("backstitch.slice", slice.ID.String()),
		attribute.Int64("backstitch.partition", int64(slice.Partition)), attribute.String("backstitch.epoch", strconv.FormatUint(uint64(r.work.Epoch), 10)),
		attribute.String("backstitch.node", string(r.w.cfg.Node)), attribute.Int("backstitch.attempt", r.attempts)))
	return ctx, func() {
		if c, ok := r.checkpoint(); ok {
			span.SetAttributes(attribute.Int64("backstitch.records", c.Records), attribute.Int64("backstitch.bytes", c.Bytes), attribute.Int64("backstitch.quarantined", c.Quarantined))
		}
		if r.err != nil && ctx.Err() == nil && !errors.Is(r.err, engine.ErrDrained) {
			span.SetStatus(codes.Error, Classify(r.err).Text())
		}
		span.End(trace.WithTimestamp(d.Now()))
	}
}

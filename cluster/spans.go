package cluster

import (
	"context"

	"backstitch/fsm"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// traced begins a span of a command. A proposal is one span on the node that makes it, with the wait for the leader and for the entry to be
// applied here; where that node leads, raft apply below it is the log alone. Nothing of a command is an attribute: recipes are among them.
func (n *Node) traced(ctx context.Context, name string) (_ context.Context, end func(fsm.Result, error)) {
	if n.deps.Tracer == nil {
		return ctx, func(fsm.Result, error) {}
	}
	ctx, span := n.deps.Tracer.Start(ctx, name, trace.WithTimestamp(n.deps.Clock()), trace.WithAttributes(attribute.String("backstitch.node", string(n.ID()))))
	return ctx, func(result fsm.Result, err error) {
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		} else {
			span.SetAttributes(attribute.Int64("backstitch.index", int64(result.Index)), attribute.Int("backstitch.result", int(result.Code)))
		}
		span.End(trace.WithTimestamp(n.deps.Clock()))
	}
}

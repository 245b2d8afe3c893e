package tracing

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// encode makes OTLP's form of spans. All are of one resource and one scope: this process.
func encode(list []sdk.ReadOnlySpan) []*tracepb.ResourceSpans {
	if len(list) == 0 {
		return nil
	}
	scope := &tracepb.ScopeSpans{Scope: &commonpb.InstrumentationScope{Name: list[0].InstrumentationScope().Name}}
	for _, s := range list {
		scope.Spans = append(scope.Spans, span(s))
	}
	return []*tracepb.ResourceSpans{{
		Resource: &resourcepb.Resource{Attributes: attributes(list[0].Resource().Attributes())}, ScopeSpans: []*tracepb.ScopeSpans{scope},
	}}
}

func span(s sdk.ReadOnlySpan) *tracepb.Span {
	sc := s.SpanContext()
	trace, id := sc.TraceID(), sc.SpanID()
	out := &tracepb.Span{
		TraceId: trace[:], SpanId: id[:], TraceState: sc.TraceState().String(), Flags: flags(sc.TraceFlags(), s.Parent().IsRemote()),
		Name: s.Name(), Kind: tracepb.Span_SpanKind(s.SpanKind()),
		StartTimeUnixNano: uint64(s.StartTime().UnixNano()), EndTimeUnixNano: uint64(s.EndTime().UnixNano()),
		Attributes: attributes(s.Attributes()), DroppedAttributesCount: uint32(s.DroppedAttributes()), DroppedLinksCount: uint32(s.DroppedLinks()),
	}
	if parent := s.Parent().SpanID(); parent.IsValid() {
		out.ParentSpanId = parent[:]
	}
	for _, l := range s.Links() {
		trace, id := l.SpanContext.TraceID(), l.SpanContext.SpanID()
		out.Links = append(out.Links, &tracepb.Span_Link{TraceId: trace[:], SpanId: id[:], Flags: flags(l.SpanContext.TraceFlags(), l.SpanContext.IsRemote()),
			Attributes: attributes(l.Attributes)})
	}
	switch status := s.Status(); status.Code {
	case codes.Error:
		out.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: status.Description}
	case codes.Ok:
		out.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_OK}
	}
	return out
}

// flags are those of W3C in the lowest byte, then whether it is known that a parent is elsewhere, and whether it is.
func flags(f trace.TraceFlags, remote bool) uint32 {
	out := uint32(f) | uint32(tracepb.SpanFlags_SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK)
	if remote {
		out |= uint32(tracepb.SpanFlags_SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK)
	}
	return out
}

func attributes(list []attribute.KeyValue) []*commonpb.KeyValue {
	out := make([]*commonpb.KeyValue, 0, len(list))
	for _, kv := range list {
		out = append(out, &commonpb.KeyValue{Key: string(kv.Key), Value: value(kv.Value)})
	}
	return out
}

// value knows the kinds of which there are attributes; others are sent as text.
func value(v attribute.Value) *commonpb.AnyValue {
	switch v.Type() {
	case attribute.BOOL:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: v.AsBool()}}
	case attribute.INT64:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: v.AsInt64()}}
	case attribute.FLOAT64:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: v.AsFloat64()}}
	case attribute.STRING:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: v.AsString()}}
	}
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: v.String()}}
}

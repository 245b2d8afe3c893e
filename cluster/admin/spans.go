package admin

import (
	"net/http"
	"strings"

	"backstitch/cluster/access"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// traced makes a span of a request, as part of the trace that the header traceparent of W3C names. Only the route is an attribute: queries and
// headers are the caller's, and tokens are among them. Scrapes and what is open to everybody, such as probes, are not worth one.
func (s *Server) traced(w http.ResponseWriter, r *http.Request, pattern string, verb access.Verb) (http.ResponseWriter, *http.Request, func()) {
	if s.config.Tracer == nil || verb.Scope == access.ScopeOpen || verb.Name == "metrics" {
		return w, r, func() {}
	}
	ctx := r.Context()
	if !inside(ctx) {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
	}
	_, route, _ := strings.Cut(pattern, " ")
	ctx, span := s.config.Tracer.Start(ctx, verb.Name, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(s.clock()), trace.WithAttributes(
		attribute.String("http.request.method", r.Method), attribute.String("http.route", route)))
	noted := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	return noted, r.WithContext(ctx), func() {
		span.SetAttributes(attribute.Int("http.response.status_code", noted.status))
		if noted.status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, http.StatusText(noted.status))
		}
		span.End(trace.WithTimestamp(s.clock()))
	}
}

// statusWriter notes the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

package admin

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

func TestRequestsGoOnWithTheCallersTrace(t *testing.T) {
	const secret = "bst_hunter2"
	seen := tracetest.NewSpanRecorder()
	node := newFake(t)
	server, err := New(Config{Logger: slog.New(slog.DiscardHandler), Clock: time.Now, Gatherer: prometheus.NewRegistry(), Tracer: sdk.NewTracerProvider(sdk.WithSpanProcessor(seen)).Tracer("test")}, node)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/v1/jobs/" + secret, "/v1/jobs?token=" + secret, "/healthz/live", "/metrics", "/v1/openapi.json", "/nowhere"} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Authorization", "Bearer "+secret)
		r.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		server.Handler().ServeHTTP(httptest.NewRecorder(), r)
	}
	spans := seen.Ended()
	if len(spans) != 2 || spans[0].Name() != "show-job" || spans[1].Name() != "list-jobs" {
		t.Fatalf("got %d spans: %v", len(spans), spans)
	}
	for i, status := range []int64{http.StatusNotFound, http.StatusUnprocessableEntity} {
		s := spans[i]
		if s.SpanContext().TraceID().String() != "0af7651916cd43dd8448eb211c80319c" || s.Parent().SpanID().String() != "b7ad6b7169203331" || !s.Parent().IsRemote() {
			t.Errorf("%s is not of the caller's trace: %v", s.Name(), s.Parent())
		}
		if s.SpanKind() != trace.SpanKindServer || s.Status().Code == codes.Error {
			t.Errorf("%s: %v, %v", s.Name(), s.SpanKind(), s.Status())
		}
		got := int64(0)
		for _, kv := range s.Attributes() {
			if strings.Contains(kv.Value.String(), secret) {
				t.Errorf("%s: %s holds what the caller sent: %s", s.Name(), kv.Key, kv.Value.String())
			}
			if kv.Key == "http.response.status_code" {
				got = kv.Value.AsInt64()
			}
		}
		if got != status {
			t.Errorf("%s: got status %d, want %d", s.Name(), got, status)
		}
	}
}

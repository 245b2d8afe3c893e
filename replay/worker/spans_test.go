package worker_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/partition/trail"
	"backstitch/replay/worker"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func TestASliceIsASpanOfItsJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t)
		a := p.slice(0, 0)
		p.control.Grant("n1", a, nil)
		seen := tracetest.NewSpanRecorder()
		w, err := worker.New(config("n1"), worker.Deps{Control: p.control.Node("n1"), Opener: p, Verifier: p, Now: time.Now,
			Tracer: sdk.NewTracerProvider(sdk.WithSpanProcessor(seen)).Tracer("test"), Cluster: func() string { return "c-1" }})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		p.wait("done", isDone(a.ID))
		cancel()
		<-done
		job := trail.Job("c-1", a.ID.Job)
		var slice sdk.ReadOnlySpan
		parts := map[string]int{}
		for _, s := range seen.Ended() {
			if s.SpanContext().TraceID() != job.TraceID() {
				t.Errorf("%s is not of the job", s.Name())
			}
			if parts[s.Name()]++; s.Name() == "slice fill" {
				slice = s
			}
		}
		if parts["slice fill"] != 1 || parts["lease"] != 1 || parts["checkpoint"] < 2 || parts["read"] < 2 || parts["produce"] < 2 {
			t.Fatalf("spans: %v", parts)
		}
		if slice.Parent().SpanID() != job.SpanID() {
			t.Errorf("the slice is below %s, want the job's span %s", slice.Parent().SpanID(), job.SpanID())
		}
		for _, s := range seen.Ended() {
			if s != slice && s.Parent().SpanID() != slice.SpanContext().SpanID() {
				t.Errorf("%s is not below the slice", s.Name())
			}
		}
		for _, kv := range slice.Attributes() {
			if kv.Key == "backstitch.records" && kv.Value.AsInt64() != 30 {
				t.Errorf("records: %d", kv.Value.AsInt64())
			}
		}
	})
}

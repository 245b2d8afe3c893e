package tracing

import (
	"testing"
	"time"

	"backstitch/fsm"
	"backstitch/partition/trail"

	"go.opentelemetry.io/otel/codes"
)

// bookOf is a Book of which only its names are read.
type bookOf struct{ Book }

func (bookOf) ClusterID() string { return "c-1" }

func TestTheSpanOfAJobIsTheOneThatItsSlicesAreBelow(t *testing.T) {
	tr, _ := newTracing(t, "http://127.0.0.1:1", nil)
	j := NewJobs(bookOf{}, tr.Tracer(), time.Now)
	j.tell(fsm.Job{ID: "bs-abc", Name: "orders", CreatedUnixNanos: 5e9, FinishedUnixNanos: 9e9, FailedSlices: 1, Why: "broker is away"}, false)
	_, slice := tr.Tracer().Start(trail.Within(t.Context(), "c-1", "bs-abc"), "slice fill")
	slice.End()
	got := tr.queue.take(9)
	if len(got) != 2 {
		t.Fatalf("%d spans", len(got))
	}
	job, part := got[0], got[1]
	if !job.SpanContext().SpanID().IsValid() || job.SpanContext().SpanID() != part.Parent().SpanID() || job.SpanContext().TraceID() != part.SpanContext().TraceID() || job.Parent().IsValid() {
		t.Errorf("the job is %v, its slice is below %v", job.SpanContext(), part.Parent())
	}
	if job.Name() != "job" || job.StartTime().Unix() != 5 || job.EndTime().Unix() != 9 || job.Status().Code != codes.Error || job.Status().Description != "broker is away" {
		t.Errorf("%s from %v to %v: %v", job.Name(), job.StartTime(), job.EndTime(), job.Status())
	}
	j.tell(fsm.Job{ID: "bs-scan"}, true)
	if got := tr.queue.take(9); len(got) != 1 || got[0].Name() != "scan" || got[0].EndTime().IsZero() {
		t.Errorf("scan: %v", got)
	}
}

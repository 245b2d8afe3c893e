package engine_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"backstitch/partition/trail"
	"backstitch/replay/engine"
	"backstitch/replay/record"
	kafkasink "backstitch/replay/sink/kafka"

	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func TestASliceIsSpansOfItsCommits(t *testing.T) {
	b := newBench(t)
	const theirs = "0af7651916cd43dd8448eb211c80319c"
	for i := range b.records {
		b.records[i].Headers = append(b.records[i].Headers, record.Header{Key: "traceparent", Value: []byte("00-" + theirs + "-b7ad6b7169203331-01")})
	}
	b.records[0].Headers[len(b.records[0].Headers)-1].Value = []byte("not of W3C")
	b.use(b.records)
	seen := tracetest.NewSpanRecorder()
	tracer := sdk.NewTracerProvider(sdk.WithSpanProcessor(seen)).Tracer("test")
	s, err := kafkasink.New(b.config())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	e, err := engine.New(engine.Task{Slice: b.slice, Epoch: 1}, engine.Ends{Source: b.memory, Sink: s, Topic: "archived", Now: time.Now, Tracer: tracer}, b.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Run(trail.Within(t.Context(), "c-1", job)); err != nil {
		t.Fatal(err)
	}
	var names []string
	links := 0
	for _, span := range seen.Ended() {
		names = append(names, span.Name())
		if span.SpanContext().TraceID() != trail.Job("c-1", job).TraceID() || span.EndTime().Before(span.StartTime()) {
			t.Errorf("%s is not of the job, or ends before it begins", span.Name())
		}
		if span.Status().Code == codes.Error {
			t.Errorf("%s: %v", span.Name(), span.Status())
		}
		for _, l := range span.Links() {
			if links++; l.SpanContext.TraceID().String() != theirs || span.Name() != "produce" {
				t.Errorf("%s links to %s", span.Name(), l.SpanContext.TraceID())
			}
		}
	}
	// Ten records in a commit; of the first one the header is nonsense.
	commits := (len(b.records) + 9) / 10
	if want := 1 + 3*commits; names[0] != "lease" || len(names) < want-1 || len(names) > want+2 || !slices.Equal(names[1:4], []string{"read", "produce", "checkpoint"}) {
		t.Errorf("%d commits: got %s spans %q", commits, strconv.Itoa(len(names)), names)
	}
	if links < len(b.records)/2 || links >= len(b.records) {
		t.Errorf("%d links for %d records", links, len(b.records))
	}
}

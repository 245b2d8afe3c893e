package cluster_test

import (
	"context"
	"testing"
	"testing/synctest"

	"backstitch/cluster/clustertest"
	"backstitch/fsm"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func TestAProposalIsASpanOfWhoeverAsksForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := tracetest.NewSpanRecorder()
		tracer := sdk.NewTracerProvider(sdk.WithSpanProcessor(seen)).Tracer("test")
		c := clustertest.New(t, 3)
		c.Tracer = tracer
		c.StartAll()
		leader := c.Leader()
		for _, m := range c.Members() {
			ctx, asked := tracer.Start(context.Background(), "asked")
			cmd := fsm.CancelJob{ID: "bs-nobody"}
			if _, err := m.Node.Propose(ctx, fsm.Envelope{Actor: "test", Reason: "not for traces"}, cmd); err != nil {
				t.Fatal(err)
			}
			asked.End()
			var names []string
			for _, s := range seen.Ended() {
				if s.SpanContext().TraceID() != asked.SpanContext().TraceID() {
					continue
				}
				names = append(names, s.Name())
				for _, kv := range s.Attributes() {
					if v := kv.Value.String(); v == "test" || v == "not for traces" {
						t.Errorf("%s: %s is of the command", s.Name(), kv.Key)
					}
				}
			}
			want := 2
			if m == leader {
				want = 3
			}
			if len(names) != want || names[want-2] != "propose cancel-job" || m == leader && names[0] != "raft apply" {
				t.Errorf("%s (leader %t): got %q", m.Name, m == leader, names)
			}
		}
	})
}

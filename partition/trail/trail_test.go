package trail

import (
	"testing"

	"go.opentelemetry.io/otel/trace"
)

func TestAJobHasOneTraceOnAllNodes(t *testing.T) {
	sc := Job("c-1", "bs-abc")
	// Documents say how the ids are computed, and people look traces up by them: printf 'c-1\0bs-abc' | sha256sum
	if got, want := sc.TraceID().String()+sc.SpanID().String(), "5bacd904bfcf0dc14e6a2d0bee86ee6559eb6737e8a07e65"; got != want {
		t.Errorf("ids: got %s, want %s", got, want)
	}
	if !sc.IsValid() || !sc.IsSampled() || !sc.IsRemote() {
		t.Errorf("a context that nobody goes on from: %+v", sc)
	}
	if sc.TraceID() == Job("c-2", "bs-abc").TraceID() || sc.TraceID() == Job("c-1", "bs-abd").TraceID() {
		t.Error("two jobs share a trace")
	}
	if got := trace.SpanContextFromContext(Within(t.Context(), "c-1", "bs-abc")); !got.Equal(sc) {
		t.Errorf("within the job: %+v", got)
	}
	if got, ok := RootOf(Root(t.Context(), sc)); !ok || !got.Equal(sc) {
		t.Errorf("root: %+v", got)
	}
}

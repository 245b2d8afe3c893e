package kafka

import (
	"context"
	"errors"
	"testing"

	"backstitch/replay/replaytest"
	"backstitch/replay/sink"

	"github.com/twmb/franz-go/pkg/kgo"
)

// The client skips the end of a transaction in which it knows of no record, and reports success. It must not pass for a commit.
func TestACommitThatTheClientSkipsIsNone(t *testing.T) {
	k := replaytest.NewKafka(t, topic)
	s := open(t, config(k))
	defer s.Close()
	rs := records(t, 20)
	slice := replaytest.FillSlice(job, 0, 0, rs)
	w, _ := begin(t, s, slice, 1)
	write(t, w, rs[:10], 10)
	w.(*writer).written = 10 // ten records of which the client has lost sight
	if err := w.Commit(t.Context(), sink.Progress{Cursor: 20, Records: 20}); !errors.Is(err, sink.ErrUnknownOutcome) {
		t.Fatalf("got %v, want %v", err, sink.ErrUnknownOutcome)
	}
	// The next owner begins where the brokers have it.
	w, p := begin(t, s, slice, 2)
	if p.Cursor != 10 {
		t.Errorf("cursor %d, want 10", p.Cursor)
	}
	write(t, w, rs[10:], 20)
	if n := len(k.Committed(topic, 0)); n != 20 {
		t.Errorf("%d records visible, want 20", n)
	}
}

// A transaction is not ended before the client knows the partition that it wrote to.
func TestAnEndWaitsUntilTheClientKnowsThePartition(t *testing.T) {
	k := replaytest.NewKafka(t, topic)
	s := open(t, config(k))
	defer s.Close()
	rs := records(t, 10)
	opened, _ := begin(t, s, replaytest.FillSlice(job, 0, 0, rs), 1)
	w := opened.(*writer)
	ctx, cancel := context.WithTimeout(t.Context(), 3*retryDelay)
	defer cancel()
	if err := w.endWritten(ctx, kgo.TryCommit); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("before anything was written: got %v, want to be kept waiting", err)
	}
	write(t, w, rs, 10)
	if err := w.learned(t.Context()); err != nil {
		t.Errorf("after a commit: got %v, want a known partition", err)
	}
}

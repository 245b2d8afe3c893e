package kafka

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"backstitch/replay/replaytest"
	"backstitch/replay/sink"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A slice that is found at its end is reported as done at once, and then the target is compared. Until somebody else's transaction
// that was open before the last records is decided, readers do not see those, so opening has to wait for it.
func TestOpenAtTheEndWaitsUntilAllIsVisible(t *testing.T) {
	k := replaytest.NewKafka(t, topic)
	cfg := config(k)
	cfg.TransactionTimeout = time.Second // how long the first owner waits for the same before it gives up
	s := open(t, cfg)
	defer s.Close()
	other := k.Client(kgo.TransactionalID("other"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	defer other.Close()
	if err := other.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := other.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("undecided")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	rs := records(t, 20)
	slice := replaytest.FillSlice(job, 0, 0, rs)
	first, _ := begin(t, s, slice, 1)
	write(t, first, rs, slice.Ranges.Span().To)

	var asked atomic.Int64
	k.ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		asked.Add(1)
		return nil, nil, false
	})
	type opened struct {
		p       sink.Progress
		err     error
		decided bool
	}
	var decided atomic.Bool
	done := make(chan opened, 1)
	go func() {
		w, p, err := s.Open(t.Context(), slice, 2)
		o := opened{p: p, err: err, decided: decided.Load()}
		if err == nil {
			o.err = w.Close()
		}
		done <- o
	}()
	// Three askings for all watermarks are more than any opening makes that does not wait.
	for asked.Load() < 9 {
		select {
		case o := <-done:
			t.Fatalf("opened after %d askings, while the last records can not be seen: %+v", asked.Load(), o)
		case <-time.After(5 * time.Millisecond):
		}
	}
	decided.Store(true)
	if err := other.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	o := <-done
	if o.err != nil || !o.decided || o.p.Cursor != slice.Ranges.Span().To {
		t.Errorf("got %+v, want cursor %d after the other transaction was decided", o, slice.Ranges.Span().To)
	}
	if got := k.Committed(topic, 0); len(got) != len(rs) {
		t.Errorf("%d records are visible, want %d", len(got), len(rs))
	}
}

// Settled answers when all that was there is decided, or says what it waits for.
func TestSettledWaitsForEveryTransaction(t *testing.T) {
	k := replaytest.NewKafka(t, topic)
	cfg := config(k)
	cfg.TransactionTimeout = time.Second
	s := open(t, cfg)
	defer s.Close()
	if err := s.Settled(t.Context(), 0); err != nil {
		t.Fatalf("an empty partition: %v", err)
	}
	other := k.Client(kgo.TransactionalID("other"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	defer other.Close()
	if err := other.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := other.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("undecided")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := s.Settled(t.Context(), 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a transaction is open: got %v, want %v", err, context.DeadlineExceeded)
	}
	if err := other.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	if err := s.Settled(t.Context(), 0); err != nil {
		t.Errorf("it is decided: %v", err)
	}
	if _, end, err := s.Bounds(t.Context(), 0); err != nil || end < 1 {
		t.Errorf("bounds end at %d (%v), want after the record", end, err)
	}
}

package watch

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"backstitch/fsm"
	"backstitch/replay/gap"
	"backstitch/replay/sentinel/anomaly"
	"backstitch/replay/spec"
)

// board is a control plane that knows one topic, and takes claims as the book does.
type board struct {
	mu    sync.Mutex
	duty  fsm.Duty
	taken bool // by another node
	saved []fsm.SaveBaseline
	dials int
}

func (b *board) Duties(context.Context) ([]fsm.Duty, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return []fsm.Duty{b.duty}, nil
}

func (b *board) Learned(context.Context, fsm.DatasetName, uint32) ([]byte, error) { return nil, nil }

func (b *board) ClaimBaseline(_ context.Context, c fsm.ClaimBaseline) (fsm.Result, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.taken {
		return fsm.Result{Code: fsm.WrongState}, nil
	}
	b.duty.Baseline.Claimant, b.duty.Baseline.ClaimedUnixNanos = c.Node, time.Now().UnixNano()+c.ForNanos
	return fsm.Result{}, nil
}

func (b *board) SaveBaseline(_ context.Context, c fsm.SaveBaseline) (fsm.Result, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.saved = append(b.saved, c)
	b.duty.Baseline.Claimant, b.duty.Baseline.ClaimedUnixNanos = "", 0
	if c.Failure != "" {
		b.duty.Baseline.Failures++
		b.duty.Baseline.NotBeforeUnixNanos = time.Now().UnixNano() + int64(10*time.Minute)
	}
	return fsm.Result{}, nil
}

func topic(t *testing.T) fsm.WatchedTopic {
	t.Helper()
	d, err := spec.ParseDataset("orders.yaml", []byte(`apiVersion: backstitch.dev/v1
kind: Dataset
metadata: {name: orders}
spec:
  reference: {dir: {path: /a}}
  targets: [{dir: {path: /b, topic: orders}}, {kafka: {brokers: "h:1", topic: orders}}]
  anomalies: {source: "header:host", nulls: [/id], zone: Europe/Berlin, sensitivity: high, rate: 1MiB, state: 256KiB}
`), spec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	topics, err := Topics(d.WithDefaults())
	if err != nil {
		t.Fatal(err)
	}
	if len(topics) != 1 || topics[0].Target != 1 || topics[0].RateBytes != 1<<20 || topics[0].MaxBytes != 256<<10 {
		t.Fatalf("got %+v, want the second target alone", topics)
	}
	return topics[0]
}

// run lets a watcher whose broker answers with err work for d.
func run(t *testing.T, b *board, d time.Duration, dial Dial) {
	t.Helper()
	b.duty = fsm.Duty{Dataset: "default/orders", Topic: topic(t), Baseline: fsm.Baseline{LastHour: time.Now().Unix()/3600 - 1}}
	cfg := DefaultConfig()
	cfg.Node = "a"
	ctx, cancel := context.WithTimeout(t.Context(), d) // virtual
	defer cancel()
	err := New(cfg, b, func(ctx context.Context, connection, brokers string) (*kgo.Client, error) {
		b.mu.Lock()
		b.dials++
		b.mu.Unlock()
		return dial(ctx, connection, brokers)
	}, time.Now, nil).Run(ctx)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

var errGone = errors.New("the broker is gone")

// TestALookThatFailsIsNotedAndWaits: an hour is not looked at before it is over and its grace, and after a failure everybody waits.
func TestALookThatFailsIsNotedAndWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &board{}
		var first time.Time
		began := time.Now().Truncate(time.Hour)
		run(t, b, 2*time.Hour, func(context.Context, string, string) (*kgo.Client, error) {
			if first.IsZero() {
				first = time.Now()
			}
			return nil, errGone
		})
		if at := first.Sub(began); at < 70*time.Minute || at > 72*time.Minute {
			t.Errorf("first looked %s after the hour began, want its end, its grace of 10 minutes, and within a minute or so", at)
		}
		if len(b.saved) != b.dials || len(b.saved) < 4 || len(b.saved) > 6 || b.saved[0].Failure != errGone.Error() || b.saved[0].Look != nil {
			t.Errorf("%d looks, saved %+v; want the reason of each of about five in 50 minutes", b.dials, b.saved)
		}
	})
}

// TestWhatAnotherNodeCountsIsLeftToIt, when it says so before the look and in the middle of it.
func TestWhatAnotherNodeCountsIsLeftToIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &board{taken: true}
		run(t, b, 2*time.Hour, nil)
		if b.dials != 0 || len(b.saved) != 0 {
			t.Errorf("%d looks, saved %+v", b.dials, b.saved)
		}
		b = &board{}
		ended := 0
		run(t, b, 2*time.Hour, func(ctx context.Context, _, _ string) (*kgo.Client, error) {
			b.mu.Lock()
			b.taken = true
			b.mu.Unlock()
			<-ctx.Done()
			ended++
			return nil, ctx.Err()
		})
		if ended != 1 || len(b.saved) != 0 {
			t.Errorf("%d looks ended, saved %+v; want one that is given up", ended, b.saved)
		}
	})
}

// TestOfWhatCameTwiceTheNewestCounts: the book takes one of each place and direction.
func TestOfWhatCameTwiceTheNewestCounts(t *testing.T) {
	finding := func(about string, since int64) anomaly.Unusual {
		return anomaly.Unusual{Finding: gap.Finding{About: about, Partition: -1, Reason: "fewer\x00"}, SinceHour: since, UntilHour: since + 2}
	}
	rep := &anomaly.Report{State: &anomaly.State{Last: 200}, FromMs: 100 * hourMs, ToMs: 201 * hourMs}
	rep.Unusual = []anomaly.Unusual{finding("records", 110), finding("orders/p01", 111), finding("records", 180)}
	l := compose(rep, fsm.Baseline{}, true)
	if len(l.Unusual) != 2 || l.Unusual[0].SinceHour != 180 || l.Unusual[0].Reason != "fewer?" || l.Anew || l.Hours != 101 {
		t.Errorf("got %+v", l)
	}
	for n := range 2 * fsm.MaxAnomalies {
		rep.Unusual = append(rep.Unusual, finding("source "+strings.Repeat("x", n+1), 190))
	}
	if l = compose(rep, fsm.Baseline{LastHour: 5}, true); len(l.Unusual) != fsm.MaxAnomalies || !l.Anew || len(l.Notes) != 2 {
		t.Errorf("%d are unusual, anew %t, notes %q", len(l.Unusual), l.Anew, l.Notes)
	}
}

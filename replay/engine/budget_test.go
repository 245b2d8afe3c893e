package engine_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/share"
	"backstitch/replay/engine"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"
	"backstitch/replay/throttle"
)

var bounded = []fsm.Budget{{Scope: fsm.ScopeCluster, Rate: partition.Rate{Bytes: 1}}}

// underBudget makes an engine of count records of 64 KiB whose node may write so many bytes a second, and its target.
func underBudget(t *testing.T, count int, rate int64) (*engine.Engine, *slow) {
	t.Helper()
	q := throttle.NewQuota(time.Now)
	q.Bound(bounded, 1)
	lane := q.Meter([]fsm.Scope{fsm.ScopeCluster}).Lane()
	t.Cleanup(lane.Close)
	grants := []share.Grant{{Scope: string(fsm.ScopeCluster), Share: share.Share{rate * share.Milli, share.More, share.More}}}
	q.Answer(q.Wants(), share.Answer{Index: 1, Grants: grants}, time.Now().Add(time.Hour))
	rs, target := big(count), &slow{rate: 1 << 40}
	e, err := engine.New(engine.Task{Slice: replaytest.FillSlice(job, 0, 0, rs), Epoch: 1}, engine.Ends{
		Source: &replaytest.Memory{Records: map[int32][]record.Record{0: rs}}, Sink: target, Now: time.Now, Lane: lane,
	}, engine.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	return e, target
}

func TestABudgetIsKeptAndCommitsStayInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, target := underBudget(t, 160, 1<<20)
		began := time.Now()
		if err := e.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		if took < 9500*time.Millisecond || took > 10500*time.Millisecond {
			t.Errorf("10 MiB at 1 MiB/s took %s", took)
		}
		if n := len(target.commits); n < 9 || n > 12 {
			t.Errorf("%d commits in %s, want about one a second", n, took)
		}
	})
}

// A record that alone exceeds what a second allows goes through, and what comes after it waits. Nothing is held open meanwhile.
func TestNothingStaysUncommittedWhileABudgetIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, target := underBudget(t, 4, 16<<10) // four seconds a record
		for range 20 {
			if _, err := e.Step(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if len(target.commits) != 1 || target.flight != 0 {
			t.Errorf("%d commits and %d bytes in flight, want the first record committed and nothing open", len(target.commits), target.flight)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestAWaitForABudgetEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _ := underBudget(t, 100, 0)
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("the lease moved")
		time.AfterFunc(time.Minute, func() { cancel(why) })
		if err := e.Run(ctx); !errors.Is(err, why) {
			t.Errorf("got %v, want %v", err, why)
		}
		drained, _ := underBudget(t, 100, 0)
		time.AfterFunc(time.Minute, drained.Drain)
		if err := drained.Run(t.Context()); !errors.Is(err, engine.ErrDrained) {
			t.Errorf("got %v, want %v", err, engine.ErrDrained)
		}
	})
}

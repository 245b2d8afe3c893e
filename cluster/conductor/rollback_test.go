package conductor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/fsm"
	"backstitch/fsm/flow"
	"backstitch/partition"
)

// Rollback takes back a job, once: asked again, nothing is left.
func (w *world) Rollback(ctx context.Context, job partition.JobID, by fsm.FlowID, reason string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if by != "fl-a" || reason != "flow outage failed" {
		w.t.Errorf("taken back by %s for %q", by, reason)
	}
	what := "back " + string(job)
	w.calls[what]++
	var err error
	if w.taken != nil {
		err = w.taken(job, w.calls[what])
	}
	if err == nil || errors.Is(err, errDead) {
		if w.done[what] == 0 {
			w.effect(what)
		}
	}
	return "alias orders went back", err
}

// saga is a flow whose last step is refused, with a branch that has nothing to do with it.
func saga() (steps []flow.Step, undo []flow.Undo) {
	back := func(of string) flow.Step {
		return flow.Step{Name: "undo-" + of, Kind: RollBack, Body: []byte(`{"step":"` + of + `"}`), Retry: tries(3), TimeoutNanos: int64(time.Minute)}
	}
	return []flow.Step{recoveryStep("fill"), callStep("silver", "fill"), recoveryStep("refill", "silver"), callStep("gold", "refill"), callStep("apart"),
			callStep("unsilver"), callStep("unapart"), back("fill"), back("refill")},
		[]flow.Undo{{Step: "fill", By: "undo-fill"}, {Step: "silver", By: "unsilver"}, {Step: "refill", By: "undo-refill"}, {Step: "apart", By: "unapart"}}
}

func (w *world) submitSaga() {
	w.t.Helper()
	steps, undo := saga()
	w.answer = func(req *http.Request, _ int) (int, error) {
		if req.URL.Path == "/gold" {
			return 404, nil
		}
		return 200, nil
	}
	w.must(fsm.SubmitFlowWithUndo{Flow: fsm.SubmitFlow{ID: "fl-a", Name: "outage", Steps: steps}, Undo: undo})
}

// effects are what was done, in order, without the branch that is apart.
func (w *world) effects() (out []string) {
	for _, what := range w.order {
		if name, _, ok := strings.Cut(what, " "); ok && strings.HasPrefix(name, "/") {
			what = name
		}
		if what != "/apart" {
			out = append(out, what)
		}
	}
	return out
}

var (
	sagaForward = []string{"job bs-fill", "/silver", "job bs-refill"}
	sagaWhole   = append(slices.Clone(sagaForward), "back bs-refill", "/unsilver", "back bs-fill")
)

// What has been done is taken back in the reverse order, once each, wherever the leader dies: around each of its proposals.
func TestTheLeaderDiesAtEveryTransitionOfARollback(t *testing.T) {
	last := 0
	for _, after := range []bool{false, true} {
		for at := 1; ; at++ {
			proposals := 0
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.diesAt, w.after = at, after
				w.submitSaga()
				w.lead(30 * time.Second)
				w.lead(30 * time.Second)
				f, states := w.flow("fl-a")
				if f.State != fsm.FlowRolledBack {
					t.Fatalf("at %d (%t): the flow is %s, want rolled back: %+v", at, after, f.State, states)
				}
				if got := w.effects(); !slices.Equal(got, sagaWhole) {
					t.Errorf("at %d (%t): did\n%q, want\n%q", at, after, got, sagaWhole)
				}
				for name, want := range map[string]flow.Status{"undo-fill": flow.Succeeded, "unsilver": flow.Succeeded, "undo-refill": flow.Succeeded, "unapart": flow.Skipped, "gold": flow.Broken} {
					if st := states[name]; st.Status != want || st.Attempt > 1 {
						t.Errorf("at %d (%t): step %s: got %+v, want %s at the first attempt", at, after, name, st, want)
					}
				}
				proposals = w.proposals
			})
			if proposals < at || t.Failed() {
				break
			}
			last = max(last, at)
		}
	}
	if last < 18 && !t.Failed() {
		t.Errorf("only %d proposals were died at, want those of nine steps", last)
	}
}

// The leader dies with a rollback done and nobody told: the next one asks again, and nothing is left to do.
func TestTheLeaderDiesAfterARollback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.taken = func(_ partition.JobID, nth int) error {
			if nth == 1 {
				w.die()
				return errDead
			}
			return nil
		}
		w.submitSaga()
		for range 4 {
			w.lead(20 * time.Second)
		}
		if f, states := w.flow("fl-a"); f.State != fsm.FlowRolledBack || states["undo-fill"].Attempt != 1 || w.calls["back bs-fill"] != 2 {
			t.Errorf("got %s, %+v after %d calls, want rolled back by the second", f.State, states["undo-fill"], w.calls["back bs-fill"])
		}
		if got := w.effects(); !slices.Equal(got, sagaWhole) {
			t.Errorf("did\n%q, want\n%q", got, sagaWhole)
		}
	})
}

// What can not be taken back stops the rollback: what lies below it may be what it builds upon. Taken up again, it goes on from there.
func TestARollbackThatFailsIsTakenUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		members := true
		w.taken = func(job partition.JobID, nth int) error {
			switch {
			case job == "bs-refill" && nth == 1:
				return errors.New("no route to host") // tried again
			case job == "bs-refill" && members:
				return fmt.Errorf("%w: group billing has members", ErrRefused)
			}
			return nil
		}
		w.submitSaga()
		w.lead(time.Minute)
		f, states := w.flow("fl-a")
		if f.State != fsm.FlowRollbackFailed || states["undo-refill"].Attempt != 2 || !strings.Contains(states["undo-refill"].Why, "has members") || states["undo-fill"].Status != flow.Skipped {
			t.Fatalf("got %s, %+v, want a rollback that failed at its first step", f.State, states)
		}
		if got := w.effects(); !slices.Equal(got, sagaForward) {
			t.Errorf("did %q, want nothing taken back", got)
		}
		members = false
		w.must(fsm.RetryFlow{ID: "fl-a"})
		w.lead(time.Minute)
		if f, states := w.flow("fl-a"); f.State != fsm.FlowRolledBack || states["gold"].Attempt != 1 {
			t.Errorf("taken up again: got %s, %+v", f.State, states)
		}
		if got := w.effects(); !slices.Equal(got, sagaWhole) {
			t.Errorf("did\n%q, want\n%q", got, sagaWhole)
		}
	})
}

// A flow that succeeds takes nothing back, and neither does one that is cancelled.
func TestNothingIsTakenBackWithoutAFailure(t *testing.T) {
	for _, cancelled := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.submitSaga()
			w.answer = nil
			want := fsm.FlowSucceeded
			if cancelled {
				w.slow, want = 5*time.Second, fsm.FlowCancelled
				w.lead(7 * time.Second)
				w.must(fsm.CancelFlow{ID: "fl-a"})
			}
			w.lead(time.Minute)
			if f, states := w.flow("fl-a"); f.State != want || w.calls["back bs-fill"] != 0 {
				t.Errorf("got %s, %+v, want %s and nothing taken back", f.State, states, want)
			}
		})
	}
}

func TestCheckOfRollbacks(t *testing.T) {
	steps, undo := saga()
	if err := CheckBack(flow.Graph{Steps: steps, Undo: undo}); err != nil {
		t.Error(err)
	}
	for name, g := range map[string]flow.Graph{"undoes nothing": {Steps: steps}, "of another step": {Steps: steps, Undo: []flow.Undo{{Step: "silver", By: "undo-fill"}, {Step: "refill", By: "undo-refill"}}}} {
		if err := CheckBack(g); err == nil {
			t.Errorf("a rollback that is %s was taken", name)
		}
	}
	if err := Check(flow.Step{Name: "u", Kind: RollBack, Body: []byte("{}")}); err == nil {
		t.Error("a rollback of no step was taken")
	}
}

package conductor

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/fsm"
	"backstitch/fsm/flow"
)

// nightly hands in a flow with a schedule.
func (w *world) nightly(every time.Duration, steps ...flow.Step) {
	w.t.Helper()
	w.must(fsm.PutFlowSchedule{Flow: fsm.SubmitFlow{Name: "nightly", Namespace: "d", Steps: steps}, EveryNanos: int64(every), NextUnixNanos: time.Now().Add(every).UnixNano(), MaxRecords: 100, MaxBytes: 1 << 20})
}

// schedule reads it, with its runs by when they were due.
func (w *world) schedule() (s fsm.FlowSchedule, runs map[int64]fsm.Flow) {
	w.t.Helper()
	v := w.Machine.View()
	defer v.Close()
	s, _, ok, err := v.FlowSchedule("d/nightly")
	if err != nil || !ok {
		w.t.Fatal(ok, err)
	}
	all, err := v.Flows()
	if err != nil {
		w.t.Fatal(err)
	}
	runs = map[int64]fsm.Flow{}
	for _, f := range all {
		r, ok, err := v.FlowRun(f.ID)
		if err != nil || !ok {
			w.t.Fatalf("flow %s is no run: %v", f.ID, err)
		}
		runs[r.DueUnixNanos] = f
	}
	return s, runs
}

// Each time has one run, and each run has each effect once, wherever the leader dies: around each of its proposals, before the command is in the book and after.
func TestTheLeaderDiesAtEveryTransitionOfRuns(t *testing.T) {
	last := 0
	for _, after := range []bool{false, true} {
		for at := 1; ; at++ {
			proposals := 0
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.other = true // a plan is another one each night
				w.diesAt, w.after = at, after
				gated := callStep("silver", "fill")
				gated.Gate = "fill"
				began := time.Now()
				const every = 2 * time.Minute
				w.nightly(every, recoveryStep("fill"), gated)
				const whole = 2*every + time.Minute // to a minute after the second time
				for time.Since(began) < whole {
					w.lead(whole - time.Since(began)) // until that, or until it dies
				}
				s, runs := w.schedule()
				if s.Runs != 2 || s.Skipped != 0 || len(runs) != 2 {
					t.Fatalf("at %d (%t): %d runs, %d in the book, %d skipped; want two", at, after, s.Runs, len(runs), s.Skipped)
				}
				for i := range 2 {
					due := began.Add(time.Duration(i+1) * every).UnixNano()
					f, ok := runs[due]
					if !ok || f.State != fsm.FlowSucceeded || f.ID != fsm.FlowRunID("d/nightly", due) || f.Name != fsm.FlowRunName("nightly", due) || f.CreatedBy != "cli:ann" {
						t.Errorf("at %d (%t): run %d is %+v", at, after, i, f)
					}
				}
				jobs, calls := 0, 0
				for what, n := range w.done {
					if n != 1 {
						t.Errorf("at %d (%t): %s was done %d times", at, after, what, n)
					}
					if what[:3] == "job" {
						jobs++
					} else {
						calls++
					}
				}
				if jobs != 2 || calls != 2 {
					t.Errorf("at %d (%t): did %v, want a job and a call of each run", at, after, w.done)
				}
				proposals = w.proposals
			})
			if proposals < at || t.Failed() {
				break
			}
			last = max(last, at)
		}
	}
	if last < 8 && !t.Failed() {
		t.Errorf("only %d proposals were died at, want those of two runs", last)
	}
}

// A run that is still going when the next is due lets it be skipped, however often, and the book says so; the first time after its end has a run.
func TestOneRunGoesAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.nightly(time.Hour, flow.Step{Name: "ask", Kind: Manual, Body: []byte(`{"prompt":"?"}`)})
		w.lead(3*time.Hour + time.Minute)
		s, runs := w.schedule()
		if len(runs) != 1 || s.Runs != 1 || s.Skipped != 2 || s.SkippedFor != s.Last {
			t.Fatalf("got %d runs and %+v, want one run and two times skipped for it", len(runs), s)
		}
		w.must(fsm.ApproveStep{Flow: s.Last, Step: "ask", Attempt: 1})
		w.lead(time.Hour)
		if s, runs := w.schedule(); len(runs) != 2 || s.Runs != 2 || s.Skipped != 2 {
			t.Errorf("got %d runs and %+v, want the next one", len(runs), s)
		}
	})
}

// What was due while nobody led makes one run, and what was due in a pause makes none.
func TestMissedTimesMakeOneRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.nightly(time.Hour, callStep("silver"))
		time.Sleep(5*time.Hour + time.Minute) // virtual: nobody leads
		w.lead(50 * time.Minute)
		if s, runs := w.schedule(); len(runs) != 1 || s.Skipped != 0 {
			t.Fatalf("got %d runs and %+v, want one for all that was missed", len(runs), s)
		}
		w.must(fsm.PutFlowSchedule{Flow: fsm.SubmitFlow{Name: "nightly", Namespace: "d"}, Paused: true})
		w.lead(3 * time.Hour)
		if s, runs := w.schedule(); len(runs) != 1 || !s.Paused {
			t.Errorf("paused: got %d runs and %+v", len(runs), s)
		}
		w.must(fsm.PutFlowSchedule{Flow: fsm.SubmitFlow{Name: "nightly", Namespace: "d"}, NextUnixNanos: time.Now().Add(time.Hour).UnixNano()})
		w.lead(59 * time.Minute)
		if _, runs := w.schedule(); len(runs) != 1 {
			t.Errorf("resumed: got %d runs before the next time", len(runs))
		}
		w.lead(2 * time.Minute)
		if _, runs := w.schedule(); len(runs) != 2 {
			t.Errorf("resumed: got %d runs after it, want two", len(runs))
		}
	})
}

// Two nodes that both take themselves for the leader begin one run.
func TestTwoLeadersBeginOneRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.nightly(time.Hour, callStep("silver"))
		var loops [2]*Loop
		for i := range loops {
			c := w.config()
			c.Self = fmt.Sprint("n", i)
			l, err := New(c)
			if err != nil {
				t.Fatal(err)
			}
			loops[i] = l
		}
		time.Sleep(time.Hour) // virtual
		var todo []proposal
		for _, l := range loops { // both have looked before either has proposed
			v := w.Machine.View()
			due, _, err := l.runs(v)
			if err != nil {
				t.Fatal(err)
			}
			todo = append(todo, due...)
			v.Close()
		}
		if len(todo) != 2 {
			t.Fatalf("%d proposals, want one of each", len(todo))
		}
		for i, p := range todo {
			loops[i].propose(context.Background(), p)
		}
		if s, runs := w.schedule(); len(runs) != 1 || s.Runs != 1 || s.Skipped != 0 {
			t.Errorf("got %d runs and %+v, want one", len(runs), s)
		}
	})
}

package conductor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster/turns"
	"backstitch/fsm"
	"backstitch/fsm/flow"
	"backstitch/fsm/fsmtest"
	"backstitch/partition"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a book without a group around it, whose jobs are done as soon as they are started, and the strangers that steps call.
type world struct {
	*fsmtest.Book
	t *testing.T

	mu sync.Mutex
	// dies ends the leader around the given proposal, counted from 1: before it is applied, or after.
	proposals, diesAt int
	after             bool
	die               context.CancelFunc
	calls             map[string]int // made, by token and what
	done              map[string]int // effects: the first call under a token
	order             []string       // of effects
	answer            func(req *http.Request, nth int) (int, error)
	jobFails          int // how many times a job fails before it succeeds
	plans             int
	terms             *fsm.JobTerms // of the jobs of plans
	warn              bool
	slow              time.Duration // each call
	elsewhere         http.RoundTripper
	nothing           bool
	other             bool // each plan is another one, as when the world moves
	readers           readers
	programs          programs
	taken             func(job partition.JobID, nth int) error // what a rollback comes to, once it has done its work
}

var errDead = errors.New("the leader died")

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldAt(t, fsm.LatestVersion)
}

// newWorldAt is newWorld at a cluster version.
func newWorldAt(t *testing.T, version uint32) *world {
	t.Helper()
	return &world{Book: fsmtest.At(t, version), t: t, calls: map[string]int{}, done: map[string]int{}}
}

// apply is one entry of the log. The caller holds mu.
func (w *world) apply(env fsm.Envelope, cmd fsm.Command) fsm.Result {
	r, err := w.Book.Propose(w.t.Context(), env, cmd)
	if err != nil {
		w.t.Errorf("%s: %v", fsm.OpName(cmd.Op()), err)
		return fsm.Result{Code: fsm.Invalid}
	}
	return r
}

func (w *world) must(cmd fsm.Command) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if r := w.apply(fsm.Envelope{Actor: "cli:ann", UnixNanos: time.Now().UnixNano()}, cmd); r.Code != fsm.OK {
		w.t.Fatalf("%s: got %s %s", fsm.OpName(cmd.Op()), r.Code, r.Object)
	}
}

func (w *world) Propose(ctx context.Context, env fsm.Envelope, cmd fsm.Command) (fsm.Result, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Err() != nil {
		return fsm.Result{}, ctx.Err()
	}
	w.proposals++
	if w.proposals == w.diesAt && !w.after {
		w.die()
		return fsm.Result{}, errDead
	}
	r := w.apply(env, cmd)
	w.work()
	if w.proposals == w.diesAt {
		w.die()
		return fsm.Result{}, errDead
	}
	return r, nil
}

// work does all that active jobs have to do.
func (w *world) work() {
	v := w.Machine.View()
	jobs, err := v.ActiveJobs()
	if err = errors.Join(err, v.Close()); err != nil {
		w.t.Error(err)
	}
	for _, j := range jobs {
		if j.State == fsm.JobPlanned {
			continue // somebody else's
		}
		id := partition.SliceID{Job: j.ID}
		epoch := partition.Epoch(0)
		v := w.Machine.View()
		st, _, err := v.SliceState(id)
		if err = errors.Join(err, v.Close()); err != nil {
			w.t.Error(err)
		}
		epoch = st.Epoch
		do := func(cmds ...fsm.Command) {
			for _, c := range cmds {
				if r := w.apply(fsm.Envelope{Actor: "world"}, c); r.Code != fsm.OK {
					w.t.Errorf("%s: %s %s", fsm.OpName(c.Op()), r.Code, r.Object)
				}
			}
		}
		do(fsm.GrantLeases{Grants: []fsm.Grant{{Slice: id, Owner: "a", Seen: epoch}}})
		if w.jobFails > 0 {
			w.jobFails--
			do(fsm.FailSlice{Slice: id, Owner: "a", Epoch: epoch + 1, Err: "BST-E0107"}, fsm.FinishJob{ID: j.ID, State: fsm.JobFailed})
			continue
		}
		c := fsm.Comparison{Verdict: fsm.Pass, Evidence: fsm.E3, Expected: fsm.Side{Records: 9}, Actual: fsm.Side{Records: 9}, ReadBy: "a"}
		v2 := id
		v2.N = 1
		proof := fsm.ProofID("r-" + string(j.ID))
		do(fsm.FinishSlice{Slice: id, Owner: "a", Epoch: epoch + 1, Checkpoint: fsm.Checkpoint{Epoch: epoch + 1, Cursor: 9, Records: 9}}, fsm.BeginVerify{ID: j.ID},
			fsm.GrantLeases{Grants: []fsm.Grant{{Slice: v2, Owner: "a"}}},
			fsm.FinishSlice{Slice: v2, Owner: "a", Epoch: 1, Checkpoint: fsm.Checkpoint{Epoch: 1, Cursor: 9}, Comparison: &c},
			fsm.RecordProof{Proof: fsm.Proof{ID: proof, Job: j.ID, Verdict: fsm.Pass, Evidence: fsm.E3, Comparisons: []fsm.Comparison{c}}},
			fsm.FinishJob{ID: j.ID, State: fsm.JobSucceeded, Proof: proof})
		w.effect("job " + string(j.ID))
	}
}

func (w *world) effect(what string) {
	w.done[what]++
	w.order = append(w.order, what)
}

// Plan makes a plan of one slice, into the place that the spec is.
func (w *world) Plan(_ context.Context, spec []byte) (*fsm.MadePlan, *fsm.JobTerms, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.plans++
	var name string
	if err := json.Unmarshal(spec, &name); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if w.nothing {
		return nil, nil, nil
	}
	id := partition.JobID("bs-" + name)
	if w.other {
		id += partition.JobID(rune('a' + w.plans))
	}
	ranges := partition.Ranges{{From: 0, To: 9}}
	m := &fsm.MadePlan{Job: id, Name: name, Hash: [32]byte{byte(w.plans)}, Recipe: []byte("{}"), Locks: []string{"t/" + name}, Slices: []partition.Slice{
		{ID: partition.SliceID{Job: id}, Kind: partition.SliceFill, Ranges: ranges},
		{ID: partition.SliceID{Job: id, N: 1}, Kind: partition.SliceVerify, Ranges: ranges}}}
	if !w.other {
		m.Hash = [32]byte{1}
	}
	if w.warn {
		m.Warnings = []string{"BST-P210 look at it"}
	}
	return m, w.terms, nil
}

// RoundTrip is a stranger who knows tokens: what is asked twice under one is done once.
func (w *world) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body)
		_ = req.Body.Close()
	}
	w.mu.Lock()
	slow := w.slow
	w.mu.Unlock()
	if slow > 0 && !turns.Pause(req.Context(), slow) {
		return nil, req.Context().Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	key := req.URL.Path + " " + req.Header.Get("Idempotency-Key")
	w.calls[key]++
	status, err := 200, error(nil)
	if w.answer != nil {
		status, err = w.answer(req, w.calls[key])
	}
	if status == 200 && w.done[key] == 0 {
		w.effect(key)
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
}

// lead conducts for d, or until the leader dies.
func (w *world) lead(d time.Duration) {
	w.t.Helper()
	ctx, stop := context.WithTimeout(w.t.Context(), d)
	defer stop()
	w.mu.Lock()
	w.die = stop
	w.mu.Unlock()
	l, err := New(w.config())
	if err != nil {
		w.t.Fatal(err)
	}
	if err := l.Run(ctx); err != nil {
		w.t.Error(err)
	}
}

// config is what a leader of the world conducts with.
func (w *world) config() Config {
	c := DefaultConfig()
	c.Self, c.Program, c.Book, c.Proposer, c.Planner, c.Client = "a", "v1", w, w, w, &http.Client{Transport: w}
	if w.elsewhere != nil {
		c.Client = &http.Client{Transport: w.elsewhere}
	}
	c.Consumers, c.Rollbacker, c.Programs = &w.readers, w, w
	c.Env = func(name string) (string, bool) { return "s3cret", name == "BACKSTITCH_NOTIFY_BI" }
	c.Clock, c.Logger = time.Now, slog.New(slog.DiscardHandler)
	return c
}

func (w *world) flow(id fsm.FlowID) (fsm.Flow, map[string]flow.State) {
	w.t.Helper()
	v := w.Machine.View()
	defer v.Close()
	f, g, ok, err := v.Flow(id)
	if err != nil || !ok {
		w.t.Fatal(ok, err)
	}
	out := map[string]flow.State{}
	for i, s := range g.Steps {
		out[s.Name] = f.States[i]
	}
	return f, out
}

func recoveryStep(name string, needs ...string) flow.Step {
	body, _ := json.Marshal(name)
	return flow.Step{Name: name, Needs: needs, Kind: Recovery, Body: body, Retry: tries(3)}
}

func callStep(name string, needs ...string) flow.Step {
	return flow.Step{Name: name, Needs: needs, Kind: HTTP, Body: []byte(`{"method":"POST","url":"https://bi.internal/` + name + `"}`), Retry: tries(3), TimeoutNanos: int64(time.Minute)}
}

func tries(n uint32) flow.Retry {
	return flow.Retry{Attempts: n, InitialNanos: int64(time.Second), MaxNanos: int64(10 * time.Second), On: 1<<flow.Transient | 1<<flow.Throttled | 1<<flow.Failed}
}

// outage is a flow with all kinds of steps.
func outage() []flow.Step {
	gated := callStep("silver", "fill")
	gated.Gate = "fill"
	cache := callStep("cache", "silver")
	cache.MayFail = true
	return []flow.Step{recoveryStep("fill"), gated, cache,
		{Name: "proved", Needs: []string{"fill"}, Gate: "fill", Kind: Verify, Body: []byte("{}")},
		{Name: "open", Needs: []string{"silver", "proved"}, Kind: Manual, Body: []byte(`{"prompt":"Release held consumers?"}`)}, callStep("released", "open")}
}

// What strangers and jobs saw of a flow is the same, once each, wherever the leader dies: around each of its proposals, before the command is in
// the book and after.
func TestTheLeaderDiesAtEveryTransition(t *testing.T) {
	want := []string{"job bs-fill", "/silver", "/cache", "/released"}
	last := 0
	for _, after := range []bool{false, true} {
		for at := 1; ; at++ {
			proposals := 0
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.diesAt, w.after = at, after
				w.must(fsm.SubmitFlow{ID: "fl-a", Name: "outage", Steps: outage()})
				w.lead(30 * time.Second)
				w.lead(30 * time.Second)
				if f, states := w.flow("fl-a"); f.State != fsm.FlowRunning || states["open"].Status != flow.Waiting || states["open"].Why != "Release held consumers?" {
					t.Fatalf("at %d: got %s and %+v, want a flow that waits for a person", at, f.State, states["open"])
				}
				if len(w.order) == 4 {
					t.Errorf("at %d: what needs a yes was done without", at)
				}
				w.must(fsm.ApproveStep{Flow: "fl-a", Step: "open", Attempt: 1})
				w.lead(30 * time.Second)
				w.lead(30 * time.Second)
				w.judge(t, fmt.Sprintf("%d (%t)", at, after), want)
				proposals = w.proposals
			})
			if proposals < at || t.Failed() {
				break // nobody died any more
			}
			last = max(last, at)
		}
	}
	if last < 12 && !t.Failed() {
		t.Errorf("only %d proposals were died at, want those of six steps", last)
	}
}

// judge looks whether a flow has ended well and each effect was there once.
func (w *world) judge(t *testing.T, at string, want []string) {
	t.Helper()
	f, states := w.flow("fl-a")
	if f.State != fsm.FlowSucceeded || f.Lost != 0 {
		t.Fatalf("at %s: the flow %s: %+v", at, f.State, states)
	}
	for name, st := range states {
		if st.Status != flow.Succeeded || st.Attempt != 1 {
			t.Errorf("at %s: step %s: got %+v, want the first attempt to succeed", at, name, st)
		}
	}
	seen := map[string]int{}
	for what, n := range w.done {
		name, _, _ := strings.Cut(what, " ")
		if strings.HasPrefix(what, "job ") {
			name = what
		}
		seen[name] += n
	}
	for _, what := range want {
		if seen[what] != 1 {
			t.Errorf("at %s: %s was done %d times, want once: %v", at, what, seen[what], w.done)
		}
		delete(seen, what)
	}
	if len(seen) > 0 {
		t.Errorf("at %s: also done: %v", at, seen)
	}
}

// The leader dies with the answer of a call on its way: the next one asks again, under the same token.
func TestTheLeaderDiesAfterTheEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.answer = func(_ *http.Request, nth int) (int, error) {
			if nth == 1 {
				w.die()
				return 200, errDead
			}
			return 200, nil
		}
		w.must(fsm.SubmitFlow{ID: "fl-a", Name: "outage", Steps: []flow.Step{callStep("silver"), callStep("gold", "silver")}})
		for range 3 {
			w.lead(20 * time.Second)
		}
		w.judge(t, "the effects", []string{"/silver", "/gold"})
		for key, n := range w.calls {
			if n != 2 {
				t.Errorf("%s was called %d times, want twice", key, n)
			}
		}
	})
}

// Where the other end knows no tokens, a call that may have been made is not made again.
func TestOnceMeansAtMostOnce(t *testing.T) {
	for _, dies := range []string{"before the call", "after the call", "no answer", "a bad answer", "no time"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			switch dies {
			case "before the call":
				w.diesAt, w.after = 1, true // begun, and nothing done
			case "no answer": // and the leader lives
				w.answer = func(*http.Request, int) (int, error) { return 200, errDead }
			case "no time":
				w.slow = time.Hour
			case "a bad answer":
				w.answer = func(*http.Request, int) (int, error) { return 502, nil }
			default:
				w.answer = func(*http.Request, int) (int, error) { w.die(); return 200, errDead }
			}
			s := callStep("page")
			s.Body = []byte(`{"method":"POST","url":"https://bi.internal/page","once":true}`)
			s.TimeoutNanos, s.Retry.On = int64(10*time.Second), s.Retry.On|1<<flow.TimedOut
			w.must(fsm.SubmitFlow{ID: "fl-a", Name: "outage", Steps: []flow.Step{s}})
			w.lead(20 * time.Second)
			w.lead(20 * time.Second)
			f, states := w.flow("fl-a")
			if st := states["page"]; f.State != fsm.FlowFailed || st.Class != flow.Lost || st.Attempt != 1 {
				t.Errorf("%s: got %s, %+v, want failed since nobody knows", dies, f.State, st)
			}
			if len(w.calls) > 1 || len(w.calls) == 1 && dies == "before the call" {
				t.Errorf("%s: called %v", dies, w.calls)
			}
			w.must(fsm.RetryFlow{ID: "fl-a"}) // a person knows
			w.answer, w.slow = nil, 0
			w.lead(20 * time.Second)
			if f, _ := w.flow("fl-a"); f.State != fsm.FlowSucceeded {
				t.Errorf("%s, retried: got %s", dies, f.State)
			}
		})
	}
}

func TestRetriesClassesAndStepsThatMayFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.jobFails = 1
		w.answer = func(req *http.Request, nth int) (int, error) {
			switch {
			case req.URL.Path == "/cache":
				return 404, nil
			case req.URL.Path == "/silver" && nth == 1:
				return 503, nil
			case req.URL.Path == "/silver" && nth == 2:
				return 200, errors.New("connection reset") // it was done
			}
			return 200, nil
		}
		cache := callStep("cache", "silver")
		cache.MayFail = true
		w.must(fsm.SubmitFlow{ID: "fl-a", Name: "outage", Steps: []flow.Step{recoveryStep("fill"), callStep("silver", "fill"), cache, callStep("gold", "cache")}})
		w.lead(time.Minute)
		f, states := w.flow("fl-a")
		if f.State != fsm.FlowSucceeded || f.Lost != 1 {
			t.Errorf("got %s without %d steps, want succeeded without one: %+v", f.State, f.Lost, states)
		}
		if st := states["fill"]; st.Attempt != 2 || w.done["job bs-fill"] != 1 || w.plans != 1 {
			t.Errorf("fill: %+v with %d plans, want the same job at the second attempt", st, w.plans)
		}
		if st := states["silver"]; st.Attempt != 3 || len(w.calls) != 3 || w.done["/silver "+st.Token] != 1 {
			t.Errorf("silver: %+v, want three attempts under one token, done once: %v", st, w.calls)
		}
		if st := states["cache"]; st.Status != flow.Broken || st.Class != flow.Refused || st.Attempt != 1 || !strings.Contains(st.Why, "404") {
			t.Errorf("cache: %+v, want one attempt that is refused", st)
		}
		if st := states["gold"]; st.Status != flow.Succeeded {
			t.Errorf("gold: %+v, want to go on after one that may fail", st)
		}
	})
}

func TestGatesStayShutWithoutAProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.nothing = true // the recovery ends well, and nothing was compared
		gated := callStep("silver", "fill")
		gated.Gate = "fill"
		w.must(fsm.SubmitFlow{ID: "fl-a", Name: "outage", Steps: []flow.Step{recoveryStep("fill"), gated, callStep("gold", "silver"), callStep("apart")}})
		w.lead(time.Minute)
		f, states := w.flow("fl-a")
		if f.State != fsm.FlowFailed || states["fill"].Status != flow.Succeeded || states["silver"].Class != flow.Gated || states["gold"].Status != flow.Skipped {
			t.Errorf("got %s, %+v, want a shut gate", f.State, states)
		}
		if states["apart"].Status != flow.Succeeded || len(w.calls) != 1 {
			t.Errorf("apart: %+v, calls %v, want the other branch to go on", states["apart"], w.calls)
		}
	})
}

func TestBoundsPausesAndCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		slow := callStep("slow")
		slow.TimeoutNanos = int64(5 * time.Second)
		w.answer = func(*http.Request, int) (int, error) { return 500, nil }
		ask := flow.Step{Name: "ask", Kind: Manual, Body: []byte(`{"prompt":"?"}`), TimeoutNanos: int64(20 * time.Second)}
		w.must(fsm.SubmitFlow{ID: "fl-a", Name: "asks", Steps: []flow.Step{ask}})
		w.must(fsm.SubmitFlow{ID: "fl-b", Name: "paused", Steps: []flow.Step{callStep("a")}})
		w.must(fsm.PauseFlow{ID: "fl-b"})
		w.lead(10 * time.Second)
		if f, states := w.flow("fl-a"); f.State != fsm.FlowRunning || states["ask"].Status != flow.Waiting {
			t.Errorf("before its time: %s, %+v", f.State, states)
		}
		w.lead(15 * time.Second) // by another leader
		if f, states := w.flow("fl-a"); f.State != fsm.FlowFailed || states["ask"].Class != flow.TimedOut {
			t.Errorf("after its time: %s, %+v", f.State, states)
		}
		if _, states := w.flow("fl-b"); states["a"].Attempt != 0 || len(w.calls) != 0 {
			t.Errorf("paused: %+v, calls %v", states, w.calls)
		}
		w.must(fsm.ResumeFlow{ID: "fl-b"})
		w.lead(500 * time.Millisecond)
		w.must(fsm.CancelFlow{ID: "fl-b"})
		n := len(w.calls)
		w.lead(time.Minute)
		if f, _ := w.flow("fl-b"); f.State != fsm.FlowCancelled || n == 0 || len(w.calls) != n {
			t.Errorf("cancelled: %s after %d calls, and now %d", f.State, n, len(w.calls))
		}
	})
}

// A plan with warnings waits for a yes; one whose target another job holds is made again later.
func TestPlansThatCanNotRunAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.warn = true
		w.must(fsm.SubmitJob{ID: "bs-other", Recipe: []byte("{}"), Slices: 1, Locks: []string{"t/fill"}})
		s := recoveryStep("fill")
		w.must(fsm.SubmitFlow{ID: "fl-a", Name: "outage", Steps: []flow.Step{s}})
		w.lead(10 * time.Second)
		if _, states := w.flow("fl-a"); states["fill"].Status != flow.Waiting || !strings.Contains(states["fill"].Why, "BST-P210") {
			t.Errorf("got %+v, want a plan that waits", states["fill"])
		}
		w.warn = false
		w.must(fsm.CancelFlow{ID: "fl-a"})
		w.must(fsm.SubmitFlow{ID: "fl-b", Name: "outage", Steps: []flow.Step{s}})
		w.lead(900 * time.Millisecond)
		if _, states := w.flow("fl-b"); states["fill"].Class != flow.Transient || !strings.Contains(states["fill"].Why, "bs-other") {
			t.Errorf("got %+v, want a failure that names who holds the target", states["fill"])
		}
		w.must(fsm.CancelJob{ID: "bs-other"})
		w.lead(20 * time.Second)
		if f, states := w.flow("fl-b"); f.State != fsm.FlowSucceeded || !states["fill"].Proved {
			t.Errorf("got %s, %+v, want succeeded with a proof", f.State, states["fill"])
		}
	})
}

// The job of a step has the terms of its recovery from the command on that starts it, also behind a person's yes; the clock of its deadline starts when a scan of
// that name found the loss, or with the job.
func TestJobsOfStepsHaveTheirTerms(t *testing.T) {
	for _, warn := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.warn = warn
			w.terms = &fsm.JobTerms{Calendar: partition.Calendar{Zone: "UTC", Blackouts: []partition.Window{{Cron: "0 3 * * *", Duration: time.Hour}}},
				WithinNanos: int64(2 * time.Hour), AlertPercent: 75, CompletePPM: 1_000_000}
			w.must(fsm.SubmitFlow{ID: "fl-a", Name: "f", Steps: []flow.Step{{Name: "fill", Kind: Recovery, Body: []byte(`"orders"`)}}})
			began := time.Now()
			w.lead(time.Minute)
			planned := time.Now()
			if warn {
				time.Sleep(time.Hour)
				_, states := w.flow("fl-a")
				w.must(fsm.ApproveStep{Flow: "fl-a", Step: "fill", Attempt: states["fill"].Attempt})
			}
			v := w.Machine.View()
			defer v.Close()
			x, ok, err := v.Terms("bs-orders")
			detected := time.Unix(0, x.DetectedUnixNanos)
			if err != nil || !ok || len(x.Calendar.Blackouts) != 1 || x.DeadlineUnixNanos-x.DetectedUnixNanos != int64(2*time.Hour) || detected.Before(began) || detected.After(planned) {
				t.Errorf("warnings %t: the job has terms %t %+v, %v", warn, ok, x, err)
			}
		})
	}
}

// A cluster that would not keep terms is given no job that has any.
func TestTermsThatWouldNotBeKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldAt(t, 7)
		w.terms = &fsm.JobTerms{Calendar: partition.Calendar{Zone: "UTC", Blackouts: []partition.Window{{Cron: "0 3 * * *", Duration: time.Hour}}}}
		w.must(fsm.SubmitFlow{ID: "fl-a", Name: "f", Steps: []flow.Step{{Name: "fill", Kind: Recovery, Body: []byte(`"orders"`)}}})
		w.lead(time.Minute)
		f, states := w.flow("fl-a")
		if st := states["fill"]; st.Status != flow.Broken || st.Job != "" || !strings.Contains(st.Why, "cluster version 8") {
			t.Errorf("flow %s, step %+v", f.State, st)
		}
	})
}

func TestSecretsOfHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var got []string
		w.answer = func(req *http.Request, _ int) (int, error) {
			got = append(got, req.URL.Scheme+" "+req.Header.Get("Authorization"))
			return 200, nil
		}
		step := func(name, url, secret string) flow.Step {
			return flow.Step{Name: name, Kind: HTTP, Body: []byte(`{"method":"POST","url":"` + url + `","headers":[{"name":"Authorization","secret":"` + secret + `"}]}`)}
		}
		w.must(fsm.SubmitFlow{ID: "fl-a", Name: "outage", Steps: []flow.Step{step("good", "https://bi/", "env:BACKSTITCH_NOTIFY_BI"),
			step("plain", "http://bi/", "env:BACKSTITCH_NOTIFY_BI"), step("other", "https://bi/", "env:HOME"), step("unset", "https://bi/", "env:BACKSTITCH_NOTIFY_X")}})
		w.lead(time.Minute)
		if len(got) != 1 || got[0] != "https s3cret" {
			t.Errorf("got %q, want the secret once, over https", got)
		}
		_, states := w.flow("fl-a")
		for _, name := range []string{"plain", "other", "unset"} {
			if st := states[name]; st.Class != flow.Refused || strings.Contains(st.Why, "s3cret") {
				t.Errorf("%s: %+v, want refused", name, st)
			}
		}
	})
}

func TestCheckOfSteps(t *testing.T) {
	for body, ok := range map[string]bool{
		`{"method":"POST","url":"https://bi/x"}`:                                                        true,
		`{"method":"HEAD","url":"https://bi/x"}`:                                                        false,
		`{"method":"POST","url":"ftp://bi/x"}`:                                                          false,
		`{"method":"POST","url":"https://u:p@bi/x"}`:                                                    false,
		`{"method":"POST","url":"https://bi/x","gone":1}`:                                               false,
		`{"method":"POST","url":"https://bi/x","headers":[{"name":"idempotency-key","value":"x"}]}`:     false,
		`{"method":"POST","url":"https://bi/x","headers":[{"name":"A","value":"x\r\nB: y"}]}`:           false,
		`{"method":"POST","url":"https://bi/x","headers":[{"name":"A"}]}`:                               false,
		`{"method":"POST","url":"https://bi/x","headers":[{"name":"A","value":"x","secret":"file:x"}]}`: false,
	} {
		if err := Check(flow.Step{Name: "s", Kind: HTTP, Body: []byte(body)}); (err == nil) != ok {
			t.Errorf("%s: got %v", body, err)
		}
	}
	if err := Check(flow.Step{Kind: "shell", Body: []byte("{}")}); err == nil {
		t.Error("a kind that is not built was taken")
	}
}

package bubble

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster/clustertest"
	"backstitch/fsm"
	"backstitch/fsm/flow"
	"backstitch/partition"
)

// Flows of a wired cluster: leaders die right after each command of a flow is in the book, and with the answer of each call on its way. What
// strangers and jobs have seen of it is the same, and so is what its endpoint was told.

// called is every stranger that steps call. It knows tokens: what is asked twice under one is done once.
type called struct {
	mu    sync.Mutex
	done  map[string]int // effects, by path
	asked map[string]int // by path
	keys  map[string]map[string]bool
	// holds is a path whose first answer never arrives; held is closed when it has been done.
	holds string
	held  chan struct{}
	// told are the notices that the endpoint of a flow has got, by the flow's path; each once for an id, in the order in which they first came.
	told map[string][]string
}

// RoundTrip is one call. It takes a moment, so that each command of a flow has one of its own.
func (s *called) RoundTrip(req *http.Request) (*http.Response, error) {
	var notice struct {
		ID   string `json:"id"`
		Type string `json:"type"`
	}
	if req.Body != nil {
		_ = json.NewDecoder(req.Body).Decode(&notice) // what steps post has no body
		_, _ = io.Copy(io.Discard, req.Body)
		_ = req.Body.Close()
	}
	if !pass(req, 500*time.Millisecond) {
		return nil, req.Context().Err()
	}
	if notice.ID != "" {
		s.hear(req.URL.Path, notice.ID, notice.Type)
	} else if s.take(req.URL.Path, req.Header.Get("Idempotency-Key")) {
		<-req.Context().Done() // the caller dies first
		return nil, req.Context().Err()
	}
	if !pass(req, 500*time.Millisecond) {
		return nil, req.Context().Err()
	}
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
}

func (s *called) take(path, token string) (hold bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[path]++
	if s.keys[path] == nil {
		s.keys[path] = map[string]bool{}
	}
	if !s.keys[path][token] {
		s.keys[path][token] = true
		s.done[path]++
	}
	if hold = s.holds == path && s.held != nil; hold {
		close(s.held)
		s.held = nil
	}
	return hold
}

// hear notes a notice, once for its id.
func (s *called) hear(path, id, kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys[path] == nil {
		s.keys[path] = map[string]bool{}
	}
	if !s.keys[path][id] {
		s.keys[path][id] = true
		s.told[path] = append(s.told[path], kind)
	}
}

func (s *called) counts(path string) (done, asked int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done[path], s.asked[path]
}

// Plan makes plans of one lane, under the name that the spec is.
func (s *called) Plan(ctx context.Context, spec []byte) (*fsm.MadePlan, *fsm.JobTerms, error) {
	var name string
	if err := json.Unmarshal(spec, &name); err != nil {
		return nil, nil, err
	}
	select {
	case <-time.After(500 * time.Millisecond): // virtual
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	id, ranges := partition.JobID("bs-"+name), partition.Ranges{{From: 0, To: 9}}
	return &fsm.MadePlan{Job: id, Name: "orders", Recipe: []byte("{}"), Locks: []string{"t/" + name}, Slices: []partition.Slice{
		{ID: partition.SliceID{Job: id}, Kind: partition.SliceFill, Ranges: ranges}, {ID: partition.SliceID{Job: id, N: 1}, Kind: partition.SliceVerify, Ranges: ranges}}}, nil, nil
}

// flowLab is a cluster whose leaders die over flows.
type flowLab struct {
	*outbox
	s *called
}

// work does what jobs have to do, as their owners would.
func (l *flowLab) work() {
	var end []fsm.Command
	l.view(func(v *fsm.View) error {
		end = nil
		jobs, err := v.ActiveJobs()
		for _, j := range jobs {
			for st, sliceErr := range v.SliceStates(j.ID) {
				err = errors.Join(err, sliceErr)
				if st.Status != fsm.SliceLeased {
					continue
				}
				c := fsm.FinishSlice{Slice: st.ID, Owner: st.Owner, Epoch: st.Epoch, Checkpoint: fsm.Checkpoint{Epoch: st.Epoch, Cursor: 9, Records: 9}}
				if st.Kind == partition.SliceVerify {
					c.Comparison = &fsm.Comparison{Verdict: fsm.Pass, Evidence: fsm.E3, Expected: fsm.Side{Records: 9}, Actual: fsm.Side{Records: 9}, ReadBy: st.Owner}
				}
				end = append(end, c)
			}
		}
		return err
	})
	for _, c := range end {
		l.try(c)
	}
}

// try proposes at whoever leads, and takes any answer: the lease may have moved.
func (l *flowLab) try(c fsm.Command) {
	if m := l.c.Leader(); m != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_, _ = m.Node.Propose(ctx, fsm.Envelope{Actor: "test", UnixNanos: time.Now().UnixNano()}, c)
	}
}

// look reads a flow, and how many commands about it are in the book.
func (l *flowLab) look(id fsm.FlowID) (f fsm.Flow, commands int) {
	l.view(func(v *fsm.View) error {
		commands = 0
		var err error
		if f, _, _, err = v.Flow(id); err != nil {
			return err
		}
		for rec, err := range v.Audit(f.CreateIndex) {
			if err != nil {
				return err
			}
			if rec.Code == fsm.OK && strings.HasSuffix(rec.Subject, string(id)) {
				commands++
			}
		}
		return nil
	})
	return f, commands
}

func (l *flowLab) killLeader() {
	l.t.Helper()
	m := l.c.WaitLeader()
	m.Kill()
	l.c.WaitLeader(m)
	m.Start()
	l.c.WaitServing(m)
}

// submit hands in a flow of five steps; each effect has a name of its own.
func (l *flowLab) submit(name string) fsm.FlowID {
	id := fsm.FlowID("fl-" + name)
	call := func(step string, needs ...string) flow.Step {
		return flow.Step{Name: step, Needs: needs, Kind: "http", Body: []byte(`{"method":"POST","url":"https://bi/` + name + `/` + step + `"}`), Retry: flow.Retry{Attempts: 1}}
	}
	silver := call("silver", "fill")
	silver.Gate = "fill"
	l.do(fsm.BeginFlow{Flow: fsm.SubmitFlow{ID: id, Name: "outage", Steps: []flow.Step{
		{Name: "fill", Kind: "recovery", Body: []byte(`"` + name + `"`), Retry: flow.Retry{Attempts: 1}}, silver,
		{Name: "proved", Needs: []string{"fill"}, Gate: "fill", Kind: "verify", Body: []byte("{}")},
		{Name: "open", Needs: []string{"silver"}, Kind: "manual", Body: []byte(`{"prompt":"?"}`)}, call("gold", "open", "proved"),
	}}, Endpoints: []fsm.Endpoint{{Name: "bus", Format: fsm.FormatCloudEvents, URL: "https://bus/told/" + name,
		On: 1<<fsm.NoticeStarted | 1<<fsm.NoticeWaiting | 1<<fsm.NoticeAnswered | 1<<fsm.NoticeSucceeded | 1<<fsm.NoticeFailed}}})
	return id
}

// finish lets a flow come to its end and judges it.
func (l *flowLab) finish(id fsm.FlowID, at string) {
	l.t.Helper()
	var f fsm.Flow
	l.c.Eventually("flow "+string(id)+" ends, "+at, func() bool {
		l.step(id)
		f, _ = l.look(id)
		return f.State.Ended()
	})
	if f.State != fsm.FlowSucceeded {
		l.t.Fatalf("%s: flow %s is %s: %+v", at, id, f.State, f.States)
	}
	for i, st := range f.States {
		if st.Attempt != 1 || st.Status != flow.Succeeded {
			l.t.Errorf("%s: step %d: got %+v, want its first attempt to succeed", at, i, st)
		}
	}
	if !f.States[0].Proved {
		l.t.Errorf("%s: no proof of the recovery", at)
	}
	name := strings.TrimPrefix(string(id), "fl-")
	l.heard(name, at)
	for _, path := range []string{"/" + name + "/silver", "/" + name + "/gold"} {
		if done, asked := l.s.counts(path); done != 1 {
			l.t.Errorf("%s: %s was done %d times of %d calls, want once", at, path, done, asked)
		}
	}
}

// heard waits until nobody is owed a notice, and judges what was told of a flow: all that has happened, in its order.
func (l *flowLab) heard(name, at string) {
	l.t.Helper()
	l.c.Eventually("everybody has heard of "+name+", "+at, func() (all bool) {
		l.view(func(v *fsm.View) error {
			owed, err := v.Notices(fsm.OutboxOf(fsm.FlowID("fl-" + name)))
			all = len(owed) == 0
			return err
		})
		return all
	})
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	const kind = "dev.backstitch.flow."
	if got, want := l.s.told["/told/"+name], []string{kind + "started.v1", kind + "waiting.v1", kind + "answered.v1", kind + "completed.v1"}; !slices.Equal(got, want) {
		l.t.Errorf("%s: told %q, want %q", at, got, want)
	}
}

// step is what people and workers do meanwhile.
func (l *flowLab) step(id fsm.FlowID) {
	l.work()
	if f, _ := l.look(id); len(f.States) == 5 && f.States[3].Status == flow.Waiting {
		l.try(fsm.ApproveStep{Flow: id, Step: "open", Attempt: 1})
	}
}

// newFlowLab starts a cluster of three at the newest version.
func newFlowLab(t *testing.T) *flowLab {
	t.Helper()
	s := &called{done: map[string]int{}, asked: map[string]int{}, keys: map[string]map[string]bool{}, told: map[string][]string{}}
	l := &flowLab{outbox: &outbox{t: t, c: clustertest.New(t, 3), random: rand.New(rand.NewPCG(1, 2))}, s: s}
	l.c.Receivers, l.c.Planner = s, s
	l.c.StartAll()
	for _, m := range l.c.Members() {
		m.ExpectEnd()
	}
	l.c.WaitVoters(3)
	l.c.Eventually("the newest cluster version", func() (ok bool) {
		l.view(func(v *fsm.View) error {
			version, err := v.Version()
			ok = version == fsm.LatestVersion
			return err
		})
		return ok
	})
	return l
}

// A schedule goes on through leaders that die right before a time, and right after a run has begun: each time that some leader saw has one run, each run has its
// effect once, and who hears of the runs hears of each of them, in order.
func TestScheduledFlowsAcrossLeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFlowLab(t)
		const every = time.Minute
		first := time.Now().Add(every)
		l.do(fsm.PutFlowSchedule{Flow: fsm.SubmitFlow{Name: "nightly", Namespace: "d", Steps: []flow.Step{{Name: "page", Kind: "http", Body: []byte(`{"method":"POST","url":"https://bi/nightly/page"}`),
			Retry: flow.Retry{Attempts: 1}}}}, EveryNanos: int64(every), NextUnixNanos: first.UnixNano(), Endpoints: []fsm.Endpoint{{Name: "bus", Format: fsm.FormatCloudEvents,
			URL: "https://bus/told/nightly", On: 1<<fsm.NoticeStarted | 1<<fsm.NoticeSucceeded | 1<<fsm.NoticeFailed}}})
		const runs = 3
		for i := range runs {
			due := first.Add(time.Duration(i) * every)
			id := fsm.FlowRunID("d/nightly", due.UnixNano())
			if i%2 == 0 {
				time.Sleep(time.Until(due) - time.Second) // virtual
				l.killLeader()
			}
			var f fsm.Flow
			l.c.Eventually(fmt.Sprintf("run %d", i), func() bool { f, _ = l.look(id); return f.ID == id })
			if i%2 == 1 {
				l.killLeader()
			}
			l.c.Eventually(fmt.Sprintf("the end of run %d", i), func() bool { f, _ = l.look(id); return f.State.Ended() })
			if f.State != fsm.FlowSucceeded || f.Name != fsm.FlowRunName("nightly", due.UnixNano()) {
				t.Errorf("run %d: %s %s", i, f.Name, f.State)
			}
		}
		l.c.Eventually("everybody has heard", func() (all bool) {
			l.view(func(v *fsm.View) error {
				owed, err := v.Notices(fsm.OutboxOfRuns("d/nightly"))
				all = len(owed) == 0
				return err
			})
			return all
		})
		l.view(func(v *fsm.View) error {
			s, _, _, err := v.FlowSchedule("d/nightly")
			if s.Runs != runs || s.Skipped != 0 {
				t.Errorf("the book has %+v, want %d runs", s, runs)
			}
			return err
		})
		if done, asked := l.s.counts("/nightly/page"); done != runs {
			t.Errorf("the effect was there %d times of %d calls, want once for each of %d runs", done, asked, runs)
		}
		l.s.mu.Lock()
		defer l.s.mu.Unlock()
		var want []string
		for range runs {
			want = append(want, "dev.backstitch.flow.started.v1", "dev.backstitch.flow.completed.v1")
		}
		if got := l.s.told["/told/nightly"]; !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
	})
}

func TestFlowsSurviveTheirLeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFlowLab(t)
		s := l.s
		// Right after each command.
		kills := 0
		for at := 1; ; at++ {
			id, ended := l.submit("c"+string(rune('a'+at))), false
			l.c.Eventually(fmt.Sprintf("command %d", at), func() bool {
				f, n := l.look(id)
				if n < at {
					l.step(id)
				}
				ended = f.State.Ended()
				return n >= at || ended
			})
			if ended {
				break
			}
			l.killLeader()
			kills++
			l.finish(id, fmt.Sprintf("after command %d", at))
		}
		if kills < 10 {
			t.Errorf("leaders died after %d commands, want those of five steps", kills)
		}
		// Right after each effect that strangers see.
		for i, step := range []string{"silver", "gold"} {
			name := "e" + string(rune('a'+i))
			held := make(chan struct{})
			s.mu.Lock()
			s.holds, s.held = "/"+name+"/"+step, held
			s.mu.Unlock()
			id := l.submit(name)
			l.c.Eventually(step+" to be called", func() bool {
				l.step(id)
				select {
				case <-held:
					return true
				default:
					return false
				}
			})
			l.killLeader()
			l.finish(id, "after the effect of "+step)
			if _, asked := s.counts("/" + name + "/" + step); asked != 2 {
				t.Errorf("%s was asked for %d times, want again by the next leader", step, asked)
			}
		}
	})
}

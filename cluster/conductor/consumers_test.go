package conductor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/fsm"
	"backstitch/fsm/flow"
)

// readers are groups that read 10 records a second of a topic that grows by 100 a second, so that who waits for its newest end waits for ever.
type readers struct {
	mu    sync.Mutex
	since time.Time
	stuck map[string]bool
	fails int // how many looks are not answered
	err   error
	used  map[string]bool // marks
	open  int
}

const grownAtFirst = 300

func (r *readers) end() int64  { return grownAtFirst + 100*int64(time.Since(r.since)/time.Second) }
func (r *readers) read() int64 { return 10 * int64(time.Since(r.since)/time.Second) }

func (r *readers) Watch(_ context.Context, w Wait, marks []byte) (Watch, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if marks == nil {
		marks = fmt.Append(nil, r.end())
	}
	r.open++
	return &reading{r, w, marks}, nil
}

type reading struct {
	r     *readers
	w     Wait
	marks []byte
}

func (g *reading) Marks() []byte { return g.marks }
func (g *reading) Close() {
	g.r.mu.Lock()
	defer g.r.mu.Unlock()
	g.r.open--
}

func (g *reading) Look(context.Context) (out []Standing, err error) {
	g.r.mu.Lock()
	defer g.r.mu.Unlock()
	if g.r.fails > 0 {
		g.r.fails--
		return nil, g.r.err
	}
	if g.r.used == nil {
		g.r.used = map[string]bool{}
	}
	g.r.used[string(g.marks)] = true
	end := g.r.end()
	if g.w.Until == UntilBegun {
		fmt.Sscan(string(g.marks), &end)
	}
	for _, name := range g.w.Groups {
		s := Standing{Group: name, Behind: max(end-g.r.read(), 0), Apart: 1}
		if g.r.stuck[name] {
			s.Behind, s.None = end, true
		}
		out = append(out, s)
	}
	return out, nil
}

func waitStep(body string) flow.Step {
	return flow.Step{Name: "read", Kind: WaitConsumers, Body: []byte(body), Retry: tries(1), TimeoutNanos: int64(time.Minute)}
}

const waitBody = `{"kafka":"main","topic":"orders","groups":["billing","ml"],"until":"begun"}`

// Whoever leads waits for the ends that the first one noted, wherever that one dies: the topic grows faster than it is read, so other ones
// would never be reached.
func TestAWaitGoesOnWithItsMarks(t *testing.T) {
	deaths := 0
	for _, after := range []bool{false, true} {
		for at := 1; ; at++ {
			proposals := 0
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.readers.since = time.Now()
				w.diesAt, w.after = at, after
				w.must(fsm.SubmitFlow{ID: "fl-a", Name: "outage", Steps: []flow.Step{waitStep(waitBody), callStep("gold", "read")}})
				w.lead(10 * time.Second)
				w.lead(10 * time.Second)
				_, states := w.flow("fl-a")
				if n := w.note("read"); states["read"].Status != flow.Running || string(n.Marks) != "300" || !strings.Contains(n.Text, "billing is ") {
					t.Fatalf("at %d: got %+v and %s %q, want a wait that says how far they are", at, states["read"], n.Marks, n.Text)
				}
				w.lead(20 * time.Second)
				w.lead(20 * time.Second)
				w.judge(t, fmt.Sprintf("%d (%t)", at, after), []string{"/gold"})
				if len(w.readers.used) != 1 || w.readers.open != 0 {
					t.Errorf("at %d (%t): waited for %v, want one of them; %d watches are open", at, after, w.readers.used, w.readers.open)
				}
				proposals = w.proposals
			})
			if proposals < at || t.Failed() {
				break
			}
			deaths++
		}
	}
	if deaths < 8 && !t.Failed() {
		t.Errorf("only %d proposals were died at", deaths)
	}
}

func (w *world) note(step string) fsm.StepNote {
	w.t.Helper()
	v := w.Machine.View()
	defer v.Close()
	f, g, _, err := v.Flow("fl-a")
	if err != nil {
		w.t.Fatal(err)
	}
	for i, s := range g.Steps {
		if s.Name == step {
			n, _, err := v.StepNote(f, i)
			if err != nil {
				w.t.Fatal(err)
			}
			return n
		}
	}
	w.t.Fatalf("no step %s", step)
	return fsm.StepNote{}
}

// A wait ends with its time, and says who was not there; a Kafka that does not answer is asked again, and one that refuses is not.
func TestWaitsThatDoNotEndWell(t *testing.T) {
	for _, row := range []struct {
		name, body string
		err        error
		fails      int
		stuck      string
		class      flow.Class
		why        string
	}{
		{"stuck", waitBody, nil, 0, "ml", flow.TimedOut, "ml has no offsets in orders, 300 before it"},
		{"the end runs away", strings.Replace(waitBody, "begun", "end", 1), nil, 0, "", flow.TimedOut, "billing is "},
		{"a lag that is never had", strings.Replace(waitBody, `"begun"`, `"end","maxLag":10`, 1), nil, 0, "", flow.TimedOut, "behind in 1 partitions"},
		{"a lag, of a group without offsets", strings.Replace(waitBody, `"begun"`, `"begun","maxLag":900`, 1), nil, 0, "ml", flow.TimedOut, "ml has no offsets"},
		{"a lag that is there", strings.Replace(waitBody, `"begun"`, `"end","maxLag":900`, 1), nil, 0, "", 0, "billing is 300 behind"},
		{"silent, and back", waitBody, errors.New("no route to host"), 3, "", 0, "billing is there; ml is there"},
		{"silent for good", waitBody, errors.New("no route to host"), 1000, "", flow.TimedOut, "they can not be asked: no route to host"},
		{"refused", waitBody, fmt.Errorf("%w: not authorized", ErrRefused), 1000, "", flow.Refused, "not authorized"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.readers = readers{since: time.Now(), fails: row.fails, err: row.err, stuck: map[string]bool{row.stuck: true}}
			w.must(fsm.SubmitFlow{ID: "fl-a", Name: "outage", Steps: []flow.Step{waitStep(row.body)}})
			w.lead(50 * time.Second)
			w.lead(20 * time.Second)
			_, states := w.flow("fl-a")
			if st := states["read"]; st.Class != row.class || !strings.Contains(st.Why, row.why) || !st.Status.Ended() {
				t.Errorf("%s: got %+v, want %s with %q", row.name, st, row.class, row.why)
			}
		})
	}
}

func TestCheckOfWaits(t *testing.T) {
	for _, body := range []string{`{}`, `{"kafka":"k","topic":"t","groups":[],"until":"end"}`, `{"kafka":"k","topic":"t","groups":[""],"until":"end"}`,
		`{"kafka":"k","topic":"t","groups":["g"],"until":"soon"}`, `{"kafka":"k","topic":"t","groups":["g"],"until":"end","maxLag":-1}`, `{"kafka":"k","groups":["g"],"until":"end"}`} {
		if err := Check(waitStep(body)); err == nil {
			t.Errorf("%s was taken", body)
		}
	}
	if err := Check(waitStep(waitBody)); err != nil {
		t.Error(err)
	}
}

package conductor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster/program"
	"backstitch/fsm"
	"backstitch/fsm/flow"
)

// programs is a node with a journal, of which each program takes three seconds.
type programs struct {
	begun map[string]time.Time // by token and attempt
	lost  bool                 // the node forgot what runs: its agent was killed
	deaf  bool                 // it gives no answer
	end   program.State        // of each
	begin func()               // when one has begun, and nobody was told
}

func (w *world) Exec(_ context.Context, on fsm.Member, o program.Order) (program.State, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := &w.programs
	if n := w.noteHere(); string(n.Marks) != fmt.Sprintf("%x", on.Instance) {
		w.t.Errorf("node %s was asked, and the book has marks %q", on.Name, n.Marks)
	}
	if p.begun == nil {
		p.begun = map[string]time.Time{}
	}
	key := fmt.Sprint(o.Token, o.Attempt)
	at, ok := p.begun[key]
	switch {
	case p.deaf:
		return program.State{}, errors.New("no route to host")
	case o.Program != "reload":
		return program.State{}, fmt.Errorf("%w: exec.allow.%s.path", ErrRefused, o.Program)
	case ok && p.lost:
		return program.State{Phase: program.Unknown, Why: "the agent ended before it did"}, nil
	case ok && time.Since(at) >= 3*time.Second:
		return p.end, nil
	case ok:
		return program.State{Phase: program.Running, Output: "half of it"}, nil
	}
	p.begun[key] = time.Now()
	w.effect("/program " + o.Token)
	if p.begin != nil {
		p.begin()
		p.begin = nil
		return program.State{}, errDead
	}
	return program.State{Phase: program.Running}, nil
}

// noteHere is the note of the step of a flow with one program. The caller holds mu.
func (w *world) noteHere() fsm.StepNote {
	v := w.Machine.View()
	defer v.Close()
	f, _, _, _ := v.Flow("fl-a")
	n, _, err := v.StepNote(f, 0)
	if err != nil {
		w.t.Error(err)
	}
	return n
}

func programStep(node, name string) flow.Step {
	return flow.Step{Name: "reload", Kind: RunProgram, Body: []byte(`{"node":"` + node + `","program":"` + name + `","args":["--all"],"timeoutNanos":60000000000}`), Retry: tries(2), TimeoutNanos: int64(2 * time.Minute)}
}

var wellEnded = program.State{Phase: program.Ended, Output: "done"}

// A program runs once, and its node is asked only once the book has which data it has, wherever the leader dies; also with a program that has
// begun and nobody who was told.
func TestTheLeaderDiesAtEveryTransitionOfAProgram(t *testing.T) {
	deaths := 0
	for _, after := range []bool{false, true} {
		for at := 0; ; at++ { // at 0 it dies when the program has begun
			proposals := 0
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.diesAt, w.after, w.programs.end = at, after, wellEnded
				if at == 0 {
					w.programs.begin = func() { w.die() }
				}
				w.must(fsm.SubmitFlow{ID: "fl-a", Name: "outage", Steps: []flow.Step{programStep("a", "reload"), callStep("gold", "reload")}})
				for range 3 {
					w.lead(20 * time.Second)
				}
				w.judge(t, fmt.Sprintf("%d (%t)", at, after), []string{"/program", "/gold"})
				proposals = max(w.proposals, 1)
			})
			if proposals < at || t.Failed() {
				break
			}
			deaths++
		}
	}
	if deaths < 10 && !t.Failed() {
		t.Errorf("only %d deaths", deaths)
	}
}

func TestEndsOfPrograms(t *testing.T) {
	status := func(code int32) program.State { return program.State{Phase: program.Ended, Exit: code, Output: "oops"} }
	for _, row := range []struct {
		name     string
		set      func(w *world)
		step     flow.Step
		class    flow.Class
		why      string
		attempts uint32
		runs     int
	}{
		{"well", func(w *world) { w.programs.end = wellEnded }, programStep("a", "reload"), 0, "done", 1, 1},
		{"badly", func(w *world) { w.programs.end = status(1) }, programStep("a", "reload"), flow.Failed, "status 1: oops", 2, 2},
		{"for now", func(w *world) { w.programs.end = status(75) }, programStep("a", "reload"), flow.Transient, "status 75", 2, 2},
		{"for good", func(w *world) { w.programs.end = status(64) }, programStep("a", "reload"), flow.Refused, "status 64", 1, 1},
		{"at its time", func(w *world) { w.programs.end = program.State{Phase: program.Ended, Exit: -1, TimedOut: true} }, programStep("a", "reload"), flow.TimedOut, "killed when its time", 1, 1},
		{"with its agent", func(w *world) { w.programs.end = program.State{Phase: program.Ended, Exit: -1, Stopped: true} }, programStep("a", "reload"), flow.Failed, "agent stopped", 2, 2},
		{"unseen", func(w *world) { w.programs.lost = true }, programStep("a", "reload"), flow.Lost, "nobody knows how it ended", 1, 1},
		{"deaf", func(w *world) { w.programs.deaf = true }, programStep("a", "reload"), flow.Lost, "", 1, 0},
		{"refused", func(*world) {}, programStep("a", "other"), flow.Refused, "exec.allow.other.path", 1, 0},
		{"nowhere", func(*world) {}, programStep("b", "reload"), flow.Refused, "no node of the cluster is called b", 1, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			row.set(w)
			w.must(fsm.SubmitFlow{ID: "fl-a", Name: "outage", Steps: []flow.Step{row.step}})
			w.lead(3 * time.Minute)
			_, states := w.flow("fl-a")
			if st := states["reload"]; st.Class != row.class || !strings.Contains(st.Why, row.why) || st.Attempt != row.attempts || !st.Status.Ended() {
				t.Errorf("%s: got %+v, want %q with %q after %d attempts", row.name, st, row.class, row.why, row.attempts)
			}
			if len(w.order) != row.runs {
				t.Errorf("%s: ran %d times, want %d", row.name, len(w.order), row.runs)
			}
		})
	}
}

// A node that has lost its data has lost its journal with it: what it was given is not given to it again.
func TestANodeWithOtherDataIsNotAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.programs.end = wellEnded
		w.programs.begin = func() { w.die() }
		w.must(fsm.SubmitFlow{ID: "fl-a", Name: "outage", Steps: []flow.Step{programStep("a", "reload")}})
		w.lead(20 * time.Second)
		w.must(fsm.SetMemberState{ID: "a", State: fsm.MemberLeft})
		w.must(fsm.RemoveMember{ID: "a"})
		w.must(fsm.PutMember{Member: fsm.Member{ID: "a2", Name: "a", Instance: [16]byte{2}, Role: fsm.RoleVoter, Weight: 1, MaxOp: fsm.MaxOp}})
		w.lead(20 * time.Second)
		if _, states := w.flow("fl-a"); states["reload"].Class != flow.Lost || !strings.Contains(states["reload"].Why, "lost its data") || len(w.order) != 1 {
			t.Errorf("got %+v, ran %v, want lost after one run", states["reload"], w.order)
		}
	})
}

func TestCheckOfPrograms(t *testing.T) {
	if err := Check(programStep("a", "reload")); err != nil {
		t.Error(err)
	}
	for _, body := range []string{`{"program":"p","timeoutNanos":1}`, `{"node":"a","program":"/bin/sh","timeoutNanos":1}`, `{"node":"a","program":"p"}`,
		`{"node":"a","program":"p","timeoutNanos":86400000000001}`, `{"node":"a","program":"p","timeoutNanos":1,"shell":true}`} {
		if err := Check(flow.Step{Name: "s", Kind: RunProgram, Body: []byte(body)}); err == nil {
			t.Errorf("%s was taken", body)
		}
	}
}

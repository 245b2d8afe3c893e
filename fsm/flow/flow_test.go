package flow

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// steps reads NAME[:NEED+NEED][!GATE][?] separated by blanks; ? may fail.
func steps(text string) (out []Step) {
	for _, word := range strings.Fields(text) {
		s := Step{Retry: Retry{Attempts: 1}}
		word, s.MayFail = strings.TrimSuffix(word, "?"), strings.HasSuffix(word, "?")
		word, s.Gate, _ = strings.Cut(word, "!")
		name, needs, _ := strings.Cut(word, ":")
		s.Name, s.Needs = name, strings.FieldsFunc(needs, func(r rune) bool { return r == '+' })
		out = append(out, s)
	}
	return out
}

func TestCheck(t *testing.T) {
	for _, row := range []struct {
		text string
		want []string
	}{
		{"a b:a c:a+b!a", nil},
		{"a a", []string{"two steps are called a"}},
		{"a:b b:c c:a", []string{"a cycle: a needs b needs c needs a"}},
		{"a:a", []string{"a cycle: a needs a"}},
		{"a b:a+c", []string{"step b needs c, and there is no such step"}},
		{"a b!a c:a!d", []string{"the gate of step b names a, which it does not need", "the gate of step c names d, and there is no such step"}},
		{"manual b:manual!manual", []string{"the gate of step b names manual, which leaves no proof"}},
		{"a:b b:a c:d d:c", []string{"a cycle: a needs b needs a", "a cycle: c needs d needs c"}},
	} {
		var got []string
		for _, f := range Check(Graph{Steps: steps(row.text)}, func(s Step) bool { return s.Name != "manual" }) {
			got = append(got, f.Text)
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%s:\n got %q\nwant %q", row.text, got, row.want)
		}
	}
}

func TestPausesBetweenAttempts(t *testing.T) {
	s := Step{Retry: Retry{Attempts: 5, InitialNanos: int64(2 * time.Second), MaxNanos: int64(5 * time.Second), On: 1 << Transient}}
	var got []time.Duration
	for tries := uint32(1); ; tries++ {
		d, again := s.Again(tries, Transient)
		if !again {
			break
		}
		got = append(got, d)
	}
	want := []time.Duration{2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second}
	if !slices.Equal(got, want) {
		t.Errorf("doubled: got %v, want %v", got, want)
	}
	if _, again := s.Again(1, Failed); again {
		t.Error("tried again after a class that is not in the set")
	}
	s.Retry.Fixed = true
	if d, _ := s.Again(4, Transient); d != 2*time.Second {
		t.Errorf("fixed: got %s, want 2s", d)
	}
}

func TestTokens(t *testing.T) {
	seen := map[string]bool{}
	for _, token := range []string{Token("fl-a", "b", 1), Token("fl-a", "b", 2), Token("fl-a", "c", 1), Token("fl-b", "b", 1)} {
		if seen[token] || len(token) != 32 {
			t.Errorf("token %q is not one of 32 digits for one attempt", token)
		}
		seen[token] = true
	}
	if !seen[Token("fl-a", "b", 1)] {
		t.Error("one attempt has two tokens")
	}
}

func TestNextTokens(t *testing.T) {
	first := State{}.NextToken("fl-a", "b")
	if first != Token("fl-a", "b", 1) {
		t.Errorf("the first attempt has token %s", first)
	}
	for class, same := range map[Class]bool{Transient: true, Throttled: true, TimedOut: true, Failed: false, Lost: false, 0: false} {
		if got := (State{Attempt: 1, Token: first, Class: class}).NextToken("fl-a", "b"); (got == first) != same {
			t.Errorf("after %q: the same token %t, want %t", class, got == first, same)
		}
	}
}

// naive is the same rules in the words of the document, one step at a time and from nothing: what has become of a step, given what each
// attempt of each step would come to. It knows no states and no order.
func naive(all []Step, fate func(step string, attempt uint32) (Class, bool)) map[string]Status {
	out := map[string]Status{}
	var of func(name string) Status
	of = func(name string) Status {
		if st, ok := out[name]; ok {
			return st
		}
		s := all[find(all, name)]
		st := Succeeded
		for _, need := range s.Needs {
			if got := of(need); got == Skipped || got == Broken && !all[find(all, need)].MayFail {
				st = Skipped
			}
		}
		if st == Succeeded && s.Gate != "" && of(s.Gate) != Succeeded {
			st = Broken
		} else if st == Succeeded {
			for n := uint32(1); ; n++ {
				class, ok := fate(name, n)
				if ok {
					break
				}
				if n >= s.Retry.Attempts || s.Retry.On&(1<<class) == 0 {
					st = Broken
					break
				}
			}
		}
		out[name] = st
		return st
	}
	for _, s := range all {
		of(s.Name)
	}
	return out
}

// Each random graph ends, as the naive model says, whatever the order in which what runs comes to its end and whoever decides: decisions are
// taken anew from the states alone.
func TestDecideAgainstANaiveModel(t *testing.T) {
	ends := map[Status]int{}
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 7))
		var all []Step
		for i := range 1 + r.IntN(7) {
			s := Step{Name: string(rune('a' + i)), MayFail: r.IntN(3) == 0, Retry: Retry{Attempts: uint32(1 + r.IntN(3)), InitialNanos: 5, MaxNanos: 20, On: uint16(r.IntN(32))}}
			for j := range i {
				if r.IntN(3) == 0 {
					s.Needs = append(s.Needs, all[j].Name)
				}
			}
			if len(s.Needs) > 0 && r.IntN(3) == 0 {
				s.Gate = s.Needs[r.IntN(len(s.Needs))]
			}
			all = append(all, s)
		}
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		if faults := Check(Graph{Steps: all}, func(Step) bool { return true }); len(faults) > 0 {
			t.Fatal(faults)
		}
		fates := map[string]Class{}
		fate := func(step string, attempt uint32) (Class, bool) {
			key := fmt.Sprint(step, attempt)
			if _, ok := fates[key]; !ok {
				fates[key] = Class(r.IntN(5)) // none, or one of four
			}
			return fates[key], fates[key] == 0
		}
		want := naive(all, fate)
		got := play(t, r, Graph{Steps: all}, fate)
		for i, s := range all {
			ends[got[i].Status]++
			if got[i].Status != want[s.Name] {
				t.Fatalf("seed %d: step %s of %+v: got %s, want %s", seed, s.Name, all, got[i].Status, want[s.Name])
			}
		}
	}
	for _, st := range []Status{Succeeded, Broken, Skipped} {
		if ends[st] < 100 {
			t.Errorf("only %d steps ended as %s: the graphs show little", ends[st], st)
		}
	}
}

// play does what is decided until a flow has ended.
func play(t *testing.T, r *rand.Rand, g Graph, fate func(string, uint32) (Class, bool)) []State {
	t.Helper()
	all := g.Steps
	states := make([]State, len(all))
	for i := range states {
		states[i].Status = Pending
	}
	budget := 2
	for _, s := range all {
		budget += 2 + 4*int(s.Retry.Attempts)
	}
	now := int64(1)
	for range budget {
		if g.Outcome(states).Done {
			return states
		}
		due, wake := Decide(g, states, false, now)
		if len(due) > 0 {
			d := due[r.IntN(len(due))]
			st := &states[d.Step]
			switch d.Act {
			case Begin:
				st.Status, st.Attempt, st.Tries, st.BegunUnixNanos = Running, st.Attempt+1, st.Tries+1, now
			case Skip:
				st.Status = Skipped
			case Fail:
				st.Status, st.Class = Broken, d.Class
			}
			continue
		}
		var running []int
		for i, st := range states {
			if st.Status == Running {
				running = append(running, i)
			}
		}
		if len(running) == 0 {
			if wake <= now {
				t.Fatalf("nothing runs, nothing is due and nobody wakes up: %+v in %+v", states, all)
			}
			now = wake
			continue
		}
		i := running[r.IntN(len(running))]
		st := &states[i]
		class, ok := fate(all[i].Name, st.Attempt)
		if ok {
			st.Status, st.Proved = Succeeded, true
		} else if d, again := all[i].Again(st.Tries, class); again {
			st.Status, st.NotBeforeUnixNanos = Pending, now+int64(d)
		} else {
			st.Status, st.Class = Broken, class
		}
	}
	t.Fatalf("no end after %d turns: %+v in %+v", budget, states, all)
	return nil
}

func TestPausedFlowsBeginNothingAndKeepTheirBounds(t *testing.T) {
	all := steps("a b")
	all[0].TimeoutNanos = 100
	states := []State{{Status: Running, BegunUnixNanos: 50}, {Status: Pending}}
	due, wake := Decide(Graph{Steps: all}, states, true, 60)
	if len(due) != 0 || wake != 150 {
		t.Errorf("paused: got %+v and wake at %d, want nothing until 150", due, wake)
	}
	if due, _ = Decide(Graph{Steps: all}, states, true, 150); len(due) != 1 || due[0].Class != TimedOut {
		t.Errorf("paused, at its bound: got %+v, want step a timed out", due)
	}
}

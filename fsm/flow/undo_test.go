package flow

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// back reads STEP<BY separated by blanks.
func back(text string) (out []Undo) {
	for _, word := range strings.Fields(text) {
		step, by, _ := strings.Cut(word, "<")
		out = append(out, Undo{Step: step, By: by})
	}
	return out
}

func TestCheckOfEdgesBack(t *testing.T) {
	for _, row := range []struct {
		text, back string
		want       []string
	}{
		{"a b:a ua ub", "a<ua b<ub", nil},
		{"a", "a<u", []string{"step a is undone by u, and there is no such step"}},
		{"a u", "b<u", []string{"step u undoes b, and there is no such step"}},
		{"a", "a<a", []string{"step a undoes itself"}},
		{"a u v", "a<u a<v", []string{"step a is undone twice, by u and v"}},
		{"a b u", "a<u b<u", []string{"step u undoes both a and b"}},
		{"a b u:b", "a<u", []string{"step u undoes a, and has needs or a gate of its own"}},
		{"a b:u u", "a<u", []string{"step b needs u, which only undoes a"}},
		{"a u v", "a<u u<v", []string{"step u undoes a, and is undone itself"}},
	} {
		var got []string
		for _, f := range Check(Graph{steps(row.text), back(row.back)}, func(Step) bool { return true }) {
			got = append(got, f.Text)
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%s %s:\n got %q\nwant %q", row.text, row.back, got, row.want)
		}
	}
}

// toBeUndone is the rule in the words of the document, asked of each step by itself and from nothing: what ended well, or has left a job, is
// taken back if it failed itself or something that needs it, also through others, failed or could not begin.
func toBeUndone(g Graph, states []State) map[string]bool {
	out := map[string]bool{}
	var bad func(name string) bool
	bad = func(name string) bool {
		i := find(g.Steps, name)
		if states[i].Status == Broken && !g.Steps[i].MayFail || states[i].Status == Skipped {
			return true
		}
		return slices.ContainsFunc(g.Steps, func(s Step) bool { return slices.Contains(s.Needs, name) && bad(s.Name) })
	}
	for _, e := range g.Undo {
		st := states[find(g.Steps, e.Step)]
		out[e.By] = bad(e.Step) && (st.Status == Succeeded || st.Status == Broken && st.Job != "")
	}
	return out
}

// Random graphs with edges back: what is taken back is what the rule says; one at a time, after all that goes forward; nothing before what
// builds upon it; and after one that could not be taken back, nothing more is.
func TestUndoAgainstANaiveModel(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(800) {
		r := rand.New(rand.NewPCG(seed, 8))
		g := Graph{}
		for i := range 2 + r.IntN(5) {
			s := Step{Name: string(rune('a' + i)), MayFail: r.IntN(6) == 0, Retry: Retry{Attempts: 1}}
			for j := range i {
				if r.IntN(3) == 0 {
					s.Needs = append(s.Needs, g.Steps[j].Name)
				}
			}
			g.Steps = append(g.Steps, s)
		}
		for _, s := range g.Steps {
			if r.IntN(3) > 0 {
				by := "u" + s.Name
				g.Undo = append(g.Undo, Undo{Step: s.Name, By: by})
				g.Steps = append(g.Steps, Step{Name: by, MayFail: r.IntN(6) == 0, Retry: Retry{Attempts: 1 + uint32(r.IntN(2)), InitialNanos: 5, MaxNanos: 5, On: 1 << Failed}})
			}
		}
		r.Shuffle(len(g.Steps), func(i, j int) { g.Steps[i], g.Steps[j] = g.Steps[j], g.Steps[i] })
		if faults := Check(g, func(Step) bool { return true }); len(faults) > 0 {
			t.Fatal(faults)
		}
		fate := func(string, uint32) (Class, bool) {
			if r.IntN(4) == 0 {
				return Failed, false
			}
			return 0, true
		}
		var order []string
		states := playBack(t, r, g, fate, &order)
		want, out := toBeUndone(g, states), g.Outcome(states)
		stopped := ""
		for _, by := range order {
			i := find(g.Steps, by)
			switch {
			case !want[by]:
				t.Fatalf("seed %d: %s was taken back, and should not be: %+v in %+v", seed, by, states, g)
			case stopped != "":
				t.Fatalf("seed %d: %s went on after %s had failed", seed, by, stopped)
			case states[i].Status == Broken && !g.Steps[i].MayFail:
				stopped = by
			}
		}
		due := 0
		for by, is := range want {
			i := find(g.Steps, by)
			if is {
				due++
			}
			if st := states[i].Status; !is && st != Skipped || is && st == Skipped && stopped == "" {
				t.Fatalf("seed %d: %s is %s, and to be taken back %t: %+v in %+v", seed, by, st, is, states, g)
			}
		}
		builds := g.builds()
		for k, by := range order {
			for _, later := range order[k+1:] {
				if i, j := g.undoes(find(g.Steps, by)), g.undoes(find(g.Steps, later)); builds[j][i] {
					t.Fatalf("seed %d: %s was taken back before %s, which builds upon it", seed, by, later)
				} else if !builds[i][j] && states[i].EndedUnixNanos < states[j].EndedUnixNanos && !through(g, want, builds, states, i, j) {
					t.Fatalf("seed %d: %s ended before %s, and was taken back first", seed, g.Steps[i].Name, g.Steps[j].Name)
				}
			}
		}
		if out.Undone != (due > 0 && stopped == "") || out.Stuck != (stopped != "") || due > 0 && out.OK {
			t.Fatalf("seed %d: got %+v with %d to be taken back, and stopped at %q", seed, out, due, stopped)
		}
		seen[fmt.Sprint(due > 1, out.Undone, out.Stuck)]++
	}
	if seen["true true false"] < 30 || seen["true false true"] < 30 || seen["false false false"] < 30 {
		t.Errorf("the graphs show little: %v", seen)
	}
}

// through reports whether step j had to wait for something that builds upon it, so that i could go first although it ended before.
func through(g Graph, want map[string]bool, builds [][]bool, states []State, i, j int) bool {
	for _, e := range g.Undo {
		k := find(g.Steps, e.Step)
		if want[e.By] && k != i && builds[k][j] && states[k].EndedUnixNanos <= states[i].EndedUnixNanos {
			return true
		}
	}
	return false
}

// playBack is play, and notes in which order steps that undo began for the last time. It never lets two of them run.
func playBack(t *testing.T, r *rand.Rand, g Graph, fate func(string, uint32) (Class, bool), order *[]string) []State {
	t.Helper()
	states := make([]State, len(g.Steps))
	for i := range states {
		states[i].Status = Pending
	}
	now := int64(1)
	for range 20 * len(g.Steps) {
		now += int64(r.IntN(2)) // clocks of leaders that follow each other may stand still
		if g.Outcome(states).Done {
			return states
		}
		due, wake := Decide(g, states, false, now)
		var running []int
		for i, st := range states {
			if st.Status == Running {
				running = append(running, i)
			}
		}
		switch {
		case len(due) > 0:
			d := due[r.IntN(len(due))]
			st := &states[d.Step]
			if d.Act == Skip {
				st.Status, st.EndedUnixNanos = Skipped, now
				continue
			}
			if !g.MayBegin(states, d.Step) {
				t.Fatalf("%s is due and may not begin: %+v", g.Steps[d.Step].Name, states)
			}
			if g.Back(d.Step) {
				if len(running) > 0 {
					t.Fatalf("%s begins while others run: %+v", g.Steps[d.Step].Name, states)
				}
				*order = append(slices.DeleteFunc(*order, func(n string) bool { return n == g.Steps[d.Step].Name }), g.Steps[d.Step].Name)
			}
			st.Status, st.Attempt, st.Tries = Running, st.Attempt+1, st.Tries+1
		case len(running) > 0:
			i := running[r.IntN(len(running))]
			st := &states[i]
			st.EndedUnixNanos = now
			if class, ok := fate(g.Steps[i].Name, st.Attempt); ok {
				st.Status = Succeeded
			} else if d, again := g.Steps[i].Again(st.Tries, class); again {
				st.Status, st.NotBeforeUnixNanos = Pending, now+int64(d)
			} else if st.Status, st.Class = Broken, class; r.IntN(2) == 0 {
				st.Job = "bs-a"
			}
		case wake <= now:
			t.Fatalf("nothing runs, nothing is due and nobody wakes up: %+v in %+v", states, g)
		default:
			now = wake
		}
	}
	t.Fatalf("no end: %+v in %+v", states, g)
	return nil
}

func TestNothingIsTakenBackWhilePaused(t *testing.T) {
	g := Graph{steps("a b:a u"), back("a<u")}
	states := []State{{Status: Succeeded}, {Status: Broken}, {Status: Pending}}
	if due, _ := Decide(g, states, true, 1); len(due) != 0 {
		t.Errorf("paused: got %+v", due)
	}
	if due, _ := Decide(g, states, false, 1); len(due) != 1 || due[0].Act != Begin || due[0].Step != 2 {
		t.Errorf("got %+v, want u to begin", due)
	}
}

package flow

import (
	"fmt"
	"slices"
)

// Edges back. Forwards they are not there: a step that undoes another one begins only once the part that goes forward has ended, and then only if
// something that builds upon the other one has come to a bad end.

// Undo is an edge back: By takes back what Step has done.
type Undo struct {
	Step, By string
}

// Graph is steps and the edges back between them.
type Graph struct {
	Steps []Step
	Undo  []Undo
}

// undoes returns the index of the step that step i takes back, -1 for one that goes forward.
func (g Graph) undoes(i int) int {
	for _, e := range g.Undo {
		if e.By == g.Steps[i].Name {
			return find(g.Steps, e.Step)
		}
	}
	return -1
}

// Back reports whether step i undoes another one.
func (g Graph) Back(i int) bool { return g.undoes(i) >= 0 }

// forward reports whether everything that goes forward has ended, and well.
func (g Graph) forward(states []State) (ended, ok bool) {
	ok = true
	for i, st := range states {
		switch {
		case g.Back(i):
		case !st.Status.Ended():
			return false, false
		case st.Status != Succeeded && !g.Steps[i].MayFail:
			ok = false
		}
	}
	return true, ok
}

// spared says why there is nothing to undo about step i, "" when there is. It is asked when everything that goes forward has ended. A step is
// undone when it has ended well, or has left a job behind, and it or something that needs it, also through others, has come to a bad end.
func (g Graph) spared(states []State, builds [][]bool, i int) string {
	if st := states[i]; st.Status != Succeeded && (st.Status != Broken || st.Job == "") {
		return fmt.Sprintf("step %s is %s, and has done nothing", g.Steps[i].Name, st.Status)
	}
	for j, st := range states {
		bad := st.Status == Broken && !g.Steps[j].MayFail || st.Status == Skipped
		if bad && !g.Back(j) && (j == i || builds[j][i]) {
			return ""
		}
	}
	return fmt.Sprintf("nothing that needs step %s failed", g.Steps[i].Name)
}

// builds says of each step j and i whether j needs i, directly or through others. The graph has no cycles.
func (g Graph) builds() [][]bool {
	out := make([][]bool, len(g.Steps))
	var visit func(j int)
	visit = func(j int) {
		if out[j] != nil {
			return
		}
		out[j] = make([]bool, len(g.Steps))
		for _, need := range g.Steps[j].Needs {
			at := find(g.Steps, need)
			visit(at)
			out[j][at] = true
			for i, too := range out[at] {
				out[j][i] = out[j][i] || too
			}
		}
	}
	for j := range g.Steps {
		visit(j)
	}
	return out
}

// back returns the steps that undo, in the order in which they do: those of what ended last first, and always before those of what it needs,
// whatever the clocks said. spared are those that have nothing to undo, with why. Everything that goes forward has ended.
func (g Graph) back(states []State) (order []int, spared map[int]string) {
	spared = map[int]string{}
	builds := g.builds()
	var left []int
	for i := range g.Steps {
		of := g.undoes(i)
		if of < 0 {
			continue
		}
		if why := g.spared(states, builds, of); why != "" {
			spared[i] = why
		} else {
			left = append(left, i)
		}
	}
	for len(left) > 0 {
		best := -1
		for k, i := range left {
			of := g.undoes(i)
			if slices.ContainsFunc(left, func(o int) bool { return builds[g.undoes(o)][of] }) {
				continue // what builds upon it goes first
			}
			if best < 0 || states[of].EndedUnixNanos >= states[g.undoes(left[best])].EndedUnixNanos {
				best = k
			}
		}
		order = append(order, left[best])
		left = slices.Delete(left, best, best+1)
	}
	return order, spared
}

// decideBack returns what is due among the steps that undo: one begins when the one before it has ended, and when one fails for good those
// behind it are given up, since what they undo may be what it builds upon.
func (g Graph) decideBack(states []State, now int64) (due []Decision, wake int64) {
	order, spared := g.back(states)
	for i := range g.Steps {
		if why, ok := spared[i]; ok && states[i].Status == Pending {
			due = append(due, Decision{Step: i, Act: Skip, Why: why})
		}
	}
	failed := ""
	for _, i := range order {
		st := states[i]
		switch {
		case st.Status == Pending && failed != "":
			due = append(due, Decision{Step: i, Act: Skip, Why: failed})
		case st.Status == Pending && st.NotBeforeUnixNanos > now:
			return due, st.NotBeforeUnixNanos
		case st.Status == Pending:
			return append(due, Decision{Step: i, Act: Begin, Why: fmt.Sprintf("step %s is to be taken back", g.Steps[g.undoes(i)].Name)}), 0
		case !st.Status.Ended():
			return due, 0
		case st.Status != Succeeded && !g.Steps[i].MayFail && failed == "":
			failed = fmt.Sprintf("step %s is %s", g.Steps[i].Name, st.Status)
		}
	}
	return due, 0
}

// MayBegin reports whether the part of a graph that step i belongs to has come to it.
func (g Graph) MayBegin(states []State, i int) bool {
	if !g.Back(i) {
		return Ready(g.Steps, states, i)
	}
	if ended, _ := g.forward(states); !ended {
		return false
	}
	due, _ := g.decideBack(states, states[i].NotBeforeUnixNanos)
	return slices.ContainsFunc(due, func(d Decision) bool { return d.Step == i && d.Act == Begin })
}

// TakingBack reports whether a flow that runs has come to its edges back, and something is left for them to do.
func (g Graph) TakingBack(states []State) bool {
	if ended, ok := g.forward(states); !ended || ok {
		return false
	}
	order, _ := g.back(states)
	return slices.ContainsFunc(order, func(i int) bool { return !states[i].Status.Ended() })
}

// checkUndo finds what is wrong with the edges back.
func checkUndo(g Graph) (out []Fault) {
	bad := func(step int, format string, args ...any) {
		out = append(out, Fault{BadUndo, step, -1, fmt.Sprintf(format, args...)})
	}
	for n, e := range g.Undo {
		of, by := find(g.Steps, e.Step), find(g.Steps, e.By)
		switch {
		case of < 0:
			bad(max(by, 0), "step %s undoes %s, and there is no such step", e.By, e.Step)
			continue
		case by < 0:
			out = append(out, Fault{NoUndo, of, -1, fmt.Sprintf("step %s is undone by %s, and there is no such step", e.Step, e.By)})
			continue
		case of == by:
			bad(of, "step %s undoes itself", e.Step)
			continue
		}
		for _, o := range g.Undo[:n] {
			if o.By == e.By {
				bad(of, "step %s undoes both %s and %s", e.By, o.Step, e.Step)
			}
			if o.Step == e.Step {
				bad(of, "step %s is undone twice, by %s and %s", e.Step, o.By, e.By)
			}
		}
		if s := g.Steps[by]; len(s.Needs) > 0 || s.Gate != "" {
			bad(of, "step %s undoes %s, and has needs or a gate of its own", e.By, e.Step)
		}
		if slices.ContainsFunc(g.Undo, func(o Undo) bool { return o.Step == e.By }) {
			bad(of, "step %s undoes %s, and is undone itself", e.By, e.Step)
		}
		for _, s := range g.Steps {
			if slices.Contains(s.Needs, e.By) {
				bad(of, "step %s needs %s, which only undoes %s", s.Name, e.By, e.Step)
			}
		}
	}
	return out
}

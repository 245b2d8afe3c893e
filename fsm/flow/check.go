package flow

import (
	"fmt"
	"slices"
	"strings"
)

// MaxSteps is how many steps a flow has at most.
const MaxSteps = 100

// Fault is one thing that is wrong with a graph.
type Fault struct {
	Kind FaultKind
	Step int    // index; of the step that is undone when it is about that
	Need int    // index within Needs; -1 when it is not about a need
	Text string // for people
}

// FaultKind tells faults apart.
type FaultKind uint8

const (
	Twice   FaultKind = 1 // two steps have one name
	Unknown FaultKind = 2 // a step that there is not
	Cycle   FaultKind = 3
	BadGate FaultKind = 4 // a gate on a step that is not needed, or can not be proved
	NoUndo  FaultKind = 5 // a step that would be undone by one that there is not
	BadUndo FaultKind = 6 // an edge back that leads nowhere, or from a step that goes forward
)

// Check finds everything that is wrong with a graph. proves says which steps leave a proof.
func Check(g Graph, proves func(Step) bool) []Fault {
	steps, out := g.Steps, checkUndo(g)
	for i, s := range steps {
		if at := find(steps, s.Name); at != i {
			out = append(out, Fault{Twice, i, -1, fmt.Sprintf("two steps are called %s", s.Name)})
		}
		for n, need := range s.Needs {
			if find(steps, need) < 0 {
				out = append(out, Fault{Unknown, i, n, fmt.Sprintf("step %s needs %s, and there is no such step", s.Name, need)})
			}
		}
		if s.Gate == "" {
			continue
		}
		switch at := find(steps, s.Gate); {
		case at < 0:
			out = append(out, Fault{Unknown, i, -1, fmt.Sprintf("the gate of step %s names %s, and there is no such step", s.Name, s.Gate)})
		case !slices.Contains(s.Needs, s.Gate):
			out = append(out, Fault{BadGate, i, -1, fmt.Sprintf("the gate of step %s names %s, which it does not need", s.Name, s.Gate)})
		case !proves(steps[at]):
			out = append(out, Fault{BadGate, i, -1, fmt.Sprintf("the gate of step %s names %s, which leaves no proof", s.Name, s.Gate)})
		}
	}
	return append(out, cycles(steps)...)
}

// cycles finds each need that leads back to a step from which it was reached, once.
func cycles(steps []Step) (out []Fault) {
	const fresh, open, done = 0, 1, 2
	mark := make([]uint8, len(steps))
	var path []string
	var visit func(i int)
	visit = func(i int) {
		mark[i] = open
		path = append(path, steps[i].Name)
		for n, need := range steps[i].Needs {
			switch at := find(steps, need); {
			case at < 0:
			case mark[at] == open:
				from := slices.Index(path, need)
				out = append(out, Fault{Cycle, i, n, "a cycle: " + strings.Join(append(slices.Clone(path[from:]), need), " needs ")})
			case mark[at] == fresh:
				visit(at)
			}
		}
		path = path[:len(path)-1]
		mark[i] = done
	}
	for i := range steps {
		if mark[i] == fresh {
			visit(i)
		}
	}
	return out
}

// find returns the index of the first step of that name, -1 for none.
func find(steps []Step, name string) int {
	return slices.IndexFunc(steps, func(s Step) bool { return s.Name == name })
}

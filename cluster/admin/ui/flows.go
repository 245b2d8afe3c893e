package ui

import (
	"fmt"
	"slices"

	"backstitch/cluster/client"
)

// flows lists the flows that are kept, and when those with a schedule run next.
func (v *visit) flows() error {
	all, err := v.c.Flows(v.r.Context())
	if err != nil {
		return err
	}
	schedules, err := v.c.FlowSchedules(v.r.Context())
	if err != nil {
		return err
	}
	list, paging := cut(v, all)
	return v.show("flows.html", "Flows", "flows", true, struct {
		Rows      []client.Flow
		Paging    Paging
		Schedules []client.FlowSchedule
	}{list, paging, schedules})
}

// flow shows one, as a graph and as a list.
func (v *visit) flow() error {
	f, _, err := v.c.Flow(v.r.Context(), v.r.PathValue("flow"), client.Blocking{})
	if err != nil {
		return err
	}
	return v.show("flow.html", "Flow "+f.ID, "flows", !f.Terminal(), struct {
		client.Flow
		Graph graph
	}{f, drawn(f.Steps)})
}

func (v *visit) changeFlow() (string, error) {
	id, verb := v.r.PathValue("flow"), v.r.PathValue("verb")
	if !slices.Contains([]string{"pause", "resume", "cancel", "retry"}, verb) {
		return "", errNoPage
	}
	_, err := v.c.TurnFlow(v.r.Context(), id, verb, v.reason())
	return "/ui/flows/" + id, err
}

// decideStep says yes or no to the attempt that the page has shown.
func (v *visit) decideStep() (string, error) {
	id, step, verb := v.r.PathValue("flow"), v.r.PathValue("step"), v.r.PathValue("verb")
	if verb != "approve" && verb != "reject" {
		return "", errNoPage
	}
	attempt, err := number(v.r.PostFormValue("attempt"), 1, 1<<30)
	if err != nil {
		return "", badForm(err)
	}
	_, err = v.c.DecideStep(v.r.Context(), id, step, verb, client.FlowDecision{Attempt: uint32(attempt), Reason: v.reason()})
	return "/ui/flows/" + id, err
}

// graph is a flow from left to right: each step stands one column behind the last that it needs. Lengths are pixels.
type graph struct {
	Width, Height int
	Nodes         []node
	Edges         []edge
}

type node struct {
	client.FlowStepState
	X, Y int
}

// edge runs from the right side of one node to the left side of another.
type edge struct{ X1, Y1, X2, Y2 int }

// Path is the curve of an edge.
func (e edge) Path() string {
	mid := (e.X1 + e.X2) / 2
	return fmt.Sprintf("M%d %dC%d %d %d %d %d %d", e.X1, e.Y1, mid, e.Y1, mid, e.Y2, e.X2, e.Y2)
}

const (
	nodeWidth, nodeHeight = 184, 46
	gapWidth, gapHeight   = 60, 18
)

// drawn lays steps out. The API takes no cycles; a step that needs one that is not there stands in the first column.
func drawn(steps []client.FlowStepState) graph {
	column := make(map[string]int, len(steps))
	for range steps { // each round moves what still stands too far left
		for _, s := range steps {
			for _, need := range s.Needs {
				if at, ok := column[need]; ok || slices.ContainsFunc(steps, func(o client.FlowStepState) bool { return o.Name == need }) {
					column[s.Name] = min(max(column[s.Name], at+1), len(steps))
				}
			}
		}
	}
	var g graph
	rows := map[int]int{}
	at := map[string]node{}
	for _, s := range steps {
		c := column[s.Name]
		n := node{s, c * (nodeWidth + gapWidth), rows[c] * (nodeHeight + gapHeight)}
		rows[c]++
		at[s.Name] = n
		g.Nodes = append(g.Nodes, n)
		g.Width, g.Height = max(g.Width, n.X+nodeWidth), max(g.Height, n.Y+nodeHeight)
	}
	for _, s := range steps {
		for _, need := range s.Needs {
			if from, ok := at[need]; ok {
				g.Edges = append(g.Edges, edge{from.X + nodeWidth, from.Y + nodeHeight/2, at[s.Name].X, at[s.Name].Y + nodeHeight/2})
			}
		}
	}
	return g
}

package admin

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"backstitch/cluster/client"
	"backstitch/cluster/quota"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/share"
)

// Budgets are read from the book, and who has which part of them is asked of the leader. When it does not answer in time the budgets are
// told without: they hold all the same.

const holdingsWait = 500 * time.Millisecond

// BudgetsOf chooses budgets.
type BudgetsOf struct {
	Job string `query:"job" doc:"only those that a job falls under, by its id or name"`
}

func (s *Server) listBudgets(ctx context.Context, in *BudgetsOf) (*indexed[client.Budgets], error) {
	asking, cancel := context.WithTimeout(ctx, holdingsWait)
	defer cancel()
	holdings, err := s.node.Holdings(asking)
	if err != nil {
		s.log.Debug("who has which part of a budget is not known", "err", err)
	}
	paces, err := s.node.Paces(asking)
	if err != nil {
		s.log.Debug("what holds jobs back beside budgets is not known", "err", err)
	}
	return reading(s, func(view *fsm.View) (client.Budgets, error) {
		out := client.Budgets{Budgets: []client.Budget{}, Feedback: []client.Pace{}}
		budgets, err := view.Budgets()
		if err != nil {
			return out, err
		}
		active, err := view.ActiveJobs()
		if err != nil {
			return out, err
		}
		members, err := view.Members()
		names := map[partition.NodeID]string{}
		for _, m := range members {
			names[m.ID] = m.Name
		}
		if in.Job != "" {
			j, err := findJob(view, in.Job)
			if err != nil {
				return out, err
			}
			paces = slices.DeleteFunc(paces, func(p quota.Pace) bool { return p.Pace.Job != string(j.ID) })
			scopes := j.Scopes()
			budgets = slices.DeleteFunc(budgets, func(b fsm.Budget) bool { return !slices.Contains(scopes, b.Scope) })
		}
		for _, b := range budgets {
			d := describeBudget(b, holdings, names)
			for i := range active {
				if slices.Contains(active[i].Scopes(), b.Scope) {
					d.Jobs = append(d.Jobs, string(active[i].ID))
				}
			}
			out.Budgets = append(out.Budgets, d)
		}
		for _, p := range paces {
			out.Feedback = append(out.Feedback, describePace(p, names))
		}
		return out, err
	})
}

func describePace(p quota.Pace, names map[partition.NodeID]string) client.Pace {
	return client.Pace{
		Job: p.Pace.Job, Node: cmp.Or(names[p.Node], string(p.Node)), BytesPerSecond: p.Pace.Rate, Floor: p.Pace.Floor,
		Binds: p.Pace.Binds, Hurts: p.Pace.Hurts, Signal: p.Pace.Kind, Why: p.Pace.Why,
	}
}

func describeBudget(b fsm.Budget, holdings []quota.Holding, names map[partition.NodeID]string) client.Budget {
	out := client.Budget{
		Scope: string(b.Scope), Rate: client.Rate{Bytes: b.Rate.Bytes, Records: b.Rate.Records, Requests: b.Rate.Requests},
		By: b.PutBy, Why: b.Why, At: time.Unix(0, b.PutUnixNanos).UTC(), Jobs: []string{}, Nodes: []client.NodePart{},
	}
	for _, h := range holdings {
		if h.Want.Scope != out.Scope {
			continue
		}
		part := client.NodePart{Node: names[h.Node], Lanes: h.Want.Lanes, May: map[string]float64{}, Held: []string{}}
		if part.Node == "" {
			part.Node = string(h.Node)
		}
		for i, limit := range b.Rate.Of() {
			if limit == 0 || h.Want.Has[i] == share.More {
				continue
			}
			part.May[partition.Units[i]] = float64(h.Want.Has[i]) / share.Milli
			if h.Want.Wants[i] > h.Want.Has[i] {
				part.Held = append(part.Held, partition.Units[i])
			}
		}
		out.Nodes = append(out.Nodes, part)
	}
	return out
}

type putBudgetInput struct {
	Keyed
	Body client.PutBudget
}

func (s *Server) putBudget(ctx context.Context, in *putBudgetInput) (*indexed[client.Budgets], error) {
	b := in.Body
	cmd := fsm.PutBudget{Scope: fsm.Scope(b.Scope), Rate: partition.Rate{Bytes: b.Rate.Bytes, Records: b.Rate.Records, Requests: b.Rate.Requests}}
	if ref, ok := cmd.Scope.Job(); ok { // by id or by name
		id, err := s.jobID(string(ref))
		if err != nil {
			return nil, err
		}
		cmd.Scope = fsm.ScopeJob(id)
	}
	if err := s.allows(cmd); err != nil {
		return nil, err
	}
	object := strings.TrimPrefix(string(cmd.Scope), "job/")
	result, err := s.propose(ctx, s.envelope(ctx, in.Keyed, "budget", b.Reason), cmd, object)
	if err != nil {
		return nil, err
	}
	if err := s.applied(ctx, result.Index); err != nil {
		return nil, s.failed(err)
	}
	return s.listBudgets(ctx, &BudgetsOf{})
}

type prioritiseInput struct {
	JobPath
	Keyed
	Body client.SetPriority
}

func (s *Server) prioritise(ctx context.Context, in *prioritiseInput) (*indexed[client.Job], error) {
	id, err := s.jobID(in.ID)
	if err != nil {
		return nil, err
	}
	cmd := fsm.SetPriority{ID: id, Priority: in.Body.Priority}
	if err := s.allows(cmd); err != nil {
		return nil, err
	}
	result, err := s.propose(ctx, s.envelope(ctx, in.Keyed, "priority", in.Body.Reason), cmd, string(id))
	if err != nil {
		return nil, err
	}
	return s.jobAfter(ctx, id, result.Index)
}

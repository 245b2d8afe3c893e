package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"backstitch/cluster"
	"backstitch/cluster/client"
	"backstitch/cluster/conductor"
	"backstitch/fsm"
	"backstitch/fsm/flow"
)

// Flows: graphs of steps, handed in whole, watched, and steered.

type FlowPath struct {
	ID string `path:"id" maxLength:"128" doc:"id of a flow, or its name, which is the newest of that name, or of its schedule's runs"`
}

func (p FlowPath) find(view *fsm.View) (fsm.Flow, fsm.FlowGraph, error) {
	f, g, ok, err := view.Flow(fsm.FlowID(p.ID))
	if err != nil || ok {
		return f, g, err
	}
	all, err := view.Flows()
	if err != nil {
		return f, g, err
	}
	at := -1
	for i, other := range all {
		if other.Name == p.ID && (at < 0 || other.CreateIndex > all[at].CreateIndex) {
			at = i
		}
	}
	if at >= 0 {
		f, g, _, err = view.Flow(all[at].ID)
		return f, g, err
	}
	schedules, err := view.FlowSchedules()
	if err != nil {
		return f, g, err
	}
	for _, s := range schedules {
		if s.Name != p.ID || s.Last == "" {
			continue
		}
		if f, g, ok, err := view.Flow(s.Last); err != nil || ok {
			return f, g, err
		}
	}
	return f, g, notFound("flow", p.ID, "backstitch flow list")
}

func (s *Server) listFlows(ctx context.Context, _ *struct{}) (*indexed[client.Flows], error) {
	return reading(s, func(view *fsm.View) (client.Flows, error) {
		out := client.Flows{Flows: []client.Flow{}}
		all, err := view.Flows()
		if err != nil {
			return out, err
		}
		slices.SortFunc(all, func(a, b fsm.Flow) int { return cmp.Compare(b.CreateIndex, a.CreateIndex) })
		for _, f := range all {
			if !sees(ctx, f.Namespace) {
				continue
			}
			_, g, _, err := view.Flow(f.ID)
			if err != nil {
				return out, err
			}
			d, err := describeFlow(view, f, g)
			if err != nil {
				return out, err
			}
			d.Document = nil
			out.Flows = append(out.Flows, d)
		}
		return out, nil
	})
}

func (s *Server) showFlow(ctx context.Context, in *struct {
	FlowPath
	Blocking
}) (*indexed[client.Flow], error) {
	if err := s.await(ctx, in.Blocking); err != nil {
		return nil, s.failed(err)
	}
	return reading(s, func(view *fsm.View) (client.Flow, error) {
		f, g, err := in.find(view)
		if err != nil {
			return client.Flow{}, err
		}
		return describeFlow(view, f, g)
	})
}

type submitFlowInput struct {
	Keyed
	Body client.SubmitFlow
}

func (s *Server) submitFlow(ctx context.Context, in *submitFlowInput) (*indexed[client.Flow], error) {
	b := in.Body
	cmd, undo, endpoints, err := s.flowFacts(ctx, b)
	if err != nil {
		return nil, err
	}
	switch {
	case len(endpoints) > 0:
		return s.turnFlow(ctx, in.Keyed, "submit-flow", b.Reason, fsm.BeginFlow{Flow: cmd, Undo: undo, Annotations: annotationFacts(b.Annotations), Endpoints: endpoints}, b.ID)
	case len(undo) > 0:
		return s.turnFlow(ctx, in.Keyed, "submit-flow", b.Reason, fsm.SubmitFlowWithUndo{Flow: cmd, Undo: undo}, b.ID)
	}
	return s.turnFlow(ctx, in.Keyed, "submit-flow", b.Reason, cmd, b.ID)
}

// flowFacts is a flow as the book keeps it, with its edges back and those who hear of it, if conductors take it.
func (s *Server) flowFacts(ctx context.Context, b client.SubmitFlow) (cmd fsm.SubmitFlow, undo []flow.Undo, endpoints []fsm.Endpoint, err error) {
	cmd = fsm.SubmitFlow{ID: fsm.FlowID(b.ID), Name: b.Name, Namespace: b.Namespace, Document: b.Document}
	for _, step := range b.Steps {
		made := flow.Step{Name: step.Name, Needs: step.Needs, Gate: step.Gate, MayFail: step.MayFail, TimeoutNanos: step.TimeoutNanos, Kind: step.Kind, Body: step.Body,
			Retry: flow.Retry{Attempts: step.Retry.Attempts, InitialNanos: step.Retry.InitialNanos, MaxNanos: step.Retry.MaxNanos, Fixed: step.Retry.Fixed}}
		for _, word := range step.Retry.On {
			c, ok := flow.ParseClass(word)
			if !ok {
				return cmd, nil, nil, invalid(fmt.Sprintf("step %s: %q is not a class of failures", step.Name, word), "transient, throttled, timeout, failed")
			}
			made.Retry.On |= 1 << c
		}
		if err := conductor.Check(made); err != nil {
			return cmd, nil, nil, invalid(err.Error(), "backstitch spec validate FILE")
		}
		if made.Kind == conductor.WaitConsumers || made.Kind == conductor.RollBack || made.Kind == conductor.RunProgram {
			if err := s.allows(fsm.NoteStep{}); err != nil {
				return cmd, nil, nil, err
			}
		}
		if err := s.mayExec(ctx, made); err != nil {
			return cmd, nil, nil, err
		}
		cmd.Steps = append(cmd.Steps, made)
	}
	graph := flow.Graph{Steps: cmd.Steps}
	for _, e := range b.Undo {
		graph.Undo = append(graph.Undo, flow.Undo(e))
	}
	if faults := flow.Check(graph, conductor.Proves); len(faults) > 0 {
		return cmd, nil, nil, invalid(faults[0].Text, "backstitch spec validate FILE")
	}
	if err := conductor.CheckBack(graph); err != nil {
		return cmd, nil, nil, invalid(err.Error(), "backstitch spec validate FILE")
	}
	for _, e := range b.Endpoints {
		made, err := endpointFact(client.DatasetEndpoint(e), "Flow")
		if err != nil {
			return cmd, nil, nil, err
		}
		endpoints = append(endpoints, made)
	}
	return cmd, graph.Undo, endpoints, nil
}

// mayExec asks the node of a step that wants a program whether it allows it, so that nobody learns at the fifth step of a flow that it does not.
func (s *Server) mayExec(ctx context.Context, step flow.Step) error {
	var e conductor.Exec
	if step.Kind != conductor.RunProgram || json.Unmarshal(step.Body, &e) != nil {
		return nil
	}
	err := s.node.MayExec(ctx, e.Node, e.Program)
	if err == nil {
		return nil
	}
	detail, next := fmt.Sprintf("step %s: %v", step.Name, err), "backstitch cluster nodes"
	var known *cluster.Error
	if errors.As(err, &known) {
		next = known.Hint
		if known.Cause != nil {
			detail = fmt.Sprintf("step %s: %v", step.Name, known.Cause)
		}
	}
	return newProblem(http.StatusUnprocessableEntity, cluster.CodeProgram, "a step wants a program that can not be run", detail, next)
}

// turnFlow proposes a command about a flow and answers with it.
func (s *Server) turnFlow(ctx context.Context, k Keyed, step, reason string, cmd fsm.Command, id string) (*indexed[client.Flow], error) {
	if err := s.allows(cmd); err != nil {
		return nil, err
	}
	result, err := s.propose(ctx, s.envelope(ctx, k, step, reason), cmd, id)
	if err != nil {
		var p *problem
		if errors.As(err, &p) && result.Code != fsm.UnknownFlow && result.Code != fsm.Invalid {
			p.Next = "backstitch flow show " + id
		}
		return nil, err
	}
	if err := s.applied(ctx, result.Index); err != nil {
		return nil, s.failed(err)
	}
	return reading(s, func(view *fsm.View) (client.Flow, error) {
		f, g, err := FlowPath{id}.find(view)
		if err != nil {
			return client.Flow{}, err
		}
		return describeFlow(view, f, g)
	})
}

// flowID resolves an id or a name.
func (s *Server) flowID(p FlowPath) (fsm.FlowID, error) {
	view, err := s.node.View()
	if err != nil {
		return "", s.failed(err)
	}
	defer view.Close()
	f, _, err := p.find(view)
	if err != nil {
		return "", s.failed(err)
	}
	return f.ID, nil
}

// steer makes the handler of a verb.
func (s *Server) steer(verb string, command func(fsm.FlowID) fsm.Command) func(context.Context, *struct {
	FlowPath
	Keyed
	Body client.Action
}) (*indexed[client.Flow], error) {
	return func(ctx context.Context, in *struct {
		FlowPath
		Keyed
		Body client.Action
	}) (*indexed[client.Flow], error) {
		id, err := s.flowID(in.FlowPath)
		if err != nil {
			return nil, err
		}
		return s.turnFlow(ctx, in.Keyed, verb, in.Body.Reason, command(id), string(id))
	}
}

// stepDecision is a person's yes or no to a step.
type stepDecision struct {
	FlowPath
	Step string `path:"step" maxLength:"63" doc:"name of a step"`
	Keyed
	Body client.FlowDecision
}

func (s *Server) decideStep(verb string, no bool) func(context.Context, *stepDecision) (*indexed[client.Flow], error) {
	return func(ctx context.Context, in *stepDecision) (*indexed[client.Flow], error) {
		id, err := s.flowID(in.FlowPath)
		if err != nil {
			return nil, err
		}
		if err := s.notTheSubmitter(ctx, id, no); err != nil {
			return nil, err
		}
		cmd := fsm.ApproveStep{Flow: id, Step: in.Step, Attempt: in.Body.Attempt, No: no}
		return s.turnFlow(ctx, in.Keyed, verb, in.Body.Reason, cmd, string(id))
	}
}

// notTheSubmitter refuses a yes of whoever submitted the flow, when access is controlled: a step that waits is there for a second person.
func (s *Server) notTheSubmitter(ctx context.Context, id fsm.FlowID, no bool) error {
	if no || !callerOf(ctx).controlled {
		return nil
	}
	view, err := s.node.View()
	if err != nil {
		return s.failed(err)
	}
	defer view.Close()
	f, _, _, err := view.Flow(id)
	if err != nil {
		return s.failed(err)
	}
	same, err := view.SamePerson(actorOf(ctx), f.CreatedBy)
	if err != nil {
		return s.failed(err)
	}
	if same {
		return ownRequest("flow "+string(id), f.CreatedBy)
	}
	return nil
}

func describeFlow(view *fsm.View, f fsm.Flow, g fsm.FlowGraph) (client.Flow, error) {
	out := client.Flow{
		ID: string(f.ID), Name: f.Name, Namespace: f.Namespace, State: f.State.String(), Why: f.Why, Lost: f.Lost, CreatedBy: f.CreatedBy,
		CreatedAt: time.Unix(0, f.CreatedUnixNanos).UTC(), FinishedAt: instant(f.FinishedUnixNanos), CreateIndex: f.CreateIndex, ModifyIndex: f.ModifyIndex,
		Steps: []client.FlowStepState{}, Document: g.Document,
	}
	graph, err := view.FlowGraph(f.ID, g)
	if err != nil {
		return out, err
	}
	out.RollingBack = !f.State.Ended() && graph.TakingBack(f.States)
	undoes := map[string]string{}
	for _, e := range graph.Undo {
		undoes[e.By] = e.Step
	}
	for i, st := range f.States {
		s := g.Steps[i]
		note, _, err := view.StepNote(f, i)
		if err != nil {
			return out, err
		}
		out.Steps = append(out.Steps, client.FlowStepState{
			Name: s.Name, Kind: s.Kind, Needs: append([]string{}, s.Needs...), MayFail: s.MayFail, Undoes: undoes[s.Name], State: st.Status.String(), Attempt: st.Attempt, Token: st.Token,
			Job: string(st.Job), Proof: st.Proof, Proved: st.Proved, Class: st.Class.String(), Why: st.Why, By: st.By,
			BegunAt: instant(st.BegunUnixNanos), EndedAt: instant(st.EndedUnixNanos), NotBefore: instant(st.NotBeforeUnixNanos),
			Progress: note.Text, ProgressAt: instant(note.UnixNanos),
		})
	}
	run, ok, err := view.FlowRun(f.ID)
	if err != nil {
		return out, err
	}
	if ok {
		out.Schedule, out.DueAt = run.Schedule, instant(run.DueUnixNanos)
	}
	outbox, err := view.OutboxOfFlow(f.ID)
	if err != nil {
		return out, err
	}
	out.Endpoints, out.Deliveries, err = describeOutbox(view, outbox)
	return out, err
}

// describeOutbox are those who hear of a flow, or of the runs of one, and how far they have been told; nil where nobody does.
func describeOutbox(view *fsm.View, name fsm.DatasetName) (endpoints []client.FlowEndpoint, deliveries []client.Delivery, err error) {
	told, ok, err := view.FlowOutbox(name)
	if err != nil || !ok {
		return nil, nil, err
	}
	all, deliveries, err := describeEndpoints(view, told.Name, told.Endpoints)
	for _, e := range all {
		endpoints = append(endpoints, client.FlowEndpoint(e))
	}
	return endpoints, deliveries, err
}

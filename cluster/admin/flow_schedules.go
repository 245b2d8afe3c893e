package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"backstitch/cluster/client"
	"backstitch/cluster/conductor"
	"backstitch/fsm"
	"backstitch/fsm/flow"
	"backstitch/partition/calendar"
	"backstitch/partition/due"
)

// Schedules of flows. What a run does is checked when the schedule is handed in, as for a flow that runs at once: at its times nobody is there who could be told.

type FlowSchedulePath struct {
	Namespace string `path:"namespace" maxLength:"63"`
	Name      string `path:"name" maxLength:"63"`
}

func (p FlowSchedulePath) id() string { return fsm.FlowScheduleID(p.Namespace, p.Name) }

func (s *Server) listFlowSchedules(ctx context.Context, _ *struct{}) (*indexed[client.FlowSchedules], error) {
	return reading(s, func(view *fsm.View) (client.FlowSchedules, error) {
		out := client.FlowSchedules{Schedules: []client.FlowSchedule{}}
		all, err := view.FlowSchedules()
		if err != nil {
			return out, err
		}
		for _, x := range all {
			if !sees(ctx, x.Namespace) {
				continue
			}
			shown, err := describeFlowSchedule(view, x)
			if err != nil {
				return out, err
			}
			out.Schedules = append(out.Schedules, shown)
		}
		return out, nil
	})
}

type putFlowScheduleInput struct {
	Keyed
	Body client.PutFlowSchedule
}

// nextRun is when a schedule is due first after now.
func nextRun(every time.Duration, cron, zone string, now time.Time) (int64, error) {
	next, err := calendar.Next(due.Rule{Every: every, Cron: cron}, zone, now, now)
	if err != nil {
		return 0, invalid(err.Error(), "e.g. schedule: {every: 6h}, or schedule: {cron: '0 3 * * *', timezone: Europe/Berlin}")
	}
	return next.UnixNano(), nil
}

// putFlowSchedule makes or replaces a schedule. When the first run is due is computed here.
func (s *Server) putFlowSchedule(ctx context.Context, in *putFlowScheduleInput) (*indexed[client.FlowSchedule], error) {
	b := in.Body
	made, undo, endpoints, err := s.flowFacts(ctx, b.Flow)
	if err != nil {
		return nil, err
	}
	if plans := slices.ContainsFunc(made.Steps, func(s flow.Step) bool { return s.Kind == conductor.Recovery }); plans && (b.MaxRecords <= 0 || b.MaxBytes <= 0) {
		return nil, invalid("runs of a schedule make plans with nobody there, and need maxRecords and maxBytes", "backstitch spec explain --kind Flow spec.limits")
	}
	cmd := fsm.PutFlowSchedule{Flow: made, Undo: undo, Annotations: annotationFacts(b.Flow.Annotations), Endpoints: endpoints, MaxRecords: b.MaxRecords, MaxBytes: b.MaxBytes, Cron: b.Cron, Zone: b.Timezone}
	every := time.Duration(0)
	if b.Every != "" {
		if every, err = time.ParseDuration(b.Every); err != nil {
			return nil, invalid(err.Error(), "e.g. schedule: {every: 6h}")
		}
	}
	cmd.EveryNanos = int64(every)
	env := s.envelope(ctx, in.Keyed, "schedule-flow", b.Flow.Reason)
	if cmd.NextUnixNanos, err = nextRun(every, b.Cron, b.Timezone, time.Unix(0, env.UnixNanos)); err != nil {
		return nil, err
	}
	return s.turnSchedule(ctx, env, cmd)
}

// turnFlowSchedule makes the handler of a verb.
func (s *Server) turnFlowSchedule(verb string, paused bool) func(context.Context, *struct {
	FlowSchedulePath
	Keyed
	Body client.Action
}) (*indexed[client.FlowSchedule], error) {
	return func(ctx context.Context, in *struct {
		FlowSchedulePath
		Keyed
		Body client.Action
	}) (*indexed[client.FlowSchedule], error) {
		env := s.envelope(ctx, in.Keyed, verb, in.Body.Reason)
		cmd := fsm.PutFlowSchedule{Flow: fsm.SubmitFlow{Namespace: in.Namespace, Name: in.Name}, Paused: paused}
		if !paused {
			have, err := s.flowSchedule(in.id())
			if err != nil {
				return nil, err
			}
			if cmd.NextUnixNanos, err = nextRun(time.Duration(have.EveryNanos), have.Cron, have.Zone, time.Unix(0, env.UnixNanos)); err != nil {
				return nil, err
			}
		}
		return s.turnSchedule(ctx, env, cmd)
	}
}

// flowSchedule reads one.
func (s *Server) flowSchedule(id string) (fsm.FlowSchedule, error) {
	view, err := s.node.View()
	if err != nil {
		return fsm.FlowSchedule{}, s.failed(err)
	}
	defer view.Close()
	have, _, ok, err := view.FlowSchedule(id)
	switch {
	case err != nil:
		return have, s.failed(err)
	case !ok:
		return have, notFound("schedule of flow", id, "backstitch flow schedule list")
	}
	return have, nil
}

// turnSchedule proposes a command about a schedule and answers with it.
func (s *Server) turnSchedule(ctx context.Context, env fsm.Envelope, cmd fsm.PutFlowSchedule) (*indexed[client.FlowSchedule], error) {
	if err := s.allows(cmd); err != nil {
		return nil, err
	}
	id := fsm.FlowScheduleID(cmd.Flow.Namespace, cmd.Flow.Name)
	result, err := s.propose(ctx, env, cmd, id)
	if err != nil {
		return nil, noSuchSchedule(result, err)
	}
	if err := s.applied(ctx, result.Index); err != nil {
		return nil, s.failed(err)
	}
	return reading(s, func(view *fsm.View) (client.FlowSchedule, error) {
		x, _, ok, err := view.FlowSchedule(id)
		if err == nil && !ok {
			err = notFound("schedule of flow", id, "backstitch flow schedule list")
		}
		if err != nil {
			return client.FlowSchedule{}, err
		}
		return describeFlowSchedule(view, x)
	})
}

func (s *Server) removeFlowSchedule(ctx context.Context, in *struct {
	FlowSchedulePath
	Keyed
}) (*indexed[client.Done], error) {
	cmd := fsm.PutFlowSchedule{Flow: fsm.SubmitFlow{Namespace: in.Namespace, Name: in.Name}, Remove: true}
	if err := s.allows(cmd); err != nil {
		return nil, err
	}
	result, err := s.propose(ctx, s.envelope(ctx, in.Keyed, "unschedule-flow", ""), cmd, in.id())
	if err != nil {
		return nil, noSuchSchedule(result, err)
	}
	if err := s.applied(ctx, result.Index); err != nil {
		return nil, s.failed(err)
	}
	return &indexed[client.Done]{Index: result.Index, Leader: string(s.node.Leader())}, nil
}

// noSuchSchedule says where schedules of flows are listed: those of scans have the same code.
func noSuchSchedule(result fsm.Result, err error) error {
	var p *problem
	if errors.As(err, &p) && result.Code == fsm.UnknownSchedule {
		p.Next = "backstitch flow schedule list"
	}
	return err
}

func describeFlowSchedule(view *fsm.View, x fsm.FlowSchedule) (client.FlowSchedule, error) {
	out := client.FlowSchedule{
		Namespace: x.Namespace, Name: x.Name, Cron: x.Cron, Timezone: x.Zone, Next: instant(x.NextUnixNanos), Paused: x.Paused, Last: string(x.Last), Runs: x.Runs,
		Skipped: x.Skipped, SkippedAt: instant(x.SkippedUnixNanos), SkippedFor: string(x.SkippedFor), PutBy: x.PutBy, PutAt: time.Unix(0, x.PutUnixNanos).UTC(), Index: x.ModifyIndex,
	}
	if x.EveryNanos != 0 {
		out.Every = due.Length(time.Duration(x.EveryNanos))
	}
	if x.Paused {
		out.Next = nil
	}
	last, _, ok, err := view.Flow(x.Last)
	if err != nil {
		return out, err
	}
	if ok {
		out.LastState = last.State.String()
	}
	_, order, _, err := view.FlowSchedule(x.ID())
	if err != nil {
		return out, err
	}
	out.MaxRecords, out.MaxBytes = order.MaxRecords, order.MaxBytes
	if out.Endpoints, out.Deliveries, err = describeOutbox(view, fsm.OutboxOfRuns(x.ID())); err != nil {
		return out, fmt.Errorf("who hears of flow %s: %w", x.ID(), err)
	}
	return out, nil
}

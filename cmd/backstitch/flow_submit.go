package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/cluster/conductor"
	"backstitch/fsm"
	"backstitch/fsm/flow"
	"backstitch/replay/spec"
)

func newFlowSubmit(a *app) *cobra.Command {
	var where places
	file, reason, detach := "", "", false
	cmd := changes(&cobra.Command{
		Use:   "submit",
		Short: "Hand in a flow and follow it",
		Long: `Hand in a flow, with the recoveries that it names, and follow it to its end. Ctrl-C stops watching and never the flow. Each submission is
a new flow.

A flow with schedule is not run but kept: the cluster begins a run at each of its times. The same name again replaces it.

Exit status: 0 every step succeeded, 1 it failed or was cancelled, 2 a file is wrong, 3 only steps with critical: false failed, 6 it failed and
was rolled back, 9 it failed and not all of it could be rolled back.`,
		Example: "  backstitch flow submit -f outage.yaml\n  backstitch flow submit -f outage.yaml --detach -o name",
		Args:    cobra.NoArgs,
	})
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if file == "" {
			return usage(cmd, errors.New("which flow? --file says it"))
		}
		if err := where.load(a); err != nil {
			return err
		}
		sub, schedule, err := flowOrders(file, &where)
		if err != nil {
			return err
		}
		sub.Reason = reason
		c, err := a.patientClient(12 * a.patience)
		if err != nil {
			return err
		}
		defer c.Close()
		if err := keepsTerms(cmd.Context(), c, sub); err != nil {
			return err
		}
		if schedule != nil {
			schedule.Flow.Reason = reason
			s, err := c.PutFlowSchedule(cmd.Context(), *schedule)
			if err != nil {
				return err
			}
			return a.printFlowSchedule(s)
		}
		sub.ID = "fl-" + strings.ToLower(rand.Text()[:12])
		f, err := c.SubmitFlow(cmd.Context(), sub)
		if err != nil {
			return err
		}
		if detach {
			return a.printFlow(f)
		}
		a.say("Flow %s accepted, index %d.  Ctrl-C leaves it running.", f.ID, f.CreateIndex)
		return a.watchFlow(cmd.Context(), c, f.ID)
	}
	f := cmd.Flags()
	f.StringVarP(&file, "file", "f", "", "`file` with the flow; required")
	f.BoolVar(&detach, "detach", false, "return once the flow is accepted")
	f.StringVar(&reason, "reason", "", "`why`, for the audit trail")
	where.flags(f)
	return cmd
}

// readFlow reads a flow and the recoveries that it names.
func readFlow(file string, data []byte, where *places) (*spec.Flow, map[int]*spec.Recovery, error) {
	opts := spec.Options{Connections: where.kinds()}
	f, err := spec.ParseFlow(file, data, opts)
	if err != nil {
		return nil, nil, err
	}
	recoveries, err := f.Recoveries(besideSpec(file), opts)
	return f.WithDefaults(), recoveries, err
}

// flowOrders is a flow as the cluster keeps it, but for its id, and the schedule that it has, nil for none.
func flowOrders(file string, where *places) (client.SubmitFlow, *client.PutFlowSchedule, error) {
	data, err := readSpecFile(file)
	if err != nil {
		return client.SubmitFlow{}, nil, err
	}
	f, recoveries, err := readFlow(file, data, where)
	if err != nil {
		return client.SubmitFlow{}, nil, err
	}
	sub, err := submissionOf(f, recoveries)
	if err != nil {
		return sub, nil, err
	}
	schedule, err := scheduled(f, sub)
	return sub, schedule, err
}

// submissionOf is a flow that has its defaults, with the recoveries that its steps use.
func submissionOf(f *spec.Flow, recoveries map[int]*spec.Recovery) (out client.SubmitFlow, err error) {
	out = client.SubmitFlow{Name: f.Metadata.Name, Namespace: f.Metadata.Namespace}
	if out.Document, err = json.Marshal(f); err != nil {
		return out, fmt.Errorf("encode flow %s: %w", out.Name, err)
	}
	graph, err := f.Graph()
	if err != nil {
		return out, err
	}
	for _, n := range f.Spec.Notify {
		out.Annotations = f.Metadata.Annotations
		out.Endpoints = append(out.Endpoints, client.FlowEndpoint{Name: n.Name, Format: n.Format, URL: n.URL, Token: n.Token, On: n.On})
	}
	of := map[string]string{}
	for _, e := range graph.Undo {
		of[e.By] = e.Step
		out.Undo = append(out.Undo, client.FlowUndo(e))
	}
	for i, s := range graph.Steps {
		step := client.FlowStep{
			Name: s.Name, Needs: append([]string{}, s.Needs...), Gate: s.Gate, MayFail: s.MayFail, TimeoutNanos: s.TimeoutNanos,
			Retry: client.FlowRetry{Attempts: s.Retry.Attempts, InitialNanos: s.Retry.InitialNanos, MaxNanos: s.Retry.MaxNanos, Fixed: s.Retry.Fixed, On: classes(s.Retry)},
		}
		var body any
		if i < len(f.Spec.Steps) {
			if step.Kind, body = stepBody(f.Spec.Steps[i], recoveries[i], s.TimeoutNanos); step.Kind == conductor.RunProgram {
				step.TimeoutNanos += int64(conductor.ExecGrace) // the node says that it was killed
			}
		} else {
			step.Kind, body = conductor.RollBack, conductor.TakeBack{Step: of[s.Name]}
		}
		if step.Body, err = json.Marshal(body); err != nil {
			return out, fmt.Errorf("encode step %s: %w", s.Name, err)
		}
		if err := conductor.Check(flow.Step{Name: s.Name, Gate: s.Gate, Kind: step.Kind, Body: step.Body}); err != nil {
			return out, err // a file that is valid is one that conductors take
		}
		out.Steps = append(out.Steps, step)
	}
	return out, nil
}

// termsLevel is the cluster version from which on jobs of flows keep to hours and deadlines.
var termsLevel, _ = fsm.Since(fsm.PlanStepOnTerms{}.Op())

// keepsTerms refuses a flow whose jobs have hours or a deadline, where a leader of an older program would start them without.
func keepsTerms(ctx context.Context, c *client.Client, sub client.SubmitFlow) error {
	for _, s := range sub.Steps {
		var r spec.Recovery
		if s.Kind != conductor.Recovery || json.Unmarshal(s.Body, &r) != nil || !r.Timed() {
			continue
		}
		now, err := c.Cluster(ctx)
		if err != nil {
			return err
		}
		if now.Level < termsLevel {
			return &client.Error{Problem: client.Problem{
				Code: client.CodeNeedsVersion, Title: "not every member can do this yet",
				Detail: fmt.Sprintf("step %s has hours or a deadline, and the cluster is at version %d, not %d", s.Name, now.Level, termsLevel),
				Next:   "backstitch cluster status     then upgrade every node, or leave spec.sla and the windows out",
			}}
		}
		return nil
	}
	return nil
}

// classes are those after which there is another attempt.
func classes(r flow.Retry) []string {
	out := []string{}
	for c := flow.Transient; c <= flow.Failed; c++ {
		if r.On&(1<<c) != 0 {
			out = append(out, c.String())
		}
	}
	return out
}

// stepBody is what a step does, as who does it reads it.
func stepBody(s spec.FlowStep, r *spec.Recovery, timeout int64) (kind string, body any) {
	switch {
	case s.Uses != nil:
		return conductor.Recovery, r
	case s.HTTP != nil:
		call := conductor.Call{Method: s.HTTP.Method, URL: s.HTTP.URL, Body: s.HTTP.Body, Once: !*s.HTTP.Idempotent}
		for _, h := range s.HTTP.Headers {
			call.Headers = append(call.Headers, conductor.Header{Name: h.Name, Value: h.Value, Secret: h.SecretRef})
		}
		return conductor.HTTP, call
	case s.Databricks != nil:
		return conductor.RunDatabricks, conductor.Databricks(*s.Databricks)
	case s.Airflow != nil:
		return conductor.RunAirflow, conductor.Airflow(*s.Airflow)
	case s.WaitForConsumers != nil:
		return conductor.WaitConsumers, conductor.Wait(*s.WaitForConsumers)
	case s.Exec != nil:
		return conductor.RunProgram, conductor.Exec{Node: s.Exec.Node, Program: s.Exec.Program, Args: s.Exec.Args, TimeoutNanos: timeout}
	case s.Manual != nil:
		return conductor.Manual, conductor.Question{Prompt: s.Manual.Prompt}
	}
	return conductor.Verify, struct{}{}
}

package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
)

func newFlow(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "flow", Short: "Several recoveries as one: what needs what, what is told or asked between them"}
	cmd.AddCommand(newFlowSubmit(a), newFlowList(a), newFlowShow(a), newFlowSchedule(a),
		steerFlow(a, "pause", "Let no step of a flow begin any more", "Let no step begin any more. Steps that run go on to their end, and their jobs with them; a job is paused by backstitch pause JOB.", ""),
		steerFlow(a, "resume", "Let a paused flow go on", "Let a paused flow go on.", ""),
		steerFlow(a, "cancel", "End a flow for good, with the jobs that it runs",
			"End a flow for good, with the jobs that it runs. What was done stays, also where steps say how to undo it,\nand a call that is on its way is not taken back.", "Cancel flow %s for good?"),
		steerFlow(a, "retry", "Take a failed flow up again from what failed",
			"Take a failed flow up again: steps that failed or were skipped may begin anew, steps that succeeded stay as they are. A job that failed is taken up\nagain, and writes nothing twice. Of a flow whose rollback failed, only the rollback is taken up.", ""),
		decideStep(a, "approve", "Say yes to a step that waits", "Say yes to a step that waits: a question, or a plan with warnings, whose job then starts."),
		decideStep(a, "reject", "Say no to a step that waits", "Say no to a step that waits. The step fails, and what needs it is skipped."))
	return cmd
}

// flowExits is said by every command that changes a flow.
const flowExits = "\n\nExit status: 0 done, 2 usage, 10 there is no such flow or step, 11 not in this state."

func steerFlow(a *app, verb, short, long, question string) *cobra.Command {
	reason := ""
	cmd := changes(&cobra.Command{
		Use: verb + " FLOW", Short: short, Long: long + flowExits,
		Example: `  backstitch flow ` + verb + ` fl-7f3k2m --reason "INC-4211"`,
		Args:    cobra.ExactArgs(1), ValidArgsFunction: a.completeFlows,
	})
	cmd.RunE = a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
		if question != "" {
			if err := a.confirm(fmt.Sprintf(question, args[0]), "--yes"); err != nil {
				return err
			}
		}
		f, err := c.TurnFlow(cmd.Context(), args[0], verb, reason)
		if err != nil {
			return err
		}
		return a.printFlow(f)
	})
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the audit trail")
	return cmd
}

func decideStep(a *app, verb, short, long string) *cobra.Command {
	reason, attempt := "", uint32(0)
	cmd := changes(&cobra.Command{
		Use: verb + " FLOW STEP", Short: short, Long: long + flowExits,
		Example: `  backstitch flow ` + verb + ` fl-7f3k2m reopen-gate --reason "dashboards are right"`,
		Args:    cobra.ExactArgs(2), ValidArgsFunction: a.completeFlows,
	})
	cmd.RunE = a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
		ctx := cmd.Context()
		n := attempt
		if n == 0 {
			f, _, err := c.Flow(ctx, args[0], client.Blocking{})
			if err != nil {
				return err
			}
			for _, s := range f.Steps {
				if s.Name == args[1] {
					n = max(s.Attempt, 1)
				}
			}
			n = max(n, 1) // the cluster says that there is no such step, or that it does not wait
		}
		f, err := c.DecideStep(ctx, args[0], args[1], verb, client.FlowDecision{Attempt: n, Reason: reason})
		if err != nil {
			return err
		}
		return a.printFlow(f)
	})
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the audit trail")
	cmd.Flags().Uint32Var(&attempt, "attempt", 0, "`number` of the attempt that is meant; the newest when left out")
	return cmd
}

func newFlowList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List flows, the newest first",
		Long:    "List the flows that run, and the newest 200 that have ended; then the schedules, and when each runs next.",
		Example: "  backstitch flow list\n  backstitch flow list -o json | jq '.flows[].state'",
		Args:    cobra.NoArgs,
		RunE: a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
			all, err := c.Flows(cmd.Context())
			if err != nil {
				return err
			}
			schedules, err := c.FlowSchedules(cmd.Context())
			if err != nil && !client.HasCode(err, client.CodeNotFound) { // an older node has none, and says that there is no such path
				return err
			}
			var names []string
			var rows [][]string
			for _, f := range all {
				names = append(names, f.ID)
				rows = append(rows, []string{f.ID, f.Namespace + "/" + f.Name, f.State, stepsText(f), stamp(f.CreatedAt), f.CreatedBy})
			}
			value := struct {
				client.Flows
				Schedules []client.FlowSchedule `json:"schedules,omitempty"`
			}{client.Flows{Flows: append([]client.Flow{}, all...)}, schedules}
			return a.print(answer{value: value, rows: anys(all), names: names, text: func(w io.Writer) error {
				if len(all)+len(schedules) == 0 {
					_, err := fmt.Fprintln(w, "No flows.  Next: backstitch spec init flow outage.yaml")
					return err
				}
				if len(all) > 0 {
					if err := grid(w, []string{"FLOW", "NAME", "STATE", "STEPS", "SINCE", "BY"}, rows); err != nil {
						return err
					}
				}
				if len(schedules) == 0 {
					return nil
				}
				if len(all) > 0 {
					fmt.Fprintln(w)
				}
				return flowSchedulesText(w, schedules)
			}})
		}),
	}
}

// stepsText counts steps by where they are.
func stepsText(f client.Flow) string {
	n := map[string]int{}
	for _, s := range f.Steps {
		n[s.State]++
	}
	var out []string
	for _, state := range []string{"succeeded", "running", "waiting", "pending", "failed", "skipped", "cancelled"} {
		if n[state] > 0 {
			out = append(out, fmt.Sprintf("%d %s", n[state], state))
		}
	}
	return strings.Join(out, ", ")
}

func newFlowShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "show FLOW",
		Short:             "Show one flow, step by step",
		Long:              "Show one flow, step by step: where each is, under which attempt, with which job, and why.\n\nExit status: 0 shown, 10 there is no such flow.",
		Example:           "  backstitch flow show november-outage\n  backstitch flow show fl-7f3k2m -o json",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeFlows,
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			f, _, err := c.Flow(cmd.Context(), args[0], client.Blocking{})
			if err != nil {
				return err
			}
			return a.printFlow(f)
		}),
	}
}

func (a *app) printFlow(f client.Flow) error {
	return a.print(answer{value: f, rows: anys(f.Steps), names: []string{f.ID}, text: func(w io.Writer) error {
		state := f.State
		if f.RollingBack {
			state += ", rolling back"
		}
		fmt.Fprintf(w, "Flow %s   %s/%s   %s   since %s by %s\n", f.ID, f.Namespace, f.Name, state, stamp(f.CreatedAt), f.CreatedBy)
		if f.Why != "" {
			fmt.Fprintf(w, "  %s\n", f.Why)
		}
		if f.Schedule != "" && f.DueAt != nil {
			fmt.Fprintf(w, "  run of the schedule of %s, due %s\n", f.Schedule, stamp(*f.DueAt))
		}
		var rows [][]string
		for _, s := range f.Steps {
			name := s.Name
			if s.MayFail {
				name += " (may fail)"
			}
			if s.Undoes != "" {
				name += " (undoes " + s.Undoes + ")"
			}
			attempt := "-"
			if s.Attempt > 0 {
				attempt = fmt.Sprint(s.Attempt)
			}
			rows = append(rows, []string{name, s.Kind, s.State, attempt, dash(s.Job), dash(strings.Join(s.Needs, ",")), dash(whyText(s))})
		}
		if err := grid(w, []string{"STEP", "KIND", "STATE", "ATTEMPT", "JOB", "NEEDS", "WHY"}, rows); err != nil {
			return err
		}
		if len(f.Endpoints) > 0 {
			var told []client.DatasetEndpoint
			for _, e := range f.Endpoints {
				told = append(told, client.DatasetEndpoint(e))
			}
			if err := endpointsText(w, told, f.Deliveries); err != nil {
				return err
			}
		}
		_, err := fmt.Fprint(w, nextOfFlow(f))
		return err
	}})
}

func whyText(s client.FlowStepState) string {
	out := s.Why
	if s.Class != "" {
		out = s.Class + ": " + out
	}
	if s.State == "running" && s.Progress != "" {
		out += s.Progress
	}
	if s.State == "pending" && s.NotBefore != nil {
		out += ", again at " + clock(*s.NotBefore)
	}
	return out
}

// nextOfFlow says what to type.
func nextOfFlow(f client.Flow) string {
	for _, s := range f.Steps {
		if s.State == "waiting" {
			return fmt.Sprintf("Next: backstitch flow approve %s %s   or reject\n", f.ID, s.Name)
		}
	}
	switch f.State {
	case "failed":
		return fmt.Sprintf("Next: with the cause gone: backstitch flow retry %s\n", f.ID)
	case "rollback-failed":
		return fmt.Sprintf("Next: with the cause gone, go on with the rollback: backstitch flow retry %s\n", f.ID)
	case "rolled-back":
		return "Next: with the cause gone, hand it in again: backstitch flow submit -f FILE\n"
	case "paused":
		return fmt.Sprintf("Next: backstitch flow resume %s\n", f.ID)
	case "running":
		return fmt.Sprintf("Next: backstitch wait %s\n", f.ID)
	}
	return ""
}

func (a *app) completeFlows(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.completeBy(cmd, func(ctx context.Context, c *client.Client) []string {
		flows, _ := c.Flows(ctx)
		var out []string
		for _, f := range flows {
			out = append(out, f.ID+"\t"+f.Name+", "+f.State)
		}
		return out
	})
}

// isFlow reports whether an id is that of a flow.
func isFlow(id string) bool { return strings.HasPrefix(id, "fl-") }

// watchFlow follows a flow to its end, prints it, and turns its end into an error.
func (a *app) watchFlow(ctx context.Context, c *client.Client, id string) error {
	said := map[string]string{}
	var index uint64
	for {
		f, next, err := c.Flow(ctx, id, client.Blocking{Index: index, Wait: 30 * time.Second})
		if err != nil {
			return detachedFlow(ctx, id, err)
		}
		index = next
		for _, s := range f.Steps {
			now := fmt.Sprintf("%s, attempt %d %s", s.State, s.Attempt, whyText(s))
			if s.State == "pending" && s.Attempt == 0 || said[s.Name] == now {
				continue
			}
			said[s.Name] = now
			a.say("==> step %s: %s", s.Name, now)
			if s.State == "waiting" {
				a.say("    backstitch flow approve %s %s", f.ID, s.Name)
			}
		}
		if f.Terminal() {
			if err := a.printFlow(f); err != nil {
				return err
			}
			return flowOutcome(f)
		}
	}
}

// detachedFlow says how to come back to a flow that goes on.
func detachedFlow(ctx context.Context, id string, err error) error {
	if ctx.Err() != nil {
		f := explain(err)
		f.Next = "the flow goes on: backstitch wait " + id
		return f
	}
	return err
}

// flowOutcome is nil for a flow of which every step has succeeded.
func flowOutcome(f client.Flow) error {
	var names []string
	for _, s := range f.Steps {
		if s.State == "failed" {
			names = append(names, fmt.Sprintf("step %s: %s", s.Name, whyText(s)))
		}
	}
	switch {
	case f.State == "cancelled":
		return &failure{Code: codeFlowCancelled, Title: fmt.Sprintf("flow %s was cancelled", f.ID), Detail: f.Why, Next: "backstitch flow show " + f.ID, Exit: client.ExitFailed}
	case f.State == "failed":
		return &failure{Code: codeFlowFailed, Title: fmt.Sprintf("flow %s failed", f.ID), Detail: strings.Join(names, "\n"),
			Next: "with the cause gone: backstitch flow retry " + f.ID, Exit: client.ExitFailed}
	case f.State == "rolled-back":
		return &failure{Code: codeFlowBack, Title: fmt.Sprintf("flow %s failed and was rolled back", f.ID), Detail: strings.Join(names, "\n"),
			Next: "with the cause gone, hand it in again: backstitch flow submit -f FILE", Exit: client.ExitRolledBack}
	case f.State == "rollback-failed":
		return &failure{Code: codeFlowHalfBack, Title: fmt.Sprintf("flow %s failed, and not all of it could be rolled back", f.ID), Detail: strings.Join(names, "\n"),
			Next: "with the cause gone, go on with the rollback: backstitch flow retry " + f.ID, Exit: client.ExitHalfBack}
	case f.Lost > 0:
		return &failure{Code: codeFlowPartly, Title: fmt.Sprintf("flow %s is complete but for %s that may fail", f.ID, countOf(int64(f.Lost), "step")),
			Detail: strings.Join(names, "\n"), Next: "backstitch flow show " + f.ID, Exit: client.ExitPartly}
	}
	return nil
}

package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/replay/spec"
)

func newFlowSchedule(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "schedule", Short: "Flows that the cluster runs again and again"}
	cmd.AddCommand(newFlowScheduleList(a),
		turnFlowSchedule(a, "pause", "Let no run of a flow begin any more", "Let no run of a flow begin any more until it is resumed. One that goes goes on to its end."),
		turnFlowSchedule(a, "resume", "Let runs of a paused schedule begin again", "Let runs of a paused schedule begin again, at its next time. What was due meanwhile is not made up for."),
		newFlowScheduleRemove(a))
	return cmd
}

// flowScheduleRule says when runs begin.
func flowScheduleRule(s client.FlowSchedule) string {
	switch {
	case s.Every != "":
		return "every " + s.Every
	case s.Timezone != "":
		return "cron " + s.Cron + ", " + s.Timezone
	}
	return "cron " + s.Cron
}

// flowScheduleNext says when the next one does.
func flowScheduleNext(s client.FlowSchedule) string {
	switch {
	case s.Paused:
		return "paused"
	case s.Next == nil:
		return "-"
	}
	return stamp(*s.Next)
}

// flowSchedulesText prints schedules as rows.
func flowSchedulesText(w io.Writer, list []client.FlowSchedule) error {
	var rows [][]string
	for _, s := range list {
		skipped := fmt.Sprint(s.Skipped)
		if s.SkippedAt != nil {
			skipped += fmt.Sprintf(", %s while %s ran", stamp(*s.SkippedAt), s.SkippedFor)
		}
		last := s.Last
		if s.LastState != "" {
			last += " " + s.LastState
		}
		rows = append(rows, []string{s.Namespace + "/" + s.Name, flowScheduleRule(s), flowScheduleNext(s), dash(last), fmt.Sprint(s.Runs), skipped})
	}
	return grid(w, []string{"SCHEDULE", "WHEN", "NEXT", "LAST", "RUNS", "SKIPPED"}, rows)
}

func newFlowScheduleList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the schedules of flows",
		Long:    "List the schedules of flows: when each runs next, what came of its newest run, and how many times were skipped since a run was still going.",
		Example: "  backstitch flow schedule list",
		Args:    cobra.NoArgs,
		RunE: a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
			list, err := c.FlowSchedules(cmd.Context())
			if err != nil {
				return err
			}
			var names []string
			for _, s := range list {
				names = append(names, s.Namespace+"/"+s.Name)
			}
			return a.print(answer{value: client.FlowSchedules{Schedules: append([]client.FlowSchedule{}, list...)}, rows: anys(list), names: names, text: func(w io.Writer) error {
				if len(list) == 0 {
					_, err := fmt.Fprintln(w, "No schedules.  Next: write schedule into a flow, then: backstitch flow submit -f FILE")
					return err
				}
				return flowSchedulesText(w, list)
			}})
		}),
	}
}

func (a *app) printFlowSchedule(s client.FlowSchedule) error {
	return a.print(answer{value: s, names: []string{s.Namespace + "/" + s.Name}, text: func(w io.Writer) error {
		if err := flowSchedulesText(w, []client.FlowSchedule{s}); err != nil {
			return err
		}
		_, err := fmt.Fprintln(w, "Next: backstitch flow schedule list")
		return err
	}})
}

func turnFlowSchedule(a *app, verb, short, long string) *cobra.Command {
	reason := ""
	cmd := changes(&cobra.Command{
		Use: verb + " [NAMESPACE/]NAME", Short: short, Long: long + "\n\nExit status: 0 done, 2 usage, 10 there is no such schedule.",
		Example: "  backstitch flow schedule " + verb + " payments/nightly --reason \"INC-4211\"",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: a.completeFlowSchedules,
	})
	cmd.RunE = a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
		namespace, name := datasetNames(args[0])
		s, err := c.TurnFlowSchedule(cmd.Context(), namespace, name, verb, reason)
		if err != nil {
			return err
		}
		return a.printFlowSchedule(s)
	})
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the audit trail")
	return cmd
}

func newFlowScheduleRemove(a *app) *cobra.Command {
	cmd := changes(&cobra.Command{
		Use: "remove [NAMESPACE/]NAME", Short: "Remove the schedule of a flow",
		Long:    "Remove the schedule of a flow. Runs that it has begun stay, and one that goes goes on: backstitch flow cancel ends that.\n\nExit status: 0 done, 2 usage, 10 there is no such schedule.",
		Example: "  backstitch flow schedule remove payments/nightly", Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeFlowSchedules,
	})
	cmd.RunE = a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
		namespace, name := datasetNames(args[0])
		if err := a.confirm(fmt.Sprintf("Remove the schedule of flow %s/%s?", namespace, name), "--yes"); err != nil {
			return err
		}
		if err := c.RemoveFlowSchedule(cmd.Context(), namespace, name); err != nil {
			return err
		}
		return a.print(answer{value: map[string]string{"removed": namespace + "/" + name}, names: []string{namespace + "/" + name}, text: func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "The schedule of flow %s/%s is removed.\nNext: backstitch flow list\n", namespace, name)
			return err
		}})
	})
	return cmd
}

func (a *app) completeFlowSchedules(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.completeBy(cmd, func(ctx context.Context, c *client.Client) []string {
		list, _ := c.FlowSchedules(ctx)
		var out []string
		for _, s := range list {
			out = append(out, s.Namespace+"/"+s.Name+"\t"+flowScheduleRule(s))
		}
		return out
	})
}

// scheduled is the schedule of a flow as the cluster takes it, nil for a flow that has none. f has its defaults.
func scheduled(f *spec.Flow, sub client.SubmitFlow) (*client.PutFlowSchedule, error) {
	s := f.Spec.Schedule
	if s == nil {
		return nil, nil
	}
	every, err := s.Every.Parse()
	if err != nil {
		return nil, err
	}
	put := &client.PutFlowSchedule{Flow: sub, Cron: s.Cron, Timezone: s.Timezone}
	if every > 0 {
		put.Every = every.String()
	}
	if l := f.Spec.Limits; l != nil {
		if put.MaxBytes, err = l.MaxBytes.Parse(); err != nil {
			return nil, err
		}
		put.MaxRecords = l.MaxRecords
	}
	return put, nil
}

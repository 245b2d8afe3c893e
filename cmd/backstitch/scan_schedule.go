package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
)

func newScanSchedule(a *app) *cobra.Command {
	var order scanOrder
	name, cron := "", ""
	var every time.Duration
	cmd := changes(&cobra.Command{
		Use:   "schedule [TOPIC]",
		Short: "Let the cluster scan every so often",
		Long: `Let the cluster scan every so often, or by a cron line in UTC: minute, hour, day of month, month, day of week. One scan of a schedule
runs at a time. A time that is missed, because the one before still ran or because no node led, is made up for by one scan,
however many were missed. The same name again replaces the schedule.`,
		Example: "  backstitch scan schedule -f orders.yaml --every 1h --rate 20MiB\n  backstitch scan schedule orders --kafka kafka:9092 --archive s3://acme-archive/orders --cron '0 3 * * *' --name orders-nightly",
		Args:    cobra.MaximumNArgs(1),
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if order.about.span != "" {
			return usage(cmd, errors.New("--range would stand still: it is resolved once, and the schedule goes on; leave it out, or name fixed times in a spec"))
		}
		o, err := order.order(a, cmd, args)
		if err != nil {
			return err
		}
		c, err := a.client()
		if err != nil {
			return err
		}
		defer c.Close()
		s := client.ScanSchedule{Name: name, Order: o, Cron: cron}
		if s.Name == "" {
			s.Name = o.Name
		}
		if every != 0 {
			s.Every = every.String()
		}
		if s, err = c.PutScanSchedule(cmd.Context(), s); err != nil {
			return err
		}
		return a.print(answer{value: s, names: []string{s.Name}, text: func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "Schedule %s: %s, next %s.\nNext: backstitch scan schedules\n", s.Name, ruleText(s), nextText(s))
			return err
		}})
	}
	order.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&name, "name", "", "`name` of the schedule; without it that of the spec")
	f.DurationVar(&every, "every", 0, "`duration` between two scans, at least 1m")
	f.StringVar(&cron, "cron", "", "`line` of five fields, in UTC; instead of --every")
	return cmd
}

func ruleText(s client.ScanSchedule) string {
	if s.Cron != "" {
		return "cron " + s.Cron
	}
	return "every " + s.Every
}

func nextText(s client.ScanSchedule) string {
	if s.Next == nil {
		return "-"
	}
	return stamp(*s.Next)
}

func newScanSchedules(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "schedules",
		Short:   "List the schedules of scans",
		Example: "  backstitch scan schedules",
		Args:    cobra.NoArgs,
		RunE: a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
			list, err := c.ScanSchedules(cmd.Context())
			if err != nil {
				return err
			}
			var names []string
			var rows [][]string
			for _, s := range list {
				names = append(names, s.Name)
				rows = append(rows, []string{s.Name, ruleText(s), nextText(s), dash(s.Last), s.Order.Pair})
			}
			return a.print(answer{value: client.ScanSchedules{Schedules: list}, rows: anys(list), names: names, text: func(w io.Writer) error {
				if len(rows) == 0 {
					_, err := fmt.Fprintln(w, "No schedules.  Next: backstitch scan schedule -f SPEC --every 1h")
					return err
				}
				return grid(w, []string{"SCHEDULE", "WHEN", "NEXT", "LAST", "COMPARES"}, rows)
			}})
		}),
	}
}

func newScanUnschedule(a *app) *cobra.Command {
	return changes(&cobra.Command{
		Use:     "unschedule SCHEDULE",
		Short:   "Remove a schedule of scans",
		Long:    "Remove a schedule. Scans that it has started stay, and one that runs goes on.",
		Example: "  backstitch scan unschedule orders-nightly",
		Args:    cobra.ExactArgs(1),
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			if err := c.RemoveScanSchedule(cmd.Context(), args[0]); err != nil {
				return err
			}
			return a.print(answer{value: map[string]string{"removed": args[0]}, names: args, text: func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "Schedule %s is removed.\n", args[0])
				return err
			}})
		}),
	})
}

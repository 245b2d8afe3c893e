package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/partition/calendar"
)

func newClusterMaintenance(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "maintenance", Short: "Set, list and clear windows in which jobs rest"}
	cmd.AddCommand(newMaintenanceSet(a), newMaintenanceList(a), newMaintenanceClear(a))
	return cmd
}

// windowFlags are the flags of maintenance set.
type windowFlags struct {
	cluster           bool
	namespace, target string
	cron, zone, from  string
	duration          time.Duration
	reason            string
}

func newMaintenanceSet(a *app) *cobra.Command {
	var b windowFlags
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Set a window in which jobs rest",
		Long: `Set a window in which jobs rest, because what they write to is worked on: all of the cluster, those of a namespace, or those that write into a
target. It comes again by --cron, in --timezone, or is there once from --from on. A window of that name is replaced.

When it begins, what runs commits what it has and gives its slices back, and when it is over they go on there, as in a blackout of the job itself.
Comparing begins again. Scans write nothing and go on.

Exit status: 0 it is set, 2 usage or a window that can not be meant (BST-E1159), 11 it meets another one of the same scope (BST-E1158).`,
		Example: `  backstitch cluster maintenance set kafka-upgrade --target kafka:MkU3OEVBNTcwNTJENDM2Qg --from 2026-12-01T02:00:00+01:00 --duration 2h
  backstitch cluster maintenance set sundays --cluster --cron "0 2 * * SUN" --timezone Europe/Berlin --duration 4h --reason "storage snapshots"`,
		Args: cobra.ExactArgs(1),
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			put, err := b.window(args[0], time.Now())
			if err != nil {
				return err
			}
			all, err := c.PutMaintenance(cmd.Context(), put)
			if err != nil {
				return err
			}
			return a.print(maintenanceAnswer(all))
		}),
	}
	f := cmd.Flags()
	f.BoolVar(&b.cluster, "cluster", false, "all jobs of the cluster")
	f.StringVar(&b.namespace, "namespace", "", "the jobs of a `namespace`")
	f.StringVar(&b.target, "target", "", "jobs that write into a `place`: kafka:CLUSTER-ID, kafka:CLUSTER-ID/TOPIC, dir:PATH, s3://BUCKET/PREFIX/TOPIC")
	f.StringVar(&b.cron, "cron", "", "when it begins, `\"MINUTE HOUR DAY MONTH WEEKDAY\"`; L is the last day of the month")
	f.StringVar(&b.zone, "timezone", "", "IANA `name` of the zone that --cron is in; left out, UTC")
	f.StringVar(&b.from, "from", "", "`time` at which it begins once, with its zone, such as 2026-12-01T02:00:00Z; instead of --cron")
	f.DurationVar(&b.duration, "duration", 0, "how `long` it takes, a minute to 366 days, such as 2h")
	f.StringVar(&b.reason, "reason", "", "`why`, for the audit trail")
	return changes(cmd)
}

// window is what the flags ask for. What is wrong with one is told by its name, before anybody is asked.
func (b *windowFlags) window(name string, now time.Time) (client.PutMaintenance, error) {
	var scopes []string
	if b.cluster {
		scopes = append(scopes, "cluster")
	}
	if b.namespace != "" {
		scopes = append(scopes, "namespace/"+b.namespace)
	}
	if b.target != "" {
		scopes = append(scopes, "target/"+b.target)
	}
	put := client.PutMaintenance{Name: name, Timezone: b.zone, Cron: b.cron, DurationMs: b.duration.Milliseconds(), Reason: b.reason}
	wrong := func(title, next string) (client.PutMaintenance, error) {
		return put, &failure{Code: client.CodeWindow, Title: title, Next: next, Exit: client.ExitUsage}
	}
	switch {
	case len(scopes) != 1:
		return put, misused("whom it concerns has to be said once: --cluster, --namespace or --target", "backstitch help cluster maintenance set")
	case (b.cron == "") == (b.from == ""):
		return wrong("--cron and --from: one of them says when it begins", `--cron "0 2 * * SUN", or --from 2026-12-01T02:00:00Z`)
	case b.from != "" && b.zone != "":
		return wrong("--timezone is for --cron; a moment has its zone in it", "--from 2026-12-01T02:00:00+01:00")
	case b.duration == 0:
		return wrong("--duration: how long it takes is not said", "--duration 2h")
	}
	put.Scope = scopes[0]
	of := calendar.Closure{Name: name, Zone: b.zone, Cron: b.cron, Duration: b.duration}
	if of.Zone == "" {
		of.Zone = "UTC"
	}
	if b.from != "" {
		at, err := time.Parse(time.RFC3339, b.from)
		if err != nil {
			return wrong(fmt.Sprintf("--from %q is no time with a zone", b.from), "--from 2026-12-01T02:00:00Z, or 2026-12-01T02:00:00+01:00")
		}
		of.From, put.From = at, &at
	}
	var bad *calendar.Error
	if _, err := calendar.CheckClosure(of, nil, now); errors.As(err, &bad) {
		return wrong("--"+bad.Field+": "+bad.Why, map[string]string{
			"cron": `such as "0 2 * * SUN"`, "timezone": "an IANA name, such as Europe/Berlin", "duration": "such as 2h; a window ends before it begins again",
			"from": "a time that is to come, or that --duration takes into the future",
		}[bad.Field])
	}
	return put, nil
}

func newMaintenanceList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the windows in which jobs rest",
		Long:    "List the windows in which jobs rest, which of them are on, until when, and how many jobs they concern. Those that are over are left out.",
		Example: "  backstitch cluster maintenance list",
		Args:    cobra.NoArgs,
		RunE: a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
			all, err := c.Maintenance(cmd.Context())
			if err != nil {
				return err
			}
			return a.print(maintenanceAnswer(all))
		}),
	}
}

func newMaintenanceClear(a *app) *cobra.Command {
	reason := ""
	cmd := &cobra.Command{
		Use:   "clear NAME",
		Short: "Take a window away; what rests in it goes on",
		Long: `Take a window away. What rests in it goes on at once, unless another window or its own blackout is on.

Exit status: 0 it is gone, 2 usage, 10 there is no such window.`,
		Example: `  backstitch cluster maintenance clear kafka-upgrade --reason "done early"`,
		Args:    cobra.ExactArgs(1),
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			all, err := c.PutMaintenance(cmd.Context(), client.PutMaintenance{Name: args[0], Off: true, Reason: reason})
			if err != nil {
				return err
			}
			return a.print(maintenanceAnswer(all))
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the audit trail")
	return changes(cmd)
}

func maintenanceAnswer(all []client.Maintenance) answer {
	var names []string
	var rows [][]string
	for _, m := range all {
		names = append(names, m.Name)
		rows = append(rows, []string{m.Name, m.Scope, windowText(m), windowNow(m), fmt.Sprint(len(m.Jobs)), dash(m.By), dash(m.Why)})
	}
	return answer{value: client.MaintenanceWindows{Windows: append([]client.Maintenance{}, all...)}, rows: anys(all), names: names, text: func(w io.Writer) error {
		if len(rows) == 0 {
			_, err := fmt.Fprintln(w, "No windows of maintenance.  Next: backstitch help cluster maintenance set")
			return err
		}
		return grid(w, []string{"NAME", "WHO RESTS", "WHEN", "NOW", "JOBS", "BY", "WHY"}, rows)
	}}
}

// windowText says when a window is there.
func windowText(m client.Maintenance) string {
	long := untilText(time.Duration(m.DurationMs) * time.Millisecond)
	if m.From != nil {
		return fmt.Sprintf("once, %s for %s", stamp(*m.From), long)
	}
	return fmt.Sprintf("%s %s for %s", m.Cron, m.Timezone, long)
}

// windowNow says whether it is on.
func windowNow(m client.Maintenance) string {
	switch {
	case m.Problem != "":
		return "can not be read: " + m.Problem
	case m.On != nil:
		return "on until " + stamp(*m.On)
	case m.Next != nil:
		return "next " + stamp(*m.Next)
	}
	return "none within 400 days"
}

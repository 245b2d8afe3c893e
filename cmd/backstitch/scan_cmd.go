package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/cmd/backstitch/config"
	"backstitch/replay/scan"
)

func newScan(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "scan", Short: "Let the cluster look for what is missing: now, or by a schedule"}
	cmd.AddCommand(newScanRun(a), newScanStatus(a), newScanList(a), newScanCancel(a), newScanSchedule(a), newScanSchedules(a), newScanUnschedule(a))
	return cmd
}

// scanOrder is what the command line says of a scan.
type scanOrder struct {
	about    subject
	dataset  string
	rate     config.Bytes
	priority uint8
	keep     uint32
}

func (o *scanOrder) flags(cmd *cobra.Command) {
	o.about.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.dataset, "dataset", "", "`name` of what the two belong to, for lists and metrics")
	f.Var(&o.rate, "rate", "`size` that each node reads per second at most, e.g. 20MiB; without it as fast as it can. Archives count as they are stored")
	f.Uint8Var(&o.priority, "priority", 20, "0-100: which scan gets its turn first")
	f.Uint32Var(&o.keep, "keep", 0, "how many ended scans of this pair or schedule are kept; 0 for 10")
}

func (o *scanOrder) order(a *app, cmd *cobra.Command, topics []string) (client.ScanOrder, error) {
	r, err := o.about.load(a, cmd, topics)
	if err != nil {
		return client.ScanOrder{}, err
	}
	made, err := scan.Order(r)
	if err != nil {
		return client.ScanOrder{}, err
	}
	return client.ScanOrder{
		Name: made.Name, Namespace: made.Namespace, Dataset: o.dataset, Pair: made.Pair, Recipe: made.Recipe, RateBytes: int64(o.rate),
		Whole: made.Whole, Priority: o.priority, Keep: o.keep,
	}, nil
}

func newScanRun(a *app) *cobra.Command {
	var order scanOrder
	wait, detailed := false, false
	cmd := changes(&cobra.Command{
		Use:   "run [TOPIC]",
		Short: "Scan with all nodes, and keep what is found",
		Long: `Scan with all nodes of the cluster: each takes partitions, and one that dies hands them over. Nothing is written into topic or archive;
what is found is kept by the cluster and shown by gaps --scan ID. The agents read, so a directory or a connection must be one of theirs.

With --wait the scan is followed, and the exit status is 0 when everything was compared, 5 when nothing could be, and 1 when it failed
or was cancelled. Ctrl-C stops watching and never the scan.`,
		Example: "  backstitch scan run orders --kafka kafka:9092 --archive s3://acme-archive/orders --rate 20MiB --wait\n  backstitch scan run -f orders.yaml",
		Args:    cobra.MaximumNArgs(1),
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o, err := order.order(a, cmd, args)
		if err != nil {
			return err
		}
		c, err := a.client()
		if err != nil {
			return err
		}
		defer c.Close()
		s, err := c.SubmitScan(cmd.Context(), client.ScanSubmission{ID: "bs-" + strings.ToLower(rand.Text()[:10]), Order: o})
		if err != nil {
			return err
		}
		if !wait {
			return a.printScan(s)
		}
		a.say("Scan %s accepted.  Ctrl-C leaves it running.", s.ID)
		if s, err = a.followScan(cmd, c, s.ID); err != nil {
			return err
		}
		if err := a.printScan(s); err != nil {
			return err
		}
		return scanOutcome(s, detailed)
	}
	order.flags(cmd)
	cmd.Flags().BoolVar(&wait, "wait", false, "follow the scan to its end")
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "with --wait: exit with 8 when something is missing, and with 5 when nothing is and something can not be compared")
	return cmd
}

// scanCalled returns the scan of that id. Where there is none, and where nobody answers, the caller goes on as with a job.
func scanCalled(ctx context.Context, c *client.Client, id string) (client.Scan, bool) {
	s, _, err := c.Scan(ctx, id, client.Blocking{})
	return s, err == nil && s.ID != ""
}

// followScan returns a scan once it has ended.
func (a *app) followScan(cmd *cobra.Command, c *client.Client, id string) (client.Scan, error) {
	var index uint64
	told := ""
	for {
		s, next, err := c.Scan(cmd.Context(), id, client.Blocking{Index: index, Wait: time.Second})
		if err != nil || cmd.Context().Err() != nil {
			if err == nil {
				err = cmd.Context().Err()
			}
			return s, detachedFrom(cmd.Context(), "Scan "+id, "backstitch scan status "+id, "backstitch scan cancel "+id, err)
		}
		index = next
		if line := fmt.Sprintf("%s  %d of %d partitions", s.State, s.Done, s.Partitions); s.Surveyed && line != told {
			a.say("==> %s scan %s %s", clock(time.Now()), id, line)
			told = line
		}
		if s.Terminal() {
			return s, nil
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-cmd.Context().Done():
		}
	}
}

// scanOutcome is the exit status of a scan that has ended.
func scanOutcome(s client.Scan, detailed bool) error {
	switch {
	case s.State == "failed" && s.Failed == 0 && s.Counts.Compared == 0:
		return exitStatus(client.ExitIndeterminate)
	case s.State != "succeeded":
		return exitStatus(client.ExitFailed)
	case detailed:
		return detailedStatus(s.Counts.Missing > 0, int(s.Counts.Unknown))
	}
	return nil
}

func (a *app) printScan(s client.Scan) error {
	return a.print(answer{value: s, names: []string{s.ID}, text: func(w io.Writer) error { return scanText(w, s) }})
}

func scanText(w io.Writer, s client.Scan) error {
	fmt.Fprintf(w, "Scan %s   %s   %s", s.ID, s.Name, s.State)
	if s.Why != "" {
		fmt.Fprintf(w, ": %s", s.Why)
	}
	fmt.Fprintf(w, "\n  compares     %s\n", s.Pair)
	if s.Schedule != "" && s.DueAt != nil {
		fmt.Fprintf(w, "  schedule     %s, due %s\n", s.Schedule, stamp(*s.DueAt))
	}
	if s.Surveyed {
		fmt.Fprintf(w, "  partitions   %d of %d done, %d failed\n", s.Done, s.Partitions, s.Failed)
	} else {
		fmt.Fprintf(w, "  partitions   not known yet, %d failed\n", s.Failed)
	}
	if s.Problem != "" {
		fmt.Fprintf(w, "  problem      %s\n", s.Problem)
	}
	fmt.Fprintf(w, "  read         %s records, %s\n", count(s.Records), bytesText(s.Bytes))
	fmt.Fprintf(w, "  found        %s missing (%s), %s twice, %s only in the topic, %s findings, %s unknown\n", count(s.Counts.Missing),
		bytesText(s.Counts.MissingBytes), count(s.Counts.Duplicates), count(s.Counts.Extra), count(s.Counts.Findings), count(s.Counts.Unknown))
	if s.Truncated > 0 {
		fmt.Fprintf(w, "  cut short    %d partitions: more was found than is kept; the counts are exact\n", s.Truncated)
	}
	_, err := fmt.Fprintf(w, "  started      %s by %s\n%s", stamp(s.CreatedAt), s.CreatedBy, scanNext(s))
	return err
}

func scanNext(s client.Scan) string {
	if s.Surveyed && s.Done == s.Partitions && s.Terminal() {
		return fmt.Sprintf("Next: backstitch gaps heatmap --scan %s\n", s.ID)
	}
	if s.State == "running" {
		return fmt.Sprintf("Next: backstitch scan status %s\n", s.ID)
	}
	return fmt.Sprintf("Next: %s\n", unfinishedNext(s))
}

func newScanStatus(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "status SCAN",
		Short:   "Show how far a scan is, and what it has found so far",
		Example: "  backstitch scan status bs-7f3k2m\n  backstitch scan status bs-7f3k2m -o json | jq .counts",
		Args:    cobra.ExactArgs(1),
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			s, _, err := c.Scan(cmd.Context(), args[0], client.Blocking{})
			if err != nil {
				return err
			}
			return a.printScan(s)
		}),
	}
}

func newScanList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the scans that are kept, newest first",
		Example: "  backstitch scan list\n  backstitch scan list -o name",
		Args:    cobra.NoArgs,
		RunE: a.asking(func(cmd *cobra.Command, _ []string, c *client.Client) error {
			list, err := c.Scans(cmd.Context())
			if err != nil {
				return err
			}
			var names []string
			var rows [][]string
			for _, s := range list {
				names = append(names, s.ID)
				rows = append(rows, []string{
					s.ID, s.Name, s.State, fmt.Sprintf("%d/%d", s.Done, s.Partitions), count(s.Counts.Missing), count(s.Counts.Unknown),
					dash(s.Schedule), age(time.Since(s.CreatedAt)), s.Why,
				})
			}
			return a.print(answer{value: client.Scans{Scans: list}, rows: anys(list), names: names, text: func(w io.Writer) error {
				if len(rows) == 0 {
					_, err := fmt.Fprintln(w, "No scans.  Next: backstitch scan run -f SPEC")
					return err
				}
				return grid(w, []string{"SCAN", "NAME", "STATE", "DONE", "MISSING", "UNKNOWN", "SCHEDULE", "AGE", ""}, rows)
			}})
		}),
	}
}

func newScanCancel(a *app) *cobra.Command {
	reason := ""
	cmd := changes(&cobra.Command{
		Use:     "cancel SCAN",
		Short:   "End a scan for good",
		Long:    "End a scan for good. Nothing has to be undone, since a scan writes nothing. To stop it for a while: pause and resume.",
		Example: "  backstitch scan cancel bs-7f3k2m",
		Args:    cobra.ExactArgs(1),
	})
	cmd.RunE = a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
		s, err := c.CancelScan(cmd.Context(), args[0], reason)
		if err != nil {
			return err
		}
		return a.printScan(s)
	})
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the audit trail")
	return cmd
}

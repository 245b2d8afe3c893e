package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
)

func newWait(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "wait {JOB | FLOW}",
		Short: "Follow a job, a scan or a flow to its end",
		Long: `Follow a job until it has ended, and exit with what it came to: 0 complete and verified, 3 complete but for records in
quarantine or places that the reference can not give, 4 the data differ, 5 nothing could be compared, 1 failed or cancelled.
Of a flow, 3 is that only steps with critical: false failed, 6 that it failed and was rolled back, and 9 that not all of it could be.
Ctrl-C stops watching; the job goes on.`,
		Example:           "  backstitch wait bs-7f3k2m --timeout 2h",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeJobs,
		RunE: func(cmd *cobra.Command, args []string) error {
			// Somebody who waits for hours does not want to lose the watch to a restart of the nodes.
			c, err := a.patientClient(12 * a.patience)
			if err != nil {
				return err
			}
			defer c.Close()
			if isFlow(args[0]) {
				return a.watchFlow(cmd.Context(), c, args[0])
			}
			if _, ok := scanCalled(cmd.Context(), c, args[0]); ok {
				s, err := a.followScan(cmd, c, args[0])
				if err == nil {
					err = a.printScan(s)
				}
				if err == nil {
					err = scanOutcome(s, false)
				}
				return err
			}
			return a.watch(cmd.Context(), c, args[0])
		},
	}
}

// watch follows a job, prints it, and turns its end into an error.
func (a *app) watch(ctx context.Context, c *client.Client, id string) error {
	f, err := a.newFollower(c)
	if err != nil {
		return err
	}
	job, err := f.follow(ctx, id)
	if err != nil {
		return err
	}
	err = a.print(answer{
		value: job, names: []string{job.ID}, rows: []any{struct {
			Type string `json:"type"`
			client.Job
		}{"job", job}},
		text: func(w io.Writer) error { return endText(w, job) },
	})
	if err != nil {
		return err
	}
	return a.outcome(ctx, c, job)
}

func endText(w io.Writer, j client.Job) error {
	word := map[string]string{"succeeded": "done", "failed": "FAILED", "cancelled": "cancelled"}[j.State]
	fmt.Fprintf(w, "Job %s %s.  Written %s, already there %s, quarantined %s.", j.ID, word, count(j.Progress.Written),
		count(j.Progress.Suppressed), count(j.Progress.Quarantined))
	if j.Proof != "" {
		fmt.Fprintf(w, "  Proof %s: %s.", j.Proof, j.Verdict)
	}
	_, err := fmt.Fprintf(w, "\n%s", nextStep(j))
	return err
}

package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
)

// steer makes a command that changes the state of one job.
func steer(a *app, cmd *cobra.Command, do func(ctx context.Context, c *client.Client, id, reason string) (client.Job, error)) *cobra.Command {
	reason := ""
	cmd.Args = cobra.ExactArgs(1)
	cmd.ValidArgsFunction = a.completeJobs
	cmd.RunE = a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
		job, err := do(cmd.Context(), c, args[0], reason)
		if err != nil {
			return err
		}
		return a.print(answer{value: job, names: []string{job.ID}, text: func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "Job %s is %s.\n%s", job.ID, job.State, nextStep(job))
			return err
		}})
	})
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the audit trail")
	return changes(cmd)
}

func newPause(a *app) *cobra.Command {
	return steer(a, &cobra.Command{
		Use:     "pause JOB",
		Short:   "Stop a job at its checkpoints",
		Long:    "Stop a job. Its slices end at their checkpoints and nothing is lost; it keeps its locks.",
		Example: `  backstitch pause bs-7f3k2m --reason "wait for INC-4211"`,
	}, func(ctx context.Context, c *client.Client, id, reason string) (client.Job, error) {
		return c.Pause(ctx, id, reason)
	})
}

func newResume(a *app) *cobra.Command {
	return steer(a, &cobra.Command{
		Use:     "resume JOB",
		Short:   "Let a paused job go on",
		Example: "  backstitch resume bs-7f3k2m",
	}, func(ctx context.Context, c *client.Client, id, reason string) (client.Job, error) {
		return c.Resume(ctx, id, reason)
	})
}

func newCancel(a *app) *cobra.Command {
	return steer(a, &cobra.Command{
		Use:     "cancel JOB",
		Short:   "End a job for good",
		Long:    "End a job for good. What it has written stays where it is, and its locks are free again.",
		Example: `  backstitch cancel bs-7f3k2m --yes --reason "wrong range"`,
	}, func(ctx context.Context, c *client.Client, id, reason string) (client.Job, error) {
		if err := a.confirm(fmt.Sprintf("Cancel job %s for good?", id), "--yes"); err != nil {
			return client.Job{}, err
		}
		return c.Cancel(ctx, id, reason)
	})
}

func newRetry(a *app) *cobra.Command {
	failedOnly := false
	cmd := steer(a, &cobra.Command{
		Use:   "retry JOB",
		Short: "Take a failed job up again",
		Long: `Take a failed job up again: slices that failed are run again from their checkpoints, then everything is verified anew. What
is done is never written twice.`,
		Example: "  backstitch retry bs-7f3k2m --failed-only",
	}, func(ctx context.Context, c *client.Client, id, reason string) (client.Job, error) {
		if failedOnly {
			job, _, err := c.Job(ctx, id, client.Blocking{})
			if err != nil {
				return job, err
			}
			if job.FailedSlices == 0 {
				return job, &failure{
					Code: client.CodeWrongState, Title: "job " + id + " has no failed slices", Exit: client.ExitConflict,
					Detail: fmt.Sprintf("It is %s. %s", job.State, job.Why),
					Next:   "to verify again without --failed-only: backstitch retry " + id,
				}
			}
		}
		return c.Retry(ctx, id, reason)
	})
	cmd.Flags().BoolVar(&failedOnly, "failed-only", false, "refuse unless slices have failed; without it a job whose proof did not pass is verified again")
	return cmd
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/replay/recovery"
)

func newStatus(a *app) *cobra.Command {
	all := false
	cmd := &cobra.Command{
		Use:   "status [JOB]",
		Short: "Show jobs, or one job with its slices",
		Example: `  backstitch status
  backstitch status bs-7f3k2m
  backstitch status -o json | jq .`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeJobs,
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			if len(args) == 1 {
				return a.statusJob(cmd, c, args[0])
			}
			jobs, _, err := c.Jobs(cmd.Context(), client.Blocking{})
			if err != nil {
				return err
			}
			if !all {
				jobs = recent(jobs, time.Now())
			}
			return a.print(answer{
				value: client.Jobs{Jobs: jobs}, rows: anys(jobs), names: jobNames(jobs),
				text: func(w io.Writer) error { return statusText(w, jobs, time.Now()) },
			})
		}),
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "also jobs that ended more than a day ago")
	return cmd
}

func jobNames(jobs []client.Job) []string {
	var out []string
	for _, j := range jobs {
		out = append(out, j.ID)
	}
	return out
}

// recent leaves out what ended more than a day ago.
func recent(jobs []client.Job, now time.Time) []client.Job {
	out := []client.Job{}
	for _, j := range jobs {
		if !j.Terminal() || j.FinishedAt == nil || now.Sub(*j.FinishedAt) < 24*time.Hour {
			out = append(out, j)
		}
	}
	return out
}

func statusText(w io.Writer, jobs []client.Job, now time.Time) error {
	if len(jobs) == 0 {
		_, err := fmt.Fprintln(w, "No jobs.  Next: backstitch gaps heatmap -f SPEC")
		return err
	}
	var rows [][]string
	for _, j := range jobs {
		rate, left := averages(j, now)
		rows = append(rows, []string{
			j.ID, j.Namespace + "/" + j.Name, j.State, phase(j), percent(j), rate, left, fmt.Sprint(j.Priority), age(now.Sub(j.CreatedAt)),
			j.Why,
		})
	}
	return grid(w, []string{"JOB", "NAME", "STATE", "PHASE", "DONE", "RATE", "LEFT", "PRI", "AGE", ""}, rows)
}

// phase is the word for what a job does now.
func phase(j client.Job) string {
	state := j.State
	if state == "paused" {
		state = j.ResumeState
	}
	switch state {
	case "planned":
		return "accept"
	case "running":
		return "write"
	case "verifying":
		return "verify"
	}
	return "-"
}

// done is how many of the planned records are dealt with.
func done(j client.Job) int64 { return dealtWith(j.Progress) }

func dealtWith(p client.Progress) int64 { return p.Written + p.Suppressed + p.Quarantined }

// percent says how much is written. 100 % is printed only when the last phase is over.
func percent(j client.Job) string {
	if j.State == "succeeded" {
		return "100 %"
	}
	if j.Records == 0 {
		return "-"
	}
	return fmt.Sprintf("%d %%", min(99, done(j)*100/j.Records))
}

// averages gives rate and time left from a job's whole life so far; "-" for less than 30 s of it.
func averages(j client.Job, now time.Time) (rate, left string) {
	if j.State != "running" || j.StartedAt == nil || now.Sub(*j.StartedAt) < minSample {
		return "-", "-"
	}
	perSecond := float64(done(j)) / now.Sub(*j.StartedAt).Seconds()
	return rateText(perSecond), leftText(j.Records-done(j), perSecond*0.85, perSecond*1.15)
}

func (a *app) statusJob(cmd *cobra.Command, c *client.Client, id string) error {
	if s, ok := scanCalled(cmd.Context(), c, id); ok {
		return a.printScan(s)
	}
	job, _, err := c.Job(cmd.Context(), id, client.Blocking{})
	if err != nil {
		return err
	}
	states, _, err := c.Slices(cmd.Context(), job.ID, client.Blocking{})
	if err != nil {
		return err
	}
	recipe, err := recipeOf(cmd.Context(), c, job.ID)
	if err != nil {
		return err
	}
	var limits client.Budgets
	if !job.Terminal() {
		limits, _ = c.Budgets(cmd.Context(), job.ID) // a node of an earlier program has none, and the rest is worth seeing
	}
	full := fullDisks(cmd.Context(), c, job, states)
	return a.print(answer{
		value: struct {
			client.Job
			Dedupe      *recovery.Dedupe    `json:"dedupe,omitempty"`
			Late        *recovery.Late      `json:"late,omitempty"`
			Limits      []client.Budget     `json:"limits,omitempty"`
			Feedback    []client.Pace       `json:"feedback,omitempty"`
			FullDisks   []client.Disk       `json:"fullDisks,omitempty"`
			SliceStates []client.SliceState `json:"sliceStates"`
		}{job, recipe.Dedupe, recipe.Late, limits.Budgets, limits.Feedback, full, states},
		rows: append([]any{job}, anys(states)...), names: []string{job.ID},
		text: func(w io.Writer) error { return jobText(w, job, recipe, limits, full, states, time.Now()) },
	})
}

// recipeOf is what a job's plan said of its records: which it left out as repetitions, and which are late.
func recipeOf(ctx context.Context, c *client.Client, job string) (recipe recovery.Recipe, err error) {
	work, err := c.Work(ctx, job)
	if err != nil {
		return recipe, fmt.Errorf("ask for the recipe of job %s: %w", job, err)
	}
	if err := json.Unmarshal(work.Recipe, &recipe); err != nil {
		return recipe, fmt.Errorf("recipe of job %s: %w", job, err)
	}
	return recipe, nil
}

// fullDisks are the disks for which nodes leave slices of a job to wait, nil where none waits or there is room.
func fullDisks(ctx context.Context, c *client.Client, j client.Job, states []client.SliceState) []client.Disk {
	if j.Terminal() || !slices.ContainsFunc(states, func(s client.SliceState) bool { return s.Status == "waiting" }) {
		return nil
	}
	cluster, err := c.Cluster(ctx)
	if err != nil {
		return nil // the rest is worth seeing
	}
	return slices.DeleteFunc(cluster.Disks, func(d client.Disk) bool { return d.Level != "soft" && d.Level != "hard" })
}

func jobText(w io.Writer, j client.Job, recipe recovery.Recipe, limits client.Budgets, full []client.Disk, states []client.SliceState, now time.Time) error {
	fmt.Fprintf(w, "Job %s   %s/%s   %s", j.ID, j.Namespace, j.Name, j.State)
	if j.Why != "" {
		fmt.Fprintf(w, ": %s", j.Why)
	}
	switch v := j.Void; {
	case v != nil && v.Done:
		fmt.Fprintf(w, "\n  rolled back  %s by %s: %s records are void", stamp(v.At), v.By, count(v.Records))
	case v != nil:
		fmt.Fprintf(w, "\n  rolled back  not finished; next: backstitch rollback %s", j.ID)
	}
	if len(j.Aliases) > 0 {
		fmt.Fprintf(w, "\n  published    as %s", strings.Join(j.Aliases, ", "))
	}
	fmt.Fprintf(w, "\n  phase        %s\n  write        %s   %s of %s records   %s\n", phase(j), percent(j),
		count(done(j)), count(j.Records), bytesText(j.Progress.Bytes))
	fmt.Fprintf(w, "  slices       fill %d of %d done, verify %d of %d done, %d failed\n", j.FillDone, j.FillSlices,
		j.VerifyDone, j.VerifySlices, j.FailedSlices)
	fmt.Fprintf(w, "  suppressed   %s   quarantined %s\n", count(j.Progress.Suppressed), count(j.Progress.Quarantined))
	termLines(w, j, now)
	limitLines(w, limits)
	if len(full) > 0 {
		fmt.Fprintf(w, "  disks        %s   (free space there: backstitch doctor)\n", diskText(full))
	}
	if recipe.Dedupe != nil {
		fmt.Fprintf(w, "  dedupe       %s\n", recipe.Dedupe.Text())
	}
	if recipe.Late != nil {
		fmt.Fprintf(w, "  late         %s\n", recipe.Late.Text())
	}
	fmt.Fprintf(w, "  submitted    %s by %s (%s ago)   plan %s\n", stamp(j.CreatedAt), j.CreatedBy, age(now.Sub(j.CreatedAt)), short(j.PlanHash))
	if j.Proof != "" {
		fmt.Fprintf(w, "  proof        %s   %s\n", j.Proof, j.Verdict)
	}
	var rows [][]string
	shown := 0
	for _, s := range states {
		if s.Status == "done" && s.Error == "" && len(states) > 40 {
			continue
		}
		if shown++; shown > 60 {
			break
		}
		rows = append(rows, []string{
			"  " + s.ID, s.Kind, fmt.Sprintf("p%02d", s.Partition), s.Status, dash(s.OwnerName), fmt.Sprint(s.Epoch),
			count(dealtWith(s.Progress)), count(s.Records), s.Error,
		})
	}
	if len(rows) > 0 {
		if err := grid(w, []string{"  SLICE", "KIND", "PART", "STATUS", "OWNER", "EPOCH", "DONE", "OF", ""}, rows); err != nil {
			return err
		}
	}
	if hidden := len(states) - len(rows); hidden > 0 {
		fmt.Fprintf(w, "  %d more slices: backstitch status %s -o json\n", hidden, j.ID)
	}
	_, err := fmt.Fprint(w, nextStep(j))
	return err
}

// nextStep says what a person would type now.
func nextStep(j client.Job) string {
	switch j.State {
	case "failed":
		return fmt.Sprintf("Next: backstitch report show %s     backstitch retry %s\n", j.ID, j.ID)
	case "succeeded":
		return fmt.Sprintf("Next: backstitch report show %s     backstitch verify %s\n", j.ID, j.ID)
	case "paused":
		return fmt.Sprintf("Next: backstitch resume %s\n", j.ID)
	case "cancelled":
		return ""
	}
	return fmt.Sprintf("Next: backstitch wait %s\n", j.ID)
}

package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/cmd/backstitch/publish"
	"backstitch/replay/open"
	"backstitch/replay/recovery"
)

func newRollback(a *app) *cobra.Command {
	var groups kafkaGroups
	groups.app = a
	dryRun, reason := false, ""
	cmd := changes(&cobra.Command{
		Use:   "rollback JOB",
		Short: "Take back what a job has published, and what it wrote into files",
		Long: `Take back what a job has done. Readers of each alias that it is published under go to the version before, and consumer groups that moved
with it stand where they stood. What it wrote into files, published or not, is made void: a commit says so, readers pass over it, and nothing is
deleted. A topic that it filled stays as it is; published again it is with one command, deleted it is by you.

It is refused, and nothing is written, while the job runs (cancel it first), when a later job was published or has written behind it (roll
that one back first), when a consumer group has members, and for a job that appended to a topic which had records: those can not be taken
back. It asks before it writes, or wants --yes. Running it again goes on with what is left.

Exit status: 0 taken back, or it was before, 10 no such job, 11 refused for one of these reasons.`,
		Example:           "  backstitch rollback bs-7f3k2m --dry-run\n  backstitch rollback bs-7f3k2m --reason \"INC-4211\" --yes",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeJobs,
	})
	cmd.RunE = a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
		ctx := cmd.Context()
		if err := groups.where().load(a); err != nil {
			return err
		}
		w, err := lookUp(ctx, c, args[0])
		if err != nil {
			return err
		}
		if err := groups.about(cmd, w); err != nil {
			return err
		}
		defer groups.close()
		r, done, err := groups.lookBack(ctx, c, w, reason)
		if err != nil {
			return err
		}
		defer done()
		moves := slices.ContainsFunc(r.Aliases, func(x publish.Return) bool { return len(x.Groups) > 0 })
		if err := groups.unused(cmd, moves, moves); err != nil && !r.Nothing() { // the same command again is no mistake
			return err
		}
		if dryRun || r.Nothing() {
			return a.printRollback(r, false)
		}
		if a.interactive() && !a.yes {
			if err := rollbackText(a.stderr, r); err != nil {
				return err
			}
		}
		if err := a.confirm(fmt.Sprintf("Take back what job %s has done?", r.Job), "--yes, or --dry-run to look only"); err != nil {
			return err
		}
		if err := r.Do(ctx, c, &groups); err != nil {
			return err
		}
		return a.printRollback(r, true)
	})
	groups.flags(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "look at everything, and write nothing")
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the audit trail and the history of the alias")
	return cmd
}

// lookBack finds out what rolling a job back would do. The caller calls done once it has done it.
func (g *kafkaGroups) lookBack(ctx context.Context, c *client.Client, w written, reason string) (r *publish.Rollback, done func(), err error) {
	s := publish.Subject{Job: w.job, Place: w.place, InPlace: recovery.Appends(w.work.slices), Reason: reason}
	done = func() {}
	if w.work.recipe.Target.Files() {
		files, err := open.New(g.where().openConfig()).Files(ctx, &w.work.recipe)
		if err != nil {
			return nil, nil, err
		}
		done = func() { files.Close() }
		s.Files = &publish.Files{Sink: files, Partitions: w.parts}
	}
	if r, err = publish.LookBack(ctx, c, g, s); err != nil {
		done()
		return nil, nil, err
	}
	return r, done, nil
}

func (a *app) printRollback(r *publish.Rollback, done bool) error {
	out := struct {
		*publish.Rollback
		RolledBack bool `json:"rolledBack"`
	}{r, done || r.Nothing()}
	return a.print(answer{value: out, names: []string{r.Job}, text: func(w io.Writer) error {
		if err := rollbackText(w, r); err != nil {
			return err
		}
		switch {
		case done:
			fmt.Fprintf(w, "Job %s is rolled back.\n", r.Job)
		case r.Nothing():
			fmt.Fprintf(w, "Nothing of job %s is left to take back.\n", r.Job)
		default:
			_, err := fmt.Fprintln(w, "Nothing was written.")
			return err
		}
		for _, x := range r.Aliases {
			if r.Kept != "" {
				fmt.Fprintf(w, "To publish it again: backstitch publish %s --as %s\n", r.Job, x.Alias)
			}
		}
		if r.Kept != "" {
			fmt.Fprintf(w, "Topic %s is kept. Once nobody wants it: kafka-topics.sh --bootstrap-server HOST:9092 --delete --topic %s\n", r.Kept, r.Kept)
		}
		return nil
	}})
}

func rollbackText(w io.Writer, r *publish.Rollback) error {
	fmt.Fprintf(w, "Rollback of job %s\n", r.Job)
	if len(r.Aliases) == 0 {
		fmt.Fprintln(w, "  It is not published: no reader was sent to it.")
	}
	for _, x := range r.Aliases {
		state := ""
		if x.Done {
			state = "   done"
		}
		now, before := publish.Between(x.Now, x.Before)
		fmt.Fprintf(w, "  alias %s   %s -> %s%s\n", x.Alias, now, before, state)
		for _, g := range x.Groups {
			fmt.Fprintf(w, "    group %s stands where it stood in %s\n", g, before)
		}
	}
	if r.Kept == "" {
		state := "to be made void"
		if r.Void {
			state = "void"
		}
		fmt.Fprintf(w, "  files   %s records %s; nothing is deleted\n", count(r.Records), state)
	}
	for _, n := range r.Notes {
		fmt.Fprintln(w, "Note BST-P236: "+n)
	}
	return nil
}

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/replay/recovery"
)

// runOptions are the flags of run.
type runOptions struct {
	about      subject
	detach     bool
	dryRun     bool
	checkIndex int64
}

func newRun(a *app) *cobra.Command {
	var opt runOptions
	cmd := changes(&cobra.Command{
		Use:     "run {PLAN | -f SPEC}",
		Aliases: []string{"apply"},
		Short:   "Run a plan on the cluster and follow it",
		Long: `Run a saved plan exactly as it is, or refuse because the world moved since (exit status 11). With -f a plan is made, shown and
asked about first; where nobody can be asked, --yes answers.

Ctrl-C stops watching and never the job. The exit status is that of wait: 0 complete and verified, 3 complete but for records in
quarantine or places that the reference can not give, 4 the data differ, 5 nothing could be compared, 1 failed or cancelled.`,
		Example: "  backstitch run orders.plan\n  backstitch run -f orders.yaml --yes --detach",
		Args:    cobra.MaximumNArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.runPlan(cmd, &opt, args) },
	})
	opt.about.fileFlags(cmd)
	f := cmd.Flags()
	f.BoolVar(&opt.detach, "detach", false, "return once the job is accepted")
	f.BoolVar(&opt.dryRun, "dry-run", false, "show the plan and change nothing")
	f.Int64Var(&opt.checkIndex, "check-index", -1, "refuse unless the newest job of this name has this `index`; 0 wants a new name")
	return cmd
}

func (a *app) runPlan(cmd *cobra.Command, opt *runOptions, args []string) error {
	ctx := cmd.Context()
	if (len(args) == 1) == (opt.about.file != "") {
		return usage(cmd, errors.New("want either a saved PLAN or --file SPEC"))
	}
	c, err := a.patientClient(6 * a.patience) // a plan may have taken long to make
	if err != nil {
		return err
	}
	defer c.Close()
	s, err := c.Cluster(ctx)
	if err != nil {
		return err
	}
	p, err := a.choosePlan(cmd, opt, args, s.ID)
	if err != nil {
		return err
	}
	if opt.dryRun {
		return a.printPlan(ctx, p, "", "")
	}
	if len(p.Slices) == 0 {
		err := a.print(answer{value: map[string]any{"job": nil, "reason": "nothing to write or to compare", "cannot": p.Totals.Cannot}, text: func(w io.Writer) error {
			_, err := fmt.Fprintln(w, "The plan has nothing to write and nothing to compare.")
			if p.Totals.Cannot > 0 {
				_, err = fmt.Fprintf(w, "%d partitions can not be compared, so nobody knows whether they are complete. Why: backstitch gaps list\n", p.Totals.Cannot)
			}
			return err
		}})
		return cmp.Or(err, detailedStatus(false, p.Totals.Cannot))
	}
	if opt.about.file != "" {
		if a.output == "text" {
			if err := p.WriteText(a.stderr, recovery.RenderOptions{Now: time.Now()}); err != nil {
				return err
			}
		}
		if err := a.confirm("Run this plan?", "--yes, or save the plan and run it: backstitch plan -f "+opt.about.file+" -o FILE.plan"); err != nil {
			return err
		}
	}
	sub, err := submission(p)
	if err != nil {
		return err
	}
	if opt.checkIndex >= 0 {
		index := uint64(opt.checkIndex)
		sub.CheckIndex = &index
	}
	job, err := c.Submit(ctx, sub)
	if err != nil {
		return err
	}
	a.say("Job %s accepted, index %d.  Ctrl-C leaves it running.", job.ID, job.CreateIndex)
	if opt.detach {
		return a.print(answer{value: job, names: []string{job.ID}, text: func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "Job %s is %s.\n%s", job.ID, job.State, nextStep(job))
			return err
		}})
	}
	return a.watch(ctx, c, job.ID)
}

// choosePlan reads the saved plan and makes sure that the world has not moved, or makes a new one.
func (a *app) choosePlan(cmd *cobra.Command, opt *runOptions, args []string, cluster string) (*recovery.Plan, error) {
	if opt.about.file != "" {
		r, err := opt.about.load(a, cmd, nil)
		if err != nil {
			return nil, err
		}
		p, err := a.build(cmd.Context(), &opt.about.where, r, cluster, &keeping{})
		return p, opt.about.placed(err)
	}
	if err := opt.about.where.load(a); err != nil {
		return nil, err
	}
	p, err := recovery.ReadFile(args[0], cluster)
	if err != nil {
		return nil, err
	}
	return p, a.fresh(cmd.Context(), &opt.about.where, p)
}

// submission makes the API's form of a plan.
func submission(p *recovery.Plan) (client.Submission, error) {
	sub, err := p.Submission()
	if err != nil {
		return client.Submission{}, err
	}
	out := client.Submission{
		ID: string(sub.ID), Name: sub.Name, Namespace: sub.Namespace, PlanHash: fmt.Sprintf("%x", sub.PlanHash), Cluster: sub.Cluster,
		Recipe: sub.Recipe, Locks: sub.Locks, Priority: sub.Priority, Records: sub.Records, Bytes: sub.Bytes,
	}
	out.Terms = terms(sub.Terms)
	for _, s := range sub.Slices {
		out.Slices = append(out.Slices, client.NewSlice(s))
	}
	return out, nil
}

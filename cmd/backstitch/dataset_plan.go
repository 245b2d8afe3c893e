package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/replay/gap"
	"backstitch/replay/recovery"
)

// Plans that the cluster made by itself: to read, and to say yes or no to. What is decided about is named by its hash, so nobody says yes to
// something newer than what he has read.

func newDatasetPlans(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "plans [NAMESPACE/]NAME",
		Short: "List the plans that the cluster made of what scans found",
		Long: `List the plans that the cluster made of what scans of the dataset found, newest first: those that wait for a person, with the reason, and
the last ones that are over.`,
		Example:           "  backstitch dataset plans orders",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeDatasets,
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			namespace, name := datasetNames(args[0])
			d, err := c.Dataset(cmd.Context(), namespace, name)
			if err != nil {
				return err
			}
			var names []string
			for _, p := range d.Plans {
				names = append(names, p.ID)
			}
			return a.print(answer{value: map[string]any{"plans": d.Plans}, rows: anys(d.Plans), names: names, text: func(w io.Writer) error {
				if len(d.Plans) == 0 {
					_, err := fmt.Fprintf(w, "No plans.  The policy of %s/%s is %s.\n", namespace, name, d.Policy.Act)
					return err
				}
				return plansText(w, d, d.Plans)
			}})
		}),
	}
}

// plansText prints plans, and what to type about those that wait.
func plansText(w io.Writer, d client.Dataset, plans []client.DatasetPlan) error {
	var rows [][]string
	for _, p := range plans {
		rows = append(rows, []string{p.ID, p.State, count(p.Records), bytesText(p.Bytes), p.Scan, dash(p.Job), stamp(p.CreatedAt), dash(p.Why)})
	}
	if err := grid(w, []string{"PLAN", "STATE", "RECORDS", "SIZE", "OF SCAN", "JOB", "MADE", "WHY"}, rows); err != nil {
		return err
	}
	for _, p := range plans {
		if p.State == "waiting" {
			at := d.Namespace + "/" + d.Name + " " + p.ID
			fmt.Fprintf(w, "Read it: backstitch dataset plan %s     Then: backstitch dataset approve %s   or   backstitch dataset reject %s\n", at, at, at)
		}
	}
	return nil
}

// planOf finds the plan that a command is about: the one that is named, or the only one that waits.
func planOf(d client.Dataset, args []string) (client.DatasetPlan, error) {
	var waiting []client.DatasetPlan
	for _, p := range d.Plans {
		if len(args) > 1 && p.ID == args[1] {
			return p, nil
		}
		if p.State == "waiting" {
			waiting = append(waiting, p)
		}
	}
	name := d.Namespace + "/" + d.Name
	if len(args) < 2 && len(waiting) == 1 {
		return waiting[0], nil
	}
	f := &failure{Code: client.CodeNotFound, Title: "no plan of " + name + " waits", Exit: client.ExitNotFound, Next: "backstitch dataset plans " + name}
	if len(args) > 1 {
		f.Title = fmt.Sprintf("%s has no plan %s", name, args[1])
	} else if len(waiting) > 1 {
		f.Title, f.Detail = fmt.Sprintf("%d plans of %s wait", len(waiting), name), "One is approved or rejected at a time: name it."
	}
	return client.DatasetPlan{}, f
}

func newDatasetPlan(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan [NAMESPACE/]NAME [PLAN]",
		Short: "Show a plan of the cluster whole",
		Long: `Show a plan that the cluster made, as backstitch plan would print it. Without PLAN it is the one that waits. --out saves it; what is saved
is a plan as any other.`,
		Example:           "  backstitch dataset plan orders\n  backstitch dataset plan orders bs-7f3k2m --out orders.plan",
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: a.completeDatasets,
		RunE: a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
			p, _, err := a.keptPlan(cmd, c, args)
			if err != nil {
				return err
			}
			if a.outFile != "" {
				if err := p.WriteFile(a.outFile); err != nil {
					return err
				}
			}
			return a.printPlan(cmd.Context(), p, a.outFile, "")
		}),
	}
	cmd.Flags().StringVar(&a.outFile, "out", "", "`file` to save the plan to")
	cmd.Flags().BoolVarP(&a.all, "all", "a", false, "also partitions that need nothing")
	return cmd
}

// keptPlan reads a plan of the cluster, and makes sure that it is the one that its hash names.
func (a *app) keptPlan(cmd *cobra.Command, c *client.Client, args []string) (*recovery.Plan, client.DatasetPlan, error) {
	namespace, name := datasetNames(args[0])
	d, err := c.Dataset(cmd.Context(), namespace, name)
	if err != nil {
		return nil, client.DatasetPlan{}, err
	}
	about, err := planOf(d, args)
	if err != nil {
		return nil, about, err
	}
	doc, err := c.DatasetPlan(cmd.Context(), namespace, name, about.ID)
	if err != nil {
		return nil, about, err
	}
	about = doc.Plan
	if len(doc.Document) == 0 {
		return nil, about, &failure{Code: client.CodeWrongState, Title: "plan " + about.ID + " is " + about.State + ": there is nothing to read", Exit: client.ExitConflict,
			Detail: about.Why, Next: "backstitch dataset plans " + namespace + "/" + name}
	}
	p, err := recovery.Unpack("plan "+about.ID, doc.Document, "")
	if err != nil {
		return nil, about, err
	}
	hash, err := p.Hash()
	if err != nil {
		return nil, about, err
	}
	if got := fmt.Sprintf("%x", hash); got != about.SHA256 {
		return nil, about, &failure{Code: recovery.CodeEdited, Title: "plan " + about.ID + " is not what the cluster would run", Exit: client.ExitFailed,
			Detail: fmt.Sprintf("Its text has SHA-256 %s, its job %s.", got, about.SHA256), Next: "backstitch dataset reject " + strings.Join(args, " ")}
	}
	return p, about, nil
}

func newDatasetApprove(a *app) *cobra.Command {
	return newDecision(a, "approve", "Run a plan that waits",
		`Run a plan that the cluster made and that waits: exactly that plan, and nothing newer. Without PLAN it is the one that waits. The plan is
shown first and asked about; where nobody can be asked, --yes answers.

Exit status: 0 its job was started, or was before, 10 there is no such plan, 11 it does not wait any more, or another job holds its partitions.`,
		"Run this plan?", (*client.Client).ApprovePlan)
}

func newDatasetReject(a *app) *cobra.Command {
	return newDecision(a, "reject", "Say no to a plan that waits",
		`Say no to a plan that the cluster made and that waits. Without PLAN it is the one that waits. What it would have written is remembered: a later
plan that writes any of it waits for a person, whatever the policy is.

Exit status: 0 it is rejected, or was before, 10 there is no such plan, 11 it does not wait any more.`,
		"Reject this plan?", (*client.Client).RejectPlan)
}

func newDecision(a *app, verb, short, long, question string, decide func(*client.Client, context.Context, string, string, string, client.Decision) (client.DatasetPlan, error)) *cobra.Command {
	reason := ""
	cmd := changes(&cobra.Command{
		Use: verb + " [NAMESPACE/]NAME [PLAN]", Short: short, Long: long, Example: "  backstitch dataset " + verb + " orders",
		Args: cobra.RangeArgs(1, 2), ValidArgsFunction: a.completeDatasets,
	})
	cmd.RunE = a.asking(func(cmd *cobra.Command, args []string, c *client.Client) error {
		p, about, err := a.keptPlan(cmd, c, args)
		if err != nil {
			return err
		}
		if a.output == "text" {
			if err := p.WriteText(a.stderr, recovery.RenderOptions{}); err != nil {
				return err
			}
		}
		if err := a.confirm(question, "--yes"); err != nil {
			return err
		}
		namespace, name := datasetNames(args[0])
		now, err := decide(c, cmd.Context(), namespace, name, about.ID, client.Decision{SHA256: about.SHA256, Reason: reason})
		if err != nil {
			return err
		}
		return a.print(answer{value: now, names: []string{now.ID}, text: func(w io.Writer) error {
			if now.State == "started" {
				_, err := fmt.Fprintf(w, "Plan %s is started: job %s, %s records, %s.\nNext: backstitch wait %s\n", now.ID, now.Job, count(now.Records), bytesText(now.Bytes), now.Job)
				return err
			}
			_, err := fmt.Fprintf(w, "Plan %s is %s.\n", now.ID, now.State)
			return err
		}})
	})
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the audit trail and for whoever is told")
	return cmd
}

// policyText is a policy on one line.
func policyText(p client.DatasetPolicy) string {
	if p.Act != "run" {
		return p.Act
	}
	return fmt.Sprintf("run, up to %s records and %s in one plan", gap.Count(p.MaxRecords), gap.Size(p.MaxBytes))
}

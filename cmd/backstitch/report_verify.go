package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/replay/report"
)

// reportCheck is how a saved report is checked.
type reportCheck struct {
	where    places
	offline  bool
	data     bool
	plan     string
	asked    bool // for the book: a node was named
	parallel int
}

// reportChecked is what came of it.
type reportChecked struct {
	OK          bool                `json:"ok"`
	Report      string              `json:"report"`
	Job         string              `json:"job"`
	SHA256      string              `json:"sha256"`
	Verdict     string              `json:"verdict"`
	Evidence    string              `json:"evidence"`
	Book        string              `json:"book"`
	Data        string              `json:"data"`
	Differences []report.Difference `json:"differences"`
}

func newReportVerify(a *app) *cobra.Command {
	check := reportCheck{parallel: 4}
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Check that a saved report is whole, true to its numbers, and still true",
		Long: `Check a report that was saved with -o json. It is refused when it was changed, or when verdict and evidence level do not follow
from its own numbers. When a node answers it is compared with the proof in the book. With --data both sides are read and compared
again, and each figure that is another one is named; what to read is asked of a node, or is in --plan. Nothing is written.

The exit status is 0 for a pass that stands, 4 for a fail, a changed report or other data, 5 when nothing could be compared.`,
		Example: `  backstitch report verify r-20afx3.json
  backstitch report verify r-20afx3.json --data --connections agent.yaml
  backstitch report verify r-20afx3.json --offline --data --plan orders.plan`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if check.plan != "" && !check.data {
				return usage(cmd, fmt.Errorf("--plan says what --data reads: give both"))
			}
			if check.data && check.offline && check.plan == "" {
				return usage(cmd, fmt.Errorf("--offline --data needs --plan FILE: no node is asked what to read"))
			}
			if err := parallelism(cmd, check.parallel); err != nil {
				return err
			}
			if err := check.where.load(a); err != nil {
				return err
			}
			check.asked = cmd.Flags().Changed("addr")
			return a.checkReport(cmd.Context(), &check, args[0])
		},
	}
	check.where.flags(cmd.Flags())
	cmd.Flags().BoolVar(&check.offline, "offline", false, "do not compare with the book")
	cmd.Flags().BoolVar(&check.data, "data", false, "read reference and target and compare them again")
	cmd.Flags().StringVar(&check.plan, "plan", "", "`file` with the plan of the job, for --data without a node")
	cmd.Flags().IntVar(&check.parallel, "parallel", check.parallel, "`number` of partitions at a time")
	return cmd
}

// parallelism refuses a number of partitions at a time that can not be meant.
func parallelism(cmd *cobra.Command, n int) error {
	if n < 1 || n > 256 {
		return usage(cmd, fmt.Errorf("--parallel %d: want 1 to 256", n))
	}
	return nil
}

func (a *app) checkReport(ctx context.Context, check *reportCheck, file string) error {
	r, err := report.ReadFile(file) // the hash, and the verdict from the numbers
	if err != nil {
		return err
	}
	hash, err := r.Hash()
	if err != nil {
		return err
	}
	out := reportChecked{
		OK: true, Report: r.Proof, Job: r.Job, SHA256: fmt.Sprintf("%x", hash), Verdict: r.Verdict, Evidence: r.Evidence,
		Book: "not asked", Data: "not read; to compare again: --data", Differences: []report.Difference{},
	}
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	if !check.offline {
		if out.Book, err = a.checkBook(ctx, check, c, r); err != nil {
			return err
		}
	}
	status := r.ExitStatus()
	if check.data {
		again, err := a.checkData(ctx, check, c, r)
		if err != nil {
			return err
		}
		records := int64(0)
		for _, c := range again {
			records += c.Expected.Records
		}
		out.Data = fmt.Sprintf("compared again, %s records of the reference: nothing differs", count(records))
		if d := r.Differences(again); len(d) > 0 {
			verdict, _ := fsm.Judge(again)
			out.OK, out.Differences, status = false, d, client.ExitDiffer
			out.Data = fmt.Sprintf("compared again, %s records of the reference: %d figure(s) differ, it is a %s now", count(records), len(d), verdict)
			if verdict == fsm.Indeterminate {
				status = client.ExitIndeterminate
			}
		}
	}
	err = a.print(answer{value: out, names: []string{r.Proof}, text: func(w io.Writer) error { return a.checkedText(w, r, out) }})
	if err == nil && status != client.ExitOK {
		return exitStatus(status)
	}
	return err
}

func (a *app) checkedText(w io.Writer, r *report.Report, out reportChecked) error {
	word := a.paint(green, "ok")
	if !out.OK {
		word = a.paint(red, "DIFFERS")
	}
	fmt.Fprintf(w, "%s   report %s of job %s says %s at %s, as its numbers do\n", word, out.Report, out.Job, out.Verdict, out.Evidence)
	fmt.Fprintf(w, "  File  sha256 %s\n  Book  %s\n  Data  %s\n", out.SHA256, out.Book, out.Data)
	for _, d := range out.Differences {
		fmt.Fprintf(w, "  %s/p%02d  %s: was %s, is %s\n", r.Dataset, d.Partition, d.What, d.Was, d.Is)
	}
	if !out.OK {
		_, err := fmt.Fprintln(w, "Next: find out what changed the data, then make a new plan: backstitch plan -f SPEC -o FILE.plan")
		return err
	}
	return nil
}

// checkBook compares a report with the proof of its id that the cluster keeps, and says what came of it.
func (a *app) checkBook(ctx context.Context, check *reportCheck, c *client.Client, r *report.Report) (string, error) {
	if r.Index == 0 {
		return "the proof was made outside the cluster and is not kept in it", nil
	}
	p, err := c.Proof(ctx, r.Proof)
	if err != nil {
		if nobody(err) && !check.asked {
			return "no node answers at " + strings.Join(a.addr, ", ") + "; to compare with the book: --addr HOST:7420", nil
		}
		return "", err
	}
	kept, _, err := document(ctx, c, p)
	if err != nil {
		return "", err
	}
	// What the job has written may have grown since, by a retry; the proof is as it was.
	kept.Written, kept.Suppressed, kept.Quarantined = r.Written, r.Suppressed, r.Quarantined
	mine, err := r.Hash()
	if err != nil {
		return "", err
	}
	theirs, err := kept.Hash()
	if err != nil {
		return "", err
	}
	if mine != theirs {
		return "", &failure{
			Code: codeReport, Title: "the book has another proof " + r.Proof, Exit: client.ExitDiffer,
			Detail: fmt.Sprintf("The file says %s at %s for job %s of cluster %s; the book of cluster %s says %s at %s for job %s, or has other numbers.",
				r.Verdict, r.Evidence, r.Job, dash(r.Cluster), kept.Cluster, kept.Verdict, kept.Evidence, kept.Job),
			Next: "backstitch report show " + r.Proof + " -o json     prints what the book has",
		}
	}
	return "the same proof, index " + fmt.Sprint(r.Index), nil
}

// checkData runs the comparison of a report again.
func (a *app) checkData(ctx context.Context, check *reportCheck, c *client.Client, r *report.Report) ([]fsm.Comparison, error) {
	var work jobWork
	var err error
	if check.plan != "" {
		work, err = plannedWork(check.plan, r.Cluster)
	} else {
		work, err = fetchWork(ctx, c, r.Job)
	}
	if err != nil {
		return nil, err
	}
	if plan := fmt.Sprintf("%x", work.plan); plan != r.Plan {
		return nil, &failure{
			Code: codeReport, Title: "the report is of another plan", Exit: client.ExitConflict,
			Detail: fmt.Sprintf("Report %s is of plan %.12s, this is plan %.12s.", r.Proof, r.Plan, plan), Next: "--plan with the plan that the job was made of",
		}
	}
	switch {
	case !check.offline && !(check.plan != "" && !check.asked):
		work.aside, err = setAside(ctx, c, work.id)
	case r.Quarantined > 0:
		err = &failure{
			Code: codeReport, Title: "what the job has in quarantine is not known here", Exit: client.ExitUsage,
			Detail: fmt.Sprintf("%s record(s) were set aside and are not in the target; only the book says which.", count(r.Quarantined)),
			Next:   "the same command without --offline, with --addr HOST:7420",
		}
	}
	if err != nil {
		return nil, err
	}
	return a.compare(ctx, &check.where, work, check.parallel)
}

// nobody reports whether err says that there is no node at all, and not that one refused us.
func nobody(err error) bool {
	return client.HasCode(err, client.CodeUnreachable) && explain(err).Code == client.CodeUnreachable
}

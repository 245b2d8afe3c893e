package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/replay/recovery"
	"backstitch/replay/report"
)

func newReport(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "report", Short: "Show proofs, and check them again"}
	cmd.AddCommand(newReportShow(a), newReportVerify(a))
	return cmd
}

func newReportShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show {JOB | PROOF | FILE}",
		Short: "Show the newest proof of a job, one proof, or a saved report",
		Long: `Show what was compared with what, with both sides' numbers, and what was not looked at. With -o json it is a report: a document
that carries the hash of its content, to be kept and checked elsewhere (backstitch report verify). The exit status is that of the
proof: 0 pass, 4 the data differ, 5 nothing could be compared.`,
		Example:           "  backstitch report show bs-7f3k2m\n  backstitch report show r-20afx3 -o json > r-20afx3.json\n  backstitch report show r-20afx3.json",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeJobs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if isFile(args[0]) {
				r, err := report.ReadFile(args[0])
				if err != nil {
					return err
				}
				return a.printReport(r, nil)
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			p, err := newestProof(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			r, work, err := document(cmd.Context(), c, p)
			if err != nil {
				return err
			}
			return a.printReport(r, work.recipe.Left)
		},
	}
}

// isFile reports whether a person means a file: it is there, or is called like one. Ids have no such ending.
func isFile(arg string) bool {
	info, err := os.Stat(arg)
	return (err == nil && info.Mode().IsRegular()) || strings.HasSuffix(arg, ".json")
}

// newestProof finds a proof by its own id, or the newest of a job.
func newestProof(ctx context.Context, c *client.Client, id string) (client.Proof, error) {
	if strings.HasPrefix(id, "r-") {
		p, err := c.Proof(ctx, id)
		if err == nil || !client.HasCode(err, client.CodeNotFound) {
			return p, err
		}
	}
	proofs, err := c.Proofs(ctx, id)
	if err != nil {
		return client.Proof{}, err
	}
	if len(proofs) == 0 {
		return client.Proof{}, &failure{
			Code: client.CodeNotFound, Title: "job " + id + " has no proof yet", Detail: "A proof is made when everything is written.",
			Next: "backstitch wait " + id, Exit: client.ExitNotFound,
		}
	}
	return proofs[0], nil
}

// document makes the report of a proof, with what the cluster knows about its job.
func document(ctx context.Context, c *client.Client, p client.Proof) (*report.Report, jobWork, error) {
	fact, err := p.Fact()
	if err != nil {
		return nil, jobWork{}, err
	}
	fact.Index = p.Index
	work, err := fetchWork(ctx, c, p.Job)
	if err != nil {
		return nil, jobWork{}, err
	}
	job, _, err := c.Job(ctx, p.Job, client.Blocking{})
	if err != nil {
		return nil, jobWork{}, err
	}
	return report.New(fact, report.About{
		Name: job.Name, Namespace: job.Namespace, PlanHash: work.plan, Cluster: work.cluster, Source: referenceText(work.recipe.Source),
		Target: targetText(work.recipe.Target), Dataset: work.recipe.Target.Topic, Written: job.Progress.Written,
		Suppressed: job.Progress.Suppressed, Quarantined: job.Progress.Quarantined,
	}), work, nil
}

func referenceText(s recovery.Source) string {
	at := s.Connection
	if s.Layout == "kafka" {
		if at == "" {
			at = s.Brokers
		}
		return "topic " + s.Topic + " at " + at
	}
	if at == "" {
		at = s.Endpoint
	}
	if at != "" {
		at = " at " + at
	}
	return s.Layout + " of " + s.Topic + " in " + s.URL + at
}

func targetText(t recovery.Target) string {
	if t.Kind == "dir" {
		return t.Path
	}
	at := t.Connection
	if at == "" {
		at = t.Brokers
	}
	return "topic " + t.Topic + " at " + at
}

// printReport prints a report and returns the status that its verdict has. left names what the reference could not give.
func (a *app) printReport(r *report.Report, left []string) error {
	file, err := r.Encode()
	if err != nil {
		return err
	}
	err = a.print(answer{value: json.RawMessage(file), rows: anys(r.Comparisons), names: []string{r.Proof}, text: func(w io.Writer) error {
		return a.reportText(w, r, left)
	}})
	if err != nil {
		return err
	}
	if status := r.ExitStatus(); status != client.ExitOK {
		return exitStatus(status)
	}
	return nil
}

func (a *app) reportText(w io.Writer, r *report.Report, left []string) error {
	var b bytes.Buffer
	if err := r.WriteText(&b); err != nil {
		return err
	}
	verdict, rest, _ := strings.Cut(b.String(), " ")
	tone, next := green, "backstitch report show "+r.Proof+" -o json > "+r.Proof+".json     to keep it; to check it again: backstitch report verify FILE"
	if r.Index == 0 {
		next = "backstitch verify " + r.Job + " --record     keeps a proof in the book"
	}
	if r.Verdict != fsm.Pass.String() {
		tone = red
	}
	if r.Verdict == fsm.Fail.String() {
		next = "find out what changed the data, then make a new plan: backstitch plan -f SPEC -o FILE.plan"
	}
	fmt.Fprintf(w, "%s %s", a.paint(tone, verdict), rest)
	for _, l := range left {
		fmt.Fprintf(w, "  Not covered: %s\n", l)
	}
	_, err := fmt.Fprintf(w, "Next: %s\n", next)
	return err
}

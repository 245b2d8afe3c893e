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
	"backstitch/replay/report"
)

func newReport(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "report", Short: "Show proofs, and check them again"}
	cmd.AddCommand(newReportShow(a), newReportExport(a), newReportVerify(a))
	return cmd
}

func newReportShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show {JOB | PROOF | FILE}",
		Short: "Show the newest proof of a job, one proof, or a saved report",
		Long: `Show what was compared with what, with both sides' numbers, and what was not looked at. With -o json it is a report: a document
that is signed by the cluster, to be kept and checked elsewhere (backstitch report verify). The exit status is that of the
proof: 0 pass, 4 the data differ, 5 nothing could be compared.`,
		Example:           "  backstitch report show bs-7f3k2m\n  backstitch report show r-20afx3 -o json > r-20afx3.json\n  backstitch report show r-20afx3.json",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeJobs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if isFile(args[0]) {
				f, err := report.ReadFile(args[0])
				if err != nil {
					return err
				}
				return a.printReport(f)
			}
			f, err := a.fetchReport(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.printReport(f)
		},
	}
}

// fetchReport asks a node for the report of a proof, or of the newest proof of a job.
func (a *app) fetchReport(ctx context.Context, id string) (*report.File, error) {
	c, err := a.client()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	p, err := newestProof(ctx, c, id)
	if err != nil {
		return nil, err
	}
	return askReport(ctx, c, p.ID)
}

func askReport(ctx context.Context, c *client.Client, proof string) (*report.File, error) {
	text, err := c.Report(ctx, proof)
	if err != nil {
		return nil, err
	}
	return report.Decode("report "+proof+" of the cluster", text)
}

// isFile reports whether a person means a file: it is there, or is called like one. Ids have no such ending.
func isFile(arg string) bool {
	info, err := os.Stat(arg)
	return (err == nil && info.Mode().IsRegular()) || strings.HasSuffix(arg, ".json") || strings.HasSuffix(arg, ".html")
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

// ownReport makes the report of a comparison that was made from here. It is in no book, so nobody signs it.
func ownReport(ctx context.Context, c *client.Client, p fsm.Proof, windows map[int32][]fsm.Window, work jobWork) (*report.File, error) {
	job, _, err := c.Job(ctx, string(p.Job), client.Blocking{})
	if err != nil {
		return nil, err
	}
	about := report.Of(work.recipe)
	about.Name, about.Namespace, about.PlanHash, about.Cluster, about.Windows = job.Name, job.Namespace, work.plan, work.cluster, windows
	about.Written, about.Suppressed, about.Quarantined = job.Progress.Written, job.Progress.Suppressed, job.Progress.Quarantined
	return report.New(p, about).Seal(nil, "it was made outside the cluster, by "+p.By)
}

// printReport prints a report and returns the status that its verdict has. As JSON it is the file, byte for byte.
func (a *app) printReport(f *report.File) error {
	var err error
	if a.output == "json" {
		_, err = a.stdout.Write(f.JSON())
	} else {
		err = a.print(answer{value: json.RawMessage(f.JSON()), rows: anys(f.Report.Comparisons), names: []string{f.Report.Proof}, text: func(w io.Writer) error {
			return a.reportText(w, f)
		}})
	}
	if err != nil {
		return err
	}
	if status := f.Report.ExitStatus(); status != client.ExitOK {
		return exitStatus(status)
	}
	return nil
}

func (a *app) reportText(w io.Writer, f *report.File) error {
	r := f.Report
	var b bytes.Buffer
	if err := f.WriteText(&b); err != nil {
		return err
	}
	verdict, rest, _ := strings.Cut(b.String(), " ")
	tone, next := green, "backstitch report export "+r.Proof+" "+r.Proof+".html     to keep it; to check it again: backstitch report verify FILE"
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
	_, err := fmt.Fprintf(w, "Next: %s\n", next)
	return err
}

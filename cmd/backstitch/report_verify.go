package main

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/replay/report"
	"backstitch/replay/verify"
)

// reportCheck is how a saved report is checked.
type reportCheck struct {
	where    places
	offline  bool
	data     bool
	plan     string
	key      string // who has to have signed
	asked    bool   // for the book: a node was named
	parallel int
}

// reportChecked is what came of it.
type reportChecked struct {
	OK          bool                `json:"ok"`
	Report      string              `json:"report"`
	Job         string              `json:"job"`
	SHA256      string              `json:"sha256"`
	SignedBy    string              `json:"signedBy,omitempty"`
	Signature   string              `json:"signature"`
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
		Long: `Check a report, as a document or as a page. It is refused when a byte of it was changed, when its signature does not fit, or when
verdict and evidence level do not follow from its own numbers. With --key it must be signed by that key; without, a signature is
checked against the keys that the cluster's book has, if a node answers, and a report that nobody signed is accepted and says so. When
a node answers it is also compared with the proof in the book. With --data both sides are read and compared again, and each figure
that is another one is named; what to read is asked of a node, or is in --plan. Nothing is written.

The exit status is 0 for a pass that stands, 4 for a fail, a changed report, another signature or other data, 5 when nothing could be
compared.`,
		Example: `  backstitch report verify r-20afx3.json
  backstitch report verify r-20afx3.html --offline --key 3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29
  backstitch report verify r-20afx3.json --data --connections agent.yaml
  backstitch report verify r-20afx3.json --offline --data --plan orders.plan`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if check.plan != "" && !check.data {
				return usage(cmd, fmt.Errorf("--plan says what --data reads: give both"))
			}
			if b, err := hex.DecodeString(check.key); err != nil || check.key != "" && len(b) != ed25519.PublicKeySize {
				return usage(cmd, fmt.Errorf("--key %q: want 64 hexadecimal digits", check.key))
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
	cmd.Flags().StringVar(&check.key, "key", "", "proof `key`, 64 hexadecimal digits, that must have signed")
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
	f, err := report.ReadFile(file) // seal and signature, and the verdict from the numbers
	if err != nil {
		return err
	}
	r := f.Report
	out := reportChecked{
		OK: true, Report: r.Proof, Job: r.Job, SHA256: fmt.Sprintf("%x", f.Sum), SignedBy: fmt.Sprintf("%x", f.Key), Verdict: r.Verdict, Evidence: r.Evidence,
		Book: "not asked", Data: "not read; to compare again: --data", Differences: []report.Difference{},
	}
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	if out.Signature, err = a.checkSigner(ctx, check, c, f); err != nil {
		return err
	}
	if !check.offline {
		if out.Book, err = a.checkBook(ctx, check, c, f); err != nil {
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
		if d := r.Differences(verify.Comparisons(again), windowsOf(again)); len(d) > 0 {
			verdict, _ := fsm.Judge(verify.Comparisons(again), fsm.Writers{})
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
	fmt.Fprintf(w, "  File       sha256 %s\n  Signature  %s\n  Book       %s\n  Data       %s\n", out.SHA256, out.Signature, out.Book, out.Data)
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
func (a *app) checkBook(ctx context.Context, check *reportCheck, c *client.Client, f *report.File) (string, error) {
	r := f.Report
	if r.Index == 0 {
		return "the proof was made outside the cluster and is not kept in it", nil
	}
	kept, err := askReport(ctx, c, r.Proof)
	if err != nil {
		if nobody(err) && !check.asked {
			return "no node answers at " + strings.Join(a.addr, ", ") + "; to compare with the book: --addr HOST:7420", nil
		}
		return "", err
	}
	same, err := sameProof(r, kept.Report)
	if err != nil {
		return "", err
	}
	if !same {
		kept := kept.Report
		return "", &failure{
			Code: codeReport, Title: "the book has another proof " + r.Proof, Exit: client.ExitDiffer,
			Detail: fmt.Sprintf("The file says %s at %s for job %s of cluster %s; the book of cluster %s says %s at %s for job %s, or has other numbers.",
				r.Verdict, r.Evidence, r.Job, dash(r.Cluster), kept.Cluster, kept.Verdict, kept.Evidence, kept.Job),
			Next: "backstitch report show " + r.Proof + " -o json     prints what the book has",
		}
	}
	return "the same proof, index " + fmt.Sprint(r.Index), nil
}

// sameProof reports whether two reports are of one proof. What the job has written may have grown since, by a retry, members come and
// go, and the trail forgets; the proof is as it was.
func sameProof(a, b *report.Report) (bool, error) {
	x, y := *a, *b
	for _, r := range []*report.Report{&x, &y} {
		r.Written, r.Suppressed, r.Quarantined, r.Nodes, r.Timeline = 0, 0, 0, nil, nil
		r.Version, r.Decisions, r.Commands, r.Runbook = report.Version1, nil, nil, ""
	}
	f, err := x.Seal(nil, "compared")
	if err != nil {
		return false, err
	}
	g, err := y.Seal(nil, "compared")
	return err == nil && f.Sum == g.Sum, err
}

// checkSigner says who signed, and refuses a report that the wanted key did not sign.
func (a *app) checkSigner(ctx context.Context, check *reportCheck, c *client.Client, f *report.File) (string, error) {
	refuse := func(why string) error {
		return &failure{Code: report.CodeSigner, Title: "the report is not signed as it should be", Detail: why, Exit: client.ExitDiffer,
			Next: "backstitch cluster proof-key list     shows the keys of the cluster and when each was in force"}
	}
	switch {
	case check.key != "" && f.Key == nil:
		return "", refuse(fmt.Sprintf("It is not signed (%s), and --key wants %.8s.", f.NotSigned, check.key))
	case check.key != "" && fmt.Sprintf("%x", f.Key) != strings.ToLower(check.key):
		return "", refuse(fmt.Sprintf("It is signed by key %s, and --key wants %.8s.", report.Fingerprint(f.Key), check.key))
	case check.key != "":
		return fmt.Sprintf("good, by key %s, as --key wants", report.Fingerprint(f.Key)), nil
	case f.Key == nil:
		return "not signed: " + f.NotSigned, nil
	}
	unvouched := fmt.Sprintf("good, by key %s, for which nobody vouches here; to check whose it is: --key KEY", report.Fingerprint(f.Key))
	if check.offline {
		return unvouched, nil
	}
	keys, err := c.ProofKeys(ctx)
	if err != nil {
		if nobody(err) && !check.asked {
			return unvouched, nil
		}
		return "", err
	}
	for i, k := range keys {
		if k.Key != fmt.Sprintf("%x", f.Key) {
			continue
		}
		if i < len(keys)-1 {
			return fmt.Sprintf("good, by cluster key %s, in force from %s to %s", report.Fingerprint(f.Key), stamp(k.Since), stamp(*k.Until)), nil
		}
		return fmt.Sprintf("good, by cluster key %s, in force since %s", report.Fingerprint(f.Key), stamp(k.Since)), nil
	}
	return "", refuse(fmt.Sprintf("It is signed by key %s, which never spoke for this cluster.", report.Fingerprint(f.Key)))
}

// checkData runs the comparison of a report again.
func (a *app) checkData(ctx context.Context, check *reportCheck, c *client.Client, r *report.Report) ([]verify.Result, error) {
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

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/fsm"
)

func newReport(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "report", Short: "Show proofs, and check them again"}
	cmd.AddCommand(newReportShow(a), newReportVerify(a))
	return cmd
}

func newReportShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show {JOB | PROOF}",
		Short: "Show the newest proof of a job, or one proof",
		Long: `Show what was compared with what, with both sides' numbers, and what was not looked at. The exit status is that of the proof: 0
pass, 4 the data differ, 5 nothing could be compared.`,
		Example:           "  backstitch report show bs-7f3k2m\n  backstitch report show r-20afx3 -o json > proof.json",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeJobs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			p, err := newestProof(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			return a.printProof(p, true)
		},
	}
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

func newReportVerify(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Check that a saved proof says what its own numbers say",
		Long: `Check a proof that was saved with -o json: every word is known, every hash is whole, and the verdict and the evidence level follow
from the comparisons in it. With a node at --addr it is also compared with the proof of that id in the book. To compare the data
themselves again: backstitch verify JOB.`,
		Example: "  backstitch report verify proof.json",
		Args:    cobra.ExactArgs(1),
	}
	offline := false
	cmd.Flags().BoolVar(&offline, "offline", false, "do not compare with the book")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p, err := readProof(args[0])
		if err != nil {
			return err
		}
		if err := consistent(p); err != nil {
			return badProof(args[0], err)
		}
		known := "not looked up in the book"
		if !offline {
			if err := a.sameInBook(cmd.Context(), p); err != nil {
				return badProof(args[0], err)
			}
			known = "the same in the book"
		}
		return a.print(answer{
			value: struct {
				OK    bool   `json:"ok"`
				Proof string `json:"proof"`
				Job   string `json:"job"`
				Book  string `json:"book"`
			}{true, p.ID, p.Job, known},
			names: []string{p.ID},
			text: func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "ok: proof %s of job %s says %s at %s, as its numbers do; %s.\n", p.ID, p.Job, p.Verdict, p.Evidence, known)
				return err
			},
		})
	}
	return cmd
}

// readProof reads what -o json printed, strictly.
func readProof(file string) (client.Proof, error) {
	var p client.Proof
	f, err := os.Open(file)
	if err != nil {
		return p, &failure{Code: codeFile, Title: "can not read " + file, Detail: err.Error(), Next: "check the name", Exit: client.ExitNotFound, Err: err}
	}
	defer f.Close()
	dec := json.NewDecoder(io.LimitReader(f, 256<<20))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return p, badProof(file, err)
	}
	return p, nil
}

// consistent checks that a proof follows from its own comparisons.
func consistent(p client.Proof) error {
	fact, err := p.Fact()
	if err != nil {
		return err
	}
	for _, c := range fact.Comparisons {
		broken := c.Missing > 0 || c.IntroducedDuplicates > 0 || c.OrderViolations > 0
		same := c.Expected.Records == c.Actual.Records && c.Expected.Sum == c.Actual.Sum
		if c.Verdict == fsm.Pass && (broken || !same) {
			return fmt.Errorf("partition %d is called pass, and its two sides differ", c.Partition)
		}
	}
	verdict, evidence := fsm.Judge(fact.Comparisons)
	if verdict != fact.Verdict || evidence != fact.Evidence {
		return fmt.Errorf("it says %s at %s, its numbers say %s at %s", fact.Verdict, fact.Evidence, verdict, evidence)
	}
	return nil
}

// sameInBook compares a proof with the one that the cluster keeps.
func (a *app) sameInBook(ctx context.Context, p client.Proof) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	kept, err := c.Proof(ctx, p.ID)
	if err != nil {
		return err
	}
	mine, err := json.Marshal(p)
	if err != nil {
		return err
	}
	theirs, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	if string(mine) != string(theirs) {
		return fmt.Errorf("the book has another proof %s", p.ID)
	}
	return nil
}

func badProof(file string, err error) error {
	f := explain(err)
	if f.Code != codeFailed {
		return f // the node did not answer, or knows no such proof
	}
	return &failure{
		Code: codeFile, Title: file + " is not a good proof", Detail: err.Error(), Exit: client.ExitDiffer, Err: err,
		Next: "backstitch report show PROOF -o json     prints what the book has",
	}
}

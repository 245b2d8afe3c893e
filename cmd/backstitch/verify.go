package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/replay/report"
	"backstitch/replay/verify"
)

func newVerify(a *app) *cobra.Command {
	var where places
	record, parallel := false, 4
	cmd := &cobra.Command{
		Use:   "verify JOB",
		Short: "Compare reference and target of a job once more, from here",
		Long: `Compare, from here and now, what a job's reference holds with what is in its target, record by record: content, order and
duplicates. It reads both sides and writes nothing; with --record the proof is kept in the book. With -o json it is a report, as that
of report show, which nobody signs; kept in the book, the cluster signs it. The exit status is 0 for a pass, 4 when the data differ, 5 when nothing could be compared.`,
		Example:           "  backstitch verify bs-7f3k2m --connections agent.yaml\n  backstitch verify bs-7f3k2m -o json > report.json",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeJobs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := parallelism(cmd, parallel); err != nil {
				return err
			}
			if record && a.readOnly {
				return usage(cmd, fmt.Errorf("--record writes into the book, and --read-only forbids it"))
			}
			if err := where.load(a); err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			f, proof, err := a.verify(cmd.Context(), c, &where, args[0], parallel)
			if err != nil {
				return err
			}
			if record {
				if _, err := c.RecordProof(cmd.Context(), string(proof.Job), client.NewProof(proof)); err != nil {
					return err
				}
				if f, err = askReport(cmd.Context(), c, string(proof.ID)); err != nil {
					return err
				}
			}
			return a.printReport(f)
		},
	}
	where.flags(cmd.Flags())
	cmd.Flags().BoolVar(&record, "record", false, "keep the proof in the book")
	cmd.Flags().IntVar(&parallel, "parallel", parallel, "`number` of partitions at a time")
	return cmd
}

// verify makes a proof of a job from here, and its report.
func (a *app) verify(ctx context.Context, c *client.Client, where *places, id string, parallel int) (*report.File, fsm.Proof, error) {
	work, err := fetchWork(ctx, c, id)
	if err != nil {
		return nil, fsm.Proof{}, err
	}
	if work.aside, err = setAside(ctx, c, work.id); err != nil {
		return nil, fsm.Proof{}, err
	}
	results, err := a.compare(ctx, where, work, parallel)
	if err != nil {
		return nil, fsm.Proof{}, err
	}
	comparisons := verify.Comparisons(results)
	proof := fsm.Proof{ID: newProofID(), Job: work.id, Comparisons: comparisons, UnixNanos: time.Now().UnixNano(), By: "cli:" + actor()}
	proof.Verdict, proof.Evidence = fsm.Judge(comparisons, fsm.Writers{})
	f, err := ownReport(ctx, c, proof, windowsOf(results), work)
	return f, proof, err
}

func newProofID() fsm.ProofID { return fsm.ProofID("r-" + strings.ToLower(rand.Text()[:10])) }

// reading returns a function that sums up what was read and says so every ten seconds.
func (a *app) reading(what string) func(records, bytes int64) {
	var mu sync.Mutex
	var records, bytes int64
	began, last := time.Now(), time.Now()
	return func(r, b int64) {
		mu.Lock()
		defer mu.Unlock()
		records, bytes = records+r, bytes+b
		if time.Since(last) >= 10*time.Second {
			last = time.Now()
			a.say("%s %s records=%d bytes=%d rate=%s", stamp(last), what, records, bytes, rateText(float64(records)/time.Since(began).Seconds()))
		}
	}
}

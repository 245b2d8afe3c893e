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
)

func newVerify(a *app) *cobra.Command {
	var where places
	record, parallel := false, 4
	cmd := &cobra.Command{
		Use:   "verify JOB",
		Short: "Compare reference and target of a job once more, from here",
		Long: `Compare, from here and now, what a job's reference holds with what is in its target, record by record: content, order and
duplicates. It reads both sides and writes nothing; with --record the proof is kept in the book. With -o json it is a report, as that
of report show. The exit status is 0 for a pass, 4 when the data differ, 5 when nothing could be compared.`,
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
			proof, err := a.verify(cmd.Context(), c, &where, args[0], parallel)
			if err != nil {
				return err
			}
			if record {
				if proof, err = c.RecordProof(cmd.Context(), proof.Job, proof); err != nil {
					return err
				}
			}
			r, work, err := document(cmd.Context(), c, proof)
			if err != nil {
				return err
			}
			return a.printReport(r, work.recipe.Left)
		},
	}
	where.flags(cmd.Flags())
	cmd.Flags().BoolVar(&record, "record", false, "keep the proof in the book")
	cmd.Flags().IntVar(&parallel, "parallel", parallel, "`number` of partitions at a time")
	return cmd
}

// verify makes a proof of a job from here.
func (a *app) verify(ctx context.Context, c *client.Client, where *places, id string, parallel int) (client.Proof, error) {
	work, err := fetchWork(ctx, c, id)
	if err != nil {
		return client.Proof{}, err
	}
	if work.aside, err = setAside(ctx, c, work.id); err != nil {
		return client.Proof{}, err
	}
	comparisons, err := a.compare(ctx, where, work, parallel)
	if err != nil {
		return client.Proof{}, err
	}
	proof := fsm.Proof{ID: newProofID(), Job: work.id, Comparisons: comparisons, UnixNanos: time.Now().UnixNano(), By: "cli:" + actor()}
	proof.Verdict, proof.Evidence = fsm.Judge(comparisons)
	return client.NewProof(proof), nil
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

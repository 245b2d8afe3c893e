package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/gap/match"
	"backstitch/replay/open"
	"backstitch/replay/verify"
	"backstitch/storage/spill"
)

func newVerify(a *app) *cobra.Command {
	var where places
	record, parallel := false, 4
	cmd := &cobra.Command{
		Use:   "verify JOB",
		Short: "Compare reference and target of a job once more, from here",
		Long: `Compare, from here and now, what a job's reference holds with what is in its target, record by record: content, order and
duplicates. It reads both sides and writes nothing; with --record the proof is kept in the book. The exit status is 0 for a pass, 4
when the data differ, 5 when nothing could be compared.`,
		Example:           "  backstitch verify bs-7f3k2m --connections agent.yaml\n  backstitch verify bs-7f3k2m -o json > proof.json",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeJobs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if parallel < 1 || parallel > 256 {
				return usage(cmd, fmt.Errorf("--parallel %d: want 1 to 256", parallel))
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
			return a.printProof(proof, record)
		},
	}
	where.flags(cmd.Flags())
	cmd.Flags().BoolVar(&record, "record", false, "keep the proof in the book")
	cmd.Flags().IntVar(&parallel, "parallel", parallel, "`number` of partitions at a time")
	return cmd
}

// verify makes a proof of a job from here.
func (a *app) verify(ctx context.Context, c *client.Client, where *places, id string, parallel int) (client.Proof, error) {
	work, err := c.Work(ctx, id)
	if err != nil {
		return client.Proof{}, err
	}
	var slices []partition.Slice
	for _, s := range work.Slices {
		slice, err := s.Partitioned(partition.JobID(work.Job))
		if err != nil {
			return client.Proof{}, err
		}
		slices = append(slices, slice)
	}
	dir, remove, err := scratch()
	if err != nil {
		return client.Proof{}, err
	}
	defer remove()
	cfg := where.openConfig()
	s, err := c.Cluster(ctx)
	if err != nil {
		return client.Proof{}, err
	}
	cfg.Cluster = s.ID
	ends, err := open.New(cfg).Open(ctx, partition.JobID(work.Job), work.Recipe)
	if err != nil {
		return client.Proof{}, err
	}
	defer ends.Close()
	v := verify.New(verify.Config{
		NewBag:   match.Spill(spill.Options{Dir: dir, MemoryBytes: 4 * spillMemory}),
		Progress: a.reading("verify"),
	})
	comparisons, err := v.Job(ctx, slices, ends, parallel)
	if err != nil {
		return client.Proof{}, err
	}
	who := actor()
	for i := range comparisons {
		comparisons[i].ReadBy = partition.NodeID("cli:" + who)
	}
	proof := fsm.Proof{
		ID: newProofID(), Job: partition.JobID(work.Job), Comparisons: comparisons, UnixNanos: time.Now().UnixNano(), By: "cli:" + who,
	}
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

// printProof prints a proof and returns the status that its verdict has.
func (a *app) printProof(p client.Proof, recorded bool) error {
	err := a.print(answer{value: p, rows: anys(p.Comparisons), names: []string{p.ID}, text: func(w io.Writer) error {
		return a.proofText(w, p, recorded)
	}})
	if err != nil {
		return err
	}
	switch p.Verdict {
	case fsm.Pass.String():
		return nil
	case fsm.Indeterminate.String():
		return exitStatus(client.ExitIndeterminate)
	}
	return exitStatus(client.ExitDiffer)
}

// proofText says first what came out, then both sides' numbers, then what was not looked at.
func (a *app) proofText(w io.Writer, p client.Proof, recorded bool) error {
	word := map[string]string{"pass": a.paint(green, "VERIFIED"), "fail": a.paint(red, "FAILED"), "indeterminate": a.paint(red, "INDETERMINATE")}[p.Verdict]
	var expected, actual, missing, extra, before, during, order, quarantined int64
	notChecked := map[string]bool{}
	for _, c := range p.Comparisons {
		expected, actual = expected+c.Expected.Records, actual+c.Actual.Records
		missing, extra, order, quarantined = missing+c.Missing, extra+c.Extra, order+c.OrderViolations, quarantined+c.Quarantined
		before, during = before+c.PreexistingDuplicates, during+c.IntroducedDuplicates
		for _, n := range c.NotChecked {
			notChecked[n] = true
		}
	}
	fmt.Fprintf(w, "%s   job %s   evidence %s   %d partition(s)   %s\n", word, p.Job, p.Evidence, len(p.Comparisons), stamp(p.At))
	fmt.Fprintf(w, "  Compared   %s expected, %s found, %s missing, %s unknown to the reference\n", count(expected), count(actual), count(missing), count(extra))
	fmt.Fprintf(w, "  Duplicates %s made by the job, %s from before   Out of order %s   Quarantined %s\n", count(during), count(before), count(order), count(quarantined))
	for _, c := range p.Comparisons {
		if c.Verdict != fsm.Pass.String() || c.Detail != "" {
			fmt.Fprintf(w, "  p%02d        %s   %s\n", c.Partition, c.Verdict, c.Detail)
		}
	}
	for _, n := range sorted(notChecked) {
		fmt.Fprintf(w, "  Not checked: %s\n", n)
	}
	if recorded {
		fmt.Fprintf(w, "  Kept in the book as %s.\n", p.ID)
	}
	next := fmt.Sprintf("Next: backstitch report show %s\n", p.Job)
	if p.Verdict == fsm.Fail.String() {
		next = "Next: find out what changed the data, then make a new plan: backstitch plan -f SPEC -o FILE.plan\n"
	}
	_, err := io.WriteString(w, next)
	return err
}

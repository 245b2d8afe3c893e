//go:build linux

package matrix

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"backstitch/chaos/check"
	"backstitch/chaos/testbed"
	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/partition"

	"github.com/twmb/franz-go/pkg/kgo"
)

// What is judged after every run. The checkers are those of chaos/check; here the evidence is collected, from outside.

// limitOfJudge bounds each thing that the judge waits for.
const limitOfJudge = time.Minute

// found fails the run when a checker found something, or could not judge.
func (r *Run) found(what string, found check.Findings, err error) {
	r.T.Helper()
	if err != nil {
		r.T.Errorf("%s: %v", what, err)
	}
	if len(found) > 0 {
		r.T.Errorf("%s:\n%s", what, found)
		for _, f := range found {
			r.record.Break(f.String())
		}
	}
}

// judge holds the topic against what was made: nothing lost, nothing twice, in order, as it was, and the job's own proof.
func (w *work) judge(v *Verdict, losses int) {
	r, t := w.r, w.r.T
	ctx, cancel := context.WithTimeout(t.Context(), limitOfJudge)
	defer cancel()
	if w.lost == 0 {
		t.Errorf("the judge has nothing to go by: made %d, lost %d", w.made, w.lost)
	}
	log, err := check.Read(ctx, w.topic.Name, kgo.SeedBrokers(w.topic.Broker))
	if err != nil {
		t.Fatal(err)
	}
	missing, surplus := w.truth.Difference(log.Truth())
	v.Refilled, v.Missing, v.Surplus, v.Lost = log.Refilled(), missing, surplus, w.lost
	for _, part := range log {
		v.Records += int64(len(part.Records))
	}
	found, err := check.Topic(check.Made{Truth: w.truth, Reference: w.reference}, log)
	v.Disorder = int64(found.Count(check.Ordered))
	r.found("topic", found, err)
	if v.Refilled != w.lost {
		t.Errorf("refilled: got %d records, want %d", v.Refilled, w.lost)
	}
	found, moves, err := check.Fencing(log)
	r.found("fencing", found, err)
	if moves == 0 && losses > 0 {
		t.Errorf("fencing: %d owners were lost and no lane has another writer", losses)
	}
	claims, err := w.claims(ctx)
	if err == nil {
		found, err = check.Checkpoints(claims, log)
	}
	r.found("checkpoints", found, err)
	vain, err := readRework(ctx, w.topic)
	if err != nil {
		t.Fatal(err)
	}
	v.Rework, v.rework = vain.records-v.Records, vain.worst()
	if v.Rework < 0 {
		t.Errorf("a reader of everything saw %d records and one of committed ones %d", vain.records, v.Records)
	}
	w.proven()
}

// proven lets the program compare both sides again, from outside: the result is that of an undisturbed run, in content and order.
func (w *work) proven() {
	r, t := w.r, w.r.T
	var proof struct {
		Report struct{ Verdict, Evidence string }
	}
	r.Fleet.JSON(t, &proof, "verify", jobName)
	if got := proof.Report; got.Verdict != "pass" || got.Evidence != "E3" {
		t.Errorf("verify: got %s at %s, want pass at E3", got.Verdict, got.Evidence)
	}
	if r.Scenario.Workload.Live > 0 {
		return // a plan beside live writes finds those that are not archived yet
	}
	again := r.Fleet.Run(t, "plan", "-f", w.spec, "--out", w.file("plan.again"), "--detailed-exitcode", "-q")
	if again.Status != 0 {
		t.Errorf("plan after the refill: exit status %d, want 0 (nothing is missing)\n%s%s", again.Status, again.Stdout, again.Stderr)
	}
}

// claims are the checkpoints that the newest book has.
func (w *work) claims(ctx context.Context) ([]check.Claim, error) {
	_, who, err := w.r.newest(ctx)
	if err != nil {
		return nil, err
	}
	plan, err := who.Work(ctx, jobName)
	if err != nil {
		return nil, err
	}
	states, _, err := who.Slices(ctx, jobName, client.Blocking{})
	if err != nil {
		return nil, err
	}
	now := map[string]client.SliceState{}
	for _, s := range states {
		now[s.ID] = s
	}
	var out []check.Claim
	for _, s := range plan.Slices {
		if s.Kind != "fill" {
			continue
		}
		id := partition.SliceID{Job: partition.JobID(plan.Job), N: s.N}.String()
		c := check.Claim{
			Slice: id, Job: plan.Job, Partition: s.Partition, Cursor: now[id].Cursor,
			Elsewhere: now[id].Progress.Suppressed + now[id].Progress.Quarantined,
		}
		for _, r := range s.Ranges {
			for at := r.From; at < r.To; at++ {
				c.Wanted = append(c.Wanted, at)
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// ended looks at every job that there is: the refill succeeded with a proof, what clients quarrelled about was cancelled.
func (r *Run) ended() {
	jobs, _, err := r.Fleet.Client.Jobs(r.T.Context(), client.Blocking{})
	if err != nil {
		r.T.Errorf("jobs: %v", err)
		return
	}
	states := map[string]fsm.JobState{}
	for s := fsm.JobPlanned; s <= fsm.JobCancelled; s++ {
		states[s.String()] = s
	}
	var ids []partition.JobID
	var ends []check.End
	for _, j := range jobs {
		e := check.End{Job: partition.JobID(j.ID), State: states[j.State], Why: j.Why, Proof: fsm.ProofID(j.Proof)}
		if j.Name != jobName {
			e.May = []fsm.JobState{fsm.JobCancelled}
		}
		ids, ends = append(ids, e.Job), append(ends, e)
	}
	found, err := check.Ended(ids, ends)
	r.found("jobs", found, err)
}

// agree waits until every node has the same index, and compares all that they said on the way.
func (r *Run) agree() {
	t := r.T
	var told []check.Digest
	testbed.Eventually(t, limitOfJudge, "all books to be at the same index", func() bool {
		indexes := map[uint64]bool{}
		for _, n := range r.Fleet.Nodes {
			c, err := r.Fleet.Cluster(t, n)
			if err != nil || c.Digest == "" {
				return false
			}
			sum, err := hex.DecodeString(c.Digest)
			if err != nil || len(sum) != 32 {
				t.Fatalf("digests: %s tells %q", n.Name, c.Digest)
			}
			told = append(told, check.Digest{Member: n.Name, Index: c.AppliedIndex, Sum: [32]byte(sum)})
			indexes[c.AppliedIndex] = true
		}
		return len(indexes) == 1
	})
	found, err := check.Digests(Names(r.Fleet.Nodes), told)
	r.found("digests", found, err)
}

// bounded looks at what agents took and at what they hold: memory, and files that are not the run's.
func (r *Run) bounded(v *Verdict) {
	name, peak := r.agents.largest()
	v.PeakBytes = peak
	if peak == 0 {
		r.T.Error("memory: nobody looked")
	}
	if peak > maxPeakBytes && !r.raced {
		r.T.Errorf("memory: %s took %d MiB, want at most %d", name, peak>>20, int64(maxPeakBytes)>>20)
	}
	inherited, err := check.Files(os.Getpid())
	if err != nil {
		r.found("files of the test", nil, err)
	}
	for _, n := range r.Fleet.Nodes {
		files, err := check.Files(n.PID())
		if err != nil {
			r.found("files of "+n.Name, nil, err)
			continue
		}
		foreign := slices.DeleteFunc(files, func(f string) bool {
			return !filepath.IsAbs(f) || strings.HasPrefix(f, "/dev/") || strings.HasPrefix(f, "/proc/") || strings.HasPrefix(f, "/sys/") ||
				strings.HasPrefix(f, r.Dir+"/") || strings.HasPrefix(f, r.Fleet.DataDir(n)+"/") || f == r.Fleet.DataDir(n)
		})
		r.found("files outside", check.Leaks(n.Name, inherited, foreign), nil)
	}
}

// bad are words that no agent says whatever is done to it.
var bad = []string{"WARNING: DATA RACE", "panic: ", "fatal error: "}

// logs looks for them.
func logs(r *Run) {
	for _, n := range r.Fleet.Nodes {
		text, err := os.ReadFile(filepath.Join(r.Dir, n.Name+".log"))
		if err != nil {
			r.T.Error(err)
			continue
		}
		for _, word := range bad {
			if at := strings.Index(string(text), word); at >= 0 {
				r.T.Errorf("%s says:\n%s", n.Name, text[at:min(len(text), at+3000)])
			}
		}
	}
}

// leftovers lists processes that know the run's directory.
func leftovers(dir string) ([]string, error) {
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, path := range lines {
		text, err := os.ReadFile(path)
		if err != nil || path == fmt.Sprintf("/proc/%d/cmdline", os.Getpid()) {
			continue // it has ended meanwhile
		}
		if strings.Contains(string(text), dir) {
			out = append(out, path+": "+strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	return out, nil
}

//go:build chaos

package stories

import (
	"strings"
	"testing"
	"time"

	"backstitch/chaos/fault"
	"backstitch/chaos/testbed"
	"backstitch/chaos/traffic"
)

// tellRetention deletes the oldest records of the target while the job is at work on it. They were compared when the plan was
// made, and are gone when the proof looks for them: the job has to say so.
func (w *world) tellRetention(t *testing.T, plan testbed.Result) {
	t.Helper()
	w.status(t, "plan", plan, testbed.ExitWorkFound)
	f := w.Timeline[0]
	// A broker that takes its time lets the job last.
	quick, err := w.depot.Hurt(t.Context(), fault.MustParse("broker slow 40ms"), w.topic.Name)
	if err != nil {
		t.Fatal(err)
	}
	w.report.Phase("run")
	w.fleet.Must(t, "run", w.file("plan"), "--detach", "--yes", "-q")
	began := time.Now()
	testbed.Eventually(t, w.Limit, "the middle of the job", func() bool {
		job := w.fleet.Job(t, w.Name)
		if job.Terminal() {
			t.Fatalf("vacuous: the job is %s before anything was deleted", job.State)
		}
		return job.Progress.Written > 0 && time.Since(began) > f.At
	})
	w.report.Fault(f)
	deleted := w.retention(t, f.Percent)
	w.report.Healed(f, deleted > 0, deleted)
	if _, err := quick(t.Context()); err != nil {
		t.Fatal(err)
	}
	ended := w.fleet.Run(t, "wait", w.Name, "-q", "--timeout", w.Limit.String())
	w.report.Phase("judge")
	w.status(t, "wait", ended, exitDiffers)
	if code := w.Expects.Ends.Code; !strings.Contains(ended.Stderr, code) {
		t.Errorf("wait: want %s\n%s%s", code, ended.Stdout, ended.Stderr)
	}
	if job := w.fleet.Job(t, w.Name); job.State != "failed" || job.Verdict != "fail" {
		t.Errorf("job: got %s with verdict %s, want it to have failed by its proof", job.State, job.Verdict)
	}
	gone := w.forgotten(t)
	rest := traffic.Truth{}
	for id, n := range w.truth {
		if n -= gone[id]; n > 0 {
			rest[id] = n
		}
	}
	now := w.read(t)
	if lost, surplus := rest.Difference(now.events); lost != 0 || surplus != 0 || now.refilled != w.lost || now.disorder != 0 {
		t.Errorf("without what the topic forgot %d records are lost, %d are too many, %d were refilled, %d of them out of order; want %d refilled and nothing else",
			lost, surplus, now.refilled, now.disorder, w.lost)
	}
}

// forgotten are the records that the topic does not begin with any more. All of them were there before the job began: it was made
// anew without transactions, so that the place of a survivor is how many came before it.
func (w *world) forgotten(t *testing.T) traffic.Truth {
	t.Helper()
	start, _ := w.bounds(t)
	out, place := traffic.Truth{}, map[int32]int64{}
	n := int64(0)
	for e := range w.events() {
		if w.kept(n, e) {
			if place[e.Partition] < start[e.Partition] {
				out[e.ID()]++
			}
			place[e.Partition]++
		}
		n++
	}
	return out
}

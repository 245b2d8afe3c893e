package leader

import (
	"context"
	"testing"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
)

func refresh(t *testing.T, c *cache, b *fakeBook, now time.Duration) Job {
	t.Helper()
	over, _ := b.Overview()
	jobs, err := c.refresh(over.Jobs, now)
	if err != nil {
		t.Fatal(err)
	}
	if len(jobs) != 1 {
		t.Fatalf("active jobs: got %d, want 1", len(jobs))
	}
	return jobs[0]
}

func give(b *fakeBook, n uint32, to partition.NodeID, seen partition.Epoch) fsm.Grant {
	g := fsm.Grant{Slice: partition.SliceID{Job: "bs-a", N: n}, Owner: to, Seen: seen}
	_, _ = b.Propose(context.Background(), fsm.Envelope{}, fsm.GrantLeases{Grants: []fsm.Grant{g}})
	return g
}

// A job that failed and was retried between two turns never looked inactive; its counters fell.
func TestRetryBetweenTwoTurns(t *testing.T) {
	b := newFakeBook(t, 1)
	b.addJob("bs-a", 2, 0)
	b.jobs["bs-a"].State = fsm.JobVerifying
	c := newCache(b)
	give(b, 0, "node-0", 0)
	b.finish(partition.SliceID{Job: "bs-a", N: 0}, "node-0", 1)
	if j := refresh(t, c, b, 0); j.Slices[0].Status != fsm.SliceDone {
		t.Fatalf("before the retry: slice 0 is %s, want done", j.Slices[0].Status)
	}
	b.retry("bs-a")
	b.jobs["bs-a"].State = fsm.JobVerifying
	if j := refresh(t, c, b, 0); j.Slices[0].Status != fsm.SliceWaiting {
		t.Errorf("after the retry: slice 0 is %s, want waiting", j.Slices[0].Status)
	}
}

// A slice may be granted and done between two turns; the next slice of the lane still knows who had it.
func TestHeldSurvivesAShortSlice(t *testing.T) {
	b := newFakeBook(t, 2)
	b.addJob("bs-a", 1, 2)
	c := newCache(b)
	refresh(t, c, b, 0)
	c.held(give(b, 0, "node-1", 0))
	b.finish(partition.SliceID{Job: "bs-a", N: 0}, "node-1", 1)
	if j := refresh(t, c, b, 0); j.Slices[1].Held != "node-1" {
		t.Errorf("slice 1 was held by %q, want node-1", j.Slices[1].Held)
	}
}

func TestWaitedCountsFromTheFailureThatWasSeen(t *testing.T) {
	b := newFakeBook(t, 1)
	b.addJob("bs-a", 1, 1)
	c := newCache(b)
	give(b, 0, "node-0", 0)
	refresh(t, c, b, time.Second)
	b.failSlice(partition.SliceID{Job: "bs-a", N: 0}, 1, true, 1<<60)
	for _, step := range []struct{ now, want time.Duration }{
		{10 * time.Second, 0}, {25 * time.Second, 15 * time.Second},
		{time.Second, 0}, {3 * time.Second, 2 * time.Second}, // the leader began anew
	} {
		if got := refresh(t, c, b, step.now).Slices[0].Waited; got != step.want {
			t.Errorf("at %s: waited %s, want %s", step.now, got, step.want)
		}
	}
}

package worker_test

import (
	"errors"
	"testing"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/worker"

	"github.com/google/go-cmp/cmp"
)

const leaseTime = 2500 * time.Millisecond

func work(n uint32, part int32, epoch partition.Epoch) fsm.Work {
	return fsm.Work{
		Slice: partition.Slice{ID: partition.SliceID{Job: "bs-table", N: n}, Kind: partition.SliceFill, Partition: part},
		Epoch: epoch, Seen: fsm.Checkpoint{Cursor: 10},
	}
}

func nameOf(w fsm.Work) worker.Lease { return worker.Lease{Slice: w.Slice.ID, Epoch: w.Epoch} }

// tableOf holds the given work and has started what it may.
func tableOf(now time.Time, work ...fsm.Work) *worker.Table {
	t := worker.NewTable(2, 2, leaseTime, now)
	t.Assign(fsm.Assignment{Work: work})
	t.Start()
	return t
}

func knows(c fsm.Checkpoint, ok bool) worker.Progress {
	return func(worker.Lease) (fsm.Checkpoint, bool) { return c, ok }
}

func TestTableStartsOneSliceOfALane(t *testing.T) {
	now := time.Unix(100, 0)
	tab := worker.NewTable(2, 2, leaseTime, now)
	a, b, c, d := work(0, 0, 1), work(1, 0, 1), work(2, 1, 1), work(3, 2, 1)
	tab.Assign(fsm.Assignment{Work: []fsm.Work{a, b, c, d}})
	if diff := cmp.Diff(tab.Start(), []fsm.Work{a, c}); diff != "" {
		t.Fatalf("first (-got +want):\n%s", diff)
	}
	tab.Over(nameOf(a), worker.EndFinished)
	if diff := cmp.Diff(tab.Start(), []fsm.Work{b}); diff != "" {
		t.Fatalf("after one has ended (-got +want):\n%s", diff)
	}
}

// A scan that takes hours never keeps a repair waiting, nor the other way round.
func TestTableKeepsScansApart(t *testing.T) {
	now := time.Unix(100, 0)
	tab := worker.NewTable(2, 2, leaseTime, now)
	scan := func(n uint32, part int32) fsm.Work {
		w := work(n, part, 1)
		w.Slice.ID.Job, w.Slice.Kind = "bs-scan", partition.SliceScan
		return w
	}
	a, b, c, d, e := scan(0, 0), scan(1, 1), scan(2, 2), work(0, 0, 1), work(1, 1, 1)
	tab.Assign(fsm.Assignment{Work: []fsm.Work{a, b, c, d, e}})
	if diff := cmp.Diff(tab.Start(), []fsm.Work{a, b, d, e}); diff != "" {
		t.Fatalf("first (-got +want):\n%s", diff)
	}
	tab.Over(nameOf(d), worker.EndFinished)
	if got := tab.Start(); len(got) != 0 {
		t.Fatalf("a lane of a repair went to %v", got)
	}
	tab.Over(nameOf(a), worker.EndFinished)
	if diff := cmp.Diff(tab.Start(), []fsm.Work{c}); diff != "" {
		t.Fatalf("after a scan has ended (-got +want):\n%s", diff)
	}
}

// The lease time counts from when a renewal was sent and not from when it was answered.
func TestTableLapses(t *testing.T) {
	now := time.Unix(100, 0)
	w := work(0, 0, 1)
	tab := tableOf(now, w)
	entries := tab.Entries(knows(fsm.Checkpoint{Cursor: 12}, true))
	answered := now.Add(2400 * time.Millisecond)
	if stops := tab.Renewed(now.Add(100*time.Millisecond), answered, entries, nil); len(stops) > 0 {
		t.Fatalf("stopped %v although the lease is good", stops)
	}
	if stops := tab.Lapse(now.Add(2599 * time.Millisecond)); len(stops) > 0 {
		t.Fatalf("stopped %v too early", stops)
	}
	stops := tab.Lapse(now.Add(2600 * time.Millisecond))
	if len(stops) != 1 || stops[0].Lease != nameOf(w) || !errors.Is(stops[0].Why, worker.ErrLapsed) {
		t.Fatalf("got %v, want a stop for want of a renewal", stops)
	}
	if again := tab.Lapse(now.Add(2700 * time.Millisecond)); len(again) > 0 {
		t.Errorf("stopped twice: %v", again)
	}
	tab.Over(nameOf(w), worker.EndHalted)
	if got := tab.Start(); len(got) > 0 {
		t.Fatalf("started %v without a lease", got)
	}
	// The book confirms the lease: it may go on.
	sent := now.Add(3 * time.Second)
	tab.Renewed(sent, sent, tab.Entries(knows(fsm.Checkpoint{}, false)), nil)
	if diff := cmp.Diff(tab.Start(), []fsm.Work{w}); diff != "" {
		t.Errorf("after a renewal (-got +want):\n%s", diff)
	}
}

// A run that was stopped before its target opened knows nothing. What is saved must not fall below what was saved before.
func TestTableNeverSavesLess(t *testing.T) {
	now := time.Unix(100, 0)
	w := work(0, 0, 3)
	tab := tableOf(now, w)
	if got := tab.Entries(knows(fsm.Checkpoint{}, false)); len(got) > 0 {
		t.Errorf("a run that knows nothing saves %+v", got)
	}
	tab.Entries(knows(fsm.Checkpoint{Cursor: 20}, true))
	tab.Over(nameOf(w), worker.EndFenced)
	for _, p := range []worker.Progress{knows(fsm.Checkpoint{}, false), knows(fsm.Checkpoint{Cursor: 15}, true)} {
		got := tab.Entries(p)
		if len(got) != 1 || got[0].Checkpoint.Cursor != 20 || got[0].Checkpoint.Epoch != 3 {
			t.Errorf("got %+v, want cursor 20 of epoch 3", got)
		}
	}
}

func TestTableStopsWhatMovedOrWasRefused(t *testing.T) {
	now := time.Unix(100, 0)
	a, b := work(0, 0, 1), work(1, 1, 1)
	tab := tableOf(now, a, b)
	entries := tab.Entries(knows(fsm.Checkpoint{Cursor: 11}, true))
	stops := tab.Renewed(now, now, entries, []fsm.Refusal{{Slice: a.Slice.ID, Code: fsm.StaleEpoch}})
	if len(stops) != 1 || stops[0].Lease != nameOf(a) || !errors.Is(stops[0].Why, worker.ErrRefused) {
		t.Errorf("refused: got %v", stops)
	}
	// Slice 0 is ours again under the next epoch, while its old run is not over.
	next := work(0, 0, 2)
	stops = tab.Assign(fsm.Assignment{Work: []fsm.Work{next}})
	var moved []worker.Lease
	for _, s := range stops {
		moved = append(moved, s.Lease)
	}
	if diff := cmp.Diff(moved, []worker.Lease{nameOf(a), nameOf(b)}); diff != "" {
		t.Errorf("moved (-got +want):\n%s", diff)
	}
	if got := tab.Start(); len(got) > 0 {
		t.Errorf("started %v beside the old run of its lane", got)
	}
	tab.Over(nameOf(a), worker.EndHalted)
	if diff := cmp.Diff(tab.Start(), []fsm.Work{next}); diff != "" {
		t.Errorf("after the old run (-got +want):\n%s", diff)
	}
	if tab.Knows(nameOf(a)) {
		t.Error("a lease that moved is still known after its run")
	}
}

func TestTableCountsAttempts(t *testing.T) {
	now := time.Unix(100, 0)
	cfg := config("n1")
	var last time.Duration
	for n, epoch := 0, partition.Epoch(1); n < 3; n, epoch = n+1, epoch+1 {
		w := work(0, 0, epoch)
		tab := tableOf(now, w)
		for range n {
			tab.Over(nameOf(w), worker.EndFailed)
			w.Epoch++
			tab.Assign(fsm.Assignment{Work: []fsm.Work{w}})
			tab.Start()
		}
		if got := tab.Attempts(w.Slice.ID); got != n {
			t.Fatalf("got %d attempts, want %d", got, n)
		}
		cmd := cfg.Fail(w, worker.Classify(errors.New("reset")), tab.Attempts(w.Slice.ID), now)
		wait := time.Duration(cmd.NotBeforeUnixNanos - now.UnixNano())
		if n > 0 && wait != 2*last {
			t.Errorf("pause after %d failures: got %s, want %s", n+1, wait, 2*last)
		}
		last = wait
	}
}

// The book confirms a lease as of the time when it was asked. A node that was stopped, is fenced when it goes on, and then hears of a
// renewal that it had sent before, must not open the lane again: that would fence its successor.
func TestTableTakesNoConfirmationFromBefore(t *testing.T) {
	now := time.Unix(100, 0)
	for name, end := range map[string]worker.End{"fenced": worker.EndFenced, "stopped": worker.EndHalted} {
		w := work(0, 0, 1)
		tab := tableOf(now, w)
		before := tab.Entries(knows(fsm.Checkpoint{Cursor: 11}, true))
		tab.Over(nameOf(w), end)
		tab.Renewed(now, now, before, nil)
		if got := tab.Start(); len(got) > 0 {
			t.Errorf("%s: started again on the word of before", name)
		}
		after := tab.Entries(knows(fsm.Checkpoint{Cursor: 11}, true))
		tab.Renewed(now, now, after, nil)
		if got := tab.Start(); len(got) != 1 {
			t.Errorf("%s: started %d runs after the book has confirmed the lease, want 1", name, len(got))
		}
	}
}

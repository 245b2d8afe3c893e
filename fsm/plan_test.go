package fsm

import (
	"fmt"
	"testing"

	"backstitch/partition"
)

// lossy ends a scan of default/orders that found something, and returns its plan.
func lossy(t *testing.T, n *node, scan partition.JobID) Plan {
	t.Helper()
	order := ScanOrder{Name: "orders.scan", Dataset: "orders", Pair: "p", Recipe: []byte("{}"), Keep: 1}
	slice := func(s uint32) partition.SliceID { return partition.SliceID{Job: scan, N: s} }
	do(t, n, SubmitScan{ID: scan, Order: &order})
	do(t, n, GrantLeases{[]Grant{{Slice: slice(0), Owner: "a"}}})
	do(t, n, FinishScanSlice{Slice: slice(0), Owner: "a", Epoch: 1, Checkpoint: Checkpoint{Epoch: 1}, Survey: &Survey{Partitions: []SurveyPart{{}}, Header: []byte("{}")}})
	do(t, n, GrantLeases{[]Grant{{Slice: slice(1), Owner: "a"}}})
	do(t, n, FinishScanSlice{Slice: slice(1), Owner: "a", Epoch: 1, Checkpoint: Checkpoint{Epoch: 1},
		Part: &ScanPart{Counts: ScanCounts{Comparable: 1, Compared: 9, Matched: 8, Missing: 1, Findings: 1}, Body: []byte("b")}})
	do(t, n, FinishScan{scan})
	return planNow(t, n, PlanID("default/orders", scan))
}

func planNow(t *testing.T, n *node, id partition.JobID) (p Plan) {
	t.Helper()
	n.view(func(v *View) {
		var err error
		var ok bool
		if p, ok, err = v.Plan(id); err != nil || !ok {
			t.Fatalf("plan %s: %v, %v", id, ok, err)
		}
	})
	return p
}

func do(t *testing.T, n *node, c Command) {
	t.Helper()
	if r := n.apply(Envelope{Actor: "cli:ann", UnixNanos: 1}, c); r.Code != OK {
		t.Fatalf("%s: got %s %s", OpName(c.Op()), r.Code, r.Object)
	}
}

// kept hands in a plan that writes the ranges of partition 0, as the job of that id.
func kept(t *testing.T, n *node, p Plan, job partition.JobID, rs partition.Ranges) Plan {
	t.Helper()
	slice := partition.SliceID{Job: p.ID}
	fill := partition.Slice{ID: partition.SliceID{Job: job}, Kind: partition.SliceFill, Ranges: rs}
	do(t, n, GrantLeases{[]Grant{{Slice: slice, Owner: "a"}}})
	do(t, n, KeepPlan{Slice: slice, Owner: "a", Epoch: 1, Checkpoint: Checkpoint{Epoch: 1}, Made: &MadePlan{
		Job: job, Name: "orders.refill", Hash: [32]byte{1}, Recipe: []byte("{}"), Locks: []string{"t/0"}, Records: 1, Bytes: 1, Slices: []partition.Slice{fill}, Document: []byte("d"),
	}})
	return planNow(t, n, p.ID)
}

func policed(t *testing.T, act PolicyAct) *node {
	t.Helper()
	n := newNode(t)
	do(t, n, PutMember{testMember("a")})
	do(t, n, RaiseVersion{LatestVersion})
	put := PutDatasetWithPolicy{Act: act, Dataset: PutDataset{
		Name: "default/orders", Document: []byte("{}"), Reference: Place{"file", "/a"}, Targets: []Place{{"file", "/b"}},
		Orders: []ScanOrder{{Namespace: "default", Dataset: "orders", Pair: "p", Recipe: []byte("{}")}},
	}}
	if act == PolicyRun {
		put.MaxRecords, put.MaxBytes = 10, 10
	}
	do(t, n, put)
	return n
}

// TestWhatWasTriedIsNeverForgotten: however many plans a dataset had and however torn they were, the first position of the first one still
// keeps a plan from running by itself. What is kept of them is bounded.
func TestWhatWasTriedIsNeverForgotten(t *testing.T) {
	n := policed(t, PolicyRun)
	var first partition.JobID
	const rounds = maxTries + 5
	for i := range int64(rounds) {
		var rs partition.Ranges
		for r := range int64(maxTryRanges + 30) {
			rs = append(rs, partition.Range{From: i*10_000 + 10*r, To: i*10_000 + 10*r + 5})
		}
		job := partition.JobID(fmt.Sprintf("bs-j%c", 'a'+i))
		p := kept(t, n, lossy(t, n, partition.JobID(fmt.Sprintf("bs-s%c", 'a'+i))), job, rs)
		if p.State != PlanStarted {
			t.Fatalf("plan %d of new positions is %s: %s", i, p.State, p.Why)
		}
		if i == 0 {
			first = job
		}
		do(t, n, CancelJob{job})
	}
	p := kept(t, n, lossy(t, n, "bs-again"), "bs-once", partition.Ranges{{From: 3, To: 4}})
	if p.State != PlanWaiting {
		t.Errorf("a plan of what job %s was to write is %s: %s", first, p.State, p.Why)
	}
	n.view(func(v *View) {
		for x, err := range each[tried](v, key(kindTried), nil) {
			if err != nil {
				t.Fatal(err)
			}
			if len(x.Tries) != maxTries {
				t.Errorf("%d tries are remembered, want %d", len(x.Tries), maxTries)
			}
			for _, y := range x.Tries {
				if len(y.Ranges) > maxTryRanges {
					t.Errorf("a try of %d ranges, want at most %d", len(y.Ranges), maxTryRanges)
				}
			}
		}
		plans, err := v.Plans("default/orders")
		if err != nil || len(plans) != PlansKept+1 {
			t.Errorf("%d plans are kept, %v, want %d that are over and the one that waits", len(plans), err, PlansKept)
		}
	})
}

func TestCoarseCovers(t *testing.T) {
	r := seed(t)
	for range 200 {
		var rs []partition.Range
		for range r.IntN(300) {
			from := r.Int64N(5000)
			rs = append(rs, partition.Range{From: from, To: from + 1 + r.Int64N(20)})
		}
		in := partition.Normalize(rs)
		out := coarse(in, 1+r.IntN(50))
		for _, x := range in {
			if !overlap(out, partition.Ranges{x}) || !out.Contains(x.From) || !out.Contains(x.To-1) {
				t.Fatalf("%v does not cover %v", out, x)
			}
		}
		if len(in) > 50 && len(out) > 50 {
			t.Fatalf("%d ranges of %d", len(out), len(in))
		}
	}
}

// TestOverlap compares the walk with the definition.
func TestOverlap(t *testing.T) {
	r := seed(t)
	some := func() partition.Ranges {
		var rs []partition.Range
		for range r.IntN(5) {
			from := r.Int64N(60)
			rs = append(rs, partition.Range{From: from, To: from + r.Int64N(6)})
		}
		return partition.Normalize(rs)
	}
	for range 5000 {
		a, b := some(), some()
		want := false
		for o := range int64(70) {
			want = want || a.Contains(o) && b.Contains(o)
		}
		if got := overlap(a, b); got != want {
			t.Fatalf("%v and %v: got %v", a, b, got)
		}
	}
}

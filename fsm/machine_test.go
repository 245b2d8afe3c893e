package fsm

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/raft"

	"backstitch/fsm/wire"
	"backstitch/partition"
	"backstitch/storage"
)

func testMember(id partition.NodeID) Member {
	return Member{ID: id, Name: "name-" + string(id), Instance: [16]byte{1}, Role: RoleVoter, Weight: 1, MaxOp: MaxOp}
}

func fillSlice(job partition.JobID, n uint32, part int32, from, to int64) partition.Slice {
	return partition.Slice{ID: partition.SliceID{Job: job, N: n}, Kind: partition.SliceFill, Partition: part,
		Ranges: partition.Ranges{{From: from, To: to}}, Records: to - from}
}

// running makes a running job of n slices in n lanes, all leased to node a.
func running(n *node, job partition.JobID, count uint32) {
	n.t.Helper()
	add := AddSlices{Job: job}
	var grants GrantLeases
	for i := range count {
		add.Slices = append(add.Slices, fillSlice(job, i, int32(i), 0, 1_000_000))
		grants.Grants = append(grants.Grants, Grant{Slice: partition.SliceID{Job: job, N: i}, Owner: "a"})
	}
	for _, cmd := range []Command{
		PutMember{testMember("a")},
		SubmitJob{ID: job, Slices: count, Locks: []string{"dir:" + string(job)}, Recipe: []byte("recipe")},
		add, StartJob{ID: job}, grants,
	} {
		if r := n.apply(Envelope{Actor: "test"}, cmd); r.Code != OK || len(r.Refused) > 0 {
			n.t.Fatalf("%T: %+v", cmd, r)
		}
	}
}

func TestTurnsAreOddWhileEntriesAreApplied(t *testing.T) {
	n := newNode(t)
	before := n.m.Turns()
	if before%2 != 0 {
		t.Fatalf("idle: got %d turns, want an even number", before)
	}
	n.m.mu.Lock() // what an apply needs first of all
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.m.ApplyBatch([]*raft.Log{{Type: raft.LogNoop, Index: 1 << 40}})
	}()
	for n.m.Turns() == before {
		runtime.Gosched()
	}
	if got := n.m.Turns(); got != before+1 {
		t.Errorf("in an apply: got %d, want %d", got, before+1)
	}
	n.m.mu.Unlock()
	<-done
	if got := n.m.Turns(); got != before+2 {
		t.Errorf("after an apply: got %d, want %d", got, before+2)
	}
}

func TestAssignmentCarriesWhatAWorkerNeeds(t *testing.T) {
	n := newNode(t)
	running(n, "bs-a", 2)
	n.apply(Envelope{}, SaveCheckpoints{Owner: "a", Entries: []SliceCheckpoint{
		{partition.SliceID{Job: "bs-a", N: 1}, Checkpoint{Epoch: 1, Cursor: 7}}}})
	n.view(func(v *View) {
		a, err := v.Assignment("a")
		if err != nil || len(a.Work) != 2 || a.Index != n.m.Applied() {
			t.Fatalf("got %+v, %v, want two slices at index %d", a, err, n.m.Applied())
		}
		w := a.Work[1]
		if w.Slice.ID.N != 1 || w.Epoch != 1 || string(w.Recipe) != "recipe" || w.Seen.Cursor != 7 || w.Slice.Records != 1_000_000 {
			t.Errorf("got %+v", w)
		}
	})
}

func TestViewStandsStill(t *testing.T) {
	n := newNode(t)
	running(n, "bs-a", 1)
	v := n.m.View()
	at, digest := v.Applied(), v.Digest()
	n.apply(Envelope{}, CancelJob{ID: "bs-a"})
	if j, ok, err := v.Job("bs-a"); err != nil || !ok || j.State != JobRunning {
		t.Errorf("got %s, %t, %v, want running", j.State, ok, err)
	}
	if v.Applied() != at || v.Digest() != digest {
		t.Error("the view moved")
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
	n.view(func(v *View) {
		if active, err := v.ActiveJobs(); err != nil || len(active) != 0 {
			t.Errorf("active jobs: got %v, %v, want none", active, err)
		}
	})
}

func TestWait(t *testing.T) {
	n := newNode(t)
	synctest.Test(t, func(t *testing.T) {
		n.m.changed, n.m.latched = make(chan struct{}), make(chan struct{}) // made inside the bubble
		got := make(chan uint64, 1)
		go func() {
			at, err := n.m.Wait(t.Context(), 1)
			if err != nil {
				t.Error(err)
			}
			got <- at
		}()
		n.apply(Envelope{}, RaiseVersion{1})
		synctest.Wait()
		select {
		case at := <-got:
			t.Fatalf("woke at index %d, want it to wait for 2", at)
		default:
		}
		n.apply(Envelope{}, RaiseVersion{1})
		if at := <-got; at != 2 {
			t.Errorf("got index %d, want 2", at)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if at, err := n.m.Wait(ctx, 9); at != 2 || !errors.Is(err, context.Canceled) {
			t.Errorf("got %d, %v, want 2 and the context's error", at, err)
		}
	})
}

// TestLatch: what this replica can not apply like all others stops it for good, and what all refuse alike does not.
func TestLatch(t *testing.T) {
	good := logEntry(t, 2, Envelope{}, RaiseVersion{1})
	body, err := wire.Marshal(struct{ Version, Extra uint32 }{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	frame := func(f wire.Frame) []byte {
		b, err := wire.AppendFrame(nil, f)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	rows := []struct {
		name string
		data []byte
		want error // nil: refused as Invalid
	}{
		{"unknown op", frame(wire.Frame{Op: 123, Body: []byte{0x90}}), ErrUnknownOp},
		{"newer body", frame(wire.Frame{Op: 90, Body: body}), wire.ErrVersion},
		{"newer frame", append([]byte{7}, good.Data[1:]...), wire.ErrVersion},
		{"rubbish", []byte("rubbish")[:0], nil},
		{"bomb", append([]byte{wire.Format}, 0xdd, 0xff, 0xff, 0xff, 0xff), nil},
		{"cut", good.Data[:len(good.Data)-1], nil},
		{"endless actor", frame(wire.Frame{Op: 90, Actor: strings.Repeat("x", maxActorBytes+1), Body: []byte{0x91, 1}}), nil},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			n := newNode(t)
			n.apply(Envelope{}, RaiseVersion{1})
			before := n.facts()
			out := n.m.ApplyBatch([]*raft.Log{{Index: 2, Type: raft.LogCommand, Data: row.data}, logEntry(t, 3, Envelope{}, RaiseVersion{1})})
			if row.want == nil {
				if r, ok := out[0].(*Result); !ok || r.Code != Invalid || n.m.Err() != nil || n.facts() != before {
					t.Errorf("got %v, %v, want a refusal that changes nothing", out[0], n.m.Err())
				}
				return
			}
			for _, o := range out {
				if err, ok := o.(error); !ok || !errors.Is(err, ErrLatched) || !errors.Is(err, row.want) {
					t.Errorf("got %v, want ErrLatched with %v", o, row.want)
				}
			}
			checkLatched(t, n, row.want)
			if n.m.Applied() != 1 {
				t.Errorf("applied %d, want 1", n.m.Applied())
			}
			n.restart()
			if n.m.Err() != nil || n.facts() != before {
				t.Error("a restart with the old program does not find the old book")
			}
		})
	}
}

// checkLatched: nothing is applied, snapshot or served any more.
func checkLatched(t *testing.T, n *node, want error) {
	t.Helper()
	if err := n.m.Err(); !errors.Is(err, ErrLatched) || !errors.Is(err, want) {
		t.Errorf("Err: got %v, want ErrLatched with %v", err, want)
	}
	select {
	case <-n.m.Latched():
	default:
		t.Error("Latched is open")
	}
	if _, err := n.m.Snapshot(); !errors.Is(err, ErrLatched) {
		t.Errorf("Snapshot: got %v, want ErrLatched", err)
	}
	if _, err := n.m.Wait(t.Context(), 1<<40); !errors.Is(err, ErrLatched) {
		t.Errorf("Wait: got %v, want ErrLatched", err)
	}
	if err, ok := n.m.Apply(logEntry(t, 99, Envelope{}, RaiseVersion{1})).(error); !ok || !errors.Is(err, ErrLatched) {
		t.Errorf("Apply: got %v, want ErrLatched", err)
	}
	n.view(func(v *View) {
		_, _, err := v.Job("bs-a")
		_, errActive := v.ActiveJobs()
		_, errAssigned := v.Assignment("a")
		for _, err := range []error{err, errActive, errAssigned} {
			if !errors.Is(err, ErrLatched) {
				t.Errorf("View: got %v, want ErrLatched", err)
			}
		}
		for _, err := range v.Jobs() {
			if !errors.Is(err, ErrLatched) {
				t.Errorf("Jobs: got %v, want ErrLatched", err)
			}
		}
	})
}

func TestCompareDigest(t *testing.T) {
	n := newNode(t)
	running(n, "bs-a", 1)
	mine, at := n.m.Digest()
	other := mine
	other[31] ^= 1
	for _, row := range []CompareDigest{{at, mine}, {at - 1 + 1<<40, other}} { // equal, and one that nobody remembers
		if r := n.apply(Envelope{}, row); r.Code != OK {
			t.Errorf("%+v: got %+v", row, r)
		}
	}
	n.m.Apply(logEntry(t, n.m.Applied()+1, Envelope{}, CompareDigest{at, other}))
	checkLatched(t, n, ErrDiverged)
}

// TestDigestSeesEverything: a replica with one other bit in its book has another digest from the next change of it on.
func TestDigestSeesEverything(t *testing.T) {
	a, b := newNode(t), newNode(t)
	running(a, "bs-a", 1)
	running(b, "bs-a", 1)
	a.apply(Envelope{Reason: "x"}, PauseJob{"bs-a"})
	b.apply(Envelope{Reason: "y"}, PauseJob{"bs-a"})
	x, _ := a.m.Digest()
	y, _ := b.m.Digest()
	if x == y {
		t.Error("different books have one digest")
	}
}

func TestRequestIDs(t *testing.T) {
	const window = 64 // the real one is walked entry by entry
	n := newNode(t)
	n.m.requestWindow = window
	env := Envelope{RequestID: [16]byte{1}}
	first := n.apply(env, SubmitJob{ID: "bs-a", Slices: 1, PlanHash: [32]byte{1}})
	again := SubmitJob{ID: "bs-a", Slices: 1, PlanHash: [32]byte{2}}
	at := func(index uint64) Result {
		t.Helper()
		r, ok := n.m.Apply(logEntry(t, index, env, again)).(*Result)
		if !ok {
			t.Fatal(n.m.Err())
		}
		return *r
	}
	if r := at(window); r.Code != OK || r.Index != first.Index {
		t.Errorf("inside the window: got %+v, want what the first one returned", r)
	}
	n.restart()
	n.m.requestWindow = window
	if r := at(window + 1); r.Code != Exists {
		t.Errorf("behind the window: got %+v, want it to be judged anew", r)
	}
	n.m.Apply(logEntry(t, 2*window+1, Envelope{}, RaiseVersion{1}))
	if strings.Contains(n.dump(), "request id") {
		t.Error("request ids are kept for ever")
	}
}

func TestAuditTrail(t *testing.T) {
	n := newNode(t)
	n.m.auditKept = 10
	for i := range 25 {
		n.apply(Envelope{Actor: "cli:me", Reason: fmt.Sprint(i)}, PauseJob{"bs-a"})
		n.apply(Envelope{}, SaveCheckpoints{})
	}
	read := func(from uint64) (out []AuditRecord, err error) {
		n.view(func(v *View) {
			for rec, e := range v.Audit(from) {
				if e != nil {
					err = e
					return
				}
				out = append(out, rec)
			}
		})
		return out, err
	}
	all, err := read(0)
	if err != nil || len(all) != 10 || all[0].Reason != "15" || all[9].Index != 49 || all[9].Code != UnknownJob || all[9].Actor != "cli:me" {
		t.Fatalf("got %+v, %v, want the last ten", all, err)
	}
	if tail, err := read(46); err != nil || len(tail) != 2 || tail[0].Index != 47 {
		t.Errorf("from 46: got %+v, %v, want the records of 47 and 49", tail, err)
	}
	if none, err := read(50); err != nil || len(none) != 0 {
		t.Errorf("from 50: got %+v, %v, want none", none, err)
	}
	// Somebody with access to the disk, who knows the checksums, changes a record.
	rec := all[5]
	rec.Actor = "cli:you"
	b, err := wire.Marshal(&rec)
	if err != nil {
		t.Fatal(err)
	}
	k := key(kindAudit, u64(rec.Number))
	if err := n.db.Pebble().Set(n.m.slot.key(k), seal(k, b), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := read(0); !errors.Is(err, storage.ErrDamaged) || !strings.Contains(err.Error(), fmt.Sprintf("audit record %d", rec.Number)) {
		t.Errorf("got %v, want the name of the changed record", err)
	}
	checkLatched(t, n, storage.ErrDamaged)
}

func TestNewerClusterVersionIsNotOpened(t *testing.T) {
	n := newNode(t)
	k := key(kindVersion)
	b, err := wire.Marshal(&clusterVersion{LatestVersion + 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.db.Pebble().Set(n.m.slot.key(k), seal(k, b), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(n.db); !errors.Is(err, storage.ErrNewer) {
		t.Errorf("got %v, want ErrNewer", err)
	}
}

// TestLargeBatch crosses the size at which a batch is committed in parts.
func TestLargeBatch(t *testing.T) {
	n := newNode(t)
	var logs []*raft.Log
	for i := range uint64(18) {
		logs = append(logs, logEntry(t, i+1, Envelope{}, SubmitJob{ID: jobName(int(i)), Slices: 1, Recipe: make([]byte, maxRecipeBytes)}))
	}
	for i, out := range n.m.ApplyBatch(logs) {
		if r, ok := out.(*Result); !ok || r.Code != OK || r.Index != uint64(i+1) {
			t.Fatalf("entry %d: got %v", i, out)
		}
	}
	n.restart()
	if n.m.Applied() != 18 {
		t.Errorf("applied %d, want 18", n.m.Applied())
	}
}

// A verify slice is told what the fill slices before it, of its own lane and job, have set aside.
func TestAssignmentCarriesTheQuarantine(t *testing.T) {
	n := newNode(t)
	must := func(cmds ...Command) {
		t.Helper()
		for _, cmd := range cmds {
			if r := n.apply(Envelope{}, cmd); r.Code != OK || len(r.Refused) > 0 {
				t.Fatalf("%T: %+v", cmd, r)
			}
		}
	}
	id := func(i uint32) partition.SliceID { return partition.SliceID{Job: "bs-a", N: i} }
	check := partition.Slice{ID: id(3), Kind: partition.SliceVerify, Ranges: partition.Ranges{{From: 0, To: 30}}, Filled: partition.Ranges{{From: 0, To: 30}}}
	must(PutMember{testMember("a")}, SubmitJob{ID: "bs-a", Slices: 4, Locks: []string{"dir:a"}},
		AddSlices{Job: "bs-a", Slices: []partition.Slice{
			fillSlice("bs-a", 0, 0, 0, 10), fillSlice("bs-a", 1, 0, 10, 30), fillSlice("bs-a", 2, 1, 0, 30), check,
		}}, StartJob{ID: "bs-a"})
	for i, set := range [][]partition.Offset{{3, 4, 7}, {10, 29}, {5}} {
		finish := FinishSlice{Slice: id(uint32(i)), Owner: "a", Epoch: 1, Checkpoint: Checkpoint{Epoch: 1, Cursor: 30}}
		for _, o := range set {
			finish.Quarantine = append(finish.Quarantine, Quarantined{Partition: int32(i / 2), Offset: o, Code: "BST-Q201"})
		}
		must(GrantLeases{Grants: []Grant{{Slice: id(uint32(i)), Owner: "a"}}})
		n.view(func(v *View) {
			if a, err := v.Assignment("a"); err != nil || len(a.Work) != 1 || a.Work[0].Quarantined != nil {
				t.Errorf("fill slice: got %+v, %v, want one without a quarantine", a, err)
			}
		})
		must(finish)
	}
	must(BeginVerify{ID: "bs-a"}, GrantLeases{Grants: []Grant{{Slice: id(3), Owner: "a"}}})
	n.restart()
	n.view(func(v *View) {
		a, err := v.Assignment("a")
		if err != nil || len(a.Work) != 1 {
			t.Fatalf("got %+v, %v, want one slice", a, err)
		}
		want := partition.Ranges{{From: 3, To: 5}, {From: 7, To: 8}, {From: 10, To: 11}, {From: 29, To: 30}}
		if diff := cmp.Diff(a.Work[0].Quarantined, want); diff != "" {
			t.Errorf("set aside (-got +want):\n%s", diff)
		}
	})
}

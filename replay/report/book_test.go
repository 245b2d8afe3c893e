package report_test

import (
	"errors"
	"strings"
	"testing"

	"backstitch/fsm"
	"backstitch/fsm/fsmtest"
	"backstitch/partition"
	"backstitch/replay/report"

	"github.com/google/go-cmp/cmp"
)

// bookOf applies commands to a new book, each with the reason beside it.
func bookOf(t *testing.T, reasons map[int]string, cmds ...fsm.Command) *fsm.View {
	t.Helper()
	book := fsmtest.Empty(t)
	for i, cmd := range cmds {
		book.Must(fsm.Envelope{Actor: "leader:id0a", Reason: reasons[i], UnixNanos: int64(i) * 1e9}, cmd)
	}
	v := book.Machine.View()
	t.Cleanup(func() { _ = v.Close() })
	return v
}

func member(id partition.NodeID) fsm.Command {
	return fsm.PutMember{Member: fsm.Member{ID: id, Name: "node-" + string(id[3:]), Instance: [16]byte{1}, Role: fsm.RoleVoter, Weight: 1, MaxOp: fsm.MaxOp}}
}

// A report says what the book says: who wrote, who read, what was in which window, what was left out, and what happened in the meantime.
func TestAReportIsMadeFromTheBook(t *testing.T) {
	const job = partition.JobID("bs-7f3k2m")
	id := func(n uint32) partition.SliceID { return partition.SliceID{Job: job, N: n} }
	grant := func(n uint32, to partition.NodeID, seen partition.Epoch) fsm.Command {
		return fsm.GrantLeases{Grants: []fsm.Grant{{Slice: id(n), Owner: to, Seen: seen}}}
	}
	c := comparison(0)
	c.ReadBy = "id0c"
	stale := windows(c)
	stale[0].Expected.Records--
	p := fsm.Proof{ID: "r-20af", Job: job, Verdict: fsm.Pass, Evidence: fsm.E4, UnixNanos: 7, By: "id0a"}
	attested := c
	attested.Evidence = fsm.E4
	p.Comparisons = []fsm.Comparison{attested}
	v := bookOf(t, map[int]string{8: "id0b gossip calls it dead", 7: "free lanes", 11: "free lanes", 14: "all 1 verify slices are done"},
		member("id0a"), member("id0b"), member("id0c"), fsm.RaiseVersion{Version: fsm.LatestVersion},
		fsm.SubmitJob{ID: job, Name: "orders-gap", Slices: 2, PlanHash: [32]byte{9}, Recipe: []byte(`{"version":1,"source":{"layout":"archive","url":"s3://x","topic":"orders"},"target":{"kind":"kafka","topic":"orders"},"left":["object b is gone"]}`)},
		fsm.AddSlices{Job: job, Slices: []partition.Slice{
			{ID: id(0), Kind: partition.SliceFill, Ranges: partition.Ranges{{From: 0, To: 210}}},
			{ID: id(1), Kind: partition.SliceVerify, Ranges: partition.Ranges{{From: 0, To: 1000}}, Filled: partition.Ranges{{From: 0, To: 210}}},
		}},
		fsm.StartJob{ID: job}, grant(0, "id0b", 0), grant(0, "id0a", 1),
		fsm.FinishSlice{Slice: id(0), Owner: "id0a", Epoch: 2, Checkpoint: fsm.Checkpoint{Epoch: 2, Cursor: 210, Records: 210}},
		fsm.BeginVerify{ID: job}, grant(1, "id0c", 0),
		fsm.SaveLedger{Slice: id(1), Owner: "id0c", Epoch: 1, Windows: windows(c)},
		fsm.FinishSlice{Slice: id(1), Owner: "id0c", Epoch: 1, Checkpoint: fsm.Checkpoint{Epoch: 1, Cursor: 1000}, Comparison: &c},
		fsm.RecordProof{Proof: p}, fsm.FinishJob{ID: job, State: fsm.JobSucceeded, Proof: p.ID},
	)
	r, err := report.FromBook(v, p.ID, "c1")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Check(); err != nil {
		t.Error(err)
	}
	got := r.Comparisons[0]
	if diff := cmp.Diff(got.WrittenBy, []string{"id0a", "id0b"}); diff != "" || got.ReadBy != "id0c" || got.Evidence != "E4" || !r.WritersKnown {
		t.Errorf("got level %s, read by %s, written by %v, want E4 by c and not by id0a and id0b", got.Evidence, got.ReadBy, got.WrittenBy)
	}
	if len(got.Windows) != 2 || got.Windows[0].Filled != 210 || r.Written != 210 || r.Plan[:2] != "09" || r.Index != 15 || r.Cluster != "c1" {
		t.Errorf("got %+v", r)
	}
	if diff := cmp.Diff(r.Left, []string{"object b is gone"}); diff != "" {
		t.Errorf("left (-got +want):\n%s", diff)
	}
	var what []string
	for _, e := range r.Timeline {
		what = append(what, strings.TrimSuffix(e.Who+": "+e.What+"; "+e.Why, "; "))
	}
	want := []string{
		"leader:node-a: the plan was submitted", "leader:node-a: the job was approved and started",
		"leader:node-a: 1 leases moved to other nodes; node-b gossip calls it dead", "leader:node-a: everything was written; comparing began",
		"leader:node-a: the proof was recorded: pass at E4; all 1 verify slices are done",
		"leader:node-a: the job ended",
	}
	if diff := cmp.Diff(what, want); diff != "" {
		t.Errorf("timeline (-got +want):\n%s", diff)
	}
	if _, err := report.FromBook(v, "r-other", "c1"); !errors.Is(err, report.ErrUnknownProof) {
		t.Errorf("no such proof: got %v, want %v", err, report.ErrUnknownProof)
	}
	// Windows that do not add up to a proof are not its own, and it says that there are none.
	bare := report.New(p, report.About{Windows: map[int32][]fsm.Window{0: stale}, Writers: fsm.Writers{Known: true}})
	if len(bare.Comparisons[0].Windows) != 0 || !strings.Contains(strings.Join(bare.NotChecked, "; "), "numbers per window of 1 of 1 partitions") {
		t.Errorf("windows of another run: got %v, not checked %q", bare.Comparisons[0].Windows, bare.NotChecked)
	}
}

package admin

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/partition"
)

// proved makes a job that wrote two partitions of a place and has a passing proof.
func (f *fakeNode) proved(t *testing.T, id partition.JobID, place string) {
	t.Helper()
	f.do(t, fsm.SubmitJob{ID: id, Recipe: []byte("{}"), Locks: []string{place + "/0", place + "/1"}, Slices: 1, PlanHash: [32]byte{1}})
	s := partition.Slice{ID: partition.SliceID{Job: id}, Kind: partition.SliceVerify, Ranges: partition.Ranges{{From: 0, To: 10}}}
	f.do(t, fsm.AddSlices{Job: id, Slices: []partition.Slice{s}})
	f.do(t, fsm.StartJob{ID: id})
	f.do(t, fsm.BeginVerify{ID: id})
	f.do(t, fsm.GrantLeases{Grants: []fsm.Grant{{Slice: s.ID, Owner: "n1"}}})
	c := fsm.Comparison{Verdict: fsm.Pass, Evidence: fsm.E3, Expected: fsm.Side{Records: 10}, ReadBy: "n1"}
	f.do(t, fsm.FinishSlice{Slice: s.ID, Owner: "n1", Epoch: 1, Checkpoint: fsm.Checkpoint{Epoch: 1, Cursor: 10}, Comparison: &c})
	proof := fsm.ProofID("r-" + id)
	f.do(t, fsm.RecordProof{Proof: fsm.Proof{ID: proof, Job: id, Verdict: fsm.Pass, Evidence: fsm.E3, Comparisons: []fsm.Comparison{c}}})
	f.do(t, fsm.FinishJob{ID: id, State: fsm.JobSucceeded, Proof: proof})
}

func TestAnAliasThereAndBack(t *testing.T) {
	node := upgraded(t)
	node.proved(t, "bs-a", "kafka:c/orders-v2")
	h := api(t, node)
	var p client.Problem
	if w := ask(t, h, "GET", "/v1/aliases/orders", "", "", &p); w.Code != http.StatusNotFound || p.Code != client.CodeNotFound {
		t.Errorf("no such alias: %d %+v", w.Code, p)
	}
	put := client.PutAlias{Job: "bs-a", Place: "kafka:c/orders-v2", Topic: "orders-v2", From: "kafka:c/orders", FromTopic: "orders", Reason: "INC-1",
		Stage: true, Moves: []client.GroupMove{{Group: "billing", Plan: json.RawMessage(`{"version":1}`)}}}
	var a client.Alias
	if w := ask(t, h, "POST", "/v1/aliases/orders/publish", "k1", text(t, put), &a); w.Code != http.StatusOK || a.Topic != "orders" || a.Version != 1 || a.Versions[0].State != "staged" {
		t.Fatalf("stage: %d %s", w.Code, w.Body)
	}
	var moves client.GroupMoves
	if ask(t, h, "GET", "/v1/aliases/orders/versions/2/groups", "", "", &moves); len(moves.Moves) != 1 || string(moves.Moves[0].Plan) != `{"version":1}` {
		t.Errorf("groups: %+v", moves)
	}
	if w := ask(t, h, "GET", "/v1/aliases/orders/versions/9/groups", "", "", nil); w.Code != http.StatusNotFound {
		t.Errorf("groups of no version: %d", w.Code)
	}
	put.Stage, put.Moves, put.From, put.FromTopic, put.Seen = false, nil, "", "", a.Index
	for range 2 { // also when the answer was lost
		if w := ask(t, h, "POST", "/v1/aliases/orders/publish", "k2", text(t, put), &a); w.Code != http.StatusOK || a.Topic != "orders-v2" || a.Place != "kafka:c/orders-v2" || a.Version != 2 {
			t.Fatalf("publish: %d %s", w.Code, w.Body)
		}
	}
	if v := a.Versions[0]; v.Job != "bs-a" || v.Proof != "r-bs-a" || v.Why != "INC-1" || v.Before != 1 || len(v.Groups) != 1 || v.State != "published" {
		t.Errorf("version: %+v", v)
	}
	var job client.Job
	if ask(t, h, "GET", "/v1/jobs/bs-a", "", "", &job); len(job.Aliases) != 1 || job.Aliases[0] != "orders" {
		t.Errorf("job: %+v", job.Aliases)
	}
	revert := client.RevertAlias{Job: "bs-a", Seen: 1}
	if w := ask(t, h, "POST", "/v1/aliases/orders/revert", "", text(t, revert), &p); w.Code != http.StatusConflict || p.Next != "backstitch alias show orders" {
		t.Errorf("revert of a version that was not seen: %d %+v", w.Code, p)
	}
	for _, done := range []bool{false, true} {
		revert.Seen, revert.Done = a.Index, done
		if w := ask(t, h, "POST", "/v1/aliases/orders/revert", "", text(t, revert), &a); w.Code != http.StatusOK || a.Topic != "orders" {
			t.Fatalf("revert: %d %s", w.Code, w.Body)
		}
	}
	if v := a.Versions[0]; v.State != "reverted" || v.RevertedAt == nil {
		t.Errorf("reverted: %+v", v)
	}
	var all client.Aliases
	if ask(t, h, "GET", "/v1/aliases", "", "", &all); len(all.Aliases) != 1 {
		t.Errorf("list: %+v", all)
	}
}

func TestWhatIsNotPublishedOrMadeVoid(t *testing.T) {
	node := upgraded(t)
	node.proved(t, "bs-a", "kafka:c/orders-v2")
	node.proved(t, "bs-f", "dir:/d")
	h := api(t, node)
	put := client.PutAlias{Job: "bs-a", Place: "kafka:c/orders-v2", Topic: "orders-v2"}
	node.do(t, fsm.RecordProof{Proof: fsm.Proof{ID: "r-later", Job: "bs-a", Verdict: fsm.Indeterminate, Evidence: fsm.E0}})
	var p client.Problem
	if w := ask(t, h, "POST", "/v1/aliases/orders/publish", "", text(t, put), &p); w.Code != http.StatusConflict || !strings.Contains(p.Detail, "indeterminate") || !strings.Contains(p.Next, "report show") {
		t.Errorf("without a passing proof: %d %+v", w.Code, p)
	}
	put.Job = "bs-none"
	if w := ask(t, h, "POST", "/v1/aliases/orders/publish", "", text(t, put), &p); w.Code != http.StatusNotFound || !strings.Contains(p.Title, "job") {
		t.Errorf("no such job: %d %+v", w.Code, p)
	}
	if w := ask(t, h, "POST", "/v1/jobs/bs-a/void", "", `{}`, &p); w.Code != http.StatusUnprocessableEntity || !strings.Contains(p.Detail, "files") {
		t.Errorf("a topic made void: %d %+v", w.Code, p)
	}
	var job client.Job
	for _, body := range []string{`{"reason":"INC-2"}`, `{"done":true,"records":7}`} {
		if w := ask(t, h, "POST", "/v1/jobs/bs-f/void", "", body, &job); w.Code != http.StatusOK || job.Void == nil {
			t.Fatalf("void: %d %s", w.Code, w.Body)
		}
	}
	if v := job.Void; !v.Done || v.Records != 7 || v.Why != "INC-2" {
		t.Errorf("void: %+v", v)
	}
	// An older cluster knows nothing of it, and is not told.
	old := newFake(t)
	if w := ask(t, api(t, old), "POST", "/v1/jobs/bs-f/void", "", `{}`, &p); w.Code == http.StatusOK {
		t.Errorf("in a cluster of version 1: %d", w.Code)
	}
	put.Job = "bs-a"
	if w := ask(t, api(t, old), "POST", "/v1/aliases/orders/publish", "", text(t, put), &p); w.Code != http.StatusConflict || p.Code != client.CodeNeedsVersion {
		t.Errorf("in a cluster of version 1: %d %+v", w.Code, p)
	}
}

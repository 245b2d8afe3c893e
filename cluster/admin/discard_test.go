package admin

import (
	"net/http"
	"testing"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/partition"
)

// setAside is a node whose book has a job with two records in quarantine, p00@3 and p00@5.
func setAside(t *testing.T) http.Handler {
	t.Helper()
	node := upgraded(t)
	id := partition.SliceID{Job: "bs-7f3k2m"}
	node.do(t, fsm.SubmitJob{ID: id.Job, Name: "orders", Namespace: "default", Slices: 2, Recipe: []byte("{}")})
	node.do(t, fsm.AddSlices{Job: id.Job, Slices: []partition.Slice{
		{ID: id, Kind: partition.SliceFill, Ranges: partition.Ranges{{From: 0, To: 10}}},
		{ID: partition.SliceID{Job: id.Job, N: 1}, Kind: partition.SliceVerify, Ranges: partition.Ranges{{From: 0, To: 10}}},
	}})
	node.do(t, fsm.StartJob{ID: id.Job})
	node.do(t, fsm.GrantLeases{Grants: []fsm.Grant{{Slice: id, Owner: "n1"}}})
	node.do(t, fsm.FinishSlice{Slice: id, Owner: "n1", Epoch: 1, Checkpoint: fsm.Checkpoint{Epoch: 1, Cursor: 10, Quarantined: 2},
		Quarantine: []fsm.Quarantined{{Offset: 3, Code: "BST-Q201"}, {Offset: 5, Code: "BST-Q201"}}})
	return api(t, node)
}

func TestRecordsAreGivenUpAndTakenBack(t *testing.T) {
	h := setAside(t)
	const path = "/v1/jobs/bs-7f3k2m/discarded"
	var d client.DiscardedRecords
	if w := ask(t, h, "GET", path, "", "", &d); w.Code != http.StatusOK || d.Job != "bs-7f3k2m" || d.Records == nil || len(d.Records) != 0 {
		t.Fatalf("before: got %d %+v", w.Code, d)
	}
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"no reason":       {`{"records":[{"partition":0,"offset":3}]}`, http.StatusUnprocessableEntity},
		"nothing":         {`{"records":[],"reason":"x"}`, http.StatusUnprocessableEntity},
		"not set aside":   {`{"records":[{"partition":0,"offset":4}],"reason":"x"}`, http.StatusConflict},
		"another's order": {`{"records":[{"partition":0,"offset":5},{"partition":0,"offset":3}],"reason":"x"}`, http.StatusUnprocessableEntity},
	} {
		if w := ask(t, h, "POST", path, "", c.body, nil); w.Code != c.status {
			t.Errorf("%s: got %d %s, want %d", name, w.Code, w.Body, c.status)
		}
	}
	if w := ask(t, h, "POST", path, "", `{"records":[{"partition":0,"offset":3},{"partition":1,"offset":9,"planned":true}],"reason":"never paid"}`, &d); w.Code != http.StatusOK {
		t.Fatalf("discard: got %d %s", w.Code, w.Body)
	}
	if len(d.Records) != 2 || d.Records[0].Offset != 3 || d.Records[0].Reason != "never paid" || d.Records[0].By == "" || d.Records[0].At.Unix() != 1_700_000_000 || d.Records[1].Partition != 1 {
		t.Errorf("got %+v", d.Records)
	}
	if w := ask(t, h, "POST", path+"/restore", "", `{"records":[{"partition":0,"offset":5}]}`, nil); w.Code != http.StatusConflict {
		t.Errorf("what is not discarded is taken back: got %d %s", w.Code, w.Body)
	}
	d = client.DiscardedRecords{}
	if w := ask(t, h, "POST", path+"/restore", "", `{"records":[{"partition":0,"offset":3}]}`, &d); w.Code != http.StatusOK || len(d.Records) != 1 || d.Records[0].Partition != 1 {
		t.Errorf("restore: got %d %+v", w.Code, d)
	}
	if w := ask(t, h, "GET", "/v1/jobs/bs-zzzzzz/discarded", "", "", nil); w.Code != http.StatusNotFound {
		t.Errorf("no such job: got %d", w.Code)
	}
}

func TestAnOlderClusterGivesNothingUp(t *testing.T) {
	node := newFake(t)
	node.do(t, fsm.SubmitJob{ID: "bs-7f3k2m", Name: "orders", Slices: 1, Recipe: []byte("{}")})
	var p client.Problem
	if w := ask(t, api(t, node), "POST", "/v1/jobs/bs-7f3k2m/discarded", "", `{"records":[{"partition":0,"offset":3}],"reason":"x"}`, &p); w.Code != http.StatusConflict || p.Code != client.CodeNeedsVersion {
		t.Errorf("got %d %+v", w.Code, p)
	}
}

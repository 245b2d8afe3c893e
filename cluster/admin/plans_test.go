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

// planned is a node with a dataset of that policy and a plan of what a scan found, kept by its only worker.
func planned(t *testing.T, policy client.DatasetPolicy) (*fakeNode, http.Handler, partition.JobID) {
	t.Helper()
	node := upgraded(t)
	h := api(t, node)
	if w := ask(t, h, "POST", "/v1/datasets", "", datasetBody(t, func(d *client.PutDataset) { d.Policy = &policy }), nil); w.Code != http.StatusOK {
		t.Fatalf("put: %d %s", w.Code, w.Body)
	}
	const scan = "bs-scan"
	slice := func(job partition.JobID, n uint32) partition.SliceID { return partition.SliceID{Job: job, N: n} }
	lease := func(id partition.SliceID) {
		node.do(t, fsm.GrantLeases{Grants: []fsm.Grant{{Slice: id, Owner: "n1"}}})
	}
	at := fsm.Checkpoint{Epoch: 1}
	node.do(t, fsm.SubmitScan{ID: scan, Order: &fsm.ScanOrder{Name: "orders.scan", Dataset: "orders", Pair: "p", Recipe: []byte("{}")}})
	lease(slice(scan, 0))
	node.do(t, fsm.FinishScanSlice{Slice: slice(scan, 0), Owner: "n1", Epoch: 1, Checkpoint: at, Survey: &fsm.Survey{Partitions: []fsm.SurveyPart{{}}, Header: []byte("{}")}})
	lease(slice(scan, 1))
	node.do(t, fsm.FinishScanSlice{Slice: slice(scan, 1), Owner: "n1", Epoch: 1, Checkpoint: at,
		Part: &fsm.ScanPart{Body: []byte("b"), Counts: fsm.ScanCounts{Comparable: 1, Compared: 9, Matched: 8, Missing: 1, Findings: 1}}})
	node.do(t, fsm.FinishScan{ID: scan})
	id := fsm.PlanID("default/orders", scan)
	lease(slice(id, 0))
	fill := partition.Slice{ID: slice("bs-job", 0), Kind: partition.SliceFill, Ranges: partition.Ranges{{From: 3, To: 10}}, Records: 7}
	node.do(t, fsm.KeepPlan{Slice: slice(id, 0), Owner: "n1", Epoch: 1, Checkpoint: at, Made: &fsm.MadePlan{
		Job: "bs-job", Name: "orders.refill", Hash: [32]byte{0xab}, Recipe: []byte("{}"), Records: 7, Bytes: 70, Slices: []partition.Slice{fill}, Document: []byte("zstd"),
	}})
	return node, h, id
}

const plansPath = "/v1/datasets/default/orders/plans/"

func decisionBody(t *testing.T, hash, reason string) string {
	t.Helper()
	text, err := json.Marshal(client.Decision{SHA256: hash, Reason: reason})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestPlansAreReadAndDecided(t *testing.T) {
	_, h, id := planned(t, client.DatasetPolicy{Act: "planAndWait"})
	var d client.Dataset
	ask(t, h, "GET", "/v1/datasets/default/orders", "", "", &d)
	if d.Policy.Act != "planAndWait" || len(d.Plans) != 1 || d.Plans[0].State != "waiting" || d.Plans[0].Records != 7 || d.Plans[0].Why == "" {
		t.Fatalf("got policy %+v, plans %+v", d.Policy, d.Plans)
	}
	hash := d.Plans[0].SHA256
	var doc client.PlanDocument
	if w := ask(t, h, "GET", plansPath+string(id), "", "", &doc); w.Code != http.StatusOK || string(doc.Document) != "zstd" || doc.Plan.SHA256 != hash {
		t.Errorf("read: %d %+v", w.Code, doc)
	}
	var jobs client.Jobs
	if ask(t, h, "GET", "/v1/jobs", "", "", &jobs); len(jobs.Jobs) != 0 {
		t.Errorf("what makes a plan is listed as a job: %+v", jobs.Jobs)
	}
	for name, row := range map[string]struct {
		path, body string
		status     int
	}{
		"another hash":    {plansPath + string(id) + "/approve", decisionBody(t, strings.Repeat("0", 64), ""), http.StatusConflict},
		"no hash":         {plansPath + string(id) + "/approve", decisionBody(t, strings.Repeat("z", 64), ""), http.StatusUnprocessableEntity},
		"no such plan":    {plansPath + "bs-nothing/approve", decisionBody(t, hash, ""), http.StatusNotFound},
		"another dataset": {"/v1/datasets/default/other/plans/" + string(id) + "/approve", decisionBody(t, hash, ""), http.StatusNotFound},
	} {
		if w := ask(t, h, "POST", row.path, "", row.body, nil); w.Code != row.status {
			t.Errorf("%s: got %d %s, want %d", name, w.Code, w.Body, row.status)
		}
	}
	if ask(t, h, "GET", "/v1/jobs", "", "", &jobs); len(jobs.Jobs) != 0 {
		t.Errorf("a refused yes started %+v", jobs.Jobs)
	}
	var p client.DatasetPlan
	for range 2 {
		if w := ask(t, h, "POST", plansPath+string(id)+"/approve", "", decisionBody(t, hash, "looked at it"), &p); w.Code != http.StatusOK || p.State != "started" || p.Why != "looked at it" {
			t.Fatalf("yes: %d %+v", w.Code, p)
		}
	}
	var problem client.Problem
	if w := ask(t, h, "POST", plansPath+string(id)+"/reject", "", decisionBody(t, hash, ""), &problem); w.Code != http.StatusConflict || problem.Next != "backstitch dataset plans default/orders" {
		t.Errorf("no after yes: %d %+v", w.Code, problem)
	}
	if ask(t, h, "GET", "/v1/jobs", "", "", &jobs); len(jobs.Jobs) != 1 || jobs.Jobs[0].ID != "bs-job" || jobs.Jobs[0].State != "running" {
		t.Errorf("got jobs %+v, want the plan's, running", jobs.Jobs)
	}
}

func TestAPlanIsRejected(t *testing.T) {
	_, h, id := planned(t, client.DatasetPolicy{Act: "run", MaxRecords: 6, MaxBytes: 1000})
	var doc client.PlanDocument
	ask(t, h, "GET", plansPath+string(id), "", "", &doc)
	if doc.Plan.State != "waiting" || !strings.Contains(doc.Plan.Why, "maxRecords") {
		t.Fatalf("above a limit: got %+v", doc.Plan)
	}
	var p client.DatasetPlan
	if w := ask(t, h, "POST", plansPath+string(id)+"/reject", "", decisionBody(t, doc.Plan.SHA256, "no"), &p); w.Code != http.StatusOK || p.State != "rejected" || p.Why != "no" {
		t.Errorf("got %d %+v", w.Code, p)
	}
}

func TestPoliciesThatAreRefused(t *testing.T) {
	h := api(t, upgraded(t))
	for name, policy := range map[string]client.DatasetPolicy{
		"a word": {Act: "sometimes"}, "no limits": {Act: "run"}, "half of them": {Act: "run", MaxRecords: 5}, "limits of nothing": {Act: "notify", MaxBytes: 5},
	} {
		var p client.Problem
		if w := ask(t, h, "POST", "/v1/datasets", "", datasetBody(t, func(d *client.PutDataset) { d.Policy = &policy }), &p); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %+v", name, w.Code, p)
		}
	}
	// A cluster of version 3 takes a dataset that only tells, and refuses one that would act.
	old := newFake(t)
	old.do(t, fsm.PutMember{Member: fsm.Member{ID: "n1", Name: "node-a", Instance: [16]byte{1}, Role: fsm.RoleVoter, MaxOp: fsm.MaxOp}})
	old.do(t, fsm.RaiseVersion{Version: 3})
	h = api(t, old)
	acts := func(act string) string {
		return datasetBody(t, func(d *client.PutDataset) { d.Policy = &client.DatasetPolicy{Act: act} })
	}
	var p client.Problem
	if w := ask(t, h, "POST", "/v1/datasets", "", acts("planAndWait"), &p); w.Code != http.StatusConflict || p.Code != client.CodeNeedsVersion {
		t.Errorf("planAndWait in an older cluster: %d %+v", w.Code, p)
	}
	if w := ask(t, h, "POST", "/v1/datasets", "", acts("notify"), nil); w.Code != http.StatusOK {
		t.Errorf("notify in an older cluster: %d %s", w.Code, w.Body)
	}
}

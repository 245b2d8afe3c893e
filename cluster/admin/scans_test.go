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

// scanning is a cluster that knows scans.
func scanning(t *testing.T) (*fakeNode, http.Handler) {
	t.Helper()
	node := newFake(t)
	node.do(t, fsm.PutMember{Member: fsm.Member{ID: "n1", Name: "node-a", Instance: [16]byte{1}, Role: fsm.RoleVoter, Weight: 1, MaxOp: fsm.MaxOp}})
	node.do(t, fsm.RaiseVersion{Version: 3})
	return node, api(t, node)
}

func (f *fakeNode) do(t testing.TB, cmd fsm.Command) {
	t.Helper()
	if r, err := f.Propose(t.Context(), fsm.Envelope{Actor: "test"}, cmd); err != nil || r.Code != fsm.OK || len(r.Refused) > 0 {
		t.Fatalf("%T: %+v, %v", cmd, r, err)
	}
}

func text(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var someOrder = client.ScanOrder{Name: "orders-gap", Pair: "a <- b", Recipe: json.RawMessage(`{"version":1}`), RateBytes: 5, Keep: 2}

func TestAScanFromSubmissionToFindings(t *testing.T) {
	node, h := scanning(t)
	body := text(t, client.ScanSubmission{ID: "bs-scan", Order: someOrder})
	var s client.Scan
	for _, key := range []string{"k1", "k1", "k2"} {
		if w := ask(t, h, http.MethodPost, "/v1/scans", key, body, &s); w.Code != http.StatusOK || s.State != "running" || s.Surveyed {
			t.Fatalf("submit with %s: %d %s", key, w.Code, w.Body)
		}
	}
	other := someOrder
	other.Keep = 9
	if w := ask(t, h, http.MethodPost, "/v1/scans", "", text(t, client.ScanSubmission{ID: "bs-scan", Order: other}), nil); w.Code != http.StatusConflict {
		t.Errorf("the id with another order: got %d, want 409", w.Code)
	}
	slice := func(n uint32) partition.SliceID { return partition.SliceID{Job: "bs-scan", N: n} }
	node.do(t, fsm.GrantLeases{Grants: []fsm.Grant{{Slice: slice(0), Owner: "n1"}}})
	at := fsm.Checkpoint{Epoch: 1, Records: 7, Bytes: 70}
	node.do(t, fsm.FinishScanSlice{Slice: slice(0), Owner: "n1", Epoch: 1, Checkpoint: fsm.Checkpoint{Epoch: 1},
		Survey: &fsm.Survey{Partitions: []fsm.SurveyPart{{Partition: 0}, {Partition: 3}}, Header: []byte("{}")}})
	node.do(t, fsm.GrantLeases{Grants: []fsm.Grant{{Slice: slice(1), Owner: "n1"}, {Slice: slice(2), Owner: "n1"}}})
	node.do(t, fsm.FinishScanSlice{Slice: slice(1), Owner: "n1", Epoch: 1, Checkpoint: at,
		Part: &fsm.ScanPart{Partition: 0, Body: []byte("found"), Truncated: true, Counts: fsm.ScanCounts{Comparable: 1, Compared: 7, Matched: 5, Missing: 2, Findings: 1}}})
	ask(t, h, http.MethodGet, "/v1/scans/bs-scan", "", "", &s)
	if s.Partitions != 2 || s.Done != 1 || s.Counts.Missing != 2 || s.Truncated != 1 || s.Records != 7 || s.RateBytes != 5 {
		t.Errorf("half done: got %+v", s)
	}
	var found client.ScanFindings
	ask(t, h, http.MethodGet, "/v1/scans/bs-scan/findings", "", "", &found)
	if len(found.Parts) != 1 || string(found.Parts[0].Body) != "found" || found.Parts[0].By != "n1" || string(found.Header) != "{}" || string(found.Recipe) != `{"version":1}` {
		t.Errorf("findings: got %+v", found)
	}

	node.do(t, fsm.FailSlice{Slice: slice(2), Owner: "n1", Epoch: 1, Err: "no such topic"})
	if ask(t, h, http.MethodGet, "/v1/scans/bs-scan", "", "", &s); s.Failed != 1 || s.Problem != "no such topic" {
		t.Errorf("a partition failed: got %d, %q, want 1 and why", s.Failed, s.Problem)
	}

	// It is a job, and no job that is listed among those that write or found by its name.
	var jobs client.Jobs
	ask(t, h, http.MethodGet, "/v1/jobs", "", "", &jobs)
	if len(jobs.Jobs) != 0 {
		t.Errorf("jobs: got %+v, want none", jobs)
	}
	if w := ask(t, h, http.MethodGet, "/v1/jobs/orders-gap", "", "", nil); w.Code != http.StatusNotFound {
		t.Errorf("a job by the name of a scan: got %d, want 404", w.Code)
	}
	if w := ask(t, h, http.MethodPost, "/v1/jobs/bs-scan/pause", "", `{"reason":"peak"}`, nil); w.Code != http.StatusOK {
		t.Errorf("pause: %d %s", w.Code, w.Body)
	}
	if w := ask(t, h, http.MethodPost, "/v1/scans/bs-scan/cancel", "", `{"reason":"enough"}`, &s); w.Code != http.StatusOK || s.State != "cancelled" || s.Why != "enough" {
		t.Errorf("cancel: %d %s", w.Code, w.Body)
	}
	ask(t, h, http.MethodPost, "/v1/jobs", "", plan("bs-abc", "orders", "l", 1), nil)
	if w := ask(t, h, http.MethodPost, "/v1/scans/bs-abc/cancel", "", `{}`, nil); w.Code != http.StatusNotFound {
		t.Errorf("a job that writes is cancelled as a scan: got %d, want 404", w.Code)
	}
	var list client.Scans
	if ask(t, h, http.MethodGet, "/v1/scans", "", "", &list); len(list.Scans) != 1 {
		t.Errorf("scans: got %+v, want one", list)
	}
}

func TestSchedulesOfScans(t *testing.T) {
	_, h := scanning(t)
	var s client.ScanSchedule
	if w := ask(t, h, http.MethodPost, "/v1/scan-schedules", "", text(t, client.ScanSchedule{Name: "nightly", Order: someOrder, Cron: "0 3 * * *"}), &s); w.Code != http.StatusOK {
		t.Fatalf("put: %d %s", w.Code, w.Body)
	}
	if s.Next == nil || s.Next.Format("15:04:05") != "03:00:00" {
		t.Errorf("next: got %v, want three in the morning", s.Next)
	}
	for _, wrong := range []client.ScanSchedule{
		{Name: "x", Order: someOrder}, {Name: "x", Order: someOrder, Every: "1h", Cron: "0 3 * * *"}, {Name: "x", Order: someOrder, Every: "soon"},
		{Name: "x", Order: someOrder, Every: "1s"}, {Name: "x", Order: someOrder, Cron: "0 3 * *"},
	} {
		if w := ask(t, h, http.MethodPost, "/v1/scan-schedules", "", text(t, wrong), nil); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%+v: got %d %s, want 422", wrong, w.Code, w.Body)
		}
	}
	var list client.ScanSchedules
	if ask(t, h, http.MethodGet, "/v1/scan-schedules", "", "", &list); len(list.Schedules) != 1 || list.Schedules[0].Order.Pair != someOrder.Pair {
		t.Errorf("list: got %+v", list)
	}
	if w := ask(t, h, http.MethodDelete, "/v1/scan-schedules/nightly", "", "", nil); w.Code != http.StatusOK {
		t.Errorf("remove: %d %s", w.Code, w.Body)
	}
	if w := ask(t, h, http.MethodDelete, "/v1/scan-schedules/nightly", "", "", nil); w.Code != http.StatusNotFound {
		t.Errorf("remove again: got %d, want 404", w.Code)
	}
}

// A member of an older program would stop at such a command, so it is not proposed.
func TestScansWaitForTheVersion(t *testing.T) {
	node := newFake(t)
	h := api(t, node)
	w := ask(t, h, http.MethodPost, "/v1/scans", "", text(t, client.ScanSubmission{ID: "bs-scan", Order: someOrder}), nil)
	if w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), client.CodeNeedsVersion) || node.Machine.Applied() != 0 {
		t.Errorf("got %d %s after %d commands, want a refusal without any", w.Code, w.Body, node.Machine.Applied())
	}
}

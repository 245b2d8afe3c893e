package admin

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/partition"

	"github.com/google/go-cmp/cmp"
)

// The API's clock in these tests stands at 2023-11-14T22:13:20Z.
var testNow = time.Unix(1_700_000_000, 0)

func onTerms(t *testing.T, id, lock string, x client.Terms) string {
	t.Helper()
	var s client.Submission
	if err := json.Unmarshal([]byte(plan(id, "orders", lock, 1)), &s); err != nil {
		t.Fatal(err)
	}
	s.Terms = &x
	return text(t, s)
}

// A job on terms is taken with them, and told with what they mean of now.
func TestAJobOnTerms(t *testing.T) {
	node := upgraded(t)
	h := api(t, node)
	x := client.Terms{
		Timezone:  "Europe/Berlin",
		PeakHours: []client.Window{{Cron: "0 23 * * *", DurationMs: 7_200_000, Rate: &client.Rate{Bytes: 5 << 20}}},
		Blackout:  []client.Window{{Cron: "0 3 * * *", DurationMs: 3_600_000}},
		SLA:       &client.SLA{RecoverWithinMs: 7_200_000, AlertPercent: 75, CompletePPM: 1_000_000},
	}
	var j client.Job
	if w := ask(t, h, http.MethodPost, "/v1/jobs", "k1", onTerms(t, "bs-a", "kafka:c/t/0", x), &j); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if j.Hours == nil || j.Hours.Peak == nil || !j.Hours.Peak.Equal(testNow.Truncate(time.Hour).Add(2*time.Hour)) || j.Hours.Rate == nil || j.Hours.Rate.Bytes != 5<<20 ||
		j.Hours.Blackout != nil || j.Hours.NextKind != "blackout" {
		t.Errorf("hours: %+v", j.Hours)
	}
	if d := j.Deadline; d == nil || !d.DetectedAt.Equal(testNow) || !d.At.Equal(testNow.Add(2*time.Hour)) || !d.AlertAt.Equal(testNow.Add(90*time.Minute)) || d.State != "unknown" {
		t.Errorf("deadline: %+v", j.Deadline)
	}
	node.rates = [2]float64{0.001, 1}
	if ask(t, h, http.MethodGet, "/v1/jobs/bs-a", "", "", &j); j.Deadline.State != "at-risk" || j.Deadline.Latest == nil || j.Deadline.Earliest == nil {
		t.Errorf("deadline at 0.001 records a second: %+v", j.Deadline)
	}
	if j.Deadline.RiskTold != nil {
		t.Errorf("told before anybody was: %+v", j.Deadline)
	}
	telling := fsm.TellSLA{Job: "bs-a", Kind: fsm.NoticeAtRisk, DeadlineUnixNanos: testNow.Add(2 * time.Hour).UnixNano(), Why: "slow"}
	if r, err := node.Propose(t.Context(), fsm.Envelope{Actor: "test", UnixNanos: testNow.UnixNano()}, telling); err != nil || r.Code != fsm.OK {
		t.Fatalf("%+v, %v", r, err)
	}
	if ask(t, h, http.MethodGet, "/v1/jobs/bs-a", "", "", &j); j.Deadline.RiskTold == nil || !j.Deadline.RiskTold.Equal(testNow) || j.Deadline.MissedTold != nil {
		t.Errorf("deadline that was told of: %+v", j.Deadline)
	}
	var none client.Job
	if ask(t, h, http.MethodPost, "/v1/jobs", "k2", plan("bs-b", "bills", "kafka:c/u/0", 1), &none); none.Hours != nil || none.Deadline != nil {
		t.Errorf("a job without terms: %+v %+v", none.Hours, none.Deadline)
	}
}

// What nobody can have meant is refused, and so is any of it by a cluster that would not keep it.
func TestTermsThatAreRefused(t *testing.T) {
	var p client.Problem
	bad := client.Terms{Blackout: []client.Window{{Cron: "0 3 * *", DurationMs: 3_600_000}}}
	if w := ask(t, api(t, upgraded(t)), http.MethodPost, "/v1/jobs", "", onTerms(t, "bs-a", "kafka:c/t/0", bad), &p); w.Code != http.StatusUnprocessableEntity || p.Code != client.CodeCalendar {
		t.Errorf("%d %+v", w.Code, p)
	}
	node := newFake(t) // of version 1
	good := client.Terms{Blackout: []client.Window{{Cron: "0 3 * * *", DurationMs: 3_600_000}}}
	if ask(t, api(t, node), http.MethodPost, "/v1/jobs", "", onTerms(t, "bs-a", "kafka:c/t/0", good), &p); p.Code != client.CodeNeedsVersion {
		t.Errorf("by a cluster of version 1: %+v", p)
	}
	v, err := node.View()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if _, ok, err := v.Job("bs-a"); ok || err != nil {
		t.Errorf("the job was taken without its hours: %t, %v", ok, err)
	}
}

// scanned makes a scan that ended at a time.
func (f *fakeNode) scanned(t *testing.T, id partition.JobID, name string, at time.Time, missing int64) {
	t.Helper()
	slice := func(n uint32) partition.SliceID { return partition.SliceID{Job: id, N: n} }
	found := fsm.ScanCounts{Comparable: 1, Compared: 9, Matched: 9 - missing, Missing: missing, Findings: missing}
	for _, c := range []fsm.Command{
		fsm.SubmitScan{ID: id, Order: &fsm.ScanOrder{Name: name, Namespace: "default", Pair: string(id), Recipe: []byte("{}")}},
		fsm.GrantLeases{Grants: []fsm.Grant{{Slice: slice(0), Owner: "n1"}}},
		fsm.FinishScanSlice{Slice: slice(0), Owner: "n1", Epoch: 1, Checkpoint: fsm.Checkpoint{Epoch: 1}, Survey: &fsm.Survey{Partitions: []fsm.SurveyPart{{}}, Header: []byte("{}")}},
		fsm.GrantLeases{Grants: []fsm.Grant{{Slice: slice(1), Owner: "n1"}}},
		fsm.FinishScanSlice{Slice: slice(1), Owner: "n1", Epoch: 1, Checkpoint: fsm.Checkpoint{Epoch: 1}, Part: &fsm.ScanPart{Body: []byte("b"), Counts: found}},
		fsm.FinishScan{ID: id},
	} {
		if r, err := f.Propose(t.Context(), fsm.Envelope{Actor: "test", UnixNanos: at.UnixNano()}, c); err != nil || r.Code != fsm.OK || len(r.Refused) > 0 {
			t.Fatalf("%T: %+v, %v", c, r, err)
		}
	}
}

// The clock starts when the first scan ended that found the loss, of those called as the job. What found nothing, or is called otherwise, does not count.
func TestTheClockStartsAtDetection(t *testing.T) {
	node := upgraded(t)
	h := api(t, node)
	ago := func(d time.Duration) time.Time { return testNow.Add(-d) }
	node.scanned(t, "bs-sd", "other", ago(9*time.Hour), 5)
	node.scanned(t, "bs-se", "orders", ago(8*time.Hour), 0)
	node.scanned(t, "bs-sf", "orders", ago(3*time.Hour), 5)
	node.scanned(t, "bs-sg", "orders", ago(time.Hour), 5)
	x := client.Terms{SLA: &client.SLA{RecoverWithinMs: 4 * 3_600_000, AlertPercent: 50, CompletePPM: 1_000_000}}
	var j client.Job
	if w := ask(t, h, http.MethodPost, "/v1/jobs", "", onTerms(t, "bs-a", "kafka:c/t/0", x), &j); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if d := j.Deadline; d == nil || !d.DetectedAt.Equal(ago(3*time.Hour)) || !d.At.Equal(testNow.Add(time.Hour)) || d.State != "at-risk" {
		t.Errorf("deadline %+v, want one that runs since three hours", j.Deadline)
	}
}

// A dataset says what terms its jobs have, shows them, and is refused with such as nobody can have meant, or by a cluster that would not keep them.
func TestADatasetWithTerms(t *testing.T) {
	put := client.PutDataset{
		Namespace: "default", Name: "orders", Document: []byte(`{}`), Reference: client.Place{Name: "/a"}, Targets: []client.Place{{Name: "/b"}},
		Orders: []client.ScanOrder{{Name: "orders.scan", Namespace: "default", Dataset: "orders", Pair: "p", Recipe: []byte(`{}`)}},
		Policy: &client.DatasetPolicy{Act: "planAndWait"},
		Terms: &client.Terms{Timezone: "Europe/Berlin", Blackout: []client.Window{{Cron: "0 3 * * *", DurationMs: 3_600_000}},
			SLA: &client.SLA{RecoverWithinMs: 7_200_000, AlertPercent: 75, CompletePPM: 1_000_000}},
	}
	var p client.Problem
	if w := ask(t, api(t, newFake(t)), http.MethodPost, "/v1/datasets", "", text(t, put), &p); p.Code != client.CodeNeedsVersion {
		t.Errorf("by a cluster of version 1: %d %+v", w.Code, p)
	}
	h := api(t, upgraded(t))
	var d client.Dataset
	if w := ask(t, h, http.MethodPost, "/v1/datasets", "", text(t, put), &d); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if diff := cmp.Diff(d.Terms, put.Terms); diff != "" {
		t.Errorf("the terms that are shown differ (-got +want):\n%s", diff)
	}
	put.Seen, put.Terms = d.Index, &client.Terms{Blackout: []client.Window{{Cron: "0 3 * *", DurationMs: 3_600_000}}}
	if ask(t, h, http.MethodPost, "/v1/datasets", "", text(t, put), &p); p.Code != client.CodeCalendar {
		t.Errorf("a calendar that can not be read: %+v", p)
	}
	put.Terms = nil
	var none client.Dataset
	if ask(t, h, http.MethodPost, "/v1/datasets", "", text(t, put), &none); none.Terms != nil {
		t.Errorf("a dataset that was put without terms has %+v", none.Terms)
	}
}

package ui

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"backstitch/cluster/admin/ui/incident"
	"backstitch/cluster/client"
)

// at is when everything here happens.
var at = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// canned is a node's API with answers by method and path. It notes what it was told to change.
type canned struct {
	mu      sync.Mutex
	answers map[string]any
	told    []string // "POST /v1/... BODY"
	from    []string // RemoteAddr of each request
	shown   []string // Authorization of each request
	token   string   // without which nobody is known, "" for everybody is
}

func (c *canned) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.from, c.shown = append(c.from, r.RemoteAddr), append(c.shown, r.Header.Get("Authorization"))
	if c.token != "" && r.Header.Get("Authorization") != "Bearer "+c.token {
		w.WriteHeader(http.StatusUnauthorized)
		_ = json.NewEncoder(w).Encode(client.Problem{Title: "who asks is not known", Status: http.StatusUnauthorized, Code: client.CodeUnauthorized})
		return
	}
	if r.Method != http.MethodGet {
		body, _ := io.ReadAll(r.Body)
		c.told = append(c.told, r.Method+" "+r.URL.Path+" "+string(body))
	}
	w.Header().Set(client.HeaderIndex, "7")
	switch a := c.answers[r.Method+" "+r.URL.Path].(type) {
	case nil:
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusNotFound)
		_ = json.NewEncoder(w).Encode(client.Problem{Title: "no such thing", Status: http.StatusNotFound, Code: client.CodeNotFound, Next: "backstitch status"})
	case client.Problem:
		w.WriteHeader(a.Status)
		_ = json.NewEncoder(w).Encode(a)
	default:
		_ = json.NewEncoder(w).Encode(a)
	}
}

// holed is a scan of n partitions by so many columns, with a hole in each.
func holed(partitions, columns int) Found {
	f := Found{Dataset: "orders", Timed: true, From: at.UnixMilli(), Width: 60_000, Columns: columns, NotChecked: []string{"headers"}}
	for p := range int32(partitions) {
		first := int(p) * 7 % (columns - 3)
		f.Rows = append(f.Rows, Row{Partition: p, Spans: []Span{{".", first}, {"M", 2}, {"+", 1}, {".", columns - first - 3}}})
		from := f.From + int64(first)*f.Width
		f.Findings = append(f.Findings, Finding{
			ID: fmt.Sprintf("g-51c9.%d", p+1), Kind: "missing", Partition: p, From: 10, To: 20, Count: 10, Bytes: 800, FirstMs: from, LastMs: from + 3*f.Width - 1,
			Reason: "10 records in a row", Recoverable: true, HeldBy: "archive of orders", Runbook: "deploy/runbooks/missing.md",
		})
	}
	return f
}

// seer is an Insight that has seen one scan.
type seer struct{ found Found }

func (s seer) Found(client.ScanFindings) (Found, error) { return s.found, nil }
func (s seer) Explain(_ client.ScanFindings, id string) (string, error) {
	for _, f := range s.found.Findings {
		if f.ID == id {
			return "Gap " + id + "   why we say it is missing", nil
		}
	}
	return "", fmt.Errorf("%s: %w", id, ErrNoFinding)
}
func (seer) Plan(client.PlanDocument) (string, error) { return "Plan: 10 records to write", nil }
func (seer) Report([]byte) (Report, error) {
	return Report{HTML: []byte("<!doctype html><title>report</title>"), Report: incident.Report{
		Title: "default/orders.refill", Job: "bs-old", Verdict: "pass", Summary: "30 records had been lost. All that was compared is there.",
		Facts: []incident.Fact{{Name: "Job", Value: "bs-old"}, {Name: "Proof", Value: "r-1, pass at E4"}, {Name: "Signature", Value: "ed25519, good"}},
		Lost: []incident.Loss{
			{Partition: "orders/p00", Records: 20, Back: 20, First: at.Add(-3 * time.Hour), Last: at.Add(-2 * time.Hour), State: "pass"},
			{Partition: "orders/p02", Records: 10, Back: 10, First: at.Add(-4 * time.Hour), Last: at.Add(-3 * time.Hour), State: "pass"},
		},
		Timeline: []incident.Event{{At: at.Add(-time.Hour), Who: "cli:ann", What: "submitted", Why: nasty}, {At: at.Add(-time.Minute), Who: "node-a", What: "proved"}},
		Decided:  []incident.Decision{{What: "run it", By: "cli:ben", Why: "INC-1", At: at.Add(-time.Hour)}},
		Checks:   []incident.Check{{Name: "records", Expected: "100", Actual: "100", Result: "pass"}}, Unseen: []string{"what consumers made of the records"},
		Commands: []incident.Command{{For: "the report", Run: "backstitch report show r-1"}}, Runbook: "deploy/runbooks/missing.md",
	}}, nil
}
func (seer) Apart([]byte) (Apart, error) {
	return Apart{Records: []client.Poison{{Partition: 2, Offset: 7, Code: "BST-P301", Reason: "the plan left it out"}}, More: 2, Places: []string{"p03@10..20 can not be read"}}, nil
}

// nasty is what nobody should be able to put into a page.
const nasty = `<script>alert(1)</script>"'`

// world is a cluster in which something of everything is there.
func world() map[string]any {
	day := at.Add(24 * time.Hour)
	job := client.Job{
		ID: "bs-abc", Name: "orders.refill", Namespace: "default", State: "running", Why: nasty, Priority: 50, Records: 100, FillSlices: 2, VerifySlices: 2, CreatedBy: "cli:ann", CreatedAt: at.Add(-time.Hour),
		Progress: client.Progress{Written: 40, Bytes: 4096, Quarantined: 3},
		Deadline: &client.Deadline{DetectedAt: at.Add(-time.Hour), At: day, AlertAt: at.Add(12 * time.Hour), State: "at-risk", Earliest: new(day.Add(-6 * time.Hour)), Latest: new(day.Add(3 * time.Hour)), CompletePPM: 1e6},
	}
	ended := job
	ended.ID, ended.State, ended.Verdict, ended.Proof, ended.FinishedAt, ended.Deadline, ended.Why = "bs-old", "succeeded", "pass", "r-1", new(at.Add(-time.Minute)), nil, ""
	scan := client.Scan{
		ID: "bs-scan", Name: "orders.scan", Namespace: "default", State: "succeeded", Dataset: "orders", Pair: "topic orders <- archive", Surveyed: true, Partitions: 3, Done: 3,
		Counts: client.ScanCounts{Comparable: 3, Compared: 300, Missing: 30, Findings: 3}, CreatedAt: at.Add(-2 * time.Minute), FinishedAt: new(at.Add(-time.Minute)),
	}
	plan := client.DatasetPlan{ID: "bs-plan", Scan: "bs-scan", State: "waiting", Why: "policy is planAndWait", SHA256: strings.Repeat("ab", 32), Records: 30, Bytes: 2400, ChangedAt: at}
	dataset := client.Dataset{
		Namespace: "default", Name: "orders", Reference: client.Place{Namespace: "s3://b", Name: "orders"}, Targets: []client.Place{{Namespace: "kafka://k", Name: "orders"}},
		Every: "1h", NextScanAt: new(at.Add(90 * time.Minute)), Policy: client.DatasetPolicy{Act: "planAndWait"}, Plans: []client.DatasetPlan{plan}, Scannable: true, Deliveries: []client.Delivery{{Endpoint: "pager", Sent: 3}},
	}
	flow := client.Flow{ID: "fl-1", Name: "nightly", Namespace: "default", State: "running", CreatedAt: at, Deliveries: []client.Delivery{{Endpoint: "oncall", Sent: 3}}, Steps: []client.FlowStepState{
		{Name: "repair", Kind: "recovery", State: "succeeded", Job: "bs-old", Attempt: 1}, {Name: "tell", Kind: "http", Needs: []string{"repair"}, State: "failed", Why: nasty},
		{Name: "yes", Kind: "manual", Needs: []string{"repair", "tell"}, State: "waiting", Attempt: 1},
	}}
	proof := client.Proof{ID: "r-1", Job: "bs-old", Verdict: "pass", Evidence: "E4", At: at, By: "n1", Comparisons: []client.Comparison{
		{Partition: 0, Verdict: "pass", Evidence: "E4", Expected: client.Side{Records: 100}, Actual: client.Side{Records: 100}, ReadBy: "n1"},
	}}
	curve := client.Curve{Job: "bs-abc", Node: "node-a"}
	for n := range int64(60) { // ten minutes, of which three are peak hours and one is at rest
		p := client.CurvePoint{At: at.Add(time.Duration(n-60) * 10 * time.Second), Dealt: 43 * n / 60, Written: 40 * n / 60, Bytes: 4096 * n / 60, CapPerSec: 16, Peak: n >= 20 && n < 38, Rest: n >= 50 && n < 56}
		if p.Peak {
			p.CapPerSec = 8
		}
		curve.Points = append(curve.Points, p)
	}
	states := []client.SliceState{{
		ID: "bs-abc/0", Kind: "fill", Status: "leased", OwnerName: "node-a", Records: 100, Progress: job.Progress, Error: nasty, Quarantine: []client.Poison{
			{Partition: 0, Offset: 5, Object: "s3://b/orders/0", Code: "BST-P302", Reason: "a step refused it"}, {Partition: 0, Offset: 9, Code: "BST-P302", Reason: "a step refused it"},
			{Partition: 1, Offset: 3, Code: "BST-P305", Reason: nasty},
		},
	}}
	return map[string]any{
		"GET /v1/cluster": client.Cluster{ID: "c1", Node: client.NodeRef{Name: "node-a"}, Healthy: true, FailureTolerance: 1, Voters: 3, Leader: &client.NodeRef{Name: "node-a"}, Versions: []string{"v1"}, Environment: "dev", Leaders: []client.Led{
			{Leader: &client.NodeRef{Name: "node-b"}, Term: 3, Since: at.Add(-time.Hour)}, {Term: 4, Since: at.Add(-time.Minute)}, {Leader: &client.NodeRef{Name: "node-a"}, Term: 4, Since: at.Add(-58 * time.Second)},
		}},
		"GET /v1/members": client.Members{Members: []client.Member{
			{ID: "n1", Name: "node-a", Role: "voter", State: "active", Alive: true, Leases: 3, APIAddr: "10.0.0.1:7420"}, {ID: "n2", Name: "node-b", Role: "voter", State: "draining", Alive: true, Leases: 1, APIAddr: "10.0.0.2:7420", Why: nasty},
			{ID: "n3", Name: "node-c", Role: "voter", State: "active", APIAddr: "10.0.0.3:7420 ;script-src *"},
		}},
		"GET /v1/access":                                client.Access{Controlled: true, Subject: "token:abc", Policies: []client.Policy{{Name: "p", Role: "viewer", Namespace: "default"}}},
		"GET /v1/raft/peers":                            map[string]any{"peers": []client.Peer{{ID: "n1", Name: "node-a", State: "leader", Voter: true, Healthy: true}, {ID: "n2", Name: "node-b", State: "follower", Lag: new(uint64(3)), LastContactMs: new(int64(5))}}},
		"GET /v1/jobs":                                  client.Jobs{Jobs: []client.Job{job, ended}},
		"GET /v1/jobs/bs-abc":                           job,
		"GET /v1/jobs/bs-old":                           ended,
		"GET /v1/jobs/bs-abc/slices":                    client.SliceStates{Slices: states},
		"GET /v1/jobs/bs-abc/curve":                     curve,
		"GET /v1/jobs/bs-old/curve":                     client.Curve{Job: "bs-old", Node: "node-a"},
		"GET /v1/jobs/bs-abc/recipe":                    client.Work{Job: "bs-abc", Recipe: json.RawMessage(`{}`)},
		"GET /v1/jobs/bs-abc/discarded":                 client.DiscardedRecords{Records: []client.Discarded{{Partition: 0, Offset: 9, By: "cli:ben", Reason: nasty, At: at}}},
		"GET /v1/access/requests":                       client.Requests{Requests: []client.Request{{ID: "rq-1", Verb: "rollback-job", Object: "bs-old", Namespace: "default", AskedBy: "cli:ann", AskedAt: at.Add(-time.Minute), Until: at.Add(time.Hour)}}},
		"GET /v1/jobs/bs-old/slices":                    client.SliceStates{},
		"GET /v1/jobs/bs-abc/proofs":                    client.Proofs{},
		"GET /v1/jobs/bs-old/proofs":                    client.Proofs{Proofs: []client.Proof{proof}},
		"GET /v1/budgets":                               client.Budgets{Budgets: []client.Budget{{Scope: "job/bs-abc", Rate: client.Rate{Bytes: 1 << 20}, Why: nasty}}, Feedback: []client.Pace{{Job: "bs-abc", Node: "node-a", Hurts: true, Why: "lag of billing"}}},
		"GET /v1/scans":                                 client.Scans{Scans: []client.Scan{scan}},
		"GET /v1/scans/bs-scan/findings":                client.ScanFindings{Scan: scan},
		"GET /v1/scan-schedules":                        client.ScanSchedules{Schedules: []client.ScanSchedule{{Name: "s", Every: "1h", Order: client.ScanOrder{Pair: "p"}}}},
		"GET /v1/datasets":                              client.Datasets{Datasets: []client.Dataset{dataset}},
		"GET /v1/datasets/default/orders":               dataset,
		"GET /v1/datasets/default/orders/plans/bs-plan": client.PlanDocument{Plan: plan, Document: []byte("zstd")},
		"GET /v1/flows":                                 client.Flows{Flows: []client.Flow{flow}},
		"GET /v1/flows/fl-1":                            flow,
		"GET /v1/flow-schedules":                        client.FlowSchedules{Schedules: []client.FlowSchedule{{Namespace: "default", Name: "nightly", Cron: "30 2 * * *", Timezone: "Europe/Berlin", Next: &day, Last: "fl-1", LastState: "running", Runs: 7, Skipped: 2}}},
		"GET /v1/proofs/r-1":                            proof,
		"GET /v1/proofs/r-1/report":                     json.RawMessage(`{"report":{"notChecked":["what consumers made of the records"],"comparisons":[{"notChecked":["headers"]}]}}`),
		"GET /v1/audit":                                 client.AuditRecords{Trail: client.AuditTrail{Node: "node-a", Oldest: 1, Next: 3, Hash: strings.Repeat("0", 64)}, Records: []client.AuditRecord{{Number: 2, At: at, Name: "pause-job", Subject: "bs-abc", Actor: "cli:ann", Result: "ok", Reason: nasty}}},
	}
}

// pages are all of them, as world has them.
var pages = []string{
	"/ui/", "/ui/datasets", "/ui/datasets/default/orders", "/ui/datasets/default/orders/plans/bs-plan", "/ui/scans", "/ui/scans/bs-scan", "/ui/scans/bs-scan/findings/g-51c9.1",
	"/ui/jobs", "/ui/jobs/bs-abc", "/ui/jobs/bs-old", "/ui/flows", "/ui/flows/fl-1", "/ui/proofs/r-1", "/ui/cluster", "/ui/audit", "/ui/settings", "/ui/login",
	"/ui/quarantine", "/ui/jobs/bs-abc/quarantine", "/ui/jobs/bs-abc/incident", "/ui/jobs/bs-old/incident", "/ui/search?q=orders",
}

// site is the pages over an API.
func site(t testing.TB, api http.Handler, found Found, wait func(context.Context, uint64) (uint64, error)) http.Handler {
	t.Helper()
	if wait == nil {
		wait = func(ctx context.Context, after uint64) (uint64, error) {
			<-ctx.Done()
			return after, ctx.Err()
		}
	}
	h, err := New(Config{API: api, Insight: seer{found}, Wait: wait, Clock: func() time.Time { return at }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// get asks for a page.
func get(t *testing.T, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil).WithContext(t.Context()))
	return w
}

// post sends a form as a page of the same node does, unless headers say otherwise.
func post(t *testing.T, h http.Handler, path, form string, headers map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form)).WithContext(t.Context())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

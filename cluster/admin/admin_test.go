package admin

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"backstitch/cluster"
	"backstitch/cluster/client"
	"backstitch/fsm"
)

// plan is a submission with n slices on one lane.
func plan(id, name, lock string, n int) string {
	s := client.Submission{
		ID: id, Name: name, Namespace: "default", PlanHash: strings.Repeat("ab", 32), Cluster: "c1",
		Recipe: json.RawMessage(`{"version":1}`), Locks: []string{lock}, Priority: 50, Records: int64(10 * n), Bytes: int64(1000 * n),
	}
	for i := range n {
		s.Slices = append(s.Slices, client.Slice{
			N: uint32(i), Kind: "fill", Ranges: []client.Range{{From: int64(10 * i), To: int64(10*i + 9)}}, Records: 9, Bytes: 900,
			Objects: []client.Object{{Key: strings.Repeat("k", 200), ETag: "e", Size: 1, Base: int64(10 * i), Count: 10}},
		})
	}
	text, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestASubmissionLargerThanACommandRunsOnce(t *testing.T) {
	node := newFake(t)
	h := api(t, node)
	body := plan("bs-abc", "orders", "kafka:c/t/0", 3000) // more than one AddSlices
	var first, again client.Job
	if w := ask(t, h, http.MethodPost, "/v1/jobs", "k1", body, &first); w.Code != http.StatusOK {
		t.Fatalf("submit: %d %s", w.Code, w.Body)
	}
	if first.State != "running" || first.FillSlices != 3000 || first.Slices != 3000 {
		t.Errorf("job: got %s with %d of %d slices, want running with 3000 of 3000", first.State, first.FillSlices, first.Slices)
	}
	if commands := node.Machine.Applied(); commands < 4 {
		t.Errorf("%d commands: the submission was not split", commands)
	}
	for _, key := range []string{"k1", "k2"} { // the same request again, and the same plan in a new request
		if w := ask(t, h, http.MethodPost, "/v1/jobs", key, body, &again); w.Code != http.StatusOK {
			t.Fatalf("submit again with %s: %d %s", key, w.Code, w.Body)
		}
		if again.CreateIndex != first.CreateIndex {
			t.Errorf("submit again made another job at %d, the first was at %d", again.CreateIndex, first.CreateIndex)
		}
	}
	var slices client.SliceStates
	ask(t, h, http.MethodGet, "/v1/jobs/orders/slices", "", "", &slices)
	if len(slices.Slices) != 3000 || slices.Slices[2999].Records != 9 {
		t.Errorf("slices: got %d", len(slices.Slices))
	}
	var work client.Work
	ask(t, h, http.MethodGet, "/v1/jobs/bs-abc/recipe", "", "", &work)
	if string(work.Recipe) != `{"version":1}` || len(work.Slices) != 3000 {
		t.Errorf("recipe: got %s with %d slices", work.Recipe, len(work.Slices))
	}
}

func TestRefusalsAreProblemsWithACode(t *testing.T) {
	node := newFake(t)
	h := api(t, node)
	if w := ask(t, h, http.MethodPost, "/v1/jobs", "", plan("bs-abc", "orders", "kafka:c/t/0", 1), nil); w.Code != http.StatusOK {
		t.Fatalf("submit: %d %s", w.Code, w.Body)
	}
	foreign := strings.Replace(plan("bs-abe", "x", "kafka:c/t/9", 1), `"cluster":"c1"`, `"cluster":"c2"`, 1)
	rows := []struct {
		name, method, path, body string
		status                   int
		code                     string
	}{
		{"overlap", "POST", "/v1/jobs", plan("bs-abd", "other", "kafka:c/t/0", 1), 409, client.CodeOverlap},
		{"plan of another cluster", "POST", "/v1/jobs", foreign, 409, client.CodeOtherCluster},
		{"no slices", "POST", "/v1/jobs", plan("bs-abf", "empty", "l", 0), 422, client.CodeInvalid},
		{"unknown job", "GET", "/v1/jobs/bs-zzz", "", 404, client.CodeNotFound},
		{"unknown proof", "GET", "/v1/proofs/r-1", "", 404, client.CodeNotFound},
		{"unknown path", "GET", "/v1/nothing", "", 404, client.CodeNotFound},
		{"unknown member", "POST", "/v1/members/nobody/drain", "{}", 404, client.CodeNotFound},
		{"unknown peer", "DELETE", "/v1/raft/peers/nobody", "", 404, client.CodeNotFound},
		{"resume what is not paused is fine", "POST", "/v1/jobs/orders/resume", "{}", 200, ""},
		{"retry what runs", "POST", "/v1/jobs/orders/retry", "{}", 409, client.CodeWrongState},
		{"unknown query", "GET", "/v1/jobs?idnex=4", "", 422, client.CodeInvalid},
		{"unknown field", "POST", "/v1/jobs/orders/pause", `{"raeson":"x"}`, 422, client.CodeInvalid},
		{"bad wait", "GET", "/v1/jobs?index=1&wait=soon", "", 422, client.CodeInvalid},
		{"no leader", "POST", "/v1/cluster/leader/transfer", "{}", 503, client.CodeNoLeader},
		{"not a snapshot", "POST", "/v1/snapshot", "junk", 422, client.CodeInvalid},
	}
	for _, row := range rows {
		var p client.Problem
		w := ask(t, h, row.method, row.path, "", row.body, &p)
		if w.Code != row.status || p.Code != row.code {
			t.Errorf("%s: got %d %q, want %d %q: %s", row.name, w.Code, p.Code, row.status, row.code, w.Body)
		}
		if row.code != "" && w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: content type %q", row.name, w.Header().Get("Content-Type"))
		}
	}
}

// A node that lags does not know a job that was just submitted through another one: whether there is such a job is for the book to
// say, not for this node's copy of it.
func TestAnIDThatThisNodeDoesNotKnowIsLeftToTheBook(t *testing.T) {
	node := newFake(t)
	var p client.Problem
	w := ask(t, api(t, node), http.MethodPost, "/v1/jobs/bs-zzz/cancel", "", "{}", &p)
	if w.Code != http.StatusNotFound || p.Code != client.CodeNotFound || node.Machine.Applied() != 1 {
		t.Errorf("cancel of an unknown id: got %d %s after %d proposals, want 404 %s after 1", w.Code, p.Code, node.Machine.Applied(), client.CodeNotFound)
	}
}

func TestFailuresOfTheNodeSayWhetherItMayHaveHappened(t *testing.T) {
	node := newFake(t)
	h := api(t, node)
	ask(t, h, http.MethodPost, "/v1/jobs", "", plan("bs-abc", "orders", "l", 1), nil)
	for _, row := range []struct {
		err    error
		status int
		code   string
	}{
		{cluster.ErrNoLeader, 503, client.CodeNoLeader},
		{fmt.Errorf("wait: %w", cluster.ErrOutcomeUnknown), 504, client.CodeOutcomeUnknown},
		{fmt.Errorf("%w: %w", cluster.ErrOutcomeUnknown, cluster.ErrNoLeader), 504, client.CodeOutcomeUnknown},
		{cluster.ErrNotReady, 503, client.CodeNotReady},
		{errPlanted, 500, client.CodeInternal},
	} {
		node.fail = row.err
		var p client.Problem
		if w := ask(t, h, http.MethodPost, "/v1/jobs/orders/pause", "", "{}", &p); w.Code != row.status || p.Code != row.code {
			t.Errorf("%v: got %d %q, want %d %q", row.err, w.Code, p.Code, row.status, row.code)
		}
	}
}

func TestABlockingReadAnswersOnceSomethingNewerIsApplied(t *testing.T) {
	node := newFake(t)
	h := api(t, node)
	var job client.Job
	w := ask(t, h, http.MethodPost, "/v1/jobs", "", plan("bs-abc", "orders", "l", 1), &job)
	seen := w.Header().Get(client.HeaderIndex)
	answered := make(chan client.Job)
	go func() {
		var later client.Job
		ask(t, h, http.MethodGet, "/v1/jobs/orders?index="+seen+"&wait=1m", "", "", &later)
		answered <- later
	}()
	ask(t, h, http.MethodPost, "/v1/jobs/orders/pause", "", `{"reason":"wait for the owner"}`, nil)
	if got := <-answered; got.State != "paused" || got.Why != "wait for the owner" {
		t.Errorf("blocking read: got %s, %q, want paused and the reason", got.State, got.Why)
	}
	// Nothing newer comes: the read ends with what is there.
	latest := fmt.Sprint(node.Machine.Applied())
	var same client.Job
	if w := ask(t, h, http.MethodGet, "/v1/jobs/orders?index="+latest+"&wait=1ms", "", "", &same); w.Code != http.StatusOK || same.State != "paused" {
		t.Errorf("wait without news: got %d %s", w.Code, same.State)
	}
}

func TestProbesTellTheirReasons(t *testing.T) {
	node := newFake(t)
	node.health = cluster.Health{
		Live:  []cluster.Check{{Name: "process", OK: true}},
		Ready: []cluster.Check{{Name: "leader", Reason: "nobody leads"}},
	}
	h := api(t, node)
	var live, ready client.Health
	if w := ask(t, h, http.MethodGet, "/healthz/live", "", "", &live); w.Code != http.StatusOK || !live.OK {
		t.Errorf("live: got %d %v", w.Code, live)
	}
	if w := ask(t, h, http.MethodGet, "/healthz/ready", "", "", &ready); w.Code != http.StatusServiceUnavailable || ready.Checks[0].Reason != "nobody leads" {
		t.Errorf("ready: got %d %v", w.Code, ready)
	}
}

// TestTheDoorForProbesTellsAndDoesNothing: it needs no certificate, so nothing but health and metrics may be behind it.
func TestTheDoorForProbesTellsAndDoesNothing(t *testing.T) {
	node := newFake(t)
	node.health = cluster.Health{
		Live:  []cluster.Check{{Name: "process", OK: true}},
		Ready: []cluster.Check{{Name: "leader", Reason: "nobody leads"}},
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "backstitch_disk_bytes", Help: "Bytes."}))
	server, err := New(Config{Logger: slog.New(slog.DiscardHandler), Clock: time.Now, Gatherer: registry}, node)
	if err != nil {
		t.Fatal(err)
	}
	h := server.Probes()
	for ask, want := range map[string]int{
		"GET /healthz/live": http.StatusOK, "GET /healthz/ready": http.StatusServiceUnavailable, "GET /healthz/startup": http.StatusOK, "GET /metrics": http.StatusOK,
		"POST /metrics": http.StatusMethodNotAllowed, "POST /healthz/live": http.StatusMethodNotAllowed,
		"GET /": http.StatusNotFound, "GET /v1/jobs": http.StatusNotFound, "GET /v1/cluster": http.StatusNotFound, "GET /v1/openapi.json": http.StatusNotFound,
		"POST /v1/cluster/leave": http.StatusNotFound, "POST /v1/jobs": http.StatusNotFound, "GET /v1/snapshot": http.StatusNotFound,
	} {
		method, path, _ := strings.Cut(ask, " ")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader("{}")))
		if w.Code != want {
			t.Errorf("%s: got %d, want %d", ask, w.Code, want)
		}
		if path == "/metrics" && method == http.MethodGet && !strings.Contains(w.Body.String(), "\nbackstitch_disk_bytes 0\n") {
			t.Errorf("metrics: %s", w.Body)
		}
	}
}

func TestAProofFromOutsideIsJudgedAgain(t *testing.T) {
	node := newFake(t)
	h := api(t, node)
	ask(t, h, http.MethodPost, "/v1/jobs", "", plan("bs-abc", "orders", "l", 1), nil)
	c := fsm.Comparison{Verdict: fsm.Fail, Evidence: fsm.E2, Expected: fsm.Side{Records: 5}, Missing: 1, Detail: "offset 3 is missing"}
	proof := client.NewProof(fsm.Proof{ID: "r-abc", Job: "bs-abc", Verdict: fsm.Fail, Evidence: fsm.E2, Comparisons: []fsm.Comparison{c}, UnixNanos: 1, By: "me"})
	body, _ := json.Marshal(proof)
	var stored client.Proof
	if w := ask(t, h, http.MethodPost, "/v1/jobs/orders/proofs", "", string(body), &stored); w.Code != http.StatusOK || stored.Verdict != "fail" {
		t.Fatalf("record: %d %s", w.Code, w.Body)
	}
	proof.ID, proof.Verdict = "r-abd", "pass" // a lie about its own parts
	body, _ = json.Marshal(proof)
	if w := ask(t, h, http.MethodPost, "/v1/jobs/orders/proofs", "", string(body), nil); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a proof that contradicts itself: got %d %s, want 422", w.Code, w.Body)
	}
	var list client.Proofs
	ask(t, h, http.MethodGet, "/v1/jobs/orders/proofs", "", "", &list)
	if len(list.Proofs) != 1 || list.Proofs[0].Comparisons[0].Detail != "offset 3 is missing" {
		t.Errorf("list: got %+v", list)
	}
}

func TestTheDocumentNamesEveryRoute(t *testing.T) {
	h := api(t, newFake(t))
	var doc struct {
		OpenAPI string                    `json:"openapi"`
		Paths   map[string]map[string]any `json:"paths"`
	}
	ask(t, h, http.MethodGet, "/v1/openapi.json", "", "", &doc)
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("version: got %q, want 3.1", doc.OpenAPI)
	}
	for _, want := range []string{"get /v1/jobs", "post /v1/jobs", "get /v1/snapshot", "post /v1/snapshot", "delete /v1/raft/peers/{id}", "get /healthz/ready", "get /v1/node/stacks"} {
		method, path, _ := strings.Cut(want, " ")
		if doc.Paths[path][method] == nil {
			t.Errorf("%s is not in the document", want)
		}
	}
	if w := ask(t, h, http.MethodGet, "/metrics", "", "", nil); w.Code != http.StatusOK {
		t.Errorf("metrics: got %d", w.Code)
	}
	if w := ask(t, h, http.MethodGet, "/v1/node/stacks", "", "", nil); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "TestTheDocumentNamesEveryRoute") {
		t.Errorf("stacks: got %d %.200s", w.Code, w.Body)
	}
	if w := ask(t, h, http.MethodGet, "/v1/snapshot", "", "", nil); w.Body.String() != "stream" || w.Header().Get(client.HeaderIndex) != "7" {
		t.Errorf("snapshot: got %q at %s", w.Body, w.Header().Get(client.HeaderIndex))
	}
}

package ui

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster/client"
)

// TestPagesAreWhole: each page is one, says what it is about, and has nothing in it that a browser would run.
func TestPagesAreWhole(t *testing.T) {
	h := site(t, &canned{answers: world()}, holed(3, 48), nil)
	script := regexp.MustCompile(`(?i)<script[^>]*>[^<]|\son[a-z]+=|javascript:|style="`)
	for _, path := range pages {
		w := get(t, h, path)
		body := w.Body.String()
		if w.Code != http.StatusOK || !strings.HasSuffix(strings.TrimSpace(body), "</html>") || strings.Contains(body, "<no value>") || strings.Contains(body, "%!") {
			t.Errorf("%s: got %d %s", path, w.Code, body)
		}
		if found := script.FindString(body); found != "" {
			t.Errorf("%s: %q would be run", path, found)
		}
		if strings.Count(body, "<h1>") != 1 || !strings.Contains(body, `lang="en"`) {
			t.Errorf("%s: no heading, or two", path)
		}
		csp := w.Header().Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "script-src *") {
			t.Errorf("%s: policy %q", path, csp)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", path, w.Header())
		}
	}
}

// TestPagesOfAnEmptyCluster: there is nothing yet, and pages say what to do.
func TestPagesOfAnEmptyCluster(t *testing.T) {
	h := site(t, &canned{answers: map[string]any{
		"GET /v1/cluster": client.Cluster{}, "GET /v1/members": client.Members{}, "GET /v1/raft/peers": map[string]any{}, "GET /v1/jobs": client.Jobs{}, "GET /v1/scans": client.Scans{},
		"GET /v1/scan-schedules": client.ScanSchedules{}, "GET /v1/datasets": client.Datasets{}, "GET /v1/flows": client.Flows{}, "GET /v1/flow-schedules": client.FlowSchedules{}, "GET /v1/audit": client.AuditRecords{},
		"GET /v1/access/requests": client.Requests{},
	}}, Found{}, nil)
	for _, path := range []string{"/ui/", "/ui/datasets", "/ui/scans", "/ui/jobs", "/ui/flows", "/ui/cluster", "/ui/audit", "/ui/quarantine", "/ui/search?q=x", "/ui/search"} {
		if w := get(t, h, path); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `class="empty"`) {
			t.Errorf("%s: got %d %s", path, w.Code, w.Body)
		}
	}
	if body := get(t, h, "/ui/").Body.String(); strings.Contains(body, "<b>0</b> records missing") {
		t.Error("nothing was scanned, and the page says that nothing is missing")
	}
}

// TestWhatPagesSay holds a few sentences, of those by which people decide.
func TestWhatPagesSay(t *testing.T) {
	h := site(t, &canned{answers: world()}, holed(3, 48), nil)
	for path, want := range map[string][]string{
		"/ui/":                        {"<b>30</b> records missing", "<b>1</b> jobs at risk", "1m00s ago", "<b>1</b> nodes may fail", "bs-plan"},
		"/ui/datasets/default/orders": {"30 records, 2.3 KiB", "data-map=\"/ui/scans/bs-scan/map.json\"", "g-51c9.3", "<li>headers</li>"},
		"/ui/datasets/default/orders/plans/bs-plan": {"Plan: 10 records to write", `value="` + strings.Repeat("ab", 32), "Approve and run"},
		"/ui/scans/bs-scan/findings/g-51c9.1":       {"why we say it is missing", `href="/ui/datasets/default/orders/plans/bs-plan"`, "backstitch gaps explain g-51c9.1 --scan bs-scan"},
		"/ui/jobs/bs-abc":                           {"43 of 100 records", "57 of 100 records are left", "lag of billing", "node-a", "Pause at checkpoints"},
		"/ui/jobs/bs-old":                           {"r-1", "E4"},
		"/ui/flows":                                 {"default/nightly", "30 2 * * * Europe/Berlin", "Schedules"},
		"/ui/flows/fl-1":                            {"Approve yes", "Reject yes", "<svg width=\"672\"", "oncall"},
		"/ui/proofs/r-1":                            {"what consumers made of the records", "<li>headers</li>", "<td>node-a</td>"},
		"/ui/cluster":                               {"node-a owns 3 slices", "Uncordon node-b", "Drain node-a"},
		"/ui/audit":                                 {"pause-job", "cli:ann"},
	} {
		body := get(t, h, path).Body.String()
		for _, w := range want {
			if !strings.Contains(body, w) {
				t.Errorf("%s does not say %q", path, w)
			}
		}
	}
}

// TestAScanThatIsNotWholeIsNotCalledClean: nobody may take what is not there for what is not missing.
func TestAScanThatIsNotWholeIsNotCalledClean(t *testing.T) {
	clean := Found{Rows: []Row{{0, []Span{{".", 1}}}}, Columns: 1, Width: 1}
	refused := clean
	refused.Refused = "no record is on both sides"
	for name, c := range map[string]struct {
		change func(*client.Scan)
		found  Found
		clean  bool
	}{
		"whole":            {func(*client.Scan) {}, clean, true},
		"not all done":     {func(s *client.Scan) { s.Done = 2 }, clean, false},
		"nothing compared": {func(s *client.Scan) { s.Counts.Compared = 0 }, clean, false},
		"refused":          {func(*client.Scan) {}, refused, false},
		"not surveyed":     {func(s *client.Scan) { s.Surveyed = false }, clean, false},
	} {
		answers := world()
		kept := answers["GET /v1/scans/bs-scan/findings"].(client.ScanFindings)
		c.change(&kept.Scan)
		answers["GET /v1/scans/bs-scan/findings"] = kept
		body := get(t, site(t, &canned{answers: answers}, c.found, nil), "/ui/scans/bs-scan").Body.String()
		if got := strings.Contains(body, "what was compared is the same"); got != c.clean {
			t.Errorf("%s: called clean is %v, want %v", name, got, c.clean)
		}
	}
}

// TestFormsDoWhatTheySay looks at what reaches the API.
func TestFormsDoWhatTheySay(t *testing.T) {
	answers := world()
	for _, path := range []string{
		"/v1/jobs/bs-abc/pause", "/v1/jobs/bs-abc/resume", "/v1/jobs/bs-abc/cancel", "/v1/jobs/bs-abc/retry", "/v1/jobs/bs-abc/priority", "/v1/flows/fl-1/pause", "/v1/flows/fl-1/steps/yes/approve",
		"/v1/scans/bs-scan/cancel", "/v1/datasets/default/orders/scans", "/v1/members/n1/drain", "/v1/members/n2/uncordon",
	} {
		answers["POST "+path] = map[string]any{}
	}
	answers["POST /v1/budgets"] = client.Budgets{}
	answers["POST /v1/datasets/default/orders/plans/bs-plan/approve"] = client.DatasetPlan{State: "started", Job: "bs-new"}
	answers["POST /v1/datasets/default/orders/plans/bs-plan/reject"] = client.DatasetPlan{State: "rejected"}
	for _, c := range []struct{ path, form, told, back string }{
		{"/ui/jobs/bs-abc/pause", "reason=INC-1", `POST /v1/jobs/bs-abc/pause {"reason":"INC-1"}`, "/ui/jobs/bs-abc?done=pause"},
		{"/ui/jobs/bs-abc/resume", "", `POST /v1/jobs/bs-abc/resume {}`, "/ui/jobs/bs-abc?done=resume"},
		{"/ui/jobs/bs-abc/cancel", "", `POST /v1/jobs/bs-abc/cancel {}`, "/ui/jobs/bs-abc?done=cancel"},
		{"/ui/jobs/bs-abc/retry", "", `POST /v1/jobs/bs-abc/retry {}`, "/ui/jobs/bs-abc?done=retry"},
		{"/ui/jobs/bs-abc/throttle", "bytes=20MiB/s&reason=lag", `POST /v1/budgets {"scope":"job/bs-abc","rate":{"bytes":20971520},"reason":"lag"}`, "/ui/jobs/bs-abc?done=throttle"},
		{"/ui/jobs/bs-abc/throttle", "bytes=", `POST /v1/budgets {"scope":"job/bs-abc","rate":{}}`, "/ui/jobs/bs-abc?done=throttle"},
		{"/ui/jobs/bs-abc/priority", "priority=80", `POST /v1/jobs/bs-abc/priority {"priority":80}`, "/ui/jobs/bs-abc?done=priority"},
		{"/ui/flows/fl-1/pause", "", `POST /v1/flows/fl-1/pause {}`, "/ui/flows/fl-1?done=pause"},
		{"/ui/flows/fl-1/steps/yes/approve", "attempt=1&reason=ok", `POST /v1/flows/fl-1/steps/yes/approve {"attempt":1,"reason":"ok"}`, "/ui/flows/fl-1?done=approve"},
		{"/ui/scans/bs-scan/cancel", "", `POST /v1/scans/bs-scan/cancel {}`, "/ui/scans/bs-scan?done=cancel"},
		{"/ui/datasets/default/orders/scan", "reason=INC-1", `POST /v1/datasets/default/orders/scans {"reason":"INC-1"}`, "/ui/datasets/default/orders?done=scan"},
		{"/ui/members/n1/drain", "reason=kernel", `POST /v1/members/n1/drain {"reason":"kernel"}`, "/ui/cluster?done=drain"},
		{"/ui/members/n2/uncordon", "", `POST /v1/members/n2/uncordon {}`, "/ui/cluster?done=uncordon"},
		{"/ui/datasets/default/orders/plans/bs-plan/approve", "sha256=abab", `POST /v1/datasets/default/orders/plans/bs-plan/approve {"sha256":"abab"}`, "/ui/jobs/bs-new?done=approve"},
		{"/ui/datasets/default/orders/plans/bs-plan/reject", "sha256=abab", `POST /v1/datasets/default/orders/plans/bs-plan/reject {"sha256":"abab"}`, "/ui/datasets/default/orders/plans/bs-plan?done=reject"},
	} {
		api := &canned{answers: answers}
		w := post(t, site(t, api, Found{}, nil), c.path, c.form, nil)
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != c.back || len(api.told) != 1 || api.told[0] != c.told {
			t.Errorf("%s %s: got %d to %q, told %q, want %q", c.path, c.form, w.Code, w.Header().Get("Location"), api.told, c.told)
		}
	}
}

// TestFormsOfOthersChangeNothing: a page elsewhere sends a visitor's browser here.
func TestFormsOfOthersChangeNothing(t *testing.T) {
	for name, headers := range map[string]map[string]string{
		"another site":        {"Sec-Fetch-Site": "cross-site"},
		"another site's port": {"Sec-Fetch-Site": "same-site"},
		"an old browser":      {"Sec-Fetch-Site": "", "Origin": "http://evil.example"},
	} {
		api := &canned{answers: world()}
		w := post(t, site(t, api, Found{}, nil), "/ui/jobs/bs-abc/cancel", "", headers)
		if w.Code != http.StatusForbidden || len(api.told) > 0 {
			t.Errorf("%s: got %d, told %q", name, w.Code, api.told)
		}
	}
}

func TestFormsThatCanNotBeMeant(t *testing.T) {
	for path, form := range map[string]string{
		"/ui/jobs/bs-abc/throttle": "bytes=fast", "/ui/jobs/bs-abc/priority": "priority=101", "/ui/jobs/bs-abc/explode": "", "/ui/flows/fl-1/explode": "",
		"/ui/flows/fl-1/steps/yes/approve": "attempt=x", "/ui/members/n1/explode": "", "/ui/settings": "theme=loud", "/ui/datasets/default/orders/plans/bs-plan/explode": "",
		"/ui/jobs/bs-abc/pause": "reason=" + strings.Repeat("x", maxForm),
	} {
		api := &canned{answers: world()}
		w := post(t, site(t, api, Found{}, nil), path, form, nil)
		if w.Code/100 != 4 || len(api.told) > 0 || !strings.Contains(w.Body.String(), "BST-E") {
			t.Errorf("%s %.40s: got %d, told %q", path, form, w.Code, api.told)
		}
	}
}

// TestProblemsAreShownAsTheyAre: with the status, the code, and what to type next.
func TestProblemsAreShownAsTheyAre(t *testing.T) {
	answers := world()
	answers["GET /v1/jobs/bs-abc"] = client.Problem{Title: "not allowed", Status: http.StatusForbidden, Code: client.CodeNotAllowed, Next: "ask <admin>"}
	h := site(t, &canned{answers: answers}, Found{}, nil)
	w := get(t, h, "/ui/jobs/bs-abc")
	if body := w.Body.String(); w.Code != http.StatusForbidden || !strings.Contains(body, client.CodeNotAllowed) || !strings.Contains(body, "ask &lt;admin&gt;") {
		t.Errorf("got %d %s", w.Code, body)
	}
	for _, path := range []string{"/ui/jobs/bs-none", "/ui/nowhere", "/ui/scans/bs-scan/findings/g-0.1"} {
		if w := get(t, h, path); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), client.CodeNotFound) {
			t.Errorf("%s: got %d", path, w.Code)
		}
	}
}

// TestTheAPIKnowsTheVisitor: what the page asks for comes from where its visitor is.
func TestTheAPIKnowsTheVisitor(t *testing.T) {
	api := &canned{answers: world()}
	h := site(t, api, Found{}, nil)
	r := httptest.NewRequest(http.MethodGet, "/ui/jobs", nil).WithContext(t.Context())
	r.RemoteAddr = "192.0.2.7:1234"
	h.ServeHTTP(httptest.NewRecorder(), r)
	for _, from := range api.from {
		if from != "192.0.2.7:1234" {
			t.Errorf("the API was asked from %q", from)
		}
	}
	if len(api.from) == 0 {
		t.Error("the API was not asked")
	}
}

// TestListsArePages of fifty rows.
func TestListsArePages(t *testing.T) {
	answers := world()
	var jobs client.Jobs
	for n := range 120 {
		jobs.Jobs = append(jobs.Jobs, client.Job{ID: fmt.Sprintf("bs-%03d", n), State: "succeeded"})
	}
	answers["GET /v1/jobs"] = jobs
	h := site(t, &canned{answers: answers}, Found{}, nil)
	for page, want := range map[string]struct {
		first, last string
		rows        int
	}{"": {"bs-000", "bs-049", 50}, "?page=1": {"bs-050", "bs-099", 50}, "?page=2": {"bs-100", "bs-119", 20}, "?page=99": {"bs-100", "bs-119", 20}, "?page=-1": {"bs-000", "bs-049", 50}, "?state=failed": {"", "", 0}} {
		body := get(t, h, "/ui/jobs"+page).Body.String()
		if got := strings.Count(body, `<td><a href="/ui/jobs/bs-`); got != want.rows || !strings.Contains(body, want.first) || !strings.Contains(body, want.last) {
			t.Errorf("%q: got %d rows", page, got)
		}
	}
	if body := get(t, h, "/ui/jobs?page=1").Body.String(); !strings.Contains(body, `href="/ui/jobs?page=0"`) || !strings.Contains(body, `href="/ui/jobs?page=2"`) {
		t.Error("no way to the pages beside it")
	}
}

func TestAPartOfAScan(t *testing.T) {
	f := holed(3, 48)
	h := site(t, &canned{answers: world()}, f, nil)
	w := get(t, h, "/ui/scans/bs-scan/map.json?from=2026-11-20T12:10Z&to=2026-11-20T12:20:00Z")
	var got struct {
		From    int64
		Columns int
		Rows    []Row
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Columns != 10 || got.From != at.Add(10*time.Minute).UnixMilli() || len(got.Rows) != 3 {
		t.Fatalf("got %v %s", err, w.Body)
	}
	for _, row := range got.Rows {
		n := 0
		for _, s := range row.Spans {
			n += s.N
		}
		if n != 10 {
			t.Errorf("p%d has %d columns", row.Partition, n)
		}
	}
	body := get(t, h, "/ui/scans/bs-scan?from=2026-11-20T12:10Z&to=2026-11-20T12:20:00Z").Body.String()
	if !strings.Contains(body, "--range @2026-11-20T12:10:00Z:2026-11-20T12:20:00Z") || strings.Contains(body, "g-51c9.1<") || !strings.Contains(body, "g-51c9.3<") {
		t.Errorf("not that part: %s", body)
	}
	if all := f.Crop(0, 0); all.Columns != 48 || len(all.Findings) != 3 {
		t.Errorf("all of it: %+v", all)
	}
	for _, bad := range []string{"from=yesterday", "from=2026-11-21&to=2026-11-20"} {
		if w := get(t, h, "/ui/scans/bs-scan?"+bad); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: got %d", bad, w.Code)
		}
	}
}

func TestGraphsRunFromLeftToRight(t *testing.T) {
	g := drawn([]client.FlowStepState{{Name: "c", Needs: []string{"a", "b"}}, {Name: "a"}, {Name: "b", Needs: []string{"a"}}, {Name: "d", Needs: []string{"gone"}}})
	x := map[string]int{}
	for _, n := range g.Nodes {
		x[n.Name] = n.X
	}
	if x["a"] != 0 || x["b"] <= x["a"] || x["c"] <= x["b"] || x["d"] != 0 || len(g.Edges) != 3 {
		t.Errorf("got %v, %d edges", x, len(g.Edges))
	}
	seen := map[[2]int]bool{}
	for _, n := range g.Nodes {
		if seen[[2]int{n.X, n.Y}] {
			t.Errorf("two nodes at %d, %d", n.X, n.Y)
		}
		seen[[2]int{n.X, n.Y}] = true
	}
	if loop := drawn([]client.FlowStepState{{Name: "a", Needs: []string{"b"}}, {Name: "b", Needs: []string{"a"}}}); len(loop.Nodes) != 2 {
		t.Errorf("a loop: %+v", loop)
	}
}

func TestRings(t *testing.T) {
	if got := ring([]client.Member{{Name: "a"}}); got != nil {
		t.Errorf("nobody works: got %v", got)
	}
	for _, leases := range [][]int{{5}, {1, 3}, {1, 0, 2}} {
		var members []client.Member
		for i, n := range leases {
			members = append(members, client.Member{Name: fmt.Sprint(i), Leases: n})
		}
		for _, a := range ring(members) {
			if a.Slices == 0 || !strings.HasPrefix(a.Path, "M") || strings.Contains(a.Path, "NaN") {
				t.Errorf("%v: %+v", leases, a)
			}
		}
	}
}

func TestLooksAreKept(t *testing.T) {
	h := site(t, &canned{answers: world()}, Found{}, nil)
	w := post(t, h, "/ui/settings", "theme=dark", nil)
	cookies := w.Result().Cookies()
	if w.Code != http.StatusSeeOther || len(cookies) != 1 || cookies[0].Value != "dark" || !cookies[0].HttpOnly {
		t.Fatalf("got %d %v", w.Code, cookies)
	}
	r := httptest.NewRequest(http.MethodGet, "/ui/", nil).WithContext(t.Context())
	r.AddCookie(cookies[0])
	out := httptest.NewRecorder()
	h.ServeHTTP(out, r)
	if !strings.Contains(out.Body.String(), `data-theme="dark"`) {
		t.Error("the look is not that which was asked for")
	}
}

// TestPagesHearOfChanges, and not more often than once a second.
func TestPagesHearOfChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		changes := make(chan uint64)
		h := site(t, &canned{answers: world()}, Found{}, func(ctx context.Context, after uint64) (uint64, error) {
			select {
			case n := <-changes:
				return n, nil
			case <-ctx.Done():
				return after, ctx.Err()
			}
		})
		ctx, end := context.WithCancel(t.Context())
		stream := &streamed{lines: make(chan string, 100), header: http.Header{}}
		done := make(chan struct{})
		go func() {
			defer close(done)
			h.ServeHTTP(stream, httptest.NewRequest(http.MethodGet, "/ui/live", nil).WithContext(ctx))
		}()
		synctest.Wait()
		if got := <-stream.lines; !strings.Contains(got, "id: 0") {
			t.Errorf("got %q", got)
		}
		began := time.Now()
		changes <- 41
		synctest.Wait()
		time.Sleep(livePause) // virtual
		synctest.Wait()
		if got := <-stream.lines; !strings.Contains(got, "id: 41") || time.Since(began) < livePause {
			t.Errorf("got %q after %s", got, time.Since(began))
		}
		time.Sleep(liveIdle + livePause) // virtual; nothing happens, and the page knows that its node is there
		synctest.Wait()
		if got := <-stream.lines; !strings.Contains(got, "id: 41") {
			t.Errorf("got %q", got)
		}
		end()
		<-done
	})
}

// streamed is the writer of a stream.
type streamed struct {
	header http.Header
	lines  chan string
	buf    strings.Builder
}

func (s *streamed) Header() http.Header { return s.header }
func (s *streamed) WriteHeader(int)     {}
func (s *streamed) Write(b []byte) (int, error) {
	return s.buf.Write(b)
}
func (s *streamed) FlushError() error {
	s.lines <- s.buf.String()
	s.buf.Reset()
	return nil
}

// TestNoMoreStreamsThanThereIsRoomFor, and none for who may not look.
func TestNoMoreStreamsThanThereIsRoomFor(t *testing.T) {
	answers := world()
	api := &canned{answers: answers}
	srv := httptest.NewServer(site(t, api, Found{}, nil))
	defer srv.Close()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	open := func() (*http.Response, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/ui/live", nil)
		if err != nil {
			return nil, err
		}
		return http.DefaultClient.Do(r)
	}
	for n := range maxStreams {
		resp, err := open()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("stream %d: %v %v", n, resp, err)
		}
		defer resp.Body.Close()
		if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil || line != "id: 0\n" {
			t.Fatalf("stream %d: %q %v", n, line, err)
		}
	}
	resp, err := open()
	if err != nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("one more: %v %v", resp, err)
	}
	resp.Body.Close()
	api.mu.Lock()
	answers["GET /v1/cluster"] = client.Problem{Title: "not allowed", Status: http.StatusForbidden, Code: client.CodeNotAllowed}
	api.mu.Unlock()
	if resp, err = open(); err != nil || resp.StatusCode != http.StatusForbidden {
		t.Fatalf("who may not look: %v %v", resp, err)
	}
	resp.Body.Close()
}

func TestTexts(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0s", 59 * time.Second: "59s", 61 * time.Second: "1m01s", 3*time.Hour + 5*time.Minute: "3h05m", 49 * time.Hour: "2d1h"} {
		if got := span(d); got != want {
			t.Errorf("%s: got %s, want %s", d, got, want)
		}
	}
	if donePercent(client.Job{Records: 100, State: "verifying", Progress: client.Progress{Written: 100}}) != 99 || donePercent(client.Job{State: "succeeded"}) != 100 {
		t.Error("a job is done before it is proved")
	}
	if n, err := byteRate("20MiB/s"); n != 20<<20 || err != nil {
		t.Errorf("got %d %v", n, err)
	}
	if notFound(errors.New("x"), "y").Error() != "x" {
		t.Error("an error became another")
	}
}

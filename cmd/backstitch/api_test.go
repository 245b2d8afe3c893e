package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"backstitch/cluster/client"
)

// api is a node's API with canned answers, by method and path.
type api map[string]any

func (answers api) serve(t *testing.T) (addr string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Method + " " + r.URL.Path
		switch a := answers[key].(type) {
		case nil:
			if key == "GET /v1/jobs/bs-abc/recipe" {
				_ = json.NewEncoder(w).Encode(client.Work{Job: "bs-abc", Recipe: json.RawMessage(`{"version":1}`)})
				return
			}
			http.NotFound(w, r)
		case client.Problem:
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(a.Status)
			_ = json.NewEncoder(w).Encode(a)
		case []byte:
			_, _ = w.Write(a)
		case func() any:
			_ = json.NewEncoder(w).Encode(a())
		default:
			w.Header().Set(client.HeaderIndex, "7")
			_ = json.NewEncoder(w).Encode(a)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func finished(state, verdict string, quarantined int64) client.Job {
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	return client.Job{
		ID: "bs-abc", Name: "orders", Namespace: "default", State: state, Verdict: verdict, Records: 100, CreatedAt: now,
		FinishedAt: &now, Progress: client.Progress{Written: 100 - quarantined, Quarantined: quarantined}, Proof: "r-abc",
	}
}

func TestTheEndOfAJobDecidesTheExitStatus(t *testing.T) {
	rows := []struct {
		job  client.Job
		want int
	}{
		{finished("succeeded", "pass", 0), client.ExitOK},
		{finished("succeeded", "pass", 2), client.ExitPartly},
		{finished("failed", "fail", 0), client.ExitDiffer},
		{finished("failed", "indeterminate", 0), client.ExitIndeterminate},
		{finished("failed", "", 0), client.ExitFailed},
		{finished("cancelled", "", 0), client.ExitFailed},
	}
	for _, row := range rows {
		addr := api{"GET /v1/jobs/bs-abc": row.job}.serve(t)
		for _, format := range []string{"text", "json", "jsonl", "yaml", "name"} {
			stdout, stderr, got := invoke(t, nil, "wait", "bs-abc", "--addr", addr, "-o", format)
			if got != row.want {
				t.Errorf("%s %s as %s: exit status: got %d, want %d (%s)", row.job.State, row.job.Verdict, format, got, row.want, stderr)
			}
			if got != 0 && !strings.Contains(stderr, "BST-E") {
				t.Errorf("%s %s as %s: stderr has no code: %s", row.job.State, row.job.Verdict, format, stderr)
			}
			if format == "json" {
				var job client.Job
				if err := json.Unmarshal([]byte(stdout), &job); err != nil || job.ID != "bs-abc" {
					t.Errorf("json: got %v from %s", err, stdout)
				}
			}
		}
	}
}

// TestAJobThatLeftSomethingOutIsNotComplete: what the reference could not give, and what steps or rules refused, is not written and not
// proved. All of it counts, also what the recipe does not list.
func TestAJobThatLeftSomethingOutIsNotComplete(t *testing.T) {
	const damaged, refused = `"left":["orders/p03: BST-Q101: object x at 836: unexpected EOF"],"leftMore":4`, `"aside":[{"partition":3,"offset":9,"code":"BST-Q344"}],"asideMore":200`
	for recipe, want := range map[string][]string{
		damaged:                 {"complete but for 5 places that the reference can not give", "orders/p03: BST-Q101", "and 4 more", "the proof does not cover it", "Next: mend the reference"},
		refused:                 {"complete but for 201 records in quarantine", "201 records that a step or a rule refuses", "the proof does not cover it", "Next: backstitch quarantine list bs-abc"},
		damaged + "," + refused: {"complete but for 5 places that the reference can not give and 201 records in quarantine", "Next: backstitch quarantine list bs-abc"},
	} {
		left := client.Work{Job: "bs-abc", Recipe: json.RawMessage(`{"version":1,` + recipe + `}`)}
		addr := api{"GET /v1/jobs/bs-abc": finished("succeeded", "pass", 0), "GET /v1/jobs/bs-abc/recipe": left}.serve(t)
		_, stderr, status := invoke(t, nil, "wait", "bs-abc", "--addr", addr, "-q")
		for _, w := range want {
			if !strings.Contains(stderr, w) {
				t.Errorf("no %q in:\n%s", w, stderr)
			}
		}
		if status != client.ExitPartly {
			t.Errorf("exit status: got %d, want %d", status, client.ExitPartly)
		}
	}
}

// TestAFailedJobSaysWhyItsSliceFailed: the reason is what a person needs, not only that there is one.
func TestAFailedJobSaysWhyItsSliceFailed(t *testing.T) {
	states := client.SliceStates{Slices: []client.SliceState{
		{ID: "bs-abc/00000000", Status: "done"}, {ID: "bs-abc/00000001", Status: "failed", Error: "BST-E5102: object is gone; restore it"},
	}}
	addr := api{"GET /v1/jobs/bs-abc": finished("failed", "", 0), "GET /v1/jobs/bs-abc/slices": states}.serve(t)
	_, stderr, status := invoke(t, nil, "wait", "bs-abc", "--addr", addr, "-q")
	if want := "bs-abc/00000001: BST-E5102: object is gone; restore it"; status != client.ExitFailed || !strings.Contains(stderr, want) {
		t.Errorf("got %d, want %d and %q in:\n%s", status, client.ExitFailed, want, stderr)
	}
}

func TestProgressIsOneLinePerPhase(t *testing.T) {
	t.Parallel() // it waits more than it works
	states := []string{"planned", "running", "verifying", "succeeded"}
	asked := 0
	addr := api{"GET /v1/jobs/bs-abc": func() any {
		job := finished(states[min(asked, 3)], "pass", 0)
		asked++
		return job
	}}.serve(t)
	_, stderr, status := invoke(t, nil, "wait", "bs-abc", "--addr", addr)
	if status != 0 {
		t.Fatalf("exit status %d: %s", status, stderr)
	}
	for _, phase := range []string{"phase=accept", "phase=write", "phase=verify"} {
		if strings.Count(stderr, phase) != 1 {
			t.Errorf("%s: want one line, got:\n%s", phase, stderr)
		}
	}
	if strings.Contains(stderr, "eta=") {
		t.Errorf("an ETA without 30 s of samples:\n%s", stderr)
	}
}

func TestProblemsKeepTheirCodeAndStatus(t *testing.T) {
	problem := client.Problem{Title: "no such job", Status: 404, Code: client.CodeNotFound, Detail: "bs-abc", Next: "backstitch status"}
	addr := api{"GET /v1/jobs/bs-abc": problem}.serve(t)
	_, stderr, status := invoke(t, nil, "status", "bs-abc", "--addr", addr)
	want := "Error BST-E1002: no such job\n  bs-abc\n  Next: backstitch status\n"
	if status != client.ExitNotFound || stderr != want {
		t.Errorf("got %d, %q, want %d, %q", status, stderr, client.ExitNotFound, want)
	}
	_, stderr, _ = invoke(t, nil, "status", "bs-abc", "--addr", addr, "-o", "json")
	var last map[string]any
	if err := json.Unmarshal([]byte(stderr), &last); err != nil || last["code"] != "BST-E1002" || last["exit"] != 10.0 {
		t.Errorf("json error: got %q (%v)", stderr, err)
	}
}

func TestRetryFailedOnlyWantsAFailedSlice(t *testing.T) {
	job := finished("failed", "fail", 0)
	answers := api{"GET /v1/jobs/bs-abc": job, "POST /v1/jobs/bs-abc/retry": job}
	addr := answers.serve(t)
	if _, stderr, status := invoke(t, nil, "retry", "bs-abc", "--failed-only", "--addr", addr); status != client.ExitConflict {
		t.Errorf("no failed slice: got %d, want %d (%s)", status, client.ExitConflict, stderr)
	}
	if _, stderr, status := invoke(t, nil, "retry", "bs-abc", "--addr", addr); status != 0 {
		t.Errorf("without the flag: got %d, want 0 (%s)", status, stderr)
	}
	job.FailedSlices = 1
	answers["GET /v1/jobs/bs-abc"] = job
	if _, stderr, status := invoke(t, nil, "retry", "bs-abc", "--failed-only", "--addr", addr); status != 0 {
		t.Errorf("a failed slice: got %d, want 0 (%s)", status, stderr)
	}
}

func TestNoLeaderIsItsOwnStatus(t *testing.T) {
	addr := api{"GET /v1/cluster": client.Cluster{ID: "c", Reasons: []string{"no leader"}}}.serve(t)
	stdout, _, status := invoke(t, nil, "cluster", "status", "--addr", addr)
	if status != client.ExitNoLeader || !strings.Contains(stdout, "no leader") {
		t.Errorf("got %d, %s", status, stdout)
	}
}

func TestDrainWaitsForTheLastSlice(t *testing.T) {
	t.Parallel() // it waits more than it works
	left := 3
	addr := api{
		"POST /v1/members/node-c/drain": client.Member{ID: "c", Name: "node-c", State: "draining", Leases: left},
		"GET /v1/members": func() any {
			left--
			return client.Members{Members: []client.Member{{ID: "c", Name: "node-c", State: "draining", Leases: max(0, left)}}}
		},
	}.serve(t)
	stdout, stderr, status := invoke(t, nil, "cluster", "drain", "node-c", "--addr", addr)
	if status != 0 || left != 0 || !strings.Contains(stdout, "drained") {
		t.Errorf("got %d after %d questions left: %s%s", status, left, stdout, stderr)
	}
	left = 1 << 30
	if _, _, status = invoke(t, nil, "cluster", "drain", "node-c", "--addr", addr, "--deadline", "300ms"); status != client.ExitTimeout {
		t.Errorf("deadline: got %d, want %d", status, client.ExitTimeout)
	}
}

func TestTimeoutLeavesTheJobAlone(t *testing.T) {
	t.Parallel() // it waits more than it works
	addr := api{"GET /v1/jobs/bs-abc": finished("planned", "", 0)}.serve(t)
	_, stderr, status := invoke(t, nil, "wait", "bs-abc", "--addr", addr, "--timeout", "300ms")
	if status != client.ExitTimeout || !strings.Contains(stderr, "Job bs-abc goes on") || !strings.Contains(stderr, "backstitch wait bs-abc") {
		t.Errorf("got %d, %s", status, stderr)
	}
}

func TestTheEnvironmentFillsInFlags(t *testing.T) {
	addr := api{"GET /v1/jobs": client.Jobs{Jobs: []client.Job{finished("succeeded", "pass", 0)}}}.serve(t)
	env := map[string]string{"BACKSTITCH_ADDR": addr, "BACKSTITCH_OUTPUT": "name", "BACKSTITCH_ALL": "true"}
	stdout, stderr, status := invoke(t, env, "status")
	if status != 0 || stdout != "bs-abc\n" {
		t.Errorf("got %d, %q, %q", status, stdout, stderr)
	}
	if _, _, status := invoke(t, env, "status", "--addr", "127.0.0.1:1"); status != client.ExitNoLeader {
		t.Errorf("a flag wins over the environment: got %d, want %d", status, client.ExitNoLeader)
	}
}

func TestStatusHidesOldJobs(t *testing.T) {
	addr := api{"GET /v1/jobs": client.Jobs{Jobs: []client.Job{finished("succeeded", "pass", 0)}}}.serve(t)
	for args, want := range map[string]string{"status": "", "status --all": "bs-abc\n"} {
		stdout, stderr, _ := invoke(t, nil, append(strings.Fields(args), "-o", "name", "--addr", addr)...)
		if stdout != want {
			t.Errorf("%s: got %q (%s), want %q", args, stdout, stderr, want)
		}
	}
}

func TestColourIsAskedFor(t *testing.T) {
	rows := []struct {
		args []string
		env  map[string]string
		want bool
	}{
		{nil, nil, false}, // not a terminal
		{[]string{"--color", "always"}, nil, true},
		{nil, map[string]string{"CLICOLOR_FORCE": "1"}, true},
		{nil, map[string]string{"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, false},
		{[]string{"--color", "never"}, map[string]string{"CLICOLOR_FORCE": "1"}, false},
	}
	for _, row := range rows {
		_, stderr, _ := invoke(t, row.env, append([]string{"cancel", "bs-abc"}, row.args...)...)
		if got := strings.Contains(stderr, "\x1b["); got != row.want {
			t.Errorf("%v %v: colour: got %t, want %t", row.args, row.env, got, row.want)
		}
	}
}

func TestSlicesThatMoveAreOneCalmLine(t *testing.T) {
	t.Parallel() // it waits more than it works
	owner := "node-a"
	state := "running"
	answers := api{}
	answers["GET /v1/jobs/bs-abc"] = func() any { return finished(state, "pass", 0) }
	answers["GET /v1/jobs/bs-abc/slices"] = func() any {
		out := client.SliceStates{Slices: []client.SliceState{{ID: "bs-abc/00000001", Status: "leased", OwnerName: owner}}}
		if owner == "node-b" {
			state = "succeeded"
		}
		owner = "node-b"
		return out
	}
	_, stderr, status := invoke(t, nil, "wait", "bs-abc", "--addr", answers.serve(t))
	if status != 0 || strings.Count(stderr, "==> ") != 1 || !strings.Contains(stderr, "node-a gave up 1 slice(s); node-b goes on") {
		t.Errorf("got %d:\n%s", status, stderr)
	}
}

func TestForecastsAreRanges(t *testing.T) {
	rows := []struct {
		records    int64
		slow, fast float64
		want       string
	}{
		{1000, 1, 2, "8m-16m"}, {1000, 0, 2, "-"}, {0, 1, 2, "-"}, {-5, 1, 2, "-"}, {100, 10, 10, "about 10s"},
	}
	for _, row := range rows {
		if got := leftText(row.records, row.slow, row.fast); got != row.want {
			t.Errorf("leftText(%d, %v, %v): got %q, want %q", row.records, row.slow, row.fast, got, row.want)
		}
	}
	if got := percent(client.Job{State: "verifying", Records: 10, Progress: client.Progress{Written: 10}}); got != "99 %" {
		t.Errorf("written but not verified: got %s, want 99 %%", got)
	}
}

func TestRangesOfTime(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	day := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC).UnixMilli()
	hour := int64(time.Hour / time.Millisecond)
	rows := map[string]*timeRange{
		"@-48h:-24h": {day - 36*hour, day - 12*hour},
		"@2026-11-20T02:00:00Z:2026-11-20T05:00:00Z": {day + 2*hour, day + 5*hour},
		"2026-11-20T02:00:00Z:3h":                    {day + 2*hour, day + 5*hour},
		"@2026-11-20:24h":                            {day, day + 24*hour},
		fmt.Sprintf("@%d:end", day):                  {day, day + 12*hour},
		"@:end":                                      {0, day + 12*hour},
		"@-1h:":                                      {day + 11*hour, 0},
		"@-24h:-48h":                                 nil,
		"@yesterday:end":                             nil,
		"@-24h":                                      nil,
		"":                                           nil,
	}
	for text, want := range rows {
		got, err := parseRange(text, now)
		if want == nil {
			if err == nil {
				t.Errorf("%q: got %v, want an error", text, got)
			}
			continue
		}
		if err != nil || got != *want {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, *want)
		}
	}
}

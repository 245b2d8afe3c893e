package conductor

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/fsm"
	"backstitch/fsm/flow"
)

// elsewhere is a Databricks workspace and an Airflow: runs are started once under a token, and end after three looks.
type elsewhere struct {
	started map[string]int // by token, or dag_run_id
	looks   int
	result  string
	status  int // of looks, 0 for 200
	lose    bool
	seen    []string
}

func (e *elsewhere) answer(req *http.Request) (int, string, error) {
	body := ""
	if req.Body != nil {
		text, _ := io.ReadAll(req.Body)
		body = string(text)
	}
	e.seen = append(e.seen, req.Method+" "+req.URL.RequestURI()+" "+body)
	if req.Method == http.MethodPost {
		before := e.started[body]
		e.started[body]++
		if lost := e.lose; lost {
			e.lose = false
			return 0, "", errors.New("connection reset")
		}
		if strings.Contains(req.URL.Path, "dagRuns") && before > 0 {
			return 409, "{}", nil
		}
		return 200, `{"run_id": 77}`, nil
	}
	if e.status != 0 {
		return e.status, "", nil
	}
	if e.looks++; e.looks < 3 {
		return 200, `{"state":` + map[bool]string{true: `"running"`, false: `{"life_cycle_state":"RUNNING"}`}[strings.Contains(req.URL.Path, "dagRuns")] + `}`, nil
	}
	return 200, e.result, nil
}

// RoundTrip lets an elsewhere be an http.RoundTripper.
func (e *elsewhere) RoundTrip(req *http.Request) (*http.Response, error) {
	status, body, err := e.answer(req)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
}

func runStep(kind string) flow.Step {
	body := `{"url":"https://ws","authorization":"env:BACKSTITCH_NOTIFY_BI","jobId":11,"parameters":{"from":"a"}}`
	if kind == RunAirflow {
		body = `{"url":"https://af","authorization":"env:BACKSTITCH_NOTIFY_BI","dag":"silver","conf":{"from":"a"}}`
	}
	return flow.Step{Name: "run", Kind: kind, Body: []byte(body), Retry: tries(3), TimeoutNanos: int64(2 * time.Minute)}
}

// A run is started once, whatever is lost, is looked after until it has ended, and is found again by the next leader.
func TestRunsElsewhere(t *testing.T) {
	good := map[string]string{RunDatabricks: `{"state":{"life_cycle_state":"TERMINATED","result_state":"SUCCESS"}}`, RunAirflow: `{"state":"success"}`}
	bad := map[string]string{RunDatabricks: `{"state":{"life_cycle_state":"TERMINATED","result_state":"FAILED"}}`, RunAirflow: `{"state":"failed"}`}
	for _, kind := range []string{RunDatabricks, RunAirflow} {
		for name, row := range map[string]struct {
			e     elsewhere
			lead  time.Duration // of the first leader
			class flow.Class
			runs  int
		}{
			"all well":        {elsewhere{result: good[kind]}, time.Minute, 0, 1},
			"an answer lost":  {elsewhere{result: good[kind], lose: true}, time.Minute, 0, 1},
			"another leader":  {elsewhere{result: good[kind]}, 7 * time.Second, 0, 1},
			"a failed run":    {elsewhere{result: bad[kind]}, time.Minute, flow.Failed, 3},
			"may not look":    {elsewhere{status: 403}, time.Minute, flow.Lost, 1},
			"looks go astray": {elsewhere{status: 502}, time.Minute, flow.TimedOut, 1},
		} {
			synctest.Test(t, func(t *testing.T) {
				w, e := newWorld(t), row.e
				e.started = map[string]int{}
				w.elsewhere = &e
				w.must(fsm.SubmitFlow{ID: "fl-a", Name: "outage", Steps: []flow.Step{runStep(kind)}})
				w.lead(row.lead)
				w.lead(4 * time.Minute)
				f, states := w.flow("fl-a")
				if st := states["run"]; st.Class != row.class || (f.State == fsm.FlowSucceeded) != (row.class == 0) {
					t.Errorf("%s, %s: got %s, %+v: %q", kind, name, f.State, st, e.seen)
				}
				if len(e.started) != row.runs {
					t.Errorf("%s, %s: %d runs were started, want %d: %q", kind, name, len(e.started), row.runs, e.seen)
				}
			})
		}
	}
}

func TestCheckOfRuns(t *testing.T) {
	for body, ok := range map[string]bool{
		`{"url":"https://ws","authorization":"env:BACKSTITCH_NOTIFY_BI","jobId":11}`:         true,
		`{"url":"https://ws","authorization":"","jobId":11}`:                                 false,
		`{"url":"https://ws","authorization":"env:BACKSTITCH_NOTIFY_BI","jobId":0}`:          false,
		`{"url":"ws","authorization":"env:BACKSTITCH_NOTIFY_BI","jobId":11}`:                 false,
		`{"url":"https://ws","authorization":"env:BACKSTITCH_NOTIFY_BI","jobId":11,"run":1}`: false,
	} {
		if err := Check(flow.Step{Name: "s", Kind: RunDatabricks, Body: []byte(body)}); (err == nil) != ok {
			t.Errorf("%s: got %v", body, err)
		}
	}
}

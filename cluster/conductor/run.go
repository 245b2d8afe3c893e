package conductor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"backstitch/cluster/turns"
	"backstitch/fsm/flow"
)

// Runs are started elsewhere and take their time there: the first call starts one under the attempt's token, or finds the one that was started
// under it, and then it is asked for until it has ended. Nothing of that is kept here, so another leader does the same from the beginning.
// A run that was started is never left for another one by a call that goes wrong; only its end, or that nobody may ask for it, ends the attempt.

// pollEvery is how often a run is asked for.
const pollEvery = 5 * time.Second

// Databricks is a run of a job of a Databricks workspace.
type Databricks struct {
	URL           string            `json:"url"`           // of the workspace
	Authorization string            `json:"authorization"` // where the whole header comes from
	JobID         int64             `json:"jobId"`
	Parameters    map[string]string `json:"parameters,omitempty"`
}

// Airflow is a run of a DAG.
type Airflow struct {
	URL           string            `json:"url"`           // in front of /api
	Authorization string            `json:"authorization"` // where the whole header comes from
	DAG           string            `json:"dag"`
	Conf          map[string]string `json:"conf,omitempty"`
}

// remote is a kind of runs.
type remote interface {
	start(token string) Call
	// started reads the answer of start and returns the call that asks for the run.
	started(status int, body []byte, token string) (Call, error)
	// ended reads an answer: whether the run has ended, and well.
	ended(body []byte) (done, well bool, word string, err error)
}

func (d Databricks) headers() []Header {
	return []Header{{Name: "Authorization", Secret: d.Authorization}, {Name: "Content-Type", Value: "application/json"}}
}

func (d Databricks) start(token string) Call {
	body := map[string]any{"job_id": d.JobID, "idempotency_token": token}
	if len(d.Parameters) > 0 {
		body["job_parameters"] = d.Parameters
	}
	return Call{Method: http.MethodPost, URL: strings.TrimRight(d.URL, "/") + "/api/2.1/jobs/run-now", Headers: d.headers(), Body: encoded(body)}
}

func (d Databricks) started(status int, body []byte, _ string) (Call, error) {
	var run struct {
		ID int64 `json:"run_id"`
	}
	if err := json.Unmarshal(body, &run); status/100 != 2 || err != nil || run.ID == 0 {
		return Call{}, fmt.Errorf("answered %d without a run_id", status)
	}
	return Call{Method: http.MethodGet, URL: fmt.Sprintf("%s/api/2.1/jobs/runs/get?run_id=%d", strings.TrimRight(d.URL, "/"), run.ID), Headers: d.headers()}, nil
}

func (Databricks) ended(body []byte) (done, well bool, word string, err error) {
	var run struct {
		State struct {
			Life   string `json:"life_cycle_state"`
			Result string `json:"result_state"`
		} `json:"state"`
	}
	if err := json.Unmarshal(body, &run); err != nil || run.State.Life == "" {
		return false, false, "", fmt.Errorf("an answer without state.life_cycle_state")
	}
	switch run.State.Life {
	case "TERMINATED", "SKIPPED", "INTERNAL_ERROR":
		done = true
	}
	return done, run.State.Life == "TERMINATED" && run.State.Result == "SUCCESS", strings.TrimSpace(stateWord(run.State.Life) + " " + stateWord(run.State.Result)), nil
}

func (a Airflow) headers() []Header {
	return []Header{{Name: "Authorization", Secret: a.Authorization}, {Name: "Content-Type", Value: "application/json"}}
}

func (a Airflow) runs() string {
	return strings.TrimRight(a.URL, "/") + "/api/v1/dags/" + url.PathEscape(a.DAG) + "/dagRuns"
}

func runID(token string) string { return "backstitch-" + token }

func (a Airflow) start(token string) Call {
	conf := a.Conf
	if conf == nil {
		conf = map[string]string{}
	}
	return Call{Method: http.MethodPost, URL: a.runs(), Headers: a.headers(), Body: encoded(map[string]any{"dag_run_id": runID(token), "conf": conf})}
}

// A conflict is that there is a run of that id: the one that was started before.
func (a Airflow) started(status int, _ []byte, token string) (Call, error) {
	if status/100 != 2 && status != http.StatusConflict {
		return Call{}, fmt.Errorf("answered %d", status)
	}
	return Call{Method: http.MethodGet, URL: a.runs() + "/" + runID(token), Headers: a.headers()}, nil
}

func (Airflow) ended(body []byte) (done, well bool, word string, err error) {
	var run struct {
		State string `json:"state"`
	}
	if err := json.Unmarshal(body, &run); err != nil || run.State == "" {
		return false, false, "", fmt.Errorf("an answer without state")
	}
	return run.State == "success" || run.State == "failed", run.State == "success", stateWord(run.State), nil
}

// maxWord is longer than any word that is known for the state of a run.
const maxWord = 64

// stateWord is what a stranger calls a state, as it may stand in the book: a word, and no text that quotes what it was sent.
func stateWord(s string) string {
	if len(s) > maxWord || strings.ContainsFunc(s, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') }) {
		return "(no word)"
	}
	return s
}

func encoded(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("conductor: encode %T: %v", v, err)) // words and numbers
	}
	return string(text)
}

// run starts a run, or finds it, and waits for its end.
func (c *Config) run(ctx context.Context, r remote, token string) outcome {
	resp, out := c.send(ctx, r.start(token), token)
	if resp == nil {
		return out
	}
	body, err := read(resp)
	if err != nil {
		return failed(flow.Transient, "read the answer: %v", err)
	}
	poll, err := r.started(resp.StatusCode, body, token)
	if err != nil {
		if out = judge(resp); out.class == 0 {
			return failed(flow.Lost, "%v, so nobody knows which run was started", err)
		}
		return out
	}
	for {
		resp, out := c.send(ctx, poll, token)
		if resp != nil {
			body, err := read(resp)
			if out = judge(resp); out.class == 0 && err == nil {
				done, well, word, err := r.ended(body)
				switch {
				case err != nil:
					return failed(flow.Lost, "the run was started, and how it goes can not be read: %v", err)
				case well:
					return outcome{}
				case done:
					return failed(flow.Failed, "the run ended as %s", word)
				}
			}
		}
		if out.class == flow.Refused {
			return failed(flow.Lost, "the run was started, and can not be asked for: %s", out.why)
		}
		if !turns.Pause(ctx, max(pollEvery, out.after)) {
			return failed(flow.TimedOut, "the run did not end in time; it may go on")
		}
	}
}

// read reads an answer, up to answerKept.
func read(resp *http.Response) ([]byte, error) {
	defer resp.Body.Close()
	return io.ReadAll(io.LimitReader(resp.Body, answerKept))
}

// checkRun refuses what can not be called.
func checkRun(step, at, secret string) error {
	if secret == "" {
		return fmt.Errorf("step %s: it has no secret to show", step)
	}
	return Call{Method: http.MethodGet, URL: at, Headers: []Header{{Name: "Authorization", Secret: secret}}}.check(step)
}

package conductor

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"backstitch/fsm/flow"
)

// FuzzAnswers reads what services say of runs. Whatever that is, what is asked next is a request to the same place, under the same secret, and what goes into the book
// are a few letters.
func FuzzAnswers(f *testing.F) {
	f.Add(200, []byte(`{"run_id": 455644833}`), []byte(`{"run_id": 455644833, "state": {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"}}`))
	f.Add(200, []byte(`{"run_id": 7}`), []byte(`{"state": {"life_cycle_state": "INTERNAL_ERROR", "state_message": "x"}}`))
	f.Add(200, []byte(`{"dag_run_id": "backstitch-t", "state": "queued"}`), []byte(`{"state": "failed"}`))
	f.Add(409, []byte(`{"title": "Conflict"}`), []byte(`{"state": "success"}`))
	f.Add(200, []byte(`{"run_id": 9223372036854775808}`), []byte(`{"state": "Bearer dapi0123456789"}`))
	f.Add(200, []byte(`{"run_id": 1e3}`), []byte(`{"state": {"life_cycle_state": "TERMINATED", "result_state": "Authorization: Bearer x"}}`))
	f.Add(503, []byte(``), []byte(`{"state":`))
	const secret = "env:BACKSTITCH_NOTIFY_RUN"
	f.Fuzz(func(t *testing.T, status int, start, poll []byte) {
		for base, r := range map[string]remote{
			"https://dbx.example.com/": Databricks{URL: "https://dbx.example.com", Authorization: secret, JobID: 7},
			"https://air.example.com/": Airflow{URL: "https://air.example.com/", Authorization: secret, DAG: "../a?b#c"},
		} {
			call, err := r.started(status, start, "token-1")
			if err == nil && (!strings.HasPrefix(call.URL, base+"api/") || call.Method != http.MethodGet || len(call.Headers) == 0 || call.Headers[0].Secret != secret || call.check("step") != nil) {
				t.Errorf("%T goes on with %+v", r, call)
			}
			if err != nil && len(err.Error()) > 100 {
				t.Errorf("%T: an error of %d bytes", r, len(err.Error()))
			}
			done, well, word, err := r.ended(poll)
			if well && !done || len(word) > 2*maxWord+1 || strings.ContainsAny(word, ":=.<0123456789") {
				t.Errorf("%T: done %t, well %t, word %.200q", r, done, well, word)
			}
			if err != nil && (done || well || len(err.Error()) > 100) {
				t.Errorf("%T: done %t, well %t, %v", r, done, well, err)
			}
		}
		body, err := read(&http.Response{Body: io.NopCloser(iotest.OneByteReader(strings.NewReader(string(start))))})
		if err != nil || len(body) > answerKept {
			t.Errorf("%d bytes of an answer, %v", len(body), err)
		}
		resp := &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {string(poll)}}}
		if out := judge(resp); out.after < 0 || out.after > maxPause || (out.class == 0) != (status/100 == 2) || out.class == flow.Lost {
			t.Errorf("%d: %+v", status, out)
		}
	})
}

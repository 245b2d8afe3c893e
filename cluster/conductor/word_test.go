package conductor

import (
	"strings"
	"testing"
)

// TestAStateIsAWord: what a service calls the state of a run goes into the book, and services quote.
func TestAStateIsAWord(t *testing.T) {
	const quoted = "Authorization: Bearer dapi0123456789"
	for _, r := range []remote{Databricks{}, Airflow{}} {
		for _, body := range []string{
			`{"state":{"life_cycle_state":"TERMINATED","result_state":"` + quoted + `"}}`, `{"state":{"life_cycle_state":"` + quoted + `"}}`,
			`{"state":"` + quoted + `"}`, `{"state":"` + strings.Repeat("x", 1<<10) + `"}`,
		} {
			if _, well, word, _ := r.ended([]byte(body)); well || strings.Contains(word, "Bearer") || len(word) > 2*maxWord {
				t.Errorf("%T, %.80s: well %t, %.80q", r, body, well, word)
			}
		}
	}
	if done, well, word, err := (Databricks{}).ended([]byte(`{"state":{"life_cycle_state":"TERMINATED","result_state":"TIMEDOUT"}}`)); !done || well || word != "TERMINATED TIMEDOUT" || err != nil {
		t.Errorf("got %t, %t, %q, %v", done, well, word, err)
	}
}

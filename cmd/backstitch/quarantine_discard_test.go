package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"backstitch/cluster/client"
)

// What is given up stays in the list with who and why, is not put back, and can be taken back.
func TestWhatIsGivenUpIsNotPutBack(t *testing.T) {
	p, _, file := broken(t)
	var given []client.Discarded
	all := func() any { return client.DiscardedRecords{Job: "bs-abc", Records: given} }
	recipe := plannedRecipe(t, p, file)
	addr := api{
		"GET /v1/cluster":            client.Cluster{ID: "c-1"},
		"GET /v1/jobs/bs-abc/recipe": client.Work{Job: "bs-abc", Recipe: recipe},
		"GET /v1/jobs/bs-abc/slices": client.SliceStates{Slices: []client.SliceState{{
			ID: "bs-abc/00000001", Kind: "fill", Progress: client.Progress{Quarantined: 2},
			Quarantine: []client.Poison{{Offset: 6, Code: "BST-Q201", Reason: "larger than the target takes"}, {Offset: 9, Code: "BST-Q201"}},
		}}},
		"GET /v1/jobs/bs-abc/discarded": func() any { return all() },
		"POST /v1/jobs/bs-abc/discarded": func() any {
			given = append(given, client.Discarded{Offset: 6, By: "cli:ann", Reason: "never paid", At: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)})
			return all()
		},
		"POST /v1/jobs/bs-abc/discarded/restore": func() any {
			given = nil
			return all()
		},
	}.serve(t)
	run := func(exit int, args ...string) (stdout, stderr string) {
		t.Helper()
		return p.invoke(exit, append([]string{"quarantine", "--addr", addr}, args...)...)
	}

	for _, args := range [][]string{
		{"discard", "bs-abc", "--position", "p00@6", "--yes"},
		{"discard", "bs-abc", "--reason", "x", "--yes"},
		{"discard", "bs-abc", "--all", "--position", "p00@6", "--reason", "x", "--yes"},
		{"discard", "bs-abc", "--position", "six", "--reason", "x", "--yes"},
	} {
		run(client.ExitUsage, args...)
	}
	run(client.ExitNotFound, "discard", "bs-abc", "--position", "p00@7", "--reason", "x", "--yes")
	if _, stderr := run(client.ExitConflict, "restore", "bs-abc", "--position", "p00@6", "--yes"); !strings.Contains(stderr, codeDiscarded) {
		t.Errorf("what is open is taken back:\n%s", stderr)
	}

	stdout, _ := run(0, "discard", "bs-abc", "--position", "p00@6", "--reason", "never paid", "--yes")
	if !strings.Contains(stdout, "1 record of job bs-abc: discarded.  1 open.") {
		t.Errorf("discard says:\n%s", stdout)
	}
	stdout, _ = run(0, "list", "bs-abc")
	for _, want := range []string{"discarded 2026-11-20T09:00:00Z by cli:ann: never paid", "2 records set aside.  1 open, 1 discarded.", "Next: backstitch quarantine show bs-abc p00@9"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("list does not say %q:\n%s", want, stdout)
		}
	}
	var q quarantine
	stdout, _ = run(0, "list", "bs-abc", "-o", "json")
	if err := json.Unmarshal([]byte(stdout), &q); err != nil || q.Open != 1 || q.Records[0].Discarded == nil || q.Records[1].Discarded != nil {
		t.Errorf("list -o json: %v\n%s", err, stdout)
	}
	if _, stderr := run(client.ExitConflict, "replay", "bs-abc", "-f", file, "--position", "p00@6"); !strings.Contains(stderr, codeDiscarded) || !strings.Contains(stderr, "quarantine restore bs-abc --position p00@6") {
		t.Errorf("replay of a discarded record:\n%s", stderr)
	}
	if _, stderr := run(0, "replay", "bs-abc", "-f", file); !strings.Contains(stderr, "==> 1 record of job bs-abc") {
		t.Errorf("replay of all:\n%s", stderr)
	}
	given = append(given, client.Discarded{Offset: 9})
	if _, stderr := run(client.ExitNotFound, "replay", "bs-abc", "-f", file); !strings.Contains(stderr, "All that it has set aside is discarded") {
		t.Errorf("replay where nothing is open:\n%s", stderr)
	}
	if stdout, _ = run(0, "restore", "bs-abc", "--all", "--yes"); !strings.Contains(stdout, "2 records of job bs-abc: open again.  2 open.") {
		t.Errorf("restore says:\n%s", stdout)
	}
}

// plannedRecipe is the recipe of a plan of a spec.
func plannedRecipe(t *testing.T, p *place, file string) json.RawMessage {
	t.Helper()
	var planned struct {
		Plan struct{ Recipe json.RawMessage }
	}
	stdout, _ := p.invoke(0, "plan", "-f", file, "-o", "json", "-q", "--addr", "http://127.0.0.1:1")
	if err := json.Unmarshal([]byte(stdout), &planned); err != nil {
		t.Fatal(err)
	}
	return planned.Plan.Recipe
}

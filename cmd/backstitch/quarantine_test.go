package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/cluster/client"
	"backstitch/partition"
	"backstitch/replay/recovery"
)

// A job's quarantine is listed from recipe and book, a record of it is read where it stands, and a mended spec plans exactly what is
// missing of it.
func TestQuarantineIsAPlaceToLookInto(t *testing.T) {
	p, loss, file := broken(t)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ruled := filepath.Join(t.TempDir(), "ruled.yaml")
	rules := "  validate: {version: r1, rules: [{name: fives, expr: 'offset % 50 != 5'}]}\n"
	if err := os.WriteFile(ruled, append(text, rules...), 0o600); err != nil {
		t.Fatal(err)
	}
	var planned struct{ Plan recovery.Plan }
	stdout, _ := p.invoke(0, "plan", "-f", ruled, "-o", "json", "-q", "--addr", "http://127.0.0.1:1")
	if err := json.Unmarshal([]byte(stdout), &planned); err != nil {
		t.Fatal(err)
	}
	recipe, err := json.Marshal(planned.Plan.Recipe)
	if err != nil {
		t.Fatal(err)
	}
	fives := len(planned.Plan.Recipe.Aside)
	if fives == 0 || !strings.Contains(stdout, "rule fives: offset % 50 != 5 is false") {
		t.Fatalf("the plan has %d records left out, want some, by the rule", fives)
	}
	addr := api{
		"GET /v1/cluster":             client.Cluster{ID: "c-1"},
		"GET /v1/jobs/bs-abc/recipe":  client.Work{Job: "bs-abc", Recipe: recipe},
		"GET /v1/jobs/bs-none/recipe": client.Work{Job: "bs-none", Recipe: json.RawMessage(`{"version":1,"left":["orders/p00: BST-Q102: object x: broken"]}`)},
		"GET /v1/jobs/bs-none/slices": client.SliceStates{},
		"GET /v1/jobs/bs-abc/slices": client.SliceStates{Slices: []client.SliceState{{
			ID: "bs-abc/00000001", Kind: "fill", Progress: client.Progress{Quarantined: 3},
			Quarantine: []client.Poison{{Partition: 0, Offset: 6, Code: "BST-Q201", Reason: "larger than the target takes"}},
		}}},
	}.serve(t)

	stdout, _ = p.invoke(0, "quarantine", "list", "bs-abc", "--addr", addr)
	for _, want := range []string{
		"p00@5          plan  BST-Q340  rule fives: the expression is false", "p00@6          job   BST-Q201  larger than the target takes",
		fmt.Sprintf("Job bs-abc: %d records set aside.  2 more are counted and not listed.", fives+1), "Next: backstitch quarantine show bs-abc p00@5",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("list does not say %q:\n%s", want, stdout)
		}
	}
	if stdout, _ = p.invoke(0, "quarantine", "list", "bs-none", "--addr", addr); !strings.Contains(stdout, "no record      plan  orders/p00: BST-Q102") {
		t.Errorf("a place without a record:\n%s", stdout)
	}

	stdout, _ = p.invoke(0, "quarantine", "show", "bs-abc", "p00@5", "--addr", addr)
	for _, want := range []string{"record     p00@5\n", "(set aside by the plan)", "now        BST-Q340 rule fives: offset % 50 != 5 is false", "object     orders/00000/", "value      {", "timestamp  2026-11-20T"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("show does not say %q:\n%s", want, stdout)
		}
	}
	var seen shownRecord
	stdout, _ = p.invoke(0, "quarantine", "show", "bs-abc", "0@6", "--addr", addr, "-o", "json")
	if err := json.Unmarshal([]byte(stdout), &seen); err != nil || seen.Now != "" || seen.By != "job" || seen.Value == nil || seen.Timestamp == nil {
		t.Errorf("show -o json: %v\n%s", err, stdout)
	}
	for want, args := range map[int][]string{
		client.ExitNotFound: {"show", "bs-abc", "p00@7"}, client.ExitUsage: {"show", "bs-abc", "seven"},
	} {
		p.invoke(want, append([]string{"quarantine", "--addr", addr}, args...)...)
	}

	// The spec without the rule plans those of the records that the topic has lost, and no others.
	again := filepath.Join(t.TempDir(), "again.plan")
	_, stderr := p.invoke(0, "quarantine", "replay", "bs-abc", "-f", file, "-o", again, "--addr", addr)
	if !strings.Contains(stderr, fmt.Sprintf("%d records of job bs-abc", fives+1)) || !strings.Contains(stderr, "2 more are counted and not listed; they are not planned") {
		t.Errorf("replay says:\n%s", stderr)
	}
	ranges, err := plannedRanges(again)
	if err != nil {
		t.Fatal(err)
	}
	var got, want int64
	for part, list := range ranges {
		for _, r := range list {
			got += r.Len()
			if found, wrong := loss.Found(p.set, part, r.From, r.To); found != r.Len() || wrong != 0 || r.From%50 != 5 {
				t.Errorf("planned p%02d %s, which was not set aside or is not lost", part, r)
			}
		}
	}
	for _, a := range planned.Plan.Recipe.Aside {
		found, _ := loss.Found(p.set, a.Partition, a.Offset, a.Offset+1)
		want += found
	}
	if got != want || want == 0 {
		t.Errorf("%d records are planned, %d of those set aside are lost", got, want)
	}

	one := filepath.Join(t.TempDir(), "one.plan")
	first := spot{}
	for _, a := range planned.Plan.Recipe.Aside {
		if found, _ := loss.Found(p.set, a.Partition, a.Offset, a.Offset+1); found == 1 {
			first = spot{a.Partition, a.Offset}
			break
		}
	}
	p.invoke(0, "quarantine", "replay", "bs-abc", "-f", file, "--position", first.String(), "-o", one, "--addr", addr)
	if ranges, err = plannedRanges(one); err != nil || len(ranges) != 1 || ranges[first.part][0] != (partition.Range{From: first.offset, To: first.offset + 1}) {
		t.Errorf("one record: got %v, %v", ranges, err)
	}
	other := filepath.Join(t.TempDir(), "other.yaml")
	if err := os.WriteFile(other, []byte(strings.Replace(string(text), "topic: orders", "topic: other", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr := p.invoke(client.ExitUsage, "quarantine", "replay", "bs-abc", "-f", other, "--addr", addr); !strings.Contains(stderr, "BST-E4052") {
		t.Errorf("another target: %s", stderr)
	}
	if _, stderr := p.invoke(client.ExitNotFound, "quarantine", "replay", "bs-none", "-f", other, "--addr", addr); !strings.Contains(stderr, "BST-E4051") {
		t.Errorf("nothing set aside: %s", stderr)
	}
}

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"backstitch/chaos/scenario"

	"github.com/google/go-cmp/cmp"
)

const committed = "../../SCENARIOS.md"

// A scenario that is added, renamed or changed has to show in the table.
func TestTheTableIsThatOfTheLibrary(t *testing.T) {
	have, err := os.ReadFile(committed)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), string(table(scenario.Library(), results(have)))); diff != "" {
		t.Errorf("make chaos-table mends it (-committed +library):\n%s", diff)
	}
}

func TestResultsAreKeptUntilThereAreNewerOnes(t *testing.T) {
	dir := t.TempDir()
	path, figures := filepath.Join(dir, "table.md"), filepath.Join(dir, "figures")
	step := func(date, lines string) map[string]string {
		t.Helper()
		if err := os.WriteFile(figures, []byte(lines), 0o600); err != nil {
			t.Fatal(err)
		}
		var complaints bytes.Buffer
		if status := run([]string{"-figures", figures, "-date", date, path}, &complaints, time.Time{}); status != 0 {
			t.Fatalf("exit status %d: %s", status, &complaints)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return results(text)
	}
	got := step("2026-01-02", `{"suite":"process","scenario":"kill-owner","layer":"process","outcome":"kept","seconds":31.04}
{"suite":"stories","scenario":"kill-owner","layer":"bubble","outcome":"kept","seconds":1}
{"suite":"stories","scenario":"kill-owner","layer":"bubble","outcome":"broken","seconds":2}
{"suite":"sim","seeds":1}
`)
	want := map[string]string{"kill-owner": "2026-01-02 bubble: broken, 2.0 s; process: kept, 31.0 s"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	got = step("2026-01-03", `{"suite":"process","scenario":"bridge","layer":"process","outcome":"skipped"}`+"\n")
	want["bridge"] = "2026-01-03 process: skipped, 0.0 s"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWhatCanNotBeReadIsSaid(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad")
	if err := os.WriteFile(bad, []byte("not JSON\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{}, {"a", "b"}, {"-unknown", "a"}, {"-figures", filepath.Join(dir, "none"), "a"}, {"-figures", bad, "a"}} {
		var complaints bytes.Buffer
		if status := run(args, &complaints, time.Time{}); status != 2 || complaints.Len() == 0 {
			t.Errorf("%q: exit status %d and %q, want 2 and words", args, status, &complaints)
		}
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/replay/gap"
)

// What is printed with a ledger is what is printed without, but for what it says of the ledger itself; the second scan reads next to
// nothing, and a plan that was made with one is the same file.
func TestGapsWithALedger(t *testing.T) {
	p, _, file := broken(t)
	dir := filepath.Join(t.TempDir(), "ledger")
	scan := func(more ...string) (*gap.Report, *gap.Ledger) {
		t.Helper()
		stdout, _ := p.invoke(0, append([]string{"gaps", "list", "-f", file, "-o", "json", "-q"}, more...)...)
		var rep gap.Report
		if err := json.Unmarshal([]byte(stdout), &rep); err != nil {
			t.Fatal(err)
		}
		use := rep.Ledger
		rep.Ledger = nil
		return &rep, use
	}
	text := func(rep *gap.Report) string {
		raw, err := json.Marshal(rep)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	want, none := scan()
	for _, f := range want.Findings {
		if f.Runbook == "" || f.Runbook != f.Kind.Page() {
			t.Errorf("finding %s, %s: runbook %q", f.ID, f.Kind, f.Runbook)
		}
	}
	first, wrote := scan("--ledger", dir)
	second, used := scan("--ledger", dir)
	if text(first) != text(want) || text(second) != text(want) {
		t.Errorf("got %s and %s, want %s", text(first), text(second), text(want))
	}
	switch {
	case none != nil:
		t.Errorf("without a ledger: got %+v", none)
	case wrote.VouchedRecords != 0 || wrote.ReadRecords == 0:
		t.Errorf("first scan: got %+v", wrote)
	case used.VouchedRecords < wrote.ReadRecords*9/10 || used.ReadBytes*50 > wrote.ReadBytes || len(used.Doubts) > 0:
		t.Errorf("second scan: got %+v after %+v", used, wrote)
	}
	stdout, stderr := p.invoke(0, "gaps", "list", "-f", file, "--ledger", dir)
	if !strings.Contains(stderr, "vouched for") || !strings.Contains(stdout, "--ledger "+dir) {
		t.Errorf("got %s\n%s", stdout, stderr)
	}
	p.invoke(0, "gaps", "explain", want.Findings[0].ID, "-f", file, "--ledger", dir, "-q")

	plans := [2]string{filepath.Join(t.TempDir(), "a.plan"), filepath.Join(t.TempDir(), "b.plan")}
	p.invoke(0, "plan", "-f", file, "--out", plans[0], "-q")
	p.invoke(0, "plan", "-f", file, "--out", plans[1], "-q", "--ledger", dir)
	a, err := os.ReadFile(plans[0])
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(plans[1]); err != nil || !bytes.Equal(a, b) {
		t.Errorf("the plan that was made with a ledger is another one: %v", err)
	}
}

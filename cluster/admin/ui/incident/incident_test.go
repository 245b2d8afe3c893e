package incident

import (
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func example() Report {
	return Report{
		Title: "payments/orders", Job: "bs-abc", Verdict: "pass", Summary: "30 records were lost and are back.",
		Facts: []Fact{{"Job", "bs-abc"}},
		Lost: []Loss{
			{Partition: "orders/p07", Records: 20, Back: 20, First: noon, Last: noon.Add(time.Hour), State: "pass"},
			{Partition: "orders/p08", Records: 10, Back: -1, First: noon.Add(-time.Minute), Last: noon.Add(time.Minute), State: "running"},
		},
		Why:      []string{"retention | took <b>them</b>"},
		Timeline: []Event{{At: noon, Who: "cli:ann", What: "the plan was submitted", Why: "INC-1\n\n# not a heading `x` [a](javascript:b) @all https://evil.example"}},
		Decided:  []Decision{{What: "priority 50", By: "the book"}},
		Checks:   []Check{{"row count", "30", "30", "pass"}},
		Unseen:   []string{"headers"}, Commands: []Command{{"the job", "backstitch status bs-abc"}}, Runbook: "deploy/runbooks/missing.md",
	}
}

// TestMarkdownSaysAllOfIt: what, why, when, who, proof.
func TestMarkdownSaysAllOfIt(t *testing.T) {
	got := string(example().Markdown())
	for _, want := range []string{
		"# Incident: payments/orders\n", "30 records, made between 2026-11-20 11:59:00 UTC and 2026-11-20 13:00:00 UTC.", "| orders/p07 | 20 | 20 | 2026-11-20 12:00:00 UTC |",
		"| orders/p08 | 10 | not compared |", "## Why\n", "| row count | 30 | 30 | pass |", "- headers\n", "- the job: `backstitch status bs-abc`", "| priority 50 | the book |  | - |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	none := example()
	none.Verdict, none.Checks = "", nil
	if got := string(none.Markdown()); !strings.Contains(got, "nobody may say that the records are back") {
		t.Errorf("no proof, and the page says\n%s", got)
	}
}

// TestNobodyWritesIntoTheTicket: what somebody typed as a reason stays one cell of one row, and is no markup.
func TestNobodyWritesIntoTheTicket(t *testing.T) {
	got := string(example().Markdown())
	for _, bad := range []string{"\n# not", "<b>", "[a](", "`x`", "@all", "https://evil"} {
		if strings.Contains(got, bad) {
			t.Errorf("%q is in\n%s", bad, got)
		}
	}
	for _, line := range strings.Split(got, "\n") {
		if strings.Contains(line, "not a heading") && strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") != 5 {
			t.Errorf("the row has other cells: %s", line)
		}
	}
	if got := code("a `b` c"); got != "`` a `b` c ``" {
		t.Errorf("got %s", got)
	}
}

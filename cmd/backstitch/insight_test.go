package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/replay/report"
)

// TestCommandsOnPagesAreCommands: what a page says to type, this program knows.
func TestCommandsOnPagesAreCommands(t *testing.T) {
	pages, err := filepath.Glob("../../cluster/admin/ui/templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	code, err := filepath.Glob("../../cluster/admin/ui/*.go")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, file := range append(pages, code...) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, words := range regexp.MustCompile(`["> ]backstitch ([a-z][a-z ]*)(-|%s|"|<|\d|$)`).FindAllSubmatch(text, -1) {
			n++
			args := strings.Fields(string(words[1]))
			cmd, rest, err := newRoot(&app{}).Find(args)
			if err != nil || len(rest) > 0 && cmd.HasSubCommands() {
				t.Errorf("%s: there is no command %q", file, strings.Join(args, " "))
			}
		}
	}
	if n < 15 {
		t.Errorf("only %d commands were found", n)
	}
}

// TestWhatAPlanHasLeftOut: records with the code and the sentence that the command line has, and how many more there are of both kinds.
func TestWhatAPlanHasLeftOut(t *testing.T) {
	got, err := insight{}.Apart([]byte(`{"left":["p03@10..20 can not be read"],"leftMore":1200,"aside":[{"partition":2,"offset":7,"code":"BST-Q334"}],"asideMore":5}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Records) != 1 || got.Records[0].Partition != 2 || got.Records[0].Offset != 7 || got.Records[0].Code != "BST-Q334" || got.Records[0].Reason == "" || got.More != 5 {
		t.Errorf("got %+v", got)
	}
	if len(got.Places) != 2 || got.Places[1] != "and 1,200 more places" {
		t.Errorf("places %q", got.Places)
	}
	if _, err := (insight{}).Apart([]byte(`{"aside":7}`)); err == nil {
		t.Error("what is no recipe was read")
	}
}

// TestAnIncidentInMarkdown says what the report says, and no more: lost records come back only as far as the comparison found them.
func TestAnIncidentInMarkdown(t *testing.T) {
	addr := book(t, proof(compared())).serve(t)
	file := filepath.Join(t.TempDir(), "incident.md")
	stdout, stderr, status := invoke(t, nil, "report", "export", "--addr", addr, "bs-abc", file)
	if status != client.ExitOK || !strings.Contains(stdout, "backstitch report export r-abc r-abc.json") {
		t.Fatalf("got %d\n%s%s", status, stdout, stderr)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# Incident: ", "r-abc, pass at E3", "by cluster key 3b6a27bc", "## Not checked", "## Timeline", "## Decisions"} {
		if !strings.Contains(strings.ReplaceAll(string(text), "###", "##"), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}

	lost := compared()
	lost.Verdict, lost.Evidence, lost.Missing = fsm.Fail, fsm.E3, 4
	f, err := report.Decode("report", filed(t, proof(lost), testKey))
	if err != nil {
		t.Fatal(err)
	}
	f.Report.Comparisons[0].Windows = []report.Window{{To: 10, FromMs: 1000, ToMs: 2000, Filled: 10}}
	r := incidentOf(f)
	if len(r.Lost) != 1 || r.Lost[0].Records != 10 || r.Lost[0].Back != 6 || r.Lost[0].First.UnixMilli() != 1000 || r.Lost[0].Last.UnixMilli() != 2000 {
		t.Errorf("lost %+v", r.Lost)
	}
	if !strings.HasPrefix(r.Summary, "10 records had been lost, and the data differ: ") {
		t.Errorf("summary %q", r.Summary)
	}
}

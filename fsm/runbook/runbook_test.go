package runbook_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"backstitch/fsm/runbook"
)

const root = "../../"

// kindLine is a constant of gap.Kind; alarmName an alert in the text of who raises it.
var (
	kindLine  = regexp.MustCompile(`(?m)^\t[A-Z][A-Za-z]* +Kind = "([^"]+)"`)
	alarmName = regexp.MustCompile(`"(Backstitch[A-Za-z]+)"`)
	ruleName  = regexp.MustCompile(`(?m)^ *- alert: (\S+)$`)
)

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func words(re *regexp.Regexp, text string) (out []string) {
	for _, m := range re.FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestEveryKindAndAlertHasAPage holds the table against those who find and raise, and against the folder, each way round.
func TestEveryKindAndAlertHasAPage(t *testing.T) {
	found := words(kindLine, read(t, "replay/gap/finding.go"))
	if want := runbook.Kinds(); len(found) < 9 || !slices.Equal(found, want) {
		t.Errorf("kinds of findings are %q, those with a page %q", found, want)
	}
	raised := words(alarmName, read(t, "cluster/notify/alerts.go"))
	rules, err := filepath.Glob(root + "deploy/alerts/*.yaml")
	if err != nil || len(rules) == 0 {
		t.Fatalf("rules: %v, %v", rules, err)
	}
	for _, file := range rules {
		raised = append(raised, words(ruleName, read(t, strings.TrimPrefix(file, root)))...)
	}
	slices.Sort(raised)
	if got, want := slices.Compact(raised), runbook.Alerts(); !slices.Equal(got, want) {
		t.Errorf("alerts are %q, those with a page %q", got, want)
	}

	wanted := map[string]bool{}
	for _, k := range runbook.Kinds() {
		wanted[runbook.OfKind(k)] = true
	}
	for _, a := range runbook.Alerts() {
		wanted[runbook.OfAlert(a)] = true
	}
	files, err := filepath.Glob(root + runbook.Dir + "/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name := runbook.Dir + "/" + path.Base(filepath.ToSlash(f))
		if !wanted[name] {
			t.Errorf("%s is about no kind and no alert", name)
		}
		delete(wanted, name)
	}
	for name := range wanted {
		t.Errorf("there is no %s", name)
	}
}

// TestPagesAnswerTheSameQuestions: at 03:00 nobody looks for where a page says it.
func TestPagesAnswerTheSameQuestions(t *testing.T) {
	files, err := filepath.Glob(root + runbook.Dir + "/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	want := []string{"What it means", "Is data being lost now?", "Look", "Decide", "Do", "Check", "Afterwards"}
	heading := regexp.MustCompile(`(?m)^## (.*)$`)
	for _, f := range files {
		text := read(t, strings.TrimPrefix(f, root))
		var got []string
		for _, m := range heading.FindAllStringSubmatch(text, -1) {
			got = append(got, m[1])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: headings %q, want %q", f, got, want)
		}
		if n := strings.Count(text, "\n"); n > 60 {
			t.Errorf("%s: %d lines, want at most 60", f, n)
		}
		for _, section := range strings.Split(text, "\n## ")[1:] {
			head, body, _ := strings.Cut(section, "\n")
			if strings.TrimSpace(body) == "" {
				t.Errorf("%s: nothing under %q", f, head)
			}
			if head == "Look" && !strings.Contains(body, "```sh\n") {
				t.Errorf("%s: nothing to type under %q", f, head)
			}
		}
	}
}

func TestAt(t *testing.T) {
	for _, c := range []struct{ base, page, want string }{
		{"https://docs.acme.com/runbooks", runbook.OfKind("not comparable"), "https://docs.acme.com/runbooks/not-comparable.md"},
		{"https://docs.acme.com/runbooks/", runbook.OfAlert("BackstitchNoLeader"), "https://docs.acme.com/runbooks/BackstitchNoLeader.md"},
		{"", runbook.OfKind("missing"), ""},
		{"https://docs.acme.com", runbook.OfKind("lost"), ""},
	} {
		if got := runbook.At(c.base, c.page); got != c.want {
			t.Errorf("%s of %q: got %q, want %q", c.page, c.base, got, c.want)
		}
	}
}

func TestCheckBase(t *testing.T) {
	for base, ok := range map[string]bool{
		"https://docs.acme.com/runbooks": true, "http://wiki:8080": true, "docs.acme.com": false, "ftp://x/y": false, "https:///runbooks": false,
		"https://ana:secret@wiki": false, "https://wiki/?page=": false, "https://wiki/#top": false, "https://wiki/%zz": false,
	} {
		err := runbook.CheckBase(base)
		if (err == nil) != ok {
			t.Errorf("%s: got %v, want an error: %t", base, err, !ok)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells the login: %v", base, err)
		}
	}
}

//go:build process

package refusals

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// refusal is what a command has to say about a mistake.
type refusal struct {
	status int
	code   string
	names  []string // the object, and whatever else a person has to read
	next   string   // in the line that says what to type
}

// said is the error as -o json gives it.
type said struct {
	Type   string `json:"type"`
	Code   string `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Next   string `json:"next"`
	Exit   int    `json:"exit"`
}

// refuses runs a command that must not do what it was asked to, and holds it to want: for people, for programs, and by what is
// left behind.
func (s *site) refuses(t *testing.T, want refusal, args ...string) {
	t.Helper()
	before := s.world(t)
	line := strings.Join(args, " ")
	forPeople := s.command(t, args...)
	judge(t, line, want, forPeople)
	if forPeople.stdout != "" {
		t.Errorf("%s: stdout: got %q, want nothing", line, forPeople.stdout)
	}
	args = append(slices.Clone(args), "-o", "json")
	forPrograms := s.command(t, args...)
	judgeJSON(t, line, want, forPrograms)
	sameWorld(t, before, s.world(t))
}

// judge holds what people see to want.
func judge(t *testing.T, line string, want refusal, got result) {
	t.Helper()
	if got.status != want.status {
		t.Errorf("%s: exit status: got %d, want %d", line, got.status, want.status)
	}
	at := strings.Index(got.stderr, "Error "+want.code+": ")
	if at < 0 {
		t.Errorf("%s: no Error %s in:\n%s", line, want.code, got.stderr)
		return
	}
	message := got.stderr[at:]
	for _, name := range want.names {
		if !strings.Contains(message, name) {
			t.Errorf("%s: no %q in:\n%s", line, name, message)
		}
	}
	_, next, ok := strings.Cut(message, "\n  Next: ")
	if !ok || !strings.Contains(next, want.next) {
		t.Errorf("%s: no \"Next: ...%s...\" in:\n%s", line, want.next, message)
	}
	if strings.Contains(message, "BST-E4099") {
		t.Errorf("%s: has no code of its own:\n%s", line, message)
	}
}

// judgeJSON holds what programs see to want: nothing on stdout, and one JSON object as the last line of stderr.
func judgeJSON(t *testing.T, line string, want refusal, got result) {
	t.Helper()
	if got.stdout != "" {
		t.Errorf("%s -o json: stdout: got %q, want nothing", line, got.stdout)
	}
	lines := strings.Split(strings.TrimSpace(got.stderr), "\n")
	var e said
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &e); err != nil {
		t.Errorf("%s -o json: the last line of stderr: %v:\n%s", line, err, got.stderr)
		return
	}
	if e.Type != "error" || e.Code != want.code || e.Exit != want.status || got.status != want.status {
		t.Errorf("%s -o json: got %s with status %d, want %s with status %d", line, e.Code, got.status, want.code, want.status)
	}
	for _, name := range want.names {
		if !strings.Contains(e.Title+"\n"+e.Detail, name) {
			t.Errorf("%s -o json: no %q in %+v", line, name, e)
		}
	}
	if !strings.Contains(e.Next, want.next) {
		t.Errorf("%s -o json: next: got %q, want %q in it", line, e.Next, want.next)
	}
}

func sameWorld(t *testing.T, before, after map[string]string) {
	t.Helper()
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("something was changed (-before +after):\n%s", diff)
	}
}

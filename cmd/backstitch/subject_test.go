package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"backstitch/replay/recovery"
	"backstitch/replay/refusal"
)

// What a command advises to type next has to be about the same data.
func TestASubjectIsNamedAgainAsItWasGiven(t *testing.T) {
	for _, given := range [][]string{
		{"orders", "--kafka", "h:9092", "--archive", "s3://b/p"},
		{"orders", "--kafka", "prod", "--archive", "/tmp/it's here", "--range", "@-2h:-1h", "--partitions", "0-3", "--layout", "confluent", "--connections", "a b.yaml"},
		{"orders", "--kafka", "h:9092", "--archive", "s3://b/p", "--inventory", "s3://i/b/all"},
		{"-f", "orders.yaml", "--connections", "agent.yaml"},
	} {
		parse := func(words []string) (subject, string) {
			var s subject
			cmd := &cobra.Command{Use: "x"}
			s.flags(cmd)
			if err := cmd.ParseFlags(words); err != nil {
				t.Fatal(err)
			}
			return s, s.again(cmd.Flags().Args())
		}
		first, again := parse(given)
		second, third := parse(shellWords(t, again))
		if again != third || first.file != second.file || first.kafka != second.kafka || first.url != second.url || first.span != second.span ||
			first.layout != second.layout || first.stock != second.stock || first.where.file != second.where.file || first.parts.String() != second.parts.String() {
			t.Errorf("%q is named again as %q, which means %+v, want %+v", given, again, second, first)
		}
	}
}

// A plan that can not be done in time points at the field that asks for it, in the file; what no field asks for is passed on as it is.
func TestImpossibleFieldsAreShownInTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "orders.yaml")
	if err := os.WriteFile(file, []byte("kind: Recovery\nspec:\n  sla: {recoverWithin: 1h}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := subject{file: file}
	late := &refusal.Error{Code: "BST-E1214", Title: "the job can not be done within 1h", Why: "It ends 2h from now.", Hint: "give it more time", Exit: 2, Field: "spec.sla.recoverWithin"}
	f := explain(s.placed(late))
	if f.Code != "BST-E1214" || f.Exit != 2 || !strings.Contains(f.Detail, file+":3:24: BST-E1214 the job can not be done within 1h. It ends 2h from now (give it more time)") ||
		!strings.Contains(f.Detail, "  sla: {recoverWithin: 1h}\n"+strings.Repeat(" ", 7)+"| "+strings.Repeat(" ", 23)+"^") {
		t.Errorf("got %s %d:\n%s\n%s", f.Code, f.Exit, f.Title, f.Detail)
	}
	other := &refusal.Error{Code: "BST-E1123", Title: "no target"}
	if got := s.placed(other); got != error(other) {
		t.Errorf("got %v, want it as it was", got)
	}
	if got := (&subject{}).placed(late); got != error(late) {
		t.Errorf("said in flags: got %v, want it as it was", got)
	}
	if err := s.placed(nil); err != nil {
		t.Error(err)
	}
}

// An end that is not there is looked for where it was said: who gave flags has written no spec.
func TestAMissingEndIsNamedAsItWasSaid(t *testing.T) {
	for _, code := range []string{recovery.CodeNoTarget, recovery.CodeNoReference} {
		missing := &refusal.Error{Code: code, Title: "the topic ordesr is not there", Hint: "check spec.source and spec.target", Exit: 10, Err: errors.New("unknown")}
		f := explain((&subject{kafka: "127.0.0.1:9092", url: "/archive"}).placed(fmt.Errorf("plan: %w", missing)))
		if f.Code != code || f.Exit != 10 || f.Next != "check the topic, --kafka and --archive" {
			t.Errorf("in flags: got %s %d, next %q", f.Code, f.Exit, f.Next)
		}
		for _, s := range []subject{{file: "orders.yaml"}, {}} {
			if f := explain(s.placed(missing)); f.Next != missing.Hint {
				t.Errorf("in %+v: next %q, want %q", s, f.Next, missing.Hint)
			}
		}
	}
}

// shellWords splits a line as a shell does, as far as quoted writes one.
func shellWords(t *testing.T, line string) (out []string) {
	t.Helper()
	word, open, begun := "", false, false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '\'':
			open, begun = !open, true
		case c == '\\' && !open:
			i++
			word, begun = word+string(line[i]), true
		case c == ' ' && !open:
			if begun {
				out = append(out, word)
			}
			word, begun = "", false
		default:
			word, begun = word+string(c), true
		}
	}
	if open {
		t.Fatalf("a quote stays open in %s", line)
	}
	if begun {
		out = append(out, word)
	}
	return out
}

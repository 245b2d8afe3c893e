package main

import (
	"testing"

	"github.com/spf13/cobra"
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

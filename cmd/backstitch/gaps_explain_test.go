package main

import (
	"strings"
	"testing"

	"backstitch/cluster/client"
)

// everyIDIsExplained asks a command of gaps for its ids, and explain for each of them, with the same words. says are in one of the
// explanations at least.
func everyIDIsExplained(t *testing.T, run func(want int, args ...string) (string, string), name string, args []string, says ...string) {
	t.Helper()
	stdout, _ := run(client.ExitOK, append([]string{"gaps", name, "-o", "name", "-q"}, args...)...)
	ids := strings.Fields(stdout)
	if len(ids) == 0 {
		t.Fatalf("gaps %s has no findings to explain", name)
	}
	all := ""
	for _, id := range ids {
		stdout, _ := run(client.ExitOK, append([]string{"gaps", "explain", name, "-q", id}, args...)...)
		for _, want := range []string{"Gap " + id, "Why we say it is ", "    finding ", "Why it is not something else\n    ", "Can be repaired  ", "\n  Runbook          deploy/runbooks/"} {
			if !strings.Contains(stdout, want) {
				t.Errorf("explain %s %s: want %q in\n%s", name, id, want, stdout)
			}
		}
		all += stdout
	}
	for _, want := range says {
		if !strings.Contains(all, want) {
			t.Errorf("explain %s: want %q in\n%s", name, want, all)
		}
	}
	if stdout, _ := run(client.ExitOK, append([]string{"gaps", "explain", name, "-q", "-o", "json", ids[0]}, args...)...); !strings.Contains(stdout, `"ruledOut"`) || !strings.Contains(stdout, `"runbook"`) {
		t.Errorf("explain %s as json:\n%s", name, stdout)
	}
	if _, stderr := run(client.ExitNotFound, append([]string{"gaps", "explain", name, "-q", "g-000000.1"}, args...)...); !strings.Contains(stderr, "Next: backstitch gaps "+name) {
		t.Errorf("explain %s of an id that is not there:\n%s", name, stderr)
	}
}

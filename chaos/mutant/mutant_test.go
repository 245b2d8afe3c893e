package mutant

import (
	"testing"
)

// root is the directory of the module, seen from this package.
const root = "../.."

// leastMutants is how many promises have a mutant, at least.
const leastMutants = 20

func TestMutantsFitTheProgram(t *testing.T) {
	if len(All) < leastMutants {
		t.Errorf("got %d mutants, want %d at least", len(All), leastMutants)
	}
	seen := make(map[string]bool)
	for _, m := range All {
		if seen[m.Name] || m.Name == "" || m.Why == "" || m.Caught.Package == "" || m.Caught.Run == "" {
			t.Errorf("%+v: is there twice, or lacks something", m)
		}
		seen[m.Name] = true
		if _, err := m.Apply(root); err != nil {
			t.Error(err)
		}
	}
}

func TestOnlyAnAssertionOfThatTestIsACatch(t *testing.T) {
	for _, c := range []struct {
		out  string
		ok   bool
		want Outcome
	}{
		{"ok  \tbackstitch/x\t0.1s\n", true, Passed},
		{"ok  \tbackstitch/x\t0.1s [no tests to run]\n", true, Other},
		{"--- FAIL: TestX (0.01s)\n    x_test.go:1: got 1, want 2\nFAIL\n", false, Caught},
		{"log\n--- FAIL: TestX (0.01s)\n    --- FAIL: TestX/a (0.01s)\nFAIL\n", false, Caught},
		{"--- FAIL: TestXY (0.01s)\nFAIL\n", false, Other},
		{"    --- FAIL: TestX (0.01s)\nFAIL\n", false, Other},
		{"# backstitch/x\nx.go:1: undefined: y\nFAIL\tbackstitch/x [build failed]\n", false, NoBuild},
		{"panic: test timed out after 1m30s\n--- FAIL: TestX (0.01s)\n", false, TimedOut},
		{"--- FAIL: TestX (0.01s)\npanic: runtime error: index out of range [recovered]\n", false, Panicked},
		{"fatal error: all goroutines are asleep - deadlock!\n", false, Panicked},
		{"goleak: found unexpected goroutines\nFAIL\n", false, Other},
	} {
		if got := judge(c.out, "TestX", c.ok); got != c.want {
			t.Errorf("%q: got %q, want %q", c.out, got, c.want)
		}
	}
}

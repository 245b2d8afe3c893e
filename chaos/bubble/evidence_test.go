package bubble

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/chaos/report"
)

// brief is a plan that is over soon.
func brief(t *testing.T) Plan {
	t.Helper()
	p, err := NewPlan(1)
	if err != nil {
		t.Fatal(err)
	}
	p.During, p.Jobs, p.Faults = 8*time.Second, p.Jobs[:1], nil
	return p
}

// whole wants everything that belongs to a run in its directory, and gives what is written about it.
func whole(t *testing.T, dir string) report.Record {
	t.Helper()
	r, err := report.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if r.Head.Seed != 1 || r.Head.Command != Command(1) || len(r.Timeline) == 0 {
		t.Errorf("got %+v with %d events, want seed 1, its command and a timeline", r.Head, len(r.Timeline))
	}
	for name, word := range map[string]string{"plan.txt": "lost", "history.jsonl": "bs-client", "logs/node-a.log": "msg="} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !strings.Contains(string(text), word) {
			t.Errorf("%s: %v, %d bytes, want %q in it", name, err, len(text), word)
		}
	}
	return r
}

func TestBrokenRunLeavesEverything(t *testing.T) {
	root := t.TempDir()
	var result *Result
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, brief(t))
		w.after(4*time.Second, func() { w.violate("on purpose") })
		result = w.run(root)
	})
	r := whole(t, result.Evidence)
	if r.Verdict.Outcome != report.Broken || !slices.Equal(r.Verdict.Violations, []string{"on purpose"}) {
		t.Errorf("got %s, %q, want broken on purpose and nothing else", r.Verdict.Outcome, r.Verdict.Violations)
	}
	disks, err := filepath.Glob(filepath.Join(r.Dir, "data", "*", "data", "*"))
	if err != nil || len(disks) < 3 {
		t.Errorf("got %v, %v, want the data of each node", disks, err)
	}
}

func TestKeptRunLeavesNothing(t *testing.T) {
	root := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		if r := Run(t, brief(t), root); len(r.Violations) > 0 {
			t.Error(r.Report())
		}
	})
	if left, err := os.ReadDir(root); err != nil || len(left) != 0 {
		t.Errorf("got %v, %v, want nothing", left, err)
	}
}

// panicRoot names the environment variable with which the test below runs itself.
const panicRoot = "BACKSTITCH_BUBBLE_PANIC"

// A panic in any goroutine ends the process. What was written until then has to be there.
func TestPanicLeavesWhatWasWritten(t *testing.T) {
	if root := os.Getenv(panicRoot); root != "" {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, brief(t))
			w.after(4*time.Second, func() { go panic("on purpose") })
			w.run(root)
		})
		return
	}
	root := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPanicLeavesWhatWasWritten$")
	cmd.Env = append(os.Environ(), panicRoot+"="+root)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "panic: on purpose") {
		t.Fatalf("got %v, want a panic\n%s", err, out)
	}
	dirs, err := os.ReadDir(root)
	if err != nil || len(dirs) != 1 {
		t.Fatalf("got %v, %v, want one directory", dirs, err)
	}
	if r := whole(t, filepath.Join(root, dirs[0].Name())); r.Verdict.Outcome != report.Unfinished {
		t.Errorf("got %s, want %s", r.Verdict.Outcome, report.Unfinished)
	}
}

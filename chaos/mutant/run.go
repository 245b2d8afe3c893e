package mutant

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"backstitch/chaos/report"
)

// How a test is run against a changed program, and what its output means.

// Mutant is one planted bug.
type Mutant struct {
	Name   string // a few words with dashes
	File   string // relative to the module
	Old    string // stands in File exactly once
	New    string // what stands there instead
	Why    string // what breaks
	Caught Test   // what has to fail
	Also   Test   // what has to fail too, where two layers make the same promise; its zero value is none
}

// Test is one test and how it is run.
type Test struct {
	Package string   // relative to the module
	Run     string   // the name of a top-level test
	Args    []string // for the test binary
}

// String is the test as it is typed.
func (t Test) String() string {
	s := "go test ./" + t.Package + " -run '^" + t.Run + "$'"
	if len(t.Args) > 0 {
		s += " -args " + strings.Join(t.Args, " ")
	}
	return s
}

// Outcome says what a run showed.
type Outcome string

// The outcomes. Only Caught is good for a mutant, only Passed for the program as it is.
const (
	Passed   Outcome = "passed"
	Caught   Outcome = "caught"
	NoBuild  Outcome = "does not build"
	Panicked Outcome = "panicked"
	TimedOut Outcome = "timed out"
	Other    Outcome = "failed without an assertion of that test"
)

// ErrStale says that a mutant does not fit the program any more.
var ErrStale = errors.New("mutant is stale")

// Apply returns the changed text of the mutant's file. root is the directory of the module.
func (m Mutant) Apply(root string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, m.File))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name, err)
	}
	if n := bytes.Count(text, []byte(m.Old)); n != 1 {
		return nil, fmt.Errorf("%s: %q is %d times in %s, want once: %w", m.Name, m.Old, n, m.File, ErrStale)
	}
	if m.Old == m.New {
		return nil, fmt.Errorf("%s changes nothing: %w", m.Name, ErrStale)
	}
	return bytes.Replace(text, []byte(m.Old), []byte(m.New), 1), nil
}

// overlay writes the changed file and the go command's description of it into dir, and returns the name of the latter.
func (m Mutant) overlay(root, dir string) (string, error) {
	text, err := m.Apply(root)
	if err != nil {
		return "", err
	}
	changed := filepath.Join(dir, filepath.Base(m.File))
	if err := os.WriteFile(changed, text, 0o600); err != nil {
		return "", err
	}
	body, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root, m.File): changed}})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, body, 0o600)
}

// Result is one run.
type Result struct {
	Name    string  `json:"name"` // of the mutant, "" for the program as it is
	Test    string  `json:"test"`
	Outcome Outcome `json:"outcome"`
	Seconds float64 `json:"seconds"`
	Output  string  `json:"-"` // the end of what was printed
}

// testTimeout bounds one test binary, which takes a few seconds where it has a core, and may have little of one.
const testTimeout = 5 * time.Minute

// Hunt runs a test that has to catch m against the program with m in it. root is the directory of the module, dir an empty one.
func Hunt(ctx context.Context, root, dir string, m Mutant, by Test) (Result, error) {
	name, err := m.overlay(root, dir)
	if err != nil {
		return Result{}, err
	}
	began := time.Now()
	out, ok, err := goTest(ctx, root, by.Package, []string{by.Run}, by.Args, "-overlay="+name)
	r := Result{Name: m.Name, Test: by.String(), Seconds: time.Since(began).Seconds(), Output: tail(out)}
	if err == nil {
		r.Outcome = judge(string(out), by.Run, ok)
	}
	return r, err
}

// control is what tests that run in one binary have in common. Most of a short test is the link of its binary, so those of one package
// run together on the program as it is.
func (t Test) control() string { return strings.Join(append([]string{t.Package}, t.Args...), " ") }

// Control runs tests against the program as it is, all of one package and with the same arguments, in one binary. It returns what came
// of each, in their order.
func Control(ctx context.Context, root string, tests []Test) ([]Result, error) {
	var names []string
	for _, t := range tests {
		if t.control() != tests[0].control() {
			return nil, fmt.Errorf("%s and %s do not run in one binary", tests[0], t)
		}
		names = append(names, t.Run)
	}
	began := time.Now()
	out, ok, err := goTest(ctx, root, tests[0].Package, names, tests[0].Args, "-v")
	if err != nil {
		return nil, err
	}
	var results []Result
	for _, t := range tests {
		r := Result{Test: t.String(), Outcome: Passed, Seconds: time.Since(began).Seconds(), Output: tail(out)}
		if !strings.Contains("\n"+string(out), "\n--- PASS: "+t.Run+" ") {
			r.Outcome = judge(string(out), t.Run, false)
		} else if !ok { // another test of the binary, or what the binary looks at behind its tests
			r.Outcome = Other
		}
		results = append(results, r)
	}
	return results, nil
}

// goTest runs tests of one package, and returns what they printed and whether all is well.
func goTest(ctx context.Context, root, pkg string, names, testArgs []string, flags ...string) (out []byte, ok bool, err error) {
	args := append([]string{"test", "-count=1", "-vet=off", "-timeout=" + testTimeout.String()}, flags...)
	args = append(args, "-run=^("+strings.Join(names, "|")+")$", "./"+pkg)
	if len(testArgs) > 0 {
		args = append(append(args, "-args"), testArgs...)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	// What a planted bug breaks is no violation of the program: its run keeps its figures to itself. Of two values the last counts.
	cmd.Env = append(os.Environ(), report.FiguresEnv+"=")
	out, err = cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || ctx.Err() != nil) {
		return out, false, fmt.Errorf("./%s: %w", pkg, errors.Join(err, ctx.Err()))
	}
	return out, err == nil, nil
}

// judge reads the output of go test.
func judge(out, test string, ok bool) Outcome {
	line := "\n" + out
	switch {
	case ok && strings.Contains(out, "[no tests to run]"):
		return Other
	case ok:
		return Passed
	case strings.Contains(out, "[build failed]"), strings.Contains(out, "[setup failed]"):
		return NoBuild
	case strings.Contains(line, "\npanic: test timed out"):
		return TimedOut
	case strings.Contains(line, "\npanic: "), strings.Contains(line, "\nfatal error: "):
		return Panicked
	case strings.Contains(line, "\n--- FAIL: "+test+" "):
		return Caught
	}
	return Other
}

// tail is the last lines of out.
func tail(out []byte) string {
	lines := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}

package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"backstitch/chaos/fault"
	"backstitch/chaos/scenario"
)

// Spec is what is known before a run begins.
type Spec struct {
	Scenario scenario.Scenario
	Layer    fault.Layers
	Seed     uint64
	Faults   []fault.Fault // what the seed decided
	Command  string        // runs the same again
	Version  string        // of the program under test

	// KeepData keeps the data directories of a run that kept its promise too. Those of any other run are always kept.
	KeepData bool
}

// Head is run.json.
type Head struct {
	Scenario string    `json:"scenario"`
	Story    string    `json:"story,omitempty"`
	Promise  string    `json:"promise"`
	Layer    string    `json:"layer"`
	Seed     uint64    `json:"seed"`
	Command  string    `json:"command"`
	Version  string    `json:"version,omitempty"`
	Began    time.Time `json:"began"`
}

// Event is one line of timeline.jsonl.
type Event struct {
	After  float64   `json:"after"` // seconds since the run began, by the monotonic clock
	Wall   time.Time `json:"wall"`
	What   string    `json:"what"`             // one of the constants below
	Text   string    `json:"text"`             // the fault, or a sentence
	Nodes  []string  `json:"nodes,omitempty"`  // whom the target stood for
	Hit    *bool     `json:"hit,omitempty"`    // of a healed fault: whether it hit something
	Detail any       `json:"detail,omitempty"` // counters of the injector
}

// What events are about.
const (
	Begins    = "fault"     // a fault begins
	Heals     = "heal"      // a fault is healed
	Phase     = "phase"     // produce, archive, lose, plan, run, check
	Note      = "note"      // worth knowing
	Violation = "violation" // a promise is broken
)

// Run is the directory of a run that goes on. Its methods may be used by several goroutines.
type Run struct {
	dir      string
	head     Head
	keepData bool
	began    time.Time

	mu       sync.Mutex
	timeline *os.File
	history  *os.File
	tally    fault.Tally
	broken   []string
	judged   bool
}

var unnameable = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// Start makes a directory for a run under root and writes all that is known.
func Start(root string, spec Spec) (*Run, error) {
	name := fmt.Sprintf("%s-%s-%d", unnameable.ReplaceAllString(spec.Scenario.Name, "-"), unnameable.ReplaceAllString(spec.Layer.String(), "-"), spec.Seed)
	dir, err := newDirectory(root, name)
	if err != nil {
		return nil, fmt.Errorf("start a report: %w", err)
	}
	began := time.Now()
	head := Head{Scenario: spec.Scenario.Name, Story: spec.Scenario.Story, Promise: spec.Scenario.Promise, Layer: spec.Layer.String(),
		Seed: spec.Seed, Command: spec.Command, Version: spec.Version, Began: began}
	r := &Run{dir: dir, head: head, keepData: spec.KeepData, began: began, tally: fault.Tally{}}
	// The verdict comes first: from now on, whatever ends this process leaves a run that has not been kept.
	if err := r.write("verdict.json", Verdict{Outcome: Unfinished}); err != nil {
		return nil, err
	}
	if err := r.write("run.json", head); err != nil {
		return nil, err
	}
	var lines strings.Builder
	for _, f := range spec.Faults {
		lines.WriteString(f.String() + "\n")
	}
	for _, file := range []struct {
		name string
		text []byte
	}{{"scenario.yaml", spec.Scenario.Text()}, {"faults.txt", []byte(lines.String())}} {
		if err := replace(dir, file.name, file.text); err != nil {
			return nil, fmt.Errorf("start a report: %w", err)
		}
	}
	if r.timeline, err = create(dir, "timeline.jsonl"); err != nil {
		return nil, fmt.Errorf("start a report: %w", err)
	}
	if r.history, err = create(dir, "history.jsonl"); err != nil {
		return nil, errors.Join(fmt.Errorf("start a report: %w", err), r.timeline.Close())
	}
	return r, nil
}

// ForTest starts a run that ends with the test: one that fails is broken, one that panics is broken and says where, and one
// that is skipped is skipped.
func ForTest(t testing.TB, root string, spec Spec) *Run {
	t.Helper()
	r, err := Start(root, spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("evidence: %s", r.Dir())
	t.Cleanup(func() {
		v := Verdict{Outcome: Unfinished, Reason: "the test ended without a verdict"}
		switch {
		case t.Failed():
			v = Verdict{Outcome: Broken, Reason: "the test failed"}
		case t.Skipped():
			v = Verdict{Outcome: Skipped, Reason: "the test was skipped"}
		}
		if err := r.finish(v, false); err != nil {
			t.Errorf("evidence: %v", err)
		}
	})
	return r
}

// Guard is deferred: a panic becomes a broken run that holds the stack, and goes on.
func (r *Run) Guard() {
	if p := recover(); p != nil {
		r.Break(fmt.Sprintf("panic: %v\n%s", p, debug.Stack()))
		if err := r.finish(Verdict{Outcome: Broken, Reason: fmt.Sprintf("panic: %v", p)}, true); err != nil {
			fmt.Fprintln(os.Stderr, "evidence:", err)
		}
		panic(p)
	}
}

// Dir is the run's directory.
func (r *Run) Dir() string { return r.dir }

// Sub makes a directory below the run's, such as data/node-a. What is under data is removed when the promise was kept.
func (r *Run) Sub(elements ...string) (string, error) {
	path := filepath.Join(elements...)
	if !filepath.IsLocal(path) {
		return "", fmt.Errorf("evidence: %s leaves the directory of the run", path)
	}
	path = filepath.Join(r.dir, path)
	if err := os.MkdirAll(path, 0o755); err != nil {
		return "", fmt.Errorf("evidence: %w", err)
	}
	return path, nil
}

// Fault notes that a fault begins, and whom it is done to.
func (r *Run) Fault(f fault.Fault, nodes ...string) {
	r.Event(Event{What: Begins, Text: f.String(), Nodes: nodes})
}

// Healed notes the end of a fault and counts it. A fault without an end is noted when it is done. hit says whether it hit
// something; detail is what the injector counted.
func (r *Run) Healed(f fault.Fault, hit bool, detail any) {
	r.mu.Lock()
	r.tally.Add(f.Kind, hit)
	r.mu.Unlock()
	r.Event(Event{What: Heals, Text: f.String(), Hit: &hit, Detail: detail})
}

// Notef notes something that is worth knowing.
func (r *Run) Notef(format string, args ...any) {
	r.Event(Event{What: Note, Text: fmt.Sprintf(format, args...)})
}

// Phase notes what the run does now.
func (r *Run) Phase(name string) { r.Event(Event{What: Phase, Text: name}) }

// Break notes a violation. A run with one is broken, whatever the verdict says later.
func (r *Run) Break(violation string) {
	r.mu.Lock()
	r.broken = append(r.broken, violation)
	r.mu.Unlock()
	r.Event(Event{What: Violation, Text: violation})
}

// Event appends a line to the timeline and fills in the time.
func (r *Run) Event(e Event) {
	now := time.Now()
	e.After, e.Wall = now.Sub(r.began).Seconds(), now
	r.line(r.timeline, e)
}

// Operation appends a line to the history: what a client asked for, when, and what it was told.
func (r *Run) Operation(op any) { r.line(r.history, op) }

// line writes in one call, so that what was written before a crash is there and whole. A line that can not be written is a
// violation: evidence is missing, and a verdict without it is worth nothing.
func (r *Run) line(to *os.File, v any) {
	text, err := json.Marshal(v)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.judged {
		return // too late for this run: the verdict is made from what was there
	}
	if err == nil {
		_, err = to.Write(append(text, '\n'))
	}
	if err != nil {
		r.broken = append(r.broken, fmt.Sprintf("evidence is missing: %v", err))
	}
}

// create makes a file that is only appended to.
func create(dir, name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_APPEND|os.O_WRONLY, 0o644)
}

// newDirectory makes root/name, with a number behind it when there is one already.
func newDirectory(root, name string) (string, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", err
	}
	for n := 1; ; n++ {
		dir := filepath.Join(root, name)
		if n > 1 {
			dir = fmt.Sprintf("%s-%d", dir, n)
		}
		switch err := os.Mkdir(dir, 0o755); {
		case err == nil:
			return dir, nil
		case !errors.Is(err, fs.ErrExist):
			return "", err
		}
	}
}

// write puts v into place as JSON.
func (r *Run) write(name string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		err = replace(r.dir, name, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("evidence %s: %w", name, err)
	}
	return nil
}

// replace puts text into place: it is there whole, or what was there before is.
func replace(dir, name string, text []byte) (err error) {
	temporary, err := os.CreateTemp(dir, name+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary.Name()))
		}
	}()
	_, err = temporary.Write(text)
	if err == nil {
		err = temporary.Sync()
	}
	if err = errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	if err = os.Rename(temporary.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	return syncDirectory(dir)
}

func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

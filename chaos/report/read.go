package report

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"backstitch/chaos/fault"
	"backstitch/chaos/scenario"
)

// Record is the directory of a run, read back. Logs, data and history stay where they are.
type Record struct {
	Dir      string
	Head     Head
	Scenario scenario.Scenario
	Faults   []fault.Fault
	Timeline []Event // up to the first line that is not whole, which is where a crash was
	Verdict  Verdict
}

// Read reads the directory of a run, whether it has ended or not.
func Read(dir string) (Record, error) {
	r := Record{Dir: dir}
	for name, into := range map[string]any{"run.json": &r.Head, "verdict.json": &r.Verdict} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return r, fmt.Errorf("%s is no report of a run: %w", dir, err)
		}
		if err := json.Unmarshal(text, into); err != nil {
			return r, fmt.Errorf("read %s: %w", filepath.Join(dir, name), err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "scenario.yaml"))
	if err != nil {
		return r, fmt.Errorf("read report: %w", err)
	}
	if r.Scenario, err = scenario.Parse(filepath.Join(dir, "scenario.yaml"), text); err != nil {
		return r, err
	}
	lines, err := os.ReadFile(filepath.Join(dir, "faults.txt"))
	if err != nil {
		return r, fmt.Errorf("read report: %w", err)
	}
	for line := range strings.Lines(string(lines)) {
		f, err := fault.Parse(strings.TrimSpace(line))
		if err != nil {
			return r, fmt.Errorf("read %s: %w", filepath.Join(dir, "faults.txt"), err)
		}
		r.Faults = append(r.Faults, f)
	}
	r.Timeline, err = events(filepath.Join(dir, "timeline.jsonl"))
	return r, err
}

func events(path string) ([]Event, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // ended before anything happened
	}
	if err != nil {
		return nil, fmt.Errorf("read timeline: %w", err)
	}
	defer file.Close()
	var out []Event
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e Event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			break
		}
		out = append(out, e)
	}
	return out, lines.Err()
}

// List reads every run under root, by name. What is no run is passed over.
func List(root string) ([]Record, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, fmt.Errorf("list reports: %w", err)
	}
	var out []Record
	for _, entry := range entries {
		dir := filepath.Join(root, entry.Name())
		if _, err := os.Stat(filepath.Join(dir, "run.json")); !entry.IsDir() || err != nil {
			continue
		}
		r, err := Read(dir)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

package bubble

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"backstitch/chaos/fault"
	"backstitch/chaos/report"
	"backstitch/chaos/scenario"
)

// What a run leaves behind. Everything but the disks is written as it happens, so that it is there after a panic in any goroutine; disks
// are in memory and are written when the run has broken something.

// evidence is nil when nobody wants any.
type evidence struct {
	*report.Run
	mu    sync.Mutex
	files []*os.File
}

// gather begins to write evidence below root, for nobody when root is "".
func (w *world) gather(root string) error {
	if root == "" {
		return nil
	}
	r, err := report.Start(root, report.Spec{
		Scenario: scenario.Scenario{
			Name: "random", Promise: "Whatever is done to the wired cluster, every promise is kept.", Seed: w.plan.Seed,
			Topology: scenario.Topology{Nodes: w.plan.Nodes}, Timeline: w.plan.Faults, Layers: fault.Bubble, Limit: w.plan.During + doneWithin,
		},
		Layer: fault.Bubble, Seed: w.plan.Seed, Faults: w.plan.Faults,
		Command: Command(w.plan.Seed), KeepData: true,
	})
	if err != nil {
		return err
	}
	w.evidence = &evidence{Run: r}
	if err := os.WriteFile(filepath.Join(r.Dir(), "plan.txt"), []byte(w.plan.String()+w.truth.String()), 0o644); err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	for _, a := range w.agents {
		if a.m.Log.Also, err = w.evidence.logFile(a.m.Name); err != nil {
			return err
		}
	}
	return nil
}

// Command runs a seed again.
func Command(seed uint64) string {
	return fmt.Sprintf("go test ./chaos/bubble -run TestSeeds -bubble.seed %d", seed)
}

func (e *evidence) logFile(name string) (*os.File, error) {
	dir, err := e.Sub("logs")
	if err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.files = append(e.files, f)
	return f, nil
}

// stacks writes what every goroutine does, for whoever wonders why something stands still.
func (e *evidence) stacks(w *world) {
	if e == nil {
		return
	}
	text := make([]byte, 16<<20)
	text = text[:runtime.Stack(text, true)]
	if err := os.WriteFile(filepath.Join(e.Dir(), "goroutines.txt"), text, 0o644); err != nil {
		w.note("evidence: %v", err)
	}
}

// conclude writes the rest and judges. The directory of a run that broke nothing is removed.
func (e *evidence) conclude(w *world) error {
	if e == nil {
		return nil
	}
	var errs []error
	for _, f := range e.files {
		errs = append(errs, f.Close())
	}
	if len(w.result.Violations) == 0 {
		_, err := e.Finish(report.Figures{}, true)
		return errors.Join(append(errs, err, os.RemoveAll(e.Dir()))...)
	}
	for _, a := range w.agents {
		dir, err := e.Sub("data", a.m.Name)
		if err == nil {
			_, err = vfs.Clone(a.m.FS, vfs.Default, "/data", filepath.Join(dir, "data"))
		}
		errs = append(errs, err)
	}
	_, err := e.Finish(report.Figures{Seeds: 1, VirtualHours: w.result.Virtual.Hours()}, true)
	w.result.Evidence = e.Dir()
	return errors.Join(append(errs, err)...)
}

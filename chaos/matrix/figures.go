//go:build linux

package matrix

import (
	"encoding/json"
	"fmt"
	"os"
)

// figures is one line of the file of figures: what one scenario adds to the sums of a run of the whole suite.
type figures struct {
	Suite      string         `json:"suite"`
	Scenarios  int            `json:"scenarios"`
	Faults     map[string]int `json:"faults"`
	Violations int            `json:"violations"`
	FailoverMs []int64        `json:"failover_ms,omitempty"`
	Rework     int64          `json:"rework"`
}

// Append adds the verdict to a file of figures; without a path it does nothing.
func (v Verdict) Append(path string) error {
	if path == "" {
		return nil
	}
	f := figures{Suite: "matrix", Scenarios: 1, Faults: v.Faults, FailoverMs: v.FailoverMs, Rework: v.Rework}
	if !v.Kept {
		f.Violations = 1
	}
	line, err := json.Marshal(f)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("figures: %w", err)
	}
	defer file.Close()
	if _, err := file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("figures: %w", err)
	}
	return nil
}

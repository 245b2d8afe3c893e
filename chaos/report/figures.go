package report

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"backstitch/chaos/fault"
)

// FiguresEnv names the file to which each suite appends its figures.
const FiguresEnv = "BACKSTITCH_CHAOS_FIGURES"

// Figures are what a suite counted, one line of JSON. A suite may add keys of its own; those are not summed.
type Figures struct {
	Suite string `json:"suite,omitempty"` // sim, crash, bubble, detect, detect-real, process, failpoints, mutants, staging

	// Of a line that is about one run of one scenario, and empty in sums.
	Scenario string  `json:"scenario,omitempty"`
	Layer    string  `json:"layer,omitempty"`
	Outcome  Outcome `json:"outcome,omitempty"`

	Seeds        int64       `json:"seeds,omitempty"`
	VirtualHours float64     `json:"virtual_hours,omitempty"`
	CrashPoints  int64       `json:"crash_points,omitempty"`
	Scenarios    int64       `json:"scenarios,omitempty"` // runs that were judged
	Skipped      int64       `json:"skipped,omitempty"`   // runs that could not be done here
	Faults       fault.Tally `json:"faults,omitempty"`
	Violations   int64       `json:"violations"`

	FailpointsReached []string `json:"failpoints_reached,omitempty"` // names
	FailpointsTotal   int      `json:"failpoints_total,omitempty"`
	MutantsCaught     []string `json:"mutants_caught,omitempty"` // names
	MutantsTotal      int      `json:"mutants_total,omitempty"`

	FailoverMs []int64 `json:"failover_ms,omitempty"` // of each owner that was killed: until another has committed in one of its lanes
	// Rework is, of each loss of a node, what was written again in the worst slice, in checkpoint intervals: 1 is all that may
	// have happened since a checkpoint.
	Rework []float64 `json:"rework,omitempty"`

	Seconds float64 `json:"seconds,omitempty"` // that it took
}

// Publish writes figures as one line to w, and appends the line to the file that FiguresEnv names when it names one. v is a
// Figures or a struct that has its keys and more.
func Publish(w io.Writer, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("publish figures: %w", err)
	}
	line = append(line, '\n')
	if _, err := w.Write(line); err != nil {
		return fmt.Errorf("publish figures: %w", err)
	}
	path := os.Getenv(FiguresEnv)
	if path == "" {
		return nil
	}
	// One write to a file that is appended to: suites run beside each other.
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("publish figures: %w", err)
	}
	_, err = file.Write(line)
	if err = cmp.Or(err, file.Close()); err != nil {
		return fmt.Errorf("publish figures: %w", err)
	}
	return nil
}

// ReadFigures reads lines of figures. A line that is not JSON is an error: figures that nobody can read are missing.
func ReadFigures(r io.Reader) ([]Figures, error) {
	var out []Figures
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for n := 1; lines.Scan(); n++ {
		var f Figures
		if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
			return nil, fmt.Errorf("figures, line %d: %w", n, err)
		}
		if f.Suite == "" {
			return nil, fmt.Errorf("figures, line %d: no suite", n)
		}
		out = append(out, f)
	}
	return out, lines.Err()
}

// Merge adds other to f. Names are joined, so that a failpoint that two suites reached is one.
func (f *Figures) Merge(other Figures) {
	f.Seeds += other.Seeds
	f.VirtualHours += other.VirtualHours
	f.CrashPoints += other.CrashPoints
	f.Scenarios += other.Scenarios
	f.Skipped += other.Skipped
	f.Violations += other.Violations
	f.Seconds += other.Seconds
	if len(other.Faults) > 0 {
		mine := maps.Clone(f.Faults)
		if mine == nil {
			mine = fault.Tally{}
		}
		mine.Merge(other.Faults)
		f.Faults = mine
	}
	f.FailpointsReached = union(f.FailpointsReached, other.FailpointsReached)
	f.FailpointsTotal = max(f.FailpointsTotal, other.FailpointsTotal)
	f.MutantsCaught = union(f.MutantsCaught, other.MutantsCaught)
	f.MutantsTotal = max(f.MutantsTotal, other.MutantsTotal)
	f.FailoverMs = sorted(f.FailoverMs, other.FailoverMs)
	f.Rework = sorted(f.Rework, other.Rework)
}

func union(a, b []string) []string { return slices.Compact(sorted(a, b)) }

func sorted[T cmp.Ordered](a, b []T) []T {
	out := slices.Concat(a, b)
	slices.Sort(out)
	return out
}

// Percentile is the nearest-rank percentile of sorted values, 0 of none.
func Percentile[T cmp.Ordered](values []T, percent int) T {
	var zero T
	if len(values) == 0 {
		return zero
	}
	return values[max(0, (len(values)*percent+99)/100-1)]
}

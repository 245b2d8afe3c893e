//go:build linux

package matrix

import (
	"encoding/json"
	"io"
	"slices"
	"sync"

	"backstitch/chaos/report"
)

// Summary is what many runs came to. Its methods may be used by several goroutines.
type Summary struct {
	mu   sync.Mutex
	runs []Verdict
}

// Add adds one run.
func (s *Summary) Add(v Verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs = append(s.runs, v)
}

// totals is a summary as it is printed.
type totals struct {
	Runs       int      `json:"runs"`
	Kept       int      `json:"kept"`
	Broken     []string `json:"broken"`
	Missing    int64    `json:"missing"` // records, over all runs
	Surplus    int64    `json:"surplus"`
	Disorder   int64    `json:"disorder"`
	Failovers  int      `json:"failovers"`
	MedianMs   int64    `json:"failover_median_ms"`
	P99Ms      int64    `json:"failover_p99_ms"`
	Rework     float64  `json:"rework"`    // the worst, in commits
	PeakMiB    int64    `json:"peak_mib"`  // of an agent without the race detector
	LeaderMs   int64    `json:"leader_ms"` // the longest from the last healing to a leader
	DoneMs     int64    `json:"done_ms"`   // the longest from the last healing to the end of the job
	TookMedian int64    `json:"took_median_ms"`
}

// enough is how many failovers there have to be for a median to say anything.
const enough = 5

// Print writes the totals as one line of JSON, and returns the bars of the whole that were missed: how long work stood still, over all
// losses of an owner, and how much was written again.
func (s *Summary) Print(w io.Writer) ([]report.Bar, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := totals{Runs: len(s.runs), Broken: []string{}}
	all := report.Figures{Suite: "process"}
	var took []int64
	for _, v := range s.runs {
		if v.Kept {
			t.Kept++
		} else {
			t.Broken = append(t.Broken, v.Scenario)
		}
		t.Missing, t.Surplus, t.Disorder = t.Missing+v.Missing, t.Surplus+v.Surplus, t.Disorder+v.Disorder
		if !v.raced {
			t.PeakMiB = max(t.PeakMiB, v.PeakBytes>>20)
		}
		t.LeaderMs, t.DoneMs, took = max(t.LeaderMs, v.LeaderMs), max(t.DoneMs, v.DoneMs), append(took, v.TookMs)
		all.Merge(v.Figures())
	}
	slices.Sort(took)
	slices.Sort(t.Broken)
	t.Failovers, t.MedianMs, t.P99Ms = len(all.FailoverMs), report.Percentile(all.FailoverMs, 50), report.Percentile(all.FailoverMs, 99)
	t.Rework, t.TookMedian = report.Percentile(all.Rework, 100), report.Percentile(took, 50)
	line, err := json.Marshal(t)
	if err == nil {
		_, err = w.Write(append(line, '\n'))
	}
	if err != nil || t.Failovers < enough {
		return nil, err
	}
	return report.Missed(report.Bars([]report.Figures{all}), "failover-median", "failover-p99", "rework")
}

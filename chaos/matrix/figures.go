//go:build linux

package matrix

import (
	"os"

	"backstitch/chaos/fault"
	"backstitch/chaos/report"
)

// Figures are what the run adds to the figures of the whole suite. Faults and violations are counted by the run's evidence.
func (v Verdict) Figures() report.Figures {
	f := report.Figures{Suite: "process", FailoverMs: v.FailoverMs, Seconds: float64(v.TookMs) / 1000}
	if v.losses > 0 {
		f.Rework = []float64{v.rework / float64(v.losses)}
	}
	return f
}

// Publish prints the figures of a run and adds them to the file of figures when there is one.
func (v Verdict) Publish() error {
	f := v.Figures()
	f.Scenarios, f.Faults = 1, v.Faults
	f.Scenario, f.Layer, f.Outcome = v.Scenario, fault.RealProcess.String(), report.Kept
	if !v.Kept {
		f.Violations, f.Outcome = 1, report.Broken
	}
	return report.Publish(os.Stdout, f)
}

package sim

import (
	"backstitch/chaos/fault"
	"backstitch/chaos/report"
)

// Figures are what many runs add up to: those of a suite, and what only this one counts.
type Figures struct {
	report.Figures
	Steps    int64          `json:"steps"`
	Commands int64          `json:"commands"` // in all logs
	Jobs     map[string]int `json:"jobs"`     // by state at the end
	Events   Events         `json:"events"`
}

func newFigures() *Figures {
	return &Figures{Figures: report.Figures{Suite: "sim", Faults: fault.Tally{}}, Jobs: map[string]int{}}
}

func (f *Figures) add(r Result) {
	f.Seeds++
	f.Steps += r.Steps
	f.Commands += int64(r.Commands)
	f.VirtualHours += r.Virtual.Hours()
	f.Faults.Merge(r.Faults)
	f.Events.add(r.Events)
	if r.Violation != nil {
		f.Violations++
	}
	for state, n := range r.Ends {
		f.Jobs[state] += n
	}
}

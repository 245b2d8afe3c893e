package sim

import (
	"encoding/json"
	"fmt"
	"os"

	"backstitch/chaos/fault"
)

// Figures are what many runs add up to.
type Figures struct {
	Suite        string         `json:"suite"`
	Seeds        int64          `json:"seeds"`
	Steps        int64          `json:"steps"`
	Commands     int64          `json:"commands"`
	VirtualHours float64        `json:"virtual_hours"`
	Seconds      float64        `json:"seconds"`
	Violations   int64          `json:"violations"`
	Faults       fault.Tally    `json:"faults"`
	Jobs         map[string]int `json:"jobs"`
	Events       Events         `json:"events"`
}

func newFigures() *Figures {
	return &Figures{Suite: "sim", Faults: fault.Tally{}, Jobs: map[string]int{}}
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

// report prints the figures as one line of JSON, and appends it to the file that BACKSTITCH_CHAOS_FIGURES names.
func (f *Figures) report() error {
	line, err := json.Marshal(f)
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	name := os.Getenv("BACKSTITCH_CHAOS_FIGURES")
	if name == "" {
		return nil
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("append figures: %w", err)
	}
	if _, err := file.Write(append(line, '\n')); err != nil {
		file.Close()
		return fmt.Errorf("append figures: %w", err)
	}
	return file.Close()
}

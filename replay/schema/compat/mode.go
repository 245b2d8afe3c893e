package compat

import (
	"fmt"
	"strings"
)

// Mode is how a candidate has to go together with earlier versions, as a registry's configuration says it.
type Mode string

const (
	None               Mode = "NONE"
	Backward           Mode = "BACKWARD"
	BackwardTransitive Mode = "BACKWARD_TRANSITIVE"
	Forward            Mode = "FORWARD"
	ForwardTransitive  Mode = "FORWARD_TRANSITIVE"
	Full               Mode = "FULL"
	FullTransitive     Mode = "FULL_TRANSITIVE"
)

// Modes are all of them.
func Modes() []Mode {
	return []Mode{None, Backward, BackwardTransitive, Forward, ForwardTransitive, Full, FullTransitive}
}

// ParseMode reads a mode as people and registries write it: any case, with - or _.
func ParseMode(text string) (Mode, error) {
	m := Mode(strings.ToUpper(strings.ReplaceAll(text, "-", "_")))
	var names []string
	for _, known := range Modes() {
		if m == known {
			return m, nil
		}
		names = append(names, strings.ToLower(string(known)))
	}
	return "", fmt.Errorf("%q is no mode of compatibility: want one of %s", text, strings.Join(names, ", "))
}

// Transitive reports whether all earlier versions count, not only the latest.
func (m Mode) Transitive() bool { return strings.HasSuffix(string(m), "_TRANSITIVE") }

func (m Mode) backward() bool { return m == Backward || m == BackwardTransitive || m.full() }
func (m Mode) forward() bool  { return m == Forward || m == ForwardTransitive || m.full() }
func (m Mode) full() bool     { return m == Full || m == FullTransitive }

// Against is how a candidate and one earlier version go together.
type Against struct {
	Version  string    `json:"version"` // what the earlier one is called
	Backward *Answer   `json:"backward,omitempty"`
	Forward  *Answer   `json:"forward,omitempty"`
	Reuse    []Problem `json:"reuse,omitempty"` // what is wrong whoever reads
}

// Answer is one direction: backward, the candidate reads what the earlier one wrote; forward, the other way round.
type Answer struct {
	Verdict  Verdict   `json:"verdict"`
	Problems []Problem `json:"problems,omitempty"`
}

// Report is what a check says.
type Report struct {
	Mode    Mode      `json:"mode"`
	Verdict Verdict   `json:"verdict"`
	Why     string    `json:"why,omitempty"` // undecided for another reason than a problem
	Against []Against `json:"against"`
}

// Version is an earlier version. Its Err says why it was not understood; Schema is nil then.
type Version struct {
	Name   string
	Schema *Schema
	Err    error
}

// Check compares a candidate with earlier versions, oldest first. A mode that asks for nothing and versions that are not there compare
// nothing, which is undecided.
func Check(candidate *Schema, earlier []Version, mode Mode) Report {
	out := Report{Mode: mode, Verdict: Undecided, Against: []Against{}}
	switch {
	case mode == None:
		out.Why = "mode NONE asks for nothing, so nothing was compared"
		return out
	case len(earlier) == 0:
		out.Why = "there is no earlier version, so nothing was compared"
		return out
	}
	if !mode.Transitive() {
		earlier = earlier[len(earlier)-1:]
	}
	var all []Problem
	for _, v := range earlier {
		a := pair(candidate, v, mode)
		for _, side := range []*Answer{a.Backward, a.Forward} {
			if side != nil {
				all = append(all, side.Problems...)
			}
		}
		all = append(all, a.Reuse...)
		out.Against = append(out.Against, a)
	}
	out.Verdict = VerdictOf(all)
	return out
}

func pair(candidate *Schema, v Version, mode Mode) Against {
	out := Against{Version: v.Name}
	answer := func(reader, writer *Schema) *Answer {
		var problems []Problem
		if v.Err != nil {
			problems = []Problem{{Kind: KindUndecided, Text: v.Name + " can not be understood: " + v.Err.Error()}}
		} else {
			problems = Reads(reader, writer)
		}
		return &Answer{Verdict: VerdictOf(problems), Problems: problems}
	}
	if mode.backward() {
		out.Backward = answer(candidate, v.Schema)
	}
	if mode.forward() {
		out.Forward = answer(v.Schema, candidate)
	}
	if v.Err == nil && candidate.typ == v.Schema.typ {
		out.Reuse = candidate.lang.reuses(v.Schema.lang)
	}
	return out
}

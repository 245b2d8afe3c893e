package fault

import (
	"maps"
	"slices"
)

// Tally counts what was injected, by kind. It is not safe for use by several goroutines at once.
type Tally map[Kind]Count

// Count is what came of the faults of one kind.
type Count struct {
	Injected int64 `json:"injected"`
	Vacuous  int64 `json:"vacuous,omitempty"` // of those injected: hit nothing
}

// Add counts one fault. hit says whether it hit something: a packet that was dropped, a request that failed, a process that
// was killed.
func (t Tally) Add(k Kind, hit bool) {
	c := t[k]
	c.Injected++
	if !hit {
		c.Vacuous++
	}
	t[k] = c
}

// Merge adds other to t.
func (t Tally) Merge(other Tally) {
	for k, c := range other {
		mine := t[k]
		mine.Injected += c.Injected
		mine.Vacuous += c.Vacuous
		t[k] = mine
	}
}

// Injected is how many faults there were, and how many of them hit something.
func (t Tally) Injected() (injected, hit int64) {
	for _, c := range t {
		injected += c.Injected
		hit += c.Injected - c.Vacuous
	}
	return injected, hit
}

// Missed lists the kinds that were injected and never hit anything: whatever passed beside them has shown nothing.
func (t Tally) Missed() []Kind {
	var out []Kind
	for _, k := range slices.Sorted(maps.Keys(t)) {
		if c := t[k]; c.Injected > 0 && c.Vacuous == c.Injected {
			out = append(out, k)
		}
	}
	return out
}

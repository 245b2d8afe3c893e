package fsm

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"backstitch/partition"
)

// Terms say when a job may work and until when it has to be done. They come with the job and stay. The book keeps the words: what a cron line or a time zone
// means is for the leader, since two program versions may know other zones.
type Terms struct {
	Job      partition.JobID
	Calendar partition.Calendar
	// DetectedUnixNanos is when it was known that something is missing: the clock of the deadline starts there.
	DetectedUnixNanos int64
	// DeadlineUnixNanos is when the job has to be proved, 0 for no deadline.
	DeadlineUnixNanos int64
	AlertPercent      uint8  // of the time to the deadline, after which people hear of it; 0 without a deadline
	CompletePPM       uint32 // millionths of the planned records that have to be in the target, 0 for no such goal
}

// yielded marks a lease that its owner is to give back at its next checkpoint.
type yielded struct{ Epoch partition.Epoch }

const (
	maxWindows   = 32
	maxZoneBytes = 64
	ppm          = 1_000_000
)

// invalid says what is wrong with terms.
func (x Terms) invalid() string {
	if len(x.Calendar.Zone) > maxZoneBytes {
		return fmt.Sprintf("a time zone of %d bytes, at most %d are allowed", len(x.Calendar.Zone), maxZoneBytes)
	}
	for _, ws := range [...][]partition.Window{x.Calendar.Peaks, x.Calendar.Blackouts} {
		if len(ws) > maxWindows {
			return fmt.Sprintf("%d windows, at most %d are allowed", len(ws), maxWindows)
		}
		for _, w := range ws {
			if w.Cron == "" || len(w.Cron) > maxCronBytes || w.Duration <= 0 || w.Rate.Negative() {
				return fmt.Sprintf("a window of %q for %s", w.Cron, w.Duration)
			}
		}
	}
	switch {
	case x.DeadlineUnixNanos != 0 && x.DeadlineUnixNanos <= x.DetectedUnixNanos:
		return "a deadline before its clock starts"
	case (x.DeadlineUnixNanos == 0) != (x.AlertPercent == 0) || x.AlertPercent > 100:
		return fmt.Sprintf("an alert after %d %% of the time", x.AlertPercent)
	case x.CompletePPM > ppm:
		return fmt.Sprintf("a goal of %d millionths", x.CompletePPM)
	}
	return ""
}

// Terms returns those of a job; ok is false for one without.
func (v *View) Terms(id partition.JobID) (x Terms, ok bool, err error) {
	ok, err = v.read(jobKey(kindTerms, id), &x)
	return x, ok, err
}

// Yields reports whether the owner of a lease is to give it back.
func (v *View) Yields(l Lease) (bool, error) {
	var y yielded
	ok, err := v.read(sliceKey(kindYield, l.Slice), &y)
	return ok && y.Epoch == l.Epoch, err
}

// Asked returns the leases that are to be given back, by slice and epoch. Their owners are left empty.
func (v *View) Asked() ([]Lease, error) {
	if v.err != nil {
		return nil, v.err
	}
	var out []Lease
	for e, err := range v.scan(key(kindYield), nil) {
		var y yielded
		if err == nil {
			err = unseal(e.key, e.value, &y)
		}
		if err != nil {
			return nil, v.failed(err)
		}
		id := partition.SliceID{Job: partition.JobID(e.key[1 : len(e.key)-5]), N: trailingNumber(e.key)}
		out = append(out, Lease{Slice: id, Epoch: y.Epoch})
	}
	return out, nil
}

// Bounds returns what workers need a share of, by scope: all budgets, and each active job that has peak hours, whose rate is unlimited where it has no
// budget of its own. Such a job works by shares at any time, so that no node has to know when its peak hours begin.
func (v *View) Bounds() ([]Budget, error) {
	out, err := v.Budgets()
	if err != nil {
		return nil, err
	}
	have := make(map[Scope]bool, len(out))
	for _, b := range out {
		have[b.Scope] = true
	}
	more := false
	for x, err := range v.activeTerms() {
		if err != nil {
			return nil, err
		}
		if s := ScopeJob(x.Job); len(x.Calendar.Peaks) > 0 && !have[s] {
			out, more = append(out, Budget{Scope: s}), true
		}
	}
	if more {
		slices.SortFunc(out, func(a, b Budget) int { return cmp.Compare(a.Scope, b.Scope) })
	}
	return out, nil
}

// activeTerms yields the terms of the jobs that are not terminal.
func (v *View) activeTerms() iter.Seq2[Terms, error] {
	return func(yield func(Terms, error) bool) {
		if v.err != nil {
			yield(Terms{}, v.err)
			return
		}
		for e, err := range v.scan(key(kindJobActive), nil) {
			if err == nil {
				err = unseal(e.key, e.value, nil)
			}
			if err != nil {
				yield(Terms{}, v.failed(err))
				return
			}
			x, ok, err := v.Terms(partition.JobID(e.key[1:]))
			if (ok || err != nil) && !yield(x, err) || err != nil {
				return
			}
		}
	}
}

// dropYield forgets the wish to have a lease back.
func (t *tx) dropYield(id partition.SliceID) {
	var y yielded
	if t.version() >= termsSince && t.read(sliceKey(kindYield, id), &y) {
		t.remove(sliceKey(kindYield, id))
	}
}

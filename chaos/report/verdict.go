package report

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Outcome is how a run was judged.
type Outcome string

// Outcomes.
const (
	Kept       Outcome = "kept"       // the promise
	Broken     Outcome = "broken"     // at least one violation
	Vacuous    Outcome = "vacuous"    // nothing was violated, and nothing was shown: a fault hit nothing, or the reason is there
	Skipped    Outcome = "skipped"    // could not be run here; the reason is there
	Unfinished Outcome = "unfinished" // ended before it was judged
)

// Verdict is verdict.json.
type Verdict struct {
	Outcome    Outcome   `json:"outcome"`
	Reason     string    `json:"reason,omitempty"`
	Violations []string  `json:"violations,omitempty"`
	Missed     []string  `json:"missed,omitempty"` // kinds of faults that hit nothing
	Figures    Figures   `json:"figures"`
	Ended      time.Time `json:"ended,omitzero"`
}

// Finish judges the run and ends it: broken when a violation was noted, vacuous when a kind of fault never hit anything, kept
// otherwise. vacuousIsFine is for stories about faults that can not hit. The figures of the run are given; faults, violations
// and the scenario are counted here.
func (r *Run) Finish(figures Figures, vacuousIsFine bool) (Verdict, error) {
	r.mu.Lock()
	v := Verdict{Outcome: Kept, Figures: figures}
	if missed := r.tally.Missed(); len(missed) > 0 && !vacuousIsFine {
		v.Outcome = Vacuous
		for _, k := range missed {
			v.Missed = append(v.Missed, string(k))
		}
	}
	r.mu.Unlock()
	err := r.finish(v, true)
	return r.verdict(v), err
}

// Unshown ends a run in which nothing was violated and something that would have shown the promise did not happen. One with a
// violation is broken all the same.
func (r *Run) Unshown(reason string, figures Figures) (Verdict, error) {
	v := Verdict{Outcome: Vacuous, Reason: reason, Figures: figures}
	err := r.finish(v, true)
	return r.verdict(v), err
}

// Skip ends a run that can not be done here.
func (r *Run) Skip(reason string) error {
	return r.finish(Verdict{Outcome: Skipped, Reason: reason}, true)
}

// verdict adds to v what the run has counted.
func (r *Run) verdict(v Verdict) Verdict {
	r.mu.Lock()
	defer r.mu.Unlock()
	v.Violations = slices.Clone(r.broken)
	if len(r.broken) > 0 {
		v.Outcome = Broken
	}
	if v.Outcome != Skipped {
		v.Figures.Scenarios = 1
	} else {
		v.Figures.Skipped = 1
	}
	v.Figures.Violations = int64(len(r.broken))
	if v.Outcome == Broken && len(r.broken) == 0 {
		v.Figures.Violations = 1 // the test failed and did not say which promise it was
	}
	v.Figures.Faults = r.tally
	v.Figures.Scenario, v.Figures.Layer, v.Figures.Outcome = r.head.Scenario, r.head.Layer, v.Outcome
	return v
}

// finish writes the verdict, once: later ones change nothing. explicit says that somebody judged; otherwise the test that has
// ended did not.
func (r *Run) finish(v Verdict, explicit bool) error {
	r.mu.Lock()
	if r.judged {
		r.mu.Unlock()
		if !explicit && v.Outcome == Broken {
			return r.revise(v.Reason)
		}
		return nil
	}
	r.judged = true
	r.mu.Unlock()
	v = r.verdict(v)
	v.Ended = time.Now()
	err := errors.Join(r.timeline.Sync(), r.timeline.Close(), r.history.Sync(), r.history.Close())
	if err != nil {
		v.Outcome, v.Reason = Broken, fmt.Sprintf("evidence is missing: %v", err)
	}
	if v.Outcome == Kept && !r.keepData {
		err = errors.Join(err, os.RemoveAll(filepath.Join(r.dir, "data")))
	}
	return errors.Join(err, r.write("verdict.json", v))
}

// revise makes a kept run broken: the test failed after its verdict, for example because a process was left behind.
func (r *Run) revise(reason string) error {
	old, err := Read(r.dir)
	if err != nil {
		return err
	}
	v := old.Verdict
	if v.Outcome == Broken {
		return nil
	}
	v.Reason = fmt.Sprintf("%s after it was judged %s", reason, v.Outcome)
	v.Outcome = Broken
	v.Figures.Violations++
	return r.write("verdict.json", v)
}

package forecast

import (
	"fmt"
	"time"

	"backstitch/fsm"
)

// Word is what people are to hear of a job with a deadline.
type Word struct {
	Kind fsm.NoticeKind // fsm.NoticeAtRisk or fsm.NoticeMissed
	Why  string
	// Firm is false of a risk that only the forecast sees: it has to hold for a while before it is worth a call.
	Firm bool
}

// Word says what is to be heard of a job that stands so; ok is false for nothing. It says less than the state does: that the slow end of the range is late
// is shown, and told is only that the fast end is, too.
func (j Judgement) Word(c Case) (w Word, ok bool) {
	deadline := time.Unix(0, c.Terms.DeadlineUnixNanos)
	passed := !c.Now.Before(deadline)
	switch {
	case j.State == Missed && c.Job.State == fsm.JobSucceeded:
		return Word{fsm.NoticeMissed, j.Why, true}, true
	case j.State == Missed && passed:
		return Word{fsm.NoticeMissed, fmt.Sprintf("it had to be proved until %s, and is %s with %d of %d records written",
			deadline.UTC().Format(time.RFC3339), c.Job.State, c.Done, c.Job.Records), true}, true
	case j.State == Missed: // by what was set aside, with time left
		return Word{fsm.NoticeAtRisk, j.Why, true}, true
	case j.State == AtRisk && !c.Now.Before(j.AlertAt):
		return Word{fsm.NoticeAtRisk, fmt.Sprintf("%d %% of the time until %s are over, and %d of %d records are written",
			c.Terms.AlertPercent, deadline.UTC().Format(time.RFC3339), c.Done, c.Job.Records), true}, true
	case j.State == AtRisk && !j.Earliest.IsZero() && j.Earliest.After(deadline):
		return Word{fsm.NoticeAtRisk, fmt.Sprintf("even at the fast end of its last minutes it is written %s after the deadline, %s",
			short(j.Earliest.Sub(deadline)), deadline.UTC().Format(time.RFC3339)), false}, true
	}
	return Word{}, false
}

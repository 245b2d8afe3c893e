package detect

import (
	"fmt"
	"slices"
	"strings"

	"backstitch/chaos/traffic"
	"backstitch/replay/gap"
	"backstitch/replay/record"
)

// Who a record is, and which ones are lost. Nothing in this file knows how the program compares.

// identity is who a record is, as far as a pair holds it.
func identity(part int32, r *record.Record, held record.Fields) traffic.ID {
	e := traffic.Event{Partition: part}
	if held&record.FieldValue != 0 {
		e.Value = r.Value
	}
	if held&record.FieldKey != 0 {
		e.Key = r.Key
	}
	if held&record.FieldTimestamp != 0 {
		e.TimestampMs = r.TimestampMs
	}
	if held&record.FieldHeaders != 0 {
		for _, h := range r.Headers {
			e.Headers = append(e.Headers, traffic.Header{Key: h.Key, Value: h.Value})
		}
	}
	return e.ID()
}

// ledger counts identities and knows what they look like.
type ledger struct {
	truth traffic.Truth
	looks map[traffic.ID]string
}

func newLedger() *ledger { return &ledger{traffic.Truth{}, map[traffic.ID]string{}} }

func (l *ledger) add(part int32, r *record.Record, held record.Fields) {
	id := identity(part, r, held)
	l.truth[id]++
	l.looks[id] = fmt.Sprintf("partition %d, position %d, key %q, value %.60q, time %d, %d headers", part, r.Offset, r.Key, r.Value, r.TimestampMs, len(r.Headers))
}

func (l *ledger) len() (n int64) {
	for _, count := range l.truth {
		n += int64(count)
	}
	return n
}

// less is what l has more of than other. once says that copies of one record in l may be one record that was delivered twice: of
// those one at most is lost, and none that other has.
func (l *ledger) less(other *ledger, once bool) *ledger {
	out := newLedger()
	for id, n := range l.truth {
		more := n - other.truth[id]
		if once {
			if more = 1; other.truth[id] > 0 {
				more = 0
			}
		}
		if more > 0 {
			out.truth[id], out.looks[id] = more, l.looks[id]
		}
	}
	return out
}

// some are up to five of l, for people.
func (l *ledger) some() string {
	var out []string
	for id := range l.truth {
		out = append(out, l.looks[id])
	}
	slices.Sort(out)
	if n := len(out); n > 5 {
		out = append(out[:5], fmt.Sprintf("%d more", n-5))
	}
	return "\n  " + strings.Join(out, "\n  ")
}

// Score is what the judge counts of one kind of pair.
type Score struct {
	Cases    int64 `json:"cases"`
	Compared int64 `json:"compared"` // identities of the reference
	Lost     int64 `json:"lost"`     // truly
	Found    int64 `json:"found"`    // of them, called missing
	False    int64 `json:"false"`    // called missing, and not lost
	Quiet    int64 `json:"quiet"`    // cases in which nothing was lost
	Unknown  int64 `json:"unknown"`  // lost where the program rightly says that nothing can be told
	Refused  int64 `json:"refused"`  // cases in which it rightly says that an archive's layout can not be told
}

func (s *Score) add(o Score) {
	s.Cases += o.Cases
	s.Compared += o.Compared
	s.Lost += o.Lost
	s.Found += o.Found
	s.False += o.False
	s.Quiet += o.Quiet
	s.Unknown += o.Unknown
	s.Refused += o.Refused
}

// judge compares what is called missing with what is lost.
func (c *try) judge(compared int64, lost, called *ledger) {
	c.t.Helper()
	missed, wrong := lost.less(called, false), called.less(lost, false)
	s := Score{Cases: 1, Compared: compared, Lost: lost.len(), Found: lost.len() - missed.len(), False: wrong.len()}
	if s.Lost == 0 {
		s.Quiet = 1
	}
	c.score.add(s)
	if compared == 0 {
		c.t.Error("vacuous: nothing was compared")
	}
	if n := missed.len(); n > 0 {
		c.t.Errorf("%d of %d lost are not called missing:%s", n, lost.len(), missed.some())
	}
	if n := wrong.len(); n > 0 {
		c.t.Errorf("%d are called missing and are not lost:%s", n, wrong.some())
	}
}

// contentLevel is the evidence that the claim is about.
const contentLevel = "E2"

// absent are the findings that call records missing. They must be at the level of the claim.
func (c *try) absent(fs []gap.Finding) []gap.Finding {
	c.t.Helper()
	var out []gap.Finding
	for _, f := range fs {
		if f.Kind != gap.Missing && f.Kind != gap.Partly {
			continue
		}
		if f.Evidence < contentLevel {
			c.t.Errorf("finding %s: evidence %q, want %s at least", f.ID, f.Evidence, contentLevel)
		}
		if !f.Recoverable {
			c.t.Errorf("finding %s is of records that the reference has, and says that they can not be had: %+v", f.ID, f)
		}
		out = append(out, f)
	}
	return out
}

package late

import (
	"errors"
	"fmt"
	"time"

	"backstitch/replay/record"
	"backstitch/replay/source"
	"backstitch/replay/spec"
)

// Rule says when a record is late. It is never changed, and may be used by several goroutines.
type Rule struct {
	at      place
	allowed int64 // milliseconds
}

var errAllowed = errors.New("less than nothing is allowed")

// New makes a rule of where event times are and how far behind one may lie.
func New(at spec.EventTime, allowed time.Duration) (*Rule, error) {
	kind, header, names, err := at.Parse()
	if err != nil {
		return nil, fmt.Errorf("late records: %w", err)
	}
	if allowed < 0 {
		return nil, fmt.Errorf("late records, %s: %w", allowed, errAllowed)
	}
	return &Rule{at: place{at, kind, header, names}, allowed: allowed.Milliseconds()}, nil
}

// Lacks is what the rule looks at and a source that holds these fields does not give.
func (r *Rule) Lacks(held record.Fields) record.Fields {
	looks := record.FieldTimestamp
	switch r.at.kind {
	case spec.TimeInHeader:
		looks = record.FieldHeaders
	case spec.TimeInValue:
		looks = record.FieldValue
	}
	return looks &^ held
}

// Mark is the highest event time of some records, in milliseconds since 1970. The zero Mark is of records of which none has one.
type Mark struct {
	ms int64
	ok bool
}

// At is the mark of records whose highest event time is ms; nil is for those that have none.
func At(ms *int64) Mark {
	if ms == nil {
		return Mark{}
	}
	return Mark{*ms, true}
}

// Ms is the inverse of At.
func (m Mark) Ms() *int64 {
	if !m.ok {
		return nil
	}
	return &m.ms
}

// Over is the higher of two marks.
func (m Mark) Over(other Mark) Mark {
	if !m.ok || other.ok && other.ms > m.ms {
		return other
	}
	return m
}

// Watermark goes along a partition, record by record. It is for one goroutine.
type Watermark struct {
	clock   clock
	allowed int64
	high    Mark
}

// Watermark makes one that stands behind records with the mark begin.
func (r *Rule) Watermark(begin Mark) *Watermark {
	return &Watermark{clock: clock{place: r.at}, allowed: r.allowed, high: begin}
}

// See looks at the next record: by how many milliseconds it is late, 0 if it is not. why says that it has no event time; then it is not.
func (w *Watermark) See(r *record.Record) (lateMs int64, why *source.Refusal) {
	at, why := w.clock.of(r)
	if why != nil {
		return 0, why
	}
	if w.high.ok {
		lateMs = max(0, w.high.ms-w.allowed-at)
	}
	w.high = w.high.Over(Mark{at, true})
	return lateMs, nil
}

// High is the mark of all records so far.
func (w *Watermark) High() Mark { return w.high }

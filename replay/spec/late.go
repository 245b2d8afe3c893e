package spec

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Late says when a record is late: when its event time lies further behind the highest one before it than is allowed. Such a record is written
// all the same, and says so in a header.
type Late struct {
	// How far the event time of a record may lie behind the highest one before it, such as 10m, or 0s.
	Allowed Duration `json:"allowed"`
	// Where the event time of a record is: timestamp, header.NAME, or value.PATH of a JSON value. In headers and values it is a moment in RFC 3339, or a whole number of milliseconds since 1970.
	Time EventTime `json:"time,omitempty" jsonschema:"default=timestamp"`
}

// EventTime is where a record says when its event was: timestamp, header.NAME or value.PATH. In a path names are joined by dots; in a name a dot
// is written \. and a backslash \\.
type EventTime string

const eventTimePattern = `^(timestamp|header\..+|value(\.([^.\\]|\\[.\\])+)+)$`

var eventTimeForm = regexp.MustCompile(eventTimePattern)

// TimeKind is where an event time is.
type TimeKind uint8

// The kinds.
const (
	TimeOfRecord TimeKind = iota + 1 // the record's timestamp
	TimeInHeader
	TimeInValue
)

// Parse returns where the time is: the name of a header, or the names that lead into a value.
func (e EventTime) Parse() (kind TimeKind, header string, names []string, err error) {
	if !eventTimeForm.MatchString(string(e)) {
		return 0, "", nil, fmt.Errorf("%q is no event time: %s", string(e), unitHints[eventTimePattern])
	}
	if name, ok := strings.CutPrefix(string(e), "header."); ok {
		return TimeInHeader, name, nil, nil
	}
	if path, ok := strings.CutPrefix(string(e), "value."); ok {
		names, err = Path(path).Parse()
		return TimeInValue, "", names, err
	}
	return TimeOfRecord, "", nil, nil
}

// late finds what is wrong with it besides its form.
func (c *checker) late(r *Recovery) {
	w := r.Spec.Write
	if w == nil || w.Late == nil {
		return
	}
	const at = "spec.write.late"
	switch d, err := w.Late.Allowed.Parse(); {
	case err != nil:
		c.add(CodeUnit, at+".allowed", err.Error(), "")
	case d%time.Millisecond != 0:
		c.add(CodeValue, at+".allowed", fmt.Sprintf("%s.allowed is %s, and event times are of milliseconds", at, w.Late.Allowed), "whole milliseconds, such as 10m or 0s")
	}
	c.lateTime(r, w.Late, at+".time")
	if w.OriginHeaders != nil && !*w.OriginHeaders {
		c.add(CodeTogether, at, "the proof finds what a late record has to say by its origin header, and write.originHeaders is off", "leave write.originHeaders out")
	}
	if k := r.Spec.Target.Kafka; k != nil && k.Partitioner != "" && k.Partitioner != DefaultPartitioner {
		c.add(CodeTogether, at, "what lies before a record in a partition that several are put into hangs on which of them was quicker, so no watermark is the same twice",
			"two jobs: one that gives records other partitions, and one that copies what it wrote and says what is late")
	}
	if t := r.Spec.Transform; t != nil && slices.ContainsFunc(t.Steps, func(s Step) bool { return s.Wasm != nil }) {
		c.add(CodeTogether, at, "the clock decides which values a module is too slow for, and what it refuses moves no watermark",
			"two jobs: one with the module, and one that copies what it wrote and says what is late")
	}
}

// lateTime refuses event times that the reference can not have.
func (c *checker) lateTime(r *Recovery, l *Late, at string) {
	if l.Time == "" {
		l = &Late{Time: DefaultEventTime}
	}
	kind, _, _, err := l.Time.Parse()
	if err != nil {
		c.add(CodeValue, at, err.Error(), unitHints[eventTimePattern])
		return
	}
	if name, _ := r.Spec.Source.registry(); kind == TimeInValue && (name != "" || r.framed()) {
		c.add(CodeTogether, at, "an event time in values and a registry exclude each other",
			"it is looked for in JSON, and the number of a schema stands in front of other forms: take timestamp, or a header")
	}
	if layout := r.Spec.Source.layout(); kind == TimeOfRecord && slices.Contains(untimed, layout) {
		c.add(CodeTogether, at, "files of layout "+layout+" hold no timestamps", "name where an event time is: time: value.PATH")
	}
}

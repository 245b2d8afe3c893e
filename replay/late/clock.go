package late

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"backstitch/replay/record"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/tree"
)

// MaxMs is the last millisecond that an event time can be: the end of the year 9999. The first is that of 1970.
const MaxMs = 253_402_300_799_999

// place is where event times are.
type place struct {
	text   spec.EventTime
	kind   spec.TimeKind
	header string
	names  []string // into the value
}

// clock reads event times. It is for one goroutine.
type clock struct {
	place
	parser tree.Parser
}

// of is the event time of r in milliseconds since 1970, or why it has none.
func (c *clock) of(r *record.Record) (int64, *source.Refusal) {
	switch c.kind {
	case spec.TimeOfRecord:
		switch {
		case r.TimestampType == record.LogAppendTime:
			return 0, refuse(source.CodeTimeAbsent, "a broker set the timestamp when it appended the record")
		case r.TimestampMs < 0:
			return 0, refuse(source.CodeTimeAbsent, "the record has no timestamp")
		}
		return c.within(r.TimestampMs)
	case spec.TimeInHeader:
		return c.fromHeader(r)
	}
	return c.fromValue(r)
}

func (c *clock) within(ms int64) (int64, *source.Refusal) {
	if ms < 0 || ms > MaxMs {
		return 0, refuse(source.CodeTimeUnread, "%s is %d, no milliseconds of the years 1970 to 9999", c.text, ms)
	}
	return ms, nil
}

// fromHeader takes the header of that name. Kafka lets a record have several, and clients differ in which of them they take.
func (c *clock) fromHeader(r *record.Record) (int64, *source.Refusal) {
	found := -1
	for i := range r.Headers {
		if r.Headers[i].Key != c.header {
			continue
		}
		if found >= 0 {
			return 0, refuse(source.CodeTimeUnread, "there are two headers %s", c.header)
		}
		found = i
	}
	if found < 0 || r.Headers[found].Value == nil {
		return 0, refuse(source.CodeTimeAbsent, "%s is null or not there", c.text)
	}
	text := string(r.Headers[found].Value)
	if ms, err := strconv.ParseUint(text, 10, 63); err == nil {
		return c.within(int64(ms))
	}
	return c.moment(text)
}

func (c *clock) fromValue(r *record.Record) (int64, *source.Refusal) {
	if r.Value == nil {
		return 0, refuse(source.CodeTimeAbsent, "the record has no value")
	}
	doc, err := c.parser.Parse(r.Value)
	if err != nil {
		return 0, &source.Refusal{Code: source.CodeTimeUnread, Err: fmt.Errorf("the value is %w", err)}
	}
	v, there := tree.At(doc.Root, c.names)
	if !there {
		v = nil
	}
	switch v := v.(type) {
	case nil:
		return 0, refuse(source.CodeTimeAbsent, "%s is null or not there", c.text)
	case tree.Twice:
		return 0, refuse(source.CodeTimeUnread, "on the way to %s there are two members of one name", c.text)
	case string:
		return c.moment(v)
	case json.Number:
		return c.number(v)
	default:
		return 0, refuse(source.CodeTimeUnread, "%s is of type %s, want a text or a number", c.text, tree.Kind(v))
	}
}

// moment reads RFC 3339. What is finer than milliseconds is left off.
func (c *clock) moment(text string) (int64, *source.Refusal) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0, refuse(source.CodeTimeUnread, "%s is %.60q, no moment in RFC 3339 with its zone", c.text, text)
	}
	return c.within(t.UnixMilli())
}

// maxDigits are those of MaxMs.
const maxDigits = 15

// number takes whole milliseconds, however they are spelled. Others are no milliseconds, but perhaps seconds, and nobody can tell.
func (c *clock) number(n json.Number) (int64, *source.Refusal) {
	d, ok := tree.ParseDecimal([]byte(n))
	if !ok || d.Negative || d.Exp < 0 || len(d.Digits)+d.Exp > maxDigits {
		return 0, refuse(source.CodeTimeUnread, "%s is %.60s, no whole milliseconds of the years 1970 to 9999", c.text, n)
	}
	var ms int64
	for _, digit := range d.Digits {
		ms = ms*10 + int64(digit-'0')
	}
	for range d.Exp {
		ms *= 10
	}
	return c.within(ms)
}

func refuse(code, format string, args ...any) *source.Refusal {
	return &source.Refusal{Code: code, Err: fmt.Errorf(format, args...)}
}

package due

import (
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/cronexpr"
)

// cronFields are minute, hour, day of month, month and day of week. The library takes seconds and years too, and words for whole lines:
// who means five fields and types six would be told nothing, and get another time.
const cronFields = 5

// Line is a cron line that was read. It knows no zone: what it is given and returns is one and the same kind of time, in UTC.
type Line struct{ expr *cronexpr.Expression }

// ParseLine reads a cron line of five fields. What is none is ErrRule.
func ParseLine(line string) (Line, error) {
	if n := len(strings.Fields(line)); n != cronFields {
		return Line{}, fmt.Errorf("cron line %q has %d fields, want minute, hour, day of month, month, day of week: %w", line, n, ErrRule)
	}
	for item := range strings.FieldsFuncSeq(line, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' }) {
		if span, _, step := strings.Cut(item, "/"); step && span != "*" && !strings.Contains(span, "-") {
			return Line{}, fmt.Errorf("cron line %q: %s: a step needs * or a range, since programs differ in what it means without: %w", line, item, ErrRule)
		}
	}
	e, err := cronexpr.Parse(line)
	if err != nil {
		return Line{}, fmt.Errorf("cron line %q: %w: %w", line, err, ErrRule)
	}
	if e.Next(time.Unix(0, 0).UTC()).IsZero() {
		return Line{}, fmt.Errorf("cron line %q names no day that there is: %w", line, ErrRule)
	}
	return Line{e}, nil
}

// Next is the first minute after t that the line names; zero when there is none.
func (l Line) Next(t time.Time) time.Time { return l.expr.Next(t.UTC()) }

// nextCron is the first minute after t that a line names, in UTC.
func nextCron(line string, t time.Time) (time.Time, error) {
	l, err := ParseLine(line)
	if err != nil {
		return time.Time{}, err
	}
	next := l.Next(t)
	if next.IsZero() {
		return time.Time{}, fmt.Errorf("cron line %q names no day that there is: %w", line, ErrRule)
	}
	return next, nil
}

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

// nextCron is the first minute after t that a line names, in UTC.
func nextCron(line string, t time.Time) (time.Time, error) {
	if n := len(strings.Fields(line)); n != cronFields {
		return time.Time{}, fmt.Errorf("cron line %q has %d fields, want minute, hour, day of month, month, day of week: %w", line, n, ErrRule)
	}
	for item := range strings.FieldsFuncSeq(line, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' }) {
		if span, _, step := strings.Cut(item, "/"); step && span != "*" && !strings.Contains(span, "-") {
			return time.Time{}, fmt.Errorf("cron line %q: %s: a step needs * or a range, since programs differ in what it means without: %w", line, item, ErrRule)
		}
	}
	e, err := cronexpr.Parse(line)
	if err != nil {
		return time.Time{}, fmt.Errorf("cron line %q: %w: %w", line, err, ErrRule)
	}
	next := e.Next(t.UTC())
	if next.IsZero() {
		return time.Time{}, fmt.Errorf("cron line %q names no day that there is: %w", line, ErrRule)
	}
	return next, nil
}

package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// timeRange is a half-open stretch of time in Kafka milliseconds; zero means no limit.
type timeRange struct{ fromMs, toMs int64 }

// parseRange reads "@FROM:TO" or "FROM:TO". Each side is RFC 3339, 13 digits of milliseconds, a duration before now ("-48h"),
// "end" for now, or empty for no limit. "TIME:24h" is a day from TIME on.
func parseRange(s string, now time.Time) (timeRange, error) {
	from, to, ok := cutRange(strings.TrimPrefix(s, "@"))
	if !ok {
		return timeRange{}, fmt.Errorf("range %q: want @FROM:TO, like @-48h:-24h or @2026-11-20T00:00:00Z:24h", s)
	}
	var r timeRange
	start, err := parseTime(from, now)
	if err != nil {
		return r, fmt.Errorf("range %q: %w", s, err)
	}
	var end time.Time
	if d, err := time.ParseDuration(to); err == nil && d > 0 && !start.IsZero() {
		end = start.Add(d)
	} else if end, err = parseTime(to, now); err != nil {
		return r, fmt.Errorf("range %q: %w", s, err)
	}
	if !start.IsZero() {
		r.fromMs = start.UnixMilli()
	}
	if !end.IsZero() {
		r.toMs = end.UnixMilli()
	}
	return r, r.check()
}

func (r timeRange) check() error {
	if r.toMs != 0 && r.fromMs >= r.toMs {
		return fmt.Errorf("range is empty: it begins at %s and ends at %s", stamp(time.UnixMilli(r.fromMs)), stamp(time.UnixMilli(r.toMs)))
	}
	return nil
}

// cutRange parts FROM from TO at the colon that leaves two times; times have colons of their own.
func cutRange(s string) (from, to string, ok bool) {
	for i := range len(s) {
		if s[i] != ':' {
			continue
		}
		_, err1 := parseTime(s[:i], time.Unix(0, 0))
		_, err2 := parseTime(s[i+1:], time.Unix(0, 0))
		if _, err := time.ParseDuration(s[i+1:]); err1 == nil && (err2 == nil || err == nil) {
			return s[:i], s[i+1:], true
		}
	}
	return "", "", false
}

func parseTime(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if s == "end" {
		return now, nil
	}
	if len(s) == 13 {
		if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
			return time.UnixMilli(ms).UTC(), nil
		}
	}
	if s[0] == '-' {
		if d, err := time.ParseDuration(s); err == nil {
			return now.Add(d), nil
		}
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("time %q: want RFC 3339, 13 digits of milliseconds, -48h, or end", s)
}

func (r timeRange) String() string {
	side := func(ms int64, open string) string {
		if ms == 0 {
			return open
		}
		return stamp(time.UnixMilli(ms))
	}
	return "[" + side(r.fromMs, "beginning") + ", " + side(r.toMs, "end") + ")"
}

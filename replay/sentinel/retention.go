package sentinel

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Unlimited is a limit that is not there.
const Unlimited int64 = -1

// Retention is what the settings of a topic say about how long records stay. The zero value knows nothing.
type Retention struct {
	Known  bool   `json:"known"`  // the settings could be read
	Policy string `json:"policy"` // cleanup.policy, as Kafka spells it
	// Milliseconds and bytes per partition; Unlimited for no limit.
	Ms           int64 `json:"retentionMs"`
	Bytes        int64 `json:"retentionBytes"`
	SegmentMs    int64 `json:"segmentMs"`
	SegmentBytes int64 `json:"segmentBytes"`
	// TombstoneMs is delete.retention.ms: how long a compacted topic still shows that a key was deleted.
	TombstoneMs int64 `json:"deleteRetentionMs"`
	// Overridden are the settings that were set for this topic; the others are defaults of the brokers.
	Overridden []string `json:"overridden,omitempty"`
}

// Kafka's own defaults, for what a broker does not list.
const (
	defaultRetentionMs  = 7 * 24 * 3600 * 1000
	defaultSegmentMs    = 7 * 24 * 3600 * 1000
	defaultSegmentBytes = 1 << 30
	defaultTombstoneMs  = 24 * 3600 * 1000
)

// ParseRetention reads the settings of a topic. A name that is missing has Kafka's default; a value that is no number is an
// error, because a limit that was misread would make every time wrong.
func ParseRetention(settings map[string]string) (Retention, error) {
	r := Retention{
		Known: true, Policy: "delete", Ms: defaultRetentionMs, Bytes: Unlimited,
		SegmentMs: defaultSegmentMs, SegmentBytes: defaultSegmentBytes, TombstoneMs: defaultTombstoneMs,
	}
	if p := settings["cleanup.policy"]; p != "" {
		r.Policy = p
	}
	for _, s := range []struct {
		name string
		to   *int64
	}{
		{"retention.ms", &r.Ms}, {"retention.bytes", &r.Bytes}, {"segment.ms", &r.SegmentMs}, {"segment.bytes", &r.SegmentBytes},
		{"delete.retention.ms", &r.TombstoneMs},
	} {
		text, ok := settings[s.name]
		if !ok || text == "" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return Retention{}, fmt.Errorf("%s=%q: want a number: %w", s.name, text, err)
		}
		if n < 0 || n == math.MaxInt64 {
			n = Unlimited
		}
		*s.to = n
	}
	return r, nil
}

// Deletes reports whether records go because of their age or of the size of the log. A topic that is only compacted keeps the
// newest record of every key for ever, and what it drops was replaced.
func (r Retention) Deletes() bool { return r.Known && strings.Contains(r.Policy, "delete") }

// CheckMs is how often a broker looks for segments to delete, at most. It is Kafka's default for log.retention.check.interval.ms;
// brokers do not tell it to everybody.
const CheckMs = 5 * 60 * 1000

// Slack is by how much a record may outlive retention.ms: it shares a segment with records that are up to a segment's span
// younger, and the broker looks only now and then.
func (r Retention) Slack() int64 { return max(r.SegmentMs, 0) + CheckMs }

// Days prints milliseconds as people say them.
func Days(ms int64) string {
	if ms == Unlimited {
		return "no limit"
	}
	d := time.Duration(ms) * time.Millisecond
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", ms)
	case d < time.Minute:
		return fmt.Sprintf("%ds", int64(d.Seconds()))
	case d < time.Hour:
		return whole(d, time.Minute, time.Second, "m", "s")
	case d < 48*time.Hour:
		return whole(d, time.Hour, time.Minute, "h", "m")
	}
	return whole(d, 24*time.Hour, time.Hour, "d", "h")
}

// whole prints d in two units, and in one when nothing is left for the second.
func whole(d, big, small time.Duration, bigName, smallName string) string {
	text := fmt.Sprintf("%d%s", d/big, bigName)
	if rest := d % big / small; rest > 0 {
		text += fmt.Sprintf("%d%s", rest, smallName)
	}
	return text
}

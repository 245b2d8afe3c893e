package spec

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"backstitch/partition"
	"backstitch/partition/calendar"
)

// Calendar is what s says of hours. An error names the place that can not be read, below spec.schedule.
func (s *Schedule) Calendar() (partition.Calendar, error) {
	out := partition.Calendar{Zone: s.Timezone}
	if out.Zone == "" {
		out.Zone = DefaultTimezone
	}
	for i, p := range s.PeakHours {
		w, err := window(calendar.Peaks, i, p.Cron, p.Duration)
		if err != nil {
			return out, err
		}
		for _, unit := range []struct {
			name  string
			to    *int64
			parse func() (int64, error)
		}{
			{"bytesPerSecond", &w.Rate.Bytes, p.Throttle.BytesPerSecond.Parse}, {"recordsPerSecond", &w.Rate.Records, p.Throttle.RecordsPerSecond.Parse},
			{"requestsPerSecond", &w.Rate.Requests, p.Throttle.RequestsPerSecond.Parse},
		} {
			if *unit.to, err = unit.parse(); err != nil {
				return out, &calendar.Error{List: calendar.Peaks, Index: i, Field: "throttle." + unit.name, Why: err.Error()}
			}
		}
		out.Peaks = append(out.Peaks, w)
	}
	for i, b := range s.Blackout {
		w, err := window(calendar.Blackouts, i, b.Cron, b.Duration)
		if err != nil {
			return out, err
		}
		out.Blackouts = append(out.Blackouts, w)
	}
	return out, nil
}

func window(list string, i int, cron string, d Duration) (partition.Window, error) {
	span, err := d.Parse()
	if err != nil {
		return partition.Window{}, &calendar.Error{List: list, Index: i, Field: "duration", Why: err.Error()}
	}
	return partition.Window{Cron: cron, Duration: span}, nil
}

// looked is the moment from which windows are looked at for what they do to each other. Any would do, since they come again; a fixed one gives one answer
// for one file.
var looked = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// calendar refuses windows that nobody can have meant, in the schedule at a place.
func (c *checker) calendar(at string, s *Schedule) {
	if s == nil {
		return
	}
	if s.Timezone != "" && len(s.PeakHours)+len(s.Blackout) == 0 {
		c.add(CodeCalendar, at+".timezone", "a time zone is for windows, and there are none", "leave timezone out: all other times are UTC")
		return
	}
	cal, err := s.Calendar()
	if err == nil {
		_, err = calendar.Check(cal, looked)
	}
	var wrong *calendar.Error
	if !errors.As(err, &wrong) {
		return
	}
	path := at + "." + wrong.List
	if wrong.Index >= 0 {
		path = fmt.Sprintf("%s.%d", path, wrong.Index)
	}
	if wrong.Field != "" {
		path += "." + wrong.Field
	}
	hint := map[string]string{
		"timezone": "an IANA name, such as Europe/Berlin", "cron": `such as "0 7 * * MON-FRI"`, "duration": "such as 12h; windows end before they begin again",
		"throttle": "such as throttle: {bytesPerSecond: 5MiB/s}",
	}[wrong.Field]
	if wrong.List == "timezone" {
		hint = "an IANA name, such as Europe/Berlin"
	}
	c.add(CodeCalendar, path, wrong.Why, hint)
}

// Millionths is p in millionths, rounded down.
func (p Percent) Millionths() (uint32, error) {
	share, ok := new(big.Rat).SetString(strings.TrimSuffix(string(p), "%"))
	if !ok || !strings.HasSuffix(string(p), "%") {
		return 0, fmt.Errorf("%q is not a share: %s", string(p), unitHints[percentPattern])
	}
	share.Mul(share, big.NewRat(10_000, 1))
	n := new(big.Int).Quo(share.Num(), share.Denom())
	if !n.IsInt64() || n.Int64() < 0 || n.Int64() > 1_000_000 {
		return 0, fmt.Errorf("%s is not from 0%% to 100%%", string(p))
	}
	return uint32(n.Int64()), nil
}

// deadline refuses what can not be meant of an SLA.
func (c *checker) deadline(s *SLA) {
	if s == nil {
		return
	}
	const path = "spec.sla."
	if d, err := s.RecoverWithin.Parse(); err != nil || d < time.Second || d > calendar.MaxDuration {
		c.add(CodeDeadline, path+"recoverWithin", fmt.Sprintf("a deadline after %q", string(s.RecoverWithin)), "from 1s to 366 days, such as 2h")
	}
	if s.Completeness != "" {
		if n, err := s.Completeness.Millionths(); err != nil || n == 0 {
			c.add(CodeDeadline, path+"completeness", fmt.Sprintf("a goal of %s", s.Completeness), "above 0% and at most 100%")
		}
	}
	if s.AlertAt != "" {
		if n, err := s.AlertAt.Millionths(); err != nil || n == 0 || n%10_000 != 0 {
			c.add(CodeDeadline, path+"alertAt", fmt.Sprintf("an alert after %s of the time", s.AlertAt), "whole percent, from 1% to 100%")
		}
	}
}

package calendar

import (
	"strings"
	"time"

	"backstitch/partition/due"
)

// Next is the first due time after now of a rule that was last due at last, as due.Rule.Next has it, of a cron line by the clocks of a zone; "" is UTC. In the night in
// which clocks are set back, a line that names its hours is due once, at the first of two moments; in the night in which they are set forward, what is skipped is
// due at the end of the gap. A line that names no hours goes by elapsed time, as people expect of one that says every half hour: it is due at both
// moments, and at none that the clock skips. So no night has two runs of a nightly line, or none.
func Next(r due.Rule, zone string, last, now time.Time) (time.Time, error) {
	if r.Cron == "" || zone == "" || r.Every != 0 {
		return r.Next(last, now)
	}
	line, err := due.ParseLine(r.Cron)
	if err != nil {
		return time.Time{}, err
	}
	z, err := Zone(zone)
	if err != nil {
		return time.Time{}, err
	}
	anyHour := strings.HasPrefix(strings.Fields(r.Cron)[1], "*")
	var first, limit time.Time
	for at := line.Next(wall(now, z).Add(-slack)); !at.IsZero() && (first.IsZero() || !at.After(limit)); at = line.Next(at) {
		found := moments(at, z)
		switch skipped := !wall(found[0], z).Equal(at); {
		case anyHour && skipped:
			continue
		case !anyHour:
			found = found[:1]
		}
		for _, m := range found {
			if m.After(now) && (first.IsZero() || m.Before(first)) {
				first, limit = m, at.Add(slack) // a later wall may be an earlier moment, but not by more
			}
		}
	}
	if first.IsZero() {
		return r.Next(last, now) // names no day that there is, and says so
	}
	return first, nil
}

package partition

import "time"

// Calendar says when a job may work, and when it has to be slow. The words are a person's; partition/calendar knows what they mean.
type Calendar struct {
	Zone      string   // IANA name of the zone that the cron lines are in, "UTC" or "Europe/Berlin"
	Peaks     []Window // in which the job keeps below a rate
	Blackouts []Window // in which nothing of the job runs
}

// Window is a time that comes again: it begins at each minute that a cron line names, and takes Duration from there.
type Window struct {
	Cron     string
	Duration time.Duration
	Rate     Rate // at most, of a peak; nothing of a blackout
}

// Empty reports whether there is no window.
func (c Calendar) Empty() bool { return len(c.Peaks)+len(c.Blackouts) == 0 }

package fsm

import (
	"fmt"
	"strings"
)

// Maintenance is a window in which jobs that write rest for a reason that is not theirs: the work on what they read or write. It comes again by a cron line, or is there
// once. The book keeps the words: what a cron line or a time zone means is for the leader.
type Maintenance struct {
	Name  string
	Scope Scope // whom it concerns: the cluster, a namespace or a target
	// Zone is the IANA name of the zone that Cron is in, "UTC" of a window that is there once.
	Zone          string
	Cron          string // when it begins, "" of a window that is there once
	FromUnixNanos int64  // when that one begins, 0 of one that comes again
	SpanNanos     int64  // how long it takes

	PutBy        string
	Why          string
	PutUnixNanos int64
	ModifyIndex  uint64
}

const (
	// MaxMaintenance is how many windows a book has.
	MaxMaintenance    = 100
	maxMaintenanceKey = 63 // bytes of a name
	minSpanNanos      = 60 * 1e9
)

// EndsUnixNanos is when a window is over that is there once, 0 of one that comes again.
func (m Maintenance) EndsUnixNanos() int64 {
	if m.Cron != "" {
		return 0
	}
	return m.FromUnixNanos + m.SpanNanos
}

// Over reports whether nothing will come of a window any more.
func (m Maintenance) Over(unixNanos int64) bool {
	return m.Cron == "" && m.EndsUnixNanos() <= unixNanos
}

// same reports whether both say the same.
func (m Maintenance) same(o Maintenance) bool {
	return m.Scope == o.Scope && m.Zone == o.Zone && m.Cron == o.Cron && m.FromUnixNanos == o.FromUnixNanos && m.SpanNanos == o.SpanNanos
}

// invalid says what contradicts itself.
func (m Maintenance) invalid(now int64) string {
	if why := m.Scope.invalid(); why != "" {
		return why
	}
	_, job := m.Scope.Job()
	switch {
	case job:
		return "a window of one job: a pause is that"
	case m.Zone == "" || len(m.Zone) > maxZoneBytes:
		return fmt.Sprintf("a time zone of %d bytes, want 1 to %d", len(m.Zone), maxZoneBytes)
	case (m.Cron == "") == (m.FromUnixNanos == 0) || m.FromUnixNanos < 0 || len(m.Cron) > maxCronBytes:
		return "want either a cron line or a time at which it begins"
	case m.SpanNanos < minSpanNanos || m.SpanNanos > maxWithinNanos:
		return fmt.Sprintf("a window of %d ns, want a minute to 366 days", m.SpanNanos)
	case m.Over(now):
		return "it is over already"
	}
	return ""
}

func invalidWindowName(name string) string {
	if name == "" || len(name) > maxMaintenanceKey || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return fmt.Sprintf("name %q, want 1 to %d of a-z, 0-9 and dashes", name, maxMaintenanceKey)
	}
	return ""
}

func maintenanceKey(name string) []byte { return key(kindMaintenance, []byte(name)) }

// Maintenance returns all windows by name, those too that are over and not yet forgotten.
func (v *View) Maintenance() ([]Maintenance, error) {
	var out []Maintenance
	for m, err := range each[Maintenance](v, key(kindMaintenance), nil) {
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

// Package maintenance says what the book's windows of maintenance mean for jobs: which of them concern one, and when it may work with them.
//
// Invariants:
//   - A window is a blackout of each job that it concerns, beside the job's own, for everybody who asks: the leader that keeps it, the forecast that counts it
//     in, and status that shows it.
//   - It concerns what limits concern, jobs that write: a scan has nothing to take back and goes on.
//   - A window that can not be read keeps the jobs that it concerns from running, as a job's own calendar does.
//
// What is not here: what a window is (fsm, partition/calendar), who acts on it (cluster/leader), who sets it (cluster/admin).
package maintenance

import (
	"encoding/binary"
	"hash/fnv"
	"slices"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/calendar"
)

// Concerning are the windows that concern what rests in these scopes (fsm.Job.Scopes), in their order.
func Concerning(all []fsm.Maintenance, scopes []fsm.Scope) []fsm.Maintenance {
	var out []fsm.Maintenance
	for _, m := range all {
		if slices.Contains(scopes, m.Scope) {
			out = append(out, m)
		}
	}
	return out
}

// Closures are windows as calendars know them.
func Closures(windows []fsm.Maintenance) []calendar.Closure {
	out := make([]calendar.Closure, 0, len(windows))
	for _, m := range windows {
		c := calendar.Closure{Name: m.Name, Zone: m.Zone, Cron: m.Cron, Duration: time.Duration(m.SpanNanos)}
		if m.Cron == "" {
			c.From = time.Unix(0, m.FromUnixNanos)
		}
		out = append(out, c)
	}
	return out
}

// Calendar is when a job may work that has these hours and is concerned by these windows.
func Calendar(own partition.Calendar, windows []fsm.Maintenance) (*calendar.Calendar, error) {
	if own.Zone == "" && own.Empty() {
		own.Zone = "UTC"
	}
	c, err := calendar.New(own)
	if err != nil || len(windows) == 0 {
		return c, err
	}
	return c.Close(Closures(windows))
}

// Stamp tells sets of windows apart, for those who remember what a calendar said; 0 is no window.
func Stamp(windows []fsm.Maintenance) uint64 {
	if len(windows) == 0 {
		return 0
	}
	h := fnv.New64a()
	for _, m := range windows {
		_, _ = h.Write(binary.BigEndian.AppendUint64(append([]byte(m.Name), 0), m.ModifyIndex))
	}
	return h.Sum64()
}

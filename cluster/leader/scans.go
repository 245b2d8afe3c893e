package leader

import (
	"fmt"
	"time"

	"backstitch/fsm"
	"backstitch/partition/due"
)

// orderScans starts the scans that are due. A due time that comes while the last scan still runs waits for its end; one that was missed,
// however often, makes one scan, because the next one is computed from now.
func (d *decision) orderScans() {
	since, _ := fsm.Since(fsm.SubmitScan{}.Op())
	if d.in.Version < since {
		return
	}
	for _, s := range d.in.Schedules {
		if s.Busy || s.NextUnixNanos > d.in.Wall.UnixNano() {
			continue
		}
		at := time.Unix(0, s.NextUnixNanos)
		next, err := due.Rule{Every: time.Duration(s.EveryNanos), Cron: s.Cron}.Next(at, d.in.Wall)
		if err != nil {
			continue // the door checks rules: this one was put by a program that knows more than this one
		}
		d.propose(Proposal{
			Command: fsm.SubmitScan{
				ID: fsm.ScanID(s.Name, s.NextUnixNanos), Schedule: s.Name, DueUnixNanos: s.NextUnixNanos, NextUnixNanos: next.UnixNano(),
			},
			Reason: fmt.Sprintf("schedule %s was due at %s", s.Name, at.UTC().Format(time.RFC3339)),
		})
	}
}

// lookInto starts the scans of what began to be unusual while another one of the pair ran. There is nothing of the kind in books that do not know
// scans.
func (d *decision) lookInto() {
	for _, u := range d.in.Unscanned {
		d.propose(Proposal{
			Command: fsm.SubmitScan{ID: u.Scan, Order: &u.Order},
			Reason:  fmt.Sprintf("hours of %s are unusual (%s), and scan %s had begun before that", u.Topic, u.Anomaly, u.Before),
		})
	}
}

package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"backstitch/cluster/client"
	"backstitch/partition/calendar"
	"backstitch/replay/recovery"
)

// terms makes the API's form of what a plan says of hours and a deadline.
func terms(t *recovery.Terms) *client.Terms {
	if t == nil {
		return nil
	}
	windows := func(ws []recovery.Window) (out []client.Window) {
		for _, w := range ws {
			c := client.Window{Cron: w.Cron, DurationMs: w.DurationMs}
			if r := (client.Rate{Bytes: w.BytesPerSecond, Records: w.RecordsPerSecond, Requests: w.RequestsPerSecond}); r != (client.Rate{}) {
				c.Rate = &r
			}
			out = append(out, c)
		}
		return out
	}
	out := &client.Terms{Timezone: t.Timezone, PeakHours: windows(t.PeakHours), Blackout: windows(t.Blackout)}
	if t.RecoverWithinMs > 0 {
		out.SLA = &client.SLA{RecoverWithinMs: t.RecoverWithinMs, AlertPercent: t.AlertPercent, CompletePPM: t.CompletePPM}
	}
	return out
}

// termLines prints what a job's hours and its deadline are now.
func termLines(w io.Writer, j client.Job, now time.Time) {
	if h := j.Hours; h != nil {
		fmt.Fprintf(w, "  hours        %s\n", hoursText(h))
	}
	d := j.Deadline
	if d == nil {
		return
	}
	fmt.Fprintf(w, "  sla          %s", strings.ReplaceAll(d.State, "-", " "))
	if d.Why != "" {
		fmt.Fprintf(w, ": %s", d.Why)
	}
	fmt.Fprintf(w, "\n               %s %% until %s, detected %s", ppmText(d.CompletePPM), stamp(d.At), stamp(d.DetectedAt))
	if !j.Terminal() && now.Before(d.At) {
		fmt.Fprintf(w, ", %s left", untilText(d.At.Sub(now)))
	}
	if d.Earliest != nil && d.Latest != nil {
		fmt.Fprintf(w, "\n               written between %s and %s at the rates of its last minutes; the comparison comes after", stamp(*d.Earliest), stamp(*d.Latest))
	}
	if d.RiskTold != nil {
		fmt.Fprintf(w, "\n               told that it is at risk: %s", stamp(*d.RiskTold))
	}
	if d.MissedTold != nil {
		fmt.Fprintf(w, "\n               told that it was missed: %s", stamp(*d.MissedTold))
	}
	fmt.Fprintln(w)
}

// untilText is hours and minutes, or seconds in the last minute.
func untilText(d time.Duration) string {
	if d < time.Minute {
		return d.Truncate(time.Second).String()
	}
	return strings.TrimSuffix(d.Truncate(time.Minute).String(), "0s")
}

// hoursText says which window is on and until when, and which one is next.
func hoursText(h *client.Hours) string {
	if h.Problem != "" {
		return "can not be read by this node, and nothing of the job runs while such a node leads: " + h.Problem
	}
	zone, err := calendar.Zone(h.Timezone)
	if err != nil {
		zone = time.UTC // the node that answers knows more zones than this program
	}
	var out []string
	if h.Blackout != nil {
		what := "in a blackout"
		if h.Maintenance != "" {
			what = "in maintenance " + h.Maintenance
		}
		out = append(out, what+" until "+calendar.Moment(*h.Blackout, zone))
	}
	if h.Peak != nil {
		text := "in peak hours until " + calendar.Moment(*h.Peak, zone)
		if h.Rate != nil {
			text += ", at most " + rateOf(*h.Rate)
		}
		out = append(out, text)
	}
	if h.Next != nil {
		what := "blackout"
		switch {
		case h.NextMaintenance != "":
			what = "maintenance " + h.NextMaintenance
		case h.NextKind == calendar.Peaks:
			what = "peak hours"
		}
		out = append(out, fmt.Sprintf("next: %s at %s", what, calendar.Moment(*h.Next, zone)))
	}
	if len(out) == 0 {
		return "no window is on, and none comes within 400 days"
	}
	return strings.Join(out, "; ")
}

// ppmText is millionths as percent, without zeros at the end.
func ppmText(ppm uint32) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.4f", float64(ppm)/1e4), "0"), ".")
}

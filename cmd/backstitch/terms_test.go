package main

import (
	"strings"
	"testing"
	"time"

	"backstitch/cluster/client"
)

// Status says which window is on and until when, in the zone of the job and in UTC, and how the job stands with its deadline.
func TestStatusSaysHoursAndDeadline(t *testing.T) {
	at := func(text string) *time.Time {
		m, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return &m
	}
	job := client.Job{State: "running",
		Hours: &client.Hours{Timezone: "Europe/Berlin", Blackout: at("2026-11-30T00:00:00Z"), Next: at("2026-11-30T06:00:00Z"), NextKind: "peakHours"},
		Deadline: &client.Deadline{DetectedAt: *at("2026-11-29T22:00:00Z"), At: *at("2026-11-30T04:00:00Z"), State: "at-risk", Why: "75 % of the time are over",
			CompletePPM: 999_990, Earliest: at("2026-11-30T01:00:00Z"), Latest: at("2026-11-30T03:30:00Z")}}
	var b strings.Builder
	termLines(&b, job, *at("2026-11-29T23:30:00Z"))
	const want = `  hours        in a blackout until 2026-11-30 01:00 Europe/Berlin (00:00Z); next: peak hours at 2026-11-30 07:00 Europe/Berlin (06:00Z)
  sla          at risk: 75 % of the time are over
               99.999 % until 2026-11-30T04:00:00Z, detected 2026-11-29T22:00:00Z, 4h30m left
               written between 2026-11-30T01:00:00Z and 2026-11-30T03:30:00Z at the rates of its last minutes; the comparison comes after
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
	for want, h := range map[string]*client.Hours{
		"in peak hours until 2026-11-30 06:00Z, at most 5.0 MiB/s, 10 records/s": {Timezone: "UTC", Peak: at("2026-11-30T06:00:00Z"), Rate: &client.Rate{Bytes: 5 << 20, Records: 10}},
		"next: blackout at 2026-11-30 06:00Z":                                    {Timezone: "UTC", Next: at("2026-11-30T06:00:00Z"), NextKind: "blackout"},
		"nothing of the job runs":                                                {Timezone: "UTC", Problem: "there is no such zone"},
	} {
		if got := hoursText(h); !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	b.Reset()
	if termLines(&b, client.Job{}, time.Time{}); b.Len() > 0 {
		t.Errorf("of a job without terms: %q", b.String())
	}
}

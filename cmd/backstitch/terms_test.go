package main

import (
	"errors"
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
		"in maintenance kafka-upgrade until 2026-11-30 06:00Z; next: maintenance sundays at 2026-12-06 02:00Z": {Timezone: "UTC", Blackout: at("2026-11-30T06:00:00Z"),
			Maintenance: "kafka-upgrade", Next: at("2026-12-06T02:00:00Z"), NextKind: "blackout", NextMaintenance: "sundays"},
		"nothing of the job runs": {Timezone: "UTC", Problem: "there is no such zone"},
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

// That people were told of a deadline stays on the page, whatever the state is later.
func TestStatusSaysWhenADeadlineWasTold(t *testing.T) {
	told := time.Date(2026, 11, 30, 2, 30, 0, 0, time.UTC)
	var b strings.Builder
	termLines(&b, client.Job{State: "running", Deadline: &client.Deadline{State: "on-track", CompletePPM: 1_000_000, RiskTold: &told, MissedTold: &told}}, told)
	for _, want := range []string{"told that it is at risk: 2026-11-30T02:30:00Z", "told that it was missed: 2026-11-30T02:30:00Z"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

// What is wrong with a window is told by the name of its flag, before anybody is asked.
func TestWindowFlags(t *testing.T) {
	now := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	for want, b := range map[string]windowFlags{
		"whom it concerns":         {cron: "0 2 * * SUN", duration: time.Hour},
		"has to be said once":      {cluster: true, namespace: "shop", cron: "0 2 * * SUN", duration: time.Hour},
		"--cron and --from":        {cluster: true, duration: time.Hour},
		"one of them says when":    {cluster: true, cron: "0 2 * * SUN", from: "2026-12-01T02:00:00Z", duration: time.Hour},
		"--timezone is for":        {cluster: true, zone: "UTC", from: "2026-12-01T02:00:00Z", duration: time.Hour},
		"--duration: how long":     {cluster: true, cron: "0 2 * * SUN"},
		"--duration: a window":     {cluster: true, cron: "0 2 * * SUN", duration: time.Second},
		"--duration: it begins":    {cluster: true, cron: "0 2 * * *", duration: 24 * time.Hour},
		"--cron: cron line":        {cluster: true, cron: "0 2 * *", duration: time.Hour},
		"--timezone: there is":     {cluster: true, cron: "0 2 * * *", zone: "Berlin", duration: time.Hour},
		"--from \"tonight\" is no": {cluster: true, from: "tonight", duration: time.Hour},
		"--from: it is over":       {cluster: true, from: "2026-11-26T02:00:00Z", duration: time.Hour},
	} {
		_, err := b.window("x", now)
		if f := (*failure)(nil); !errors.As(err, &f) || !strings.Contains(f.Title, want) || f.Exit != client.ExitUsage {
			t.Errorf("%+v: got %v, want %q", b, err, want)
		}
	}
	put, err := (&windowFlags{target: "kafka:abc", from: "2026-12-01T02:00:00+01:00", duration: 2 * time.Hour, reason: "INC-1"}).window("x", now)
	if err != nil || put.Scope != "target/kafka:abc" || put.From == nil || !put.From.Equal(time.Date(2026, 12, 1, 1, 0, 0, 0, time.UTC)) || put.DurationMs != 7_200_000 || put.Reason != "INC-1" {
		t.Errorf("got %+v, %v", put, err)
	}
	rows := maintenanceAnswer([]client.Maintenance{
		{Name: "once", Scope: "cluster", From: &now, DurationMs: 3_600_000, On: &now, Jobs: []string{"bs-a"}},
		{Name: "weekly", Scope: "namespace/shop", Cron: "0 2 * * SUN", Timezone: "Europe/Berlin", DurationMs: 7_200_000, Next: &now},
	})
	var shown strings.Builder
	if err := rows.text(&shown); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"once, 2026-11-27T00:00:00Z for 1h0m", "on until 2026-11-27T00:00:00Z", "0 2 * * SUN Europe/Berlin for 2h0m", "next 2026-11-27T00:00:00Z"} {
		if !strings.Contains(shown.String(), want) {
			t.Errorf("no %q in\n%s", want, shown.String())
		}
	}
}

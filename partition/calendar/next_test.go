package calendar

import (
	"slices"
	"testing"
	"time"

	"backstitch/partition/due"
)

// When something is due in a zone whose clocks go: a line that names its hours once a night, one that names none by elapsed time.
func TestNextWhereClocksGo(t *testing.T) {
	const zone = "Europe/Berlin"
	for _, row := range []struct {
		name, cron, after string
		want              []string
	}{
		{"a summer's day", "30 2 * * *", "2026-07-01T12:00:00Z", []string{"2026-07-02T00:30:00Z", "2026-07-03T00:30:00Z"}},
		{"set back: once, at the first", "30 2 * * *", "2026-10-24T12:00:00Z", []string{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
		{"set back, asked in between", "30 2 * * *", "2026-10-25T00:45:00Z", []string{"2026-10-26T01:30:00Z"}},
		{"set forward: at the end of the gap", "30 2 * * *", "2026-03-28T12:00:00Z", []string{"2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
		{"each half hour, set back", "*/30 * * * *", "2026-10-24T23:45:00Z",
			[]string{"2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z"}},
		{"each half hour, set forward", "*/30 * * * *", "2026-03-29T00:15:00Z", []string{"2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"}},
		{"a leap day", "0 3 29 2 *", "2026-03-01T00:00:00Z", []string{"2028-02-29T02:00:00Z"}},
	} {
		now, err := time.Parse(time.RFC3339, row.after)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for range row.want {
			next, err := Next(due.Rule{Cron: row.cron}, zone, now, now)
			if err != nil {
				t.Fatalf("%s: %v", row.name, err)
			}
			got, now = append(got, next.UTC().Format(time.RFC3339)), next
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%s: got %v, want %v", row.name, got, row.want)
		}
	}
}

// A year of nights has a run each, whatever clocks do; and of times that were missed one is left.
func TestNextHasARunForEachNight(t *testing.T) {
	for _, zone := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC", ""} {
		now, days := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC), map[string]int{}
		z, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for range 365 {
			next, err := Next(due.Rule{Cron: "15 2 * * *"}, zone, now, now)
			if err != nil || !next.After(now) {
				t.Fatalf("%s: %v after %v, %v", zone, next, now, err)
			}
			now = next
			days[now.In(z).Format(time.DateOnly)]++
		}
		if len(days) != 365 {
			t.Errorf("%s: %d nights had a run, want 365", zone, len(days))
		}
	}
	last := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if got, err := Next(due.Rule{Every: time.Hour}, "", last, last.Add(150*time.Minute)); err != nil || !got.Equal(last.Add(3*time.Hour)) {
		t.Errorf("every hour, two of them missed: got %v, %v", got, err)
	}
	for _, bad := range []struct{ cron, zone string }{{"0 25 * * *", "Europe/Berlin"}, {"0 3 * * *", "Europe/Berlinn"}, {"0 3 31 2 *", "Europe/Berlin"}, {"0 3 * * *", "Local"}} {
		if got, err := Next(due.Rule{Cron: bad.cron}, bad.zone, last, last); err == nil {
			t.Errorf("%v: got %v, want an error", bad, got)
		}
	}
}

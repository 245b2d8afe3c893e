package calendar_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"backstitch/partition"
	"backstitch/partition/calendar"
)

// A closure is a blackout beside the calendar's own, in its own zone; what is on is called by the one that ends last.
func TestClosures(t *testing.T) {
	own, err := calendar.New(partition.Calendar{Zone: "Europe/Berlin", Blackouts: []partition.Window{{Cron: "0 3 * * *", Duration: time.Hour}}}) // 02:00Z
	if err != nil {
		t.Fatal(err)
	}
	c, err := own.Close([]calendar.Closure{
		{Name: "once", Zone: "UTC", From: at("2026-11-27T06:00:00Z"), Duration: 2 * time.Hour},
		{Name: "daily", Zone: "America/New_York", Cron: "0 2 * * *", Duration: 90 * time.Minute}, // 07:00Z
		{Name: "early", Zone: "UTC", From: at("2026-11-27T02:30:00Z"), Duration: 10 * time.Minute},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ at, until, closure, next string }{
		{"01:59", "", "", ""},
		{"02:35", "03:00", "", "once"}, // the own one lasts longer
		{"03:00", "", "", "once"},
		{"06:00", "08:30", "once", "daily"}, // and daily goes on where it ends
		{"07:30", "08:30", "daily", ""},
		{"08:30", "", "", ""},
	} {
		s := c.At(at("2026-11-27T" + row.at + ":00Z"))
		until := ""
		if !s.Blackout.IsZero() {
			until = s.Blackout.UTC().Format("15:04")
		}
		if until != row.until || s.Closure != row.closure || s.NextClosure != row.next {
			t.Errorf("at %s: closed until %s by %q, next %q, want %+v", row.at, until, s.Closure, s.NextClosure, row)
		}
	}
	if s := own.At(at("2026-11-27T06:30:00Z")); !s.Blackout.IsZero() {
		t.Error("closing a calendar has changed the one that was closed")
	}
	met := c.Meets(at("2026-11-27T05:00:00Z"), at("2026-11-27T09:00:00Z"), 10)
	if len(met) != 1 || met[0].Closure != "once" || !met[0].To.Equal(at("2026-11-27T08:30:00Z")) {
		t.Errorf("meets %+v", met)
	}
}

// What nobody can have meant is refused at its field, and so is what meets another one.
func TestCheckClosure(t *testing.T) {
	now := at("2026-11-27T00:00:00Z")
	others := []calendar.Closure{
		{Name: "weekly", Zone: "Europe/Berlin", Cron: "0 2 * * SUN", Duration: 2 * time.Hour}, // 01:00Z to 03:00Z
		{Name: "on", Zone: "UTC", From: at("2026-11-26T23:00:00Z"), Duration: 2 * time.Hour},
	}
	for want, c := range map[string]calendar.Closure{
		`x.timezone: there is no time zone "Berlin"`: {Zone: "Berlin", Cron: "0 2 * * *", Duration: time.Hour},
		"x.cron: cron line":                          {Zone: "UTC", Cron: "0 2 * *", Duration: time.Hour},
		"x.cron: want either":                        {Zone: "UTC", Duration: time.Hour},
		"x.cron: want either a":                      {Zone: "UTC", Cron: "0 2 * * *", From: now, Duration: time.Hour},
		"x.cron: it begins at no time":               {Zone: "UTC", Cron: "0 2 29 2 *", Duration: time.Hour},
		"x.duration: a window of 0s":                 {Zone: "UTC", Cron: "0 2 * * *"},
		"x.duration: it begins again":                {Zone: "UTC", Cron: "0 2 * * *", Duration: 24 * time.Hour},
		"x.from: it is over since 2026-11-26":        {Zone: "UTC", From: at("2026-11-26T22:00:00Z"), Duration: time.Hour},
		"x: it meets window weekly at 2026-11-29":    {Zone: "UTC", Cron: "30 2 * * *", Duration: time.Hour},
		"x: it meets window weekly at 2026-12-06":    {Zone: "UTC", From: at("2026-12-06T02:59:00Z"), Duration: time.Hour},
		"x: it meets window on at 2026-11-27 00:00Z": {Zone: "UTC", From: at("2026-11-26T23:30:00Z"), Duration: time.Hour},
		"x: it meets window on at 2026-11-27 00:30Z": {Zone: "UTC", From: at("2026-11-27T00:30:00Z"), Duration: time.Hour},
	} {
		c.Name = "x"
		meets, err := calendar.CheckClosure(c, others, now)
		if e := (*calendar.Error)(nil); !errors.As(err, &e) || !strings.HasPrefix(err.Error(), want) || (meets != "") != strings.Contains(want, "meets") {
			t.Errorf("%+v: got %q %v, want %q", c, meets, err, want)
		}
	}
	for _, c := range []calendar.Closure{
		{Zone: "UTC", Cron: "0 3 * * *", Duration: time.Hour},
		{Zone: "UTC", From: at("2026-11-27T01:00:00Z"), Duration: time.Hour},
		{Zone: "UTC", From: at("2027-11-27T01:00:00Z"), Duration: time.Hour},
	} {
		if meets, err := calendar.CheckClosure(c, others, now); err != nil {
			t.Errorf("%+v: got %q %v", c, meets, err)
		}
	}
}

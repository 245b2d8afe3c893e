package calendar_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"backstitch/partition"
	"backstitch/partition/calendar"
	"backstitch/partition/due"

	"pgregory.net/rapid"
)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

func blackout(zone, cron string, d time.Duration) partition.Calendar {
	return partition.Calendar{Zone: zone, Blackouts: []partition.Window{{Cron: cron, Duration: d}}}
}

// When a blackout is on, over nights in which clocks go. The moments of each row are in UTC.
func TestBlackouts(t *testing.T) {
	for _, row := range []struct {
		name, zone, cron string
		d                time.Duration
		at, until        string // "" for not on
		next             string // "" for on
	}{
		{"month's end", "Europe/Berlin", "55 23 L * *", 2 * time.Hour, "2026-11-30T22:55:00Z", "2026-12-01T00:55:00Z", ""},
		{"a second before", "Europe/Berlin", "55 23 L * *", 2 * time.Hour, "2026-11-30T22:54:59Z", "", "2026-11-30T22:55:00Z"},
		{"at its end", "Europe/Berlin", "55 23 L * *", 2 * time.Hour, "2026-12-01T00:55:00Z", "", "2026-12-31T22:55:00Z"},
		{"the skipped hour begins after it", "Europe/Berlin", "30 2 * * *", time.Hour, "2026-03-29T00:59:59Z", "", "2026-03-29T01:00:00Z"},
		{"and takes as long", "Europe/Berlin", "30 2 * * *", time.Hour, "2026-03-29T01:59:59Z", "2026-03-29T02:00:00Z", ""},
		{"the first of two", "Europe/Berlin", "30 2 * * *", 30 * time.Minute, "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", ""},
		{"between them", "Europe/Berlin", "30 2 * * *", 30 * time.Minute, "2026-10-25T01:00:00Z", "", "2026-10-25T01:30:00Z"},
		{"the second", "Europe/Berlin", "30 2 * * *", 30 * time.Minute, "2026-10-25T01:59:00Z", "2026-10-25T02:00:00Z", ""},
		{"two that touch are one", "Europe/Berlin", "30 2 * * *", time.Hour, "2026-10-25T00:30:00Z", "2026-10-25T02:30:00Z", ""},
		{"hours are elapsed", "America/New_York", "0 22 * * *", 8 * time.Hour, "2026-03-08T03:00:00Z", "2026-03-08T11:00:00Z", ""},
		{"half an hour of summer time", "Australia/Lord_Howe", "15 2 * * *", 10 * time.Minute, "2026-10-03T15:30:00Z", "2026-10-03T15:40:00Z", ""},
		{"a day that there was not", "Pacific/Apia", "0 12 30 12 *", time.Hour, "2011-12-30T10:00:00Z", "2011-12-30T11:00:00Z", ""},
		{"longer than its period", "UTC", "0 * * * 1", 90 * time.Minute, "2026-11-23T12:00:00Z", "2026-11-24T00:30:00Z", ""},
		{"days", "UTC", "0 0 1 12 *", 31 * 24 * time.Hour, "2026-12-24T00:00:00Z", "2027-01-01T00:00:00Z", ""},
	} {
		c, err := calendar.Check(blackout(row.zone, row.cron, row.d), at("2026-11-27T00:00:00Z"))
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		s := c.At(at(row.at))
		switch {
		case row.until != "" && !s.Blackout.Equal(at(row.until)):
			t.Errorf("%s: blackout until %s, want %s", row.name, s.Blackout, row.until)
		case row.until == "" && !s.Blackout.IsZero():
			t.Errorf("%s: blackout until %s, want none", row.name, s.Blackout)
		case row.next != "" && (!s.Next.Equal(at(row.next)) || !s.NextIsBlackout || !s.Until.Equal(s.Next)):
			t.Errorf("%s: next %s, until %s, want %s", row.name, s.Next, s.Until, row.next)
		}
	}
}

// Peak hours that overlap bound by the smaller of their limits, in each unit.
func TestPeaksTogether(t *testing.T) {
	c, err := calendar.New(partition.Calendar{Zone: "UTC", Peaks: []partition.Window{
		{Cron: "0 7 * * *", Duration: 4 * time.Hour, Rate: partition.Rate{Bytes: 10, Records: 5}},
		{Cron: "0 9 * * *", Duration: time.Hour, Rate: partition.Rate{Bytes: 3, Records: 7, Requests: 1}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for when, want := range map[string]partition.Rate{
		"06:59": {}, "07:00": {Bytes: 10, Records: 5}, "09:00": {Bytes: 3, Records: 5, Requests: 1}, "10:00": {Bytes: 10, Records: 5}, "11:00": {},
	} {
		if got := c.At(at("2026-11-27T" + when + ":00Z")).Rate; got != want {
			t.Errorf("at %s: %+v, want %+v", when, got, want)
		}
	}
	met := c.Meets(at("2026-11-27T06:00:00Z"), at("2026-11-27T10:30:00Z"), 10)
	if len(met) != 3 || !met[0].From.Equal(at("2026-11-27T07:00:00Z")) || !met[0].To.Equal(at("2026-11-27T09:00:00Z")) || met[1].Rate.Bytes != 3 {
		t.Errorf("meets %+v", met)
	}
}

// What is open equals what stepping through every minute says, in zones that do odd things, near the nights in which they do them.
func TestAgainstEachMinute(t *testing.T) {
	nights := map[string][]string{
		"Europe/Berlin": {"2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"}, "America/New_York": {"2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z"},
		"Australia/Lord_Howe": {"2026-04-04T15:00:00Z", "2026-10-03T15:30:00Z"}, "Pacific/Apia": {"2011-12-30T10:00:00Z"},
		"Antarctica/Troll": {"2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"}, "Asia/Pyongyang": {"2018-05-04T15:00:00Z", "2015-08-14T15:00:00Z"},
		"America/St_Johns": {"2010-11-07T02:31:00Z"}, "Antarctica/Casey": {"2010-03-04T15:00:00Z"}, "Asia/Kathmandu": {"2026-01-01T00:00:00Z"},
	}
	var zones []string
	for z := range nights {
		zones = append(zones, z)
	}
	lines := []string{"30 2 * * *", "0 * * * *", "*/17 1-3 * * *", "0 0 * * *", "59 23 * * *", "5 2 * * 0", "0,30 * 29-31 * *", "15 15 L * *"}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(zones).Draw(t, "zone")
		zone, err := calendar.Zone(name)
		if err != nil {
			t.Fatal(err)
		}
		cron, minutes := rapid.SampledFrom(lines).Draw(t, "cron"), rapid.IntRange(1, 600).Draw(t, "minutes")
		c, err := calendar.New(blackout(name, cron, time.Duration(minutes)*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		night := at(rapid.SampledFrom(nights[name]).Draw(t, "night"))
		when := night.Add(time.Duration(rapid.IntRange(-900, 900).Draw(t, "offset")) * time.Minute)
		open := steps(t, cron, zone, minutes, when.Add(-11*time.Hour), when.Add(30*time.Hour))
		s := c.At(when)
		if got := !s.Blackout.IsZero(); got != open[when.Unix()] {
			t.Fatalf("at %s: open %t, each minute says %t", when.In(zone), got, open[when.Unix()])
		}
		for m := when; m.Before(s.Until) && m.Before(when.Add(29*time.Hour)); m = m.Add(time.Minute) {
			if open[m.Unix()] != open[when.Unix()] {
				t.Fatalf("from %s on nothing changes until %s, and each minute says that it does at %s", when.In(zone), s.Until.In(zone), m.In(zone))
			}
		}
		if s.Until.Before(when.Add(29*time.Hour)) && open[s.Until.Unix()] == open[when.Unix()] {
			t.Fatalf("from %s on something changes at %s, and each minute says that it does not", when.In(zone), s.Until.In(zone))
		}
	})
}

// steps says of each minute whether the window is open, by looking at every minute.
func steps(t *rapid.T, cron string, zone *time.Location, minutes int, from, to time.Time) map[int64]bool {
	line, err := due.ParseLine(cron)
	if err != nil {
		t.Fatal(err)
	}
	shown := func(m time.Time) time.Time {
		l := m.In(zone)
		return time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), 0, 0, time.UTC)
	}
	open := map[int64]bool{}
	for m := from; m.Before(to); m = m.Add(time.Minute) {
		before, now := shown(m.Add(-time.Minute)), shown(m)
		if !now.After(before) { // clocks were set back
			before = now.Add(-time.Minute)
		}
		if next := line.Next(before); next.IsZero() || next.After(now) {
			continue
		}
		for i := range minutes {
			open[m.Add(time.Duration(i)*time.Minute).Unix()] = true
		}
	}
	return open
}

// What nobody can have meant is refused, with its place.
func TestCheck(t *testing.T) {
	slow := partition.Rate{Bytes: 1}
	peak := func(cron string, d time.Duration, r partition.Rate) partition.Window {
		return partition.Window{Cron: cron, Duration: d, Rate: r}
	}
	for want, c := range map[string]partition.Calendar{
		`there is no time zone "Europe/Bärlin"`:    {Zone: "Europe/Bärlin"},
		`"Local" is no time zone`:                  {Zone: "Local"},
		"blackout.0.cron: cron line":               blackout("UTC", "0 7 * *", time.Hour),
		"blackout.0.duration: a window of 0s":      blackout("UTC", "0 7 * * *", 0),
		"blackout.0.duration: a window of -1h":     blackout("UTC", "0 7 * * *", -time.Hour),
		"blackout.0.duration: a blackout that nev": blackout("UTC", "0 7 * * *", 24*time.Hour),
		"blackout.0.duration: a blackout that ne":  blackout("Europe/Berlin", "* * * * *", time.Minute),
		"blackout.1: the same window as blackout.0": {Zone: "UTC", Blackouts: []partition.Window{
			peak("0 7 * * *", time.Hour, partition.Rate{}), peak("0 7 * * *", time.Hour, partition.Rate{})}},
		"blackout.0.duration: a blackout that never": {Zone: "UTC", Blackouts: []partition.Window{
			peak("0 0 * * *", 12*time.Hour, partition.Rate{}), peak("0 12 * * *", 12*time.Hour, partition.Rate{})}},
		"blackout.0.throttle: nothing runs":   {Zone: "UTC", Blackouts: []partition.Window{peak("0 7 * * *", time.Hour, slow)}},
		"peakHours.0.throttle: peak hours":    {Zone: "UTC", Peaks: []partition.Window{peak("0 7 * * *", time.Hour, partition.Rate{})}},
		"peakHours.0.duration: these peak":    {Zone: "UTC", Peaks: []partition.Window{peak("0 7 * * *", 25*time.Hour, slow)}},
		"peakHours.1.throttle: it overlaps w": {Zone: "UTC", Peaks: []partition.Window{peak("0 7 * * *", 2*time.Hour, slow), peak("0 8 1 * *", time.Hour, partition.Rate{Bytes: 2})}},
	} {
		_, err := calendar.Check(c, at("2026-11-27T00:00:00Z"))
		if e := (*calendar.Error)(nil); !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q", c, err, want)
		}
	}
	if _, err := calendar.Check(partition.Calendar{Zone: "Europe/Berlin", Peaks: []partition.Window{peak("0 7 * * MON-FRI", 12*time.Hour, slow)},
		Blackouts: []partition.Window{peak("55 23 L * *", 2*time.Hour, partition.Rate{})}}, at("2026-11-27T00:00:00Z")); err != nil {
		t.Error(err)
	}
}

// A memo answers as its calendar does, at whatever times it is asked.
func TestMemo(t *testing.T) {
	c := blackout("Europe/Berlin", "0 */3 * * *", time.Hour)
	cal, err := calendar.New(c)
	if err != nil {
		t.Fatal(err)
	}
	var memo calendar.Memo[string]
	for i := range 400 {
		when := at("2026-10-24T20:00:00Z").Add(time.Duration((i*37)%900) * time.Minute)
		got, err := memo.At("a", c, when)
		if want := cal.At(when); err != nil || !got.Blackout.Equal(want.Blackout) {
			t.Fatalf("at %s: %s, %v, want %s", when, got.Blackout, err, want.Blackout)
		}
	}
}

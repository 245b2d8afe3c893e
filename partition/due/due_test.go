package due_test

import (
	"errors"
	"testing"
	"time"

	"backstitch/partition/due"
)

func at(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestNext(t *testing.T) {
	for _, row := range []struct {
		every           time.Duration
		cron            string
		last, now, want string
	}{
		{every: time.Hour, last: "2026-11-20 00:10:00", now: "2026-11-20 00:10:00", want: "2026-11-20 01:10:00"},
		{every: time.Hour, last: "2026-11-20 00:10:00", now: "2026-11-20 05:09:59", want: "2026-11-20 05:10:00"}, // missed ones are skipped
		{every: time.Hour, last: "2026-11-20 00:10:00", now: "2026-11-20 05:10:00", want: "2026-11-20 06:10:00"},
		{every: time.Hour, last: "2026-11-20 00:10:00", now: "2026-11-19 00:00:00", want: "2026-11-20 00:10:00"},
		{cron: "0 * * * *", now: "2026-11-20 00:00:00", want: "2026-11-20 01:00:00"},
		{cron: "0 * * * *", now: "2026-11-20 23:59:59", want: "2026-11-21 00:00:00"},
		{cron: "30 3 * * *", now: "2026-12-31 03:30:00", want: "2027-01-01 03:30:00"},
		{cron: "*/15 8-18 * * 1-5", now: "2026-11-20 18:45:00", want: "2026-11-23 08:00:00"}, // a Friday evening
		{cron: "5,10 0 * * *", now: "2026-11-20 00:05:00", want: "2026-11-20 00:10:00"},
		{cron: "0 0 29 2 *", now: "2026-11-20 00:00:00", want: "2028-02-29 00:00:00"},
		{cron: "0 0 1 * 7", now: "2026-11-20 00:00:00", want: "2026-11-22 00:00:00"}, // the first, or a Sunday
		{cron: "0 0 31 * *", now: "2026-11-20 00:00:00", want: "2026-12-31 00:00:00"},
		{cron: "55 23 L * *", now: "2026-11-20 00:00:00", want: "2026-11-30 23:55:00"},
		{cron: "0 7 * * MON-FRI", now: "2026-11-20 08:00:00", want: "2026-11-23 07:00:00"},
	} {
		r := due.Rule{Every: row.every, Cron: row.cron}
		last := time.Time{}
		if row.last != "" {
			last = at(row.last)
		}
		got, err := r.Next(last, at(row.now))
		if err != nil || !got.Equal(at(row.want)) {
			t.Errorf("%+v after %s: got %s, %v, want %s", r, row.now, got, err, row.want)
		}
	}
}

func TestRulesThatCanNotBeMeant(t *testing.T) {
	for _, r := range []due.Rule{
		{}, {Every: time.Hour, Cron: "0 * * * *"}, {Every: -1}, {Cron: "* * * *"}, {Cron: "60 * * * *"}, {Cron: "* 24 * * *"},
		{Cron: "* * 0 * *"}, {Cron: "* * * 13 *"}, {Cron: "* * * * 8"}, {Cron: "x * * * *"}, {Cron: "5-1 * * * *"}, {Cron: "*/0 * * * *"},
		{Cron: "1/5 * * * *"}, {Cron: "0 0 30 2 *"}, {Cron: ", * * * *"},
		{Cron: "0 * * * * *"}, {Cron: "@daily"}, {Cron: "0 3 * * * * 2027"},
	} {
		if err := r.Check(); !errors.Is(err, due.ErrRule) {
			t.Errorf("%+v: got %v, want %v", r, err, due.ErrRule)
		}
	}
}

func TestLength(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Minute: "1m", 90 * time.Second: "1m30s", 10 * time.Minute: "10m", time.Hour: "1h", 20 * time.Hour: "20h", 90 * time.Minute: "1h30m",
		time.Hour + time.Second: "1h0m1s", 500 * time.Millisecond: "500ms", -time.Hour: "-1h",
	} {
		if got := due.Length(d); got != want {
			t.Errorf("%s: got %s, want %s", d, got, want)
		}
		if back, err := time.ParseDuration(due.Length(d)); err != nil || back != d {
			t.Errorf("%s is read back as %s, %v", due.Length(d), back, err)
		}
	}
}

package forecast_test

import (
	"strings"
	"testing"
	"time"

	"backstitch/cluster/forecast"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/calendar"
)

var began = time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)

func hours(t *testing.T, c partition.Calendar) *calendar.Calendar {
	t.Helper()
	c.Zone = "UTC"
	out, err := calendar.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// How a job of 100,000 records stands that was detected at midnight, has until 04:00 and an alert after 75 % of that.
func TestJudge(t *testing.T) {
	blackout := partition.Calendar{Blackouts: []partition.Window{{Cron: "0 2 * * *", Duration: 90 * time.Minute}}}
	for _, row := range []struct {
		name      string
		at        time.Duration
		cal       partition.Calendar
		done      int64
		gone      int64
		low, high float64
		job       fsm.JobState
		finished  time.Duration
		want      forecast.State
		why       string
		latest    string // time of day
	}{
		{name: "nothing measured", at: time.Hour, job: fsm.JobRunning, want: forecast.Unknown, why: "3h00m left"},
		{name: "nothing measured, alert", at: 3 * time.Hour, job: fsm.JobRunning, want: forecast.AtRisk, why: "75 %"},
		{name: "fast enough", at: time.Hour, job: fsm.JobRunning, done: 28_000, low: 10, high: 20, want: forecast.OnTrack, why: "1h00m before", latest: "03:00"},
		{name: "the alert comes nevertheless", at: 3 * time.Hour, job: fsm.JobRunning, done: 99_000, low: 10, high: 20, want: forecast.AtRisk, why: "75 %", latest: "03:01"},
		{name: "too slow at the slow end", at: time.Hour, job: fsm.JobRunning, done: 10_000, low: 5, high: 20, want: forecast.AtRisk, why: "2h00m after", latest: "06:00"},
		{name: "a blackout lies before", at: time.Hour, cal: blackout, job: fsm.JobRunning, done: 28_000, low: 10, high: 20, want: forecast.AtRisk, why: "0h30m after", latest: "04:30"},
		{name: "it stood still", at: time.Hour, job: fsm.JobRunning, done: 28_000, low: 0, high: 20, want: forecast.AtRisk, why: "stood still"},
		{name: "the deadline passed", at: 5 * time.Hour, job: fsm.JobRunning, done: 99_999, low: 10, high: 20, want: forecast.Missed, why: "1h00m ago"},
		{name: "set aside within the goal", at: time.Hour, job: fsm.JobRunning, gone: 10, want: forecast.Unknown},
		{name: "set aside beyond it", at: time.Hour, job: fsm.JobRunning, gone: 11, want: forecast.Missed, why: "11 of 100000"},
		{name: "done in time", at: 9 * time.Hour, job: fsm.JobSucceeded, finished: 3*time.Hour + 30*time.Minute, want: forecast.Met, why: "0h30m before"},
		{name: "done too late", at: 9 * time.Hour, job: fsm.JobSucceeded, finished: 4*time.Hour + 30*time.Minute, want: forecast.Missed, why: "0h30m after"},
	} {
		c := forecast.Case{
			Now: began.Add(row.at), Calendar: hours(t, row.cal), Done: row.done, Gone: row.gone, Low: row.low, High: row.high, Measured: row.high > 0,
			Job:   fsm.Job{State: row.job, Records: 100_000, FinishedUnixNanos: began.Add(row.finished).UnixNano()},
			Terms: fsm.Terms{DetectedUnixNanos: began.UnixNano(), DeadlineUnixNanos: began.Add(4 * time.Hour).UnixNano(), AlertPercent: 75, CompletePPM: 999_900},
		}
		got := forecast.Judge(c)
		if got.State != row.want || !strings.Contains(got.Why, row.why) {
			t.Errorf("%s: %s, %q, want %s, %q", row.name, got.State, got.Why, row.want, row.why)
		}
		if want := began.Add(3 * time.Hour); !got.AlertAt.Equal(want) {
			t.Errorf("%s: alert at %s, want %s", row.name, got.AlertAt, want)
		}
		if latest := got.Latest.Format("15:04"); row.latest != "" && latest != row.latest {
			t.Errorf("%s: written at %s at the latest, want %s", row.name, latest, row.latest)
		}
		if !got.Latest.IsZero() && got.Earliest.After(got.Latest) {
			t.Errorf("%s: earliest %s is after latest %s", row.name, got.Earliest, got.Latest)
		}
	}
}

// A range needs a minute of measurement, leaves out what was no work, and holds the rate of a job that varies.
func TestRates(t *testing.T) {
	var r forecast.Rates
	now, done := began, int64(0)
	step := func(n int64, going bool) {
		now, done = now.Add(forecast.Every), done+n
		r.Observe(now, done, going)
	}
	r.Observe(now, 0, true)
	for range forecast.MinWindows - 1 {
		step(100, true)
	}
	if _, _, ok := r.Range(); ok {
		t.Error("a range of less than a minute")
	}
	step(100, true)
	if low, high, ok := r.Range(); !ok || low != 10 || high != 10 {
		t.Errorf("got %f to %f, %t, want 10", low, high, ok)
	}
	for range 30 { // a blackout: neither it nor its edges count
		step(0, false)
	}
	if low, high, _ := r.Range(); low != 10 || high != 10 {
		t.Errorf("with a blackout: %f to %f, want 10", low, high)
	}
	step(0, true)
	for i := range forecast.Kept {
		step(int64(50+100*(i/30)), true) // 5 a second for five minutes, then 15
	}
	low, high, ok := r.Range()
	if !ok || low != 5 || high != 15 {
		t.Errorf("got %f to %f, want 5 to 15", low, high)
	}
	r.Observe(now.Add(time.Second), 0, true)
	if _, _, ok := r.Range(); ok {
		t.Error("a range of a job that begins anew")
	}
}

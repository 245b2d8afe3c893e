package forecast_test

import (
	"strings"
	"testing"
	"time"

	"backstitch/cluster/forecast"
	"backstitch/fsm"
	"backstitch/partition"
)

// What people hear of a job of 100,000 records that was detected at midnight and has until 04:00.
func TestWord(t *testing.T) {
	for _, row := range []struct {
		name      string
		at        time.Duration
		done      int64
		gone      int64
		low, high float64
		job       fsm.JobState
		finished  time.Duration
		want      fsm.NoticeKind // 0 for nothing
		firm      bool
		why       string
	}{
		{name: "time left", at: time.Hour, job: fsm.JobRunning},
		{name: "a moment before the alert", at: 3*time.Hour - time.Second, job: fsm.JobRunning},
		{name: "the alert", at: 3 * time.Hour, job: fsm.JobRunning, done: 7, want: fsm.NoticeAtRisk, firm: true, why: "75 % of the time until 2026-11-27T04:00:00Z are over, and 7 of 100000"},
		{name: "the alert, on time", at: 3 * time.Hour, job: fsm.JobRunning, done: 99_990, low: 10, high: 20, want: fsm.NoticeAtRisk, firm: true, why: "75 %"},
		{name: "late at the slow end only", at: time.Hour, job: fsm.JobRunning, done: 10_000, low: 5, high: 20},
		{name: "late at the fast end", at: time.Hour, job: fsm.JobRunning, done: 10_000, low: 2, high: 5, want: fsm.NoticeAtRisk, why: "2h00m after the deadline"},
		{name: "too much set aside, time left", at: time.Hour, job: fsm.JobRunning, gone: 11, want: fsm.NoticeAtRisk, firm: true, why: "11 of 100000"},
		{name: "a moment before the deadline", at: 4*time.Hour - 1, job: fsm.JobVerifying, done: 100_000, want: fsm.NoticeAtRisk, firm: true},
		{name: "the deadline", at: 4 * time.Hour, job: fsm.JobVerifying, done: 100_000, want: fsm.NoticeMissed, firm: true, why: "is verifying with 100000 of 100000"},
		{name: "the deadline of one that failed", at: 5 * time.Hour, job: fsm.JobFailed, done: 9, want: fsm.NoticeMissed, firm: true, why: "is failed with 9 of"},
		{name: "too much set aside, and the deadline", at: 4 * time.Hour, job: fsm.JobRunning, gone: 11, want: fsm.NoticeMissed, firm: true},
		{name: "done in time", at: 9 * time.Hour, job: fsm.JobSucceeded, finished: 3 * time.Hour},
		{name: "done too late", at: 9 * time.Hour, job: fsm.JobSucceeded, finished: 5 * time.Hour, want: fsm.NoticeMissed, firm: true, why: "1h00m after"},
		{name: "done in time with too little", at: 2 * time.Hour, job: fsm.JobSucceeded, finished: time.Hour, gone: 11, want: fsm.NoticeMissed, firm: true, why: "11 of"},
	} {
		c := forecast.Case{
			Now: began.Add(row.at), Calendar: hours(t, partition.Calendar{}), Done: row.done, Gone: row.gone, Low: row.low, High: row.high, Measured: row.high > 0,
			Job:   fsm.Job{State: row.job, Records: 100_000, FinishedUnixNanos: began.Add(row.finished).UnixNano()},
			Terms: fsm.Terms{DetectedUnixNanos: began.UnixNano(), DeadlineUnixNanos: began.Add(4 * time.Hour).UnixNano(), AlertPercent: 75, CompletePPM: 999_900},
		}
		got, ok := forecast.Judge(c).Word(c)
		if ok != (row.want != 0) || got.Kind != row.want || got.Firm != row.firm || !strings.Contains(got.Why, row.why) {
			t.Errorf("%s: %t %+v, want %s, firm %t, %q", row.name, ok, got, row.want, row.firm, row.why)
		}
	}
}

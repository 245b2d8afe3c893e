package baseline

import (
	"testing"
	"time"
)

// observe gives a series hours whose count goes by the local hour of the day, and returns the judgements of the last n.
func observeLocal(t *testing.T, s *Series, zone *time.Location, first, hours int64, count func(back int64, local time.Time) float64) (out []Judgement) {
	t.Helper()
	for i := range hours {
		h := first + i
		j, err := s.Observe(Observation{Hour: h, Count: count(hours-1-i, time.Unix(h*3600, 0).In(zone))})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, j)
	}
	return out
}

// TestSeasonsGoByTheClockOfTheirZone: in the week after clocks were put back, UTC expects the rush an hour early and alarms; the zone's own seasons do not.
func TestSeasonsGoByTheClockOfTheirZone(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	first := time.Date(2026, 9, 21, 0, 0, 0, 0, time.UTC).Unix() / 3600
	hours := int64(7 * 7 * 24) // clocks are put back on 2026-10-25
	rush := func(_ int64, local time.Time) float64 {
		if h := local.Hour(); h >= 6 && h < 12 { // each of six hours has twice as many as the one before
			return float64(int(2000) << (h - 6))
		}
		return 1000
	}
	alarms := func(tuning Tuning) (n int) {
		s := New(Counts)
		s.Tune(tuning)
		for _, j := range observeLocal(t, s, zone, first, hours, rush) {
			if j.State == Low || j.State == High {
				n++
			}
		}
		return n
	}
	local := func(hour int64) int64 {
		_, offset := time.Unix(hour*3600, 0).In(zone).Zone()
		return hour + int64(offset/3600)
	}
	if n := alarms(Tuning{Local: local}); n != 0 {
		t.Errorf("%d alarms by the clock of the zone, want none", n)
	}
	if n := alarms(Tuning{}); n == 0 {
		t.Error("no alarm by UTC: the test tells nothing")
	}
	j := Judgement{Hour: time.Date(2026, 11, 6, 7, 0, 0, 0, time.UTC).Unix() / 3600}
	if got := j.Season(zone); got != "Fridays 08:00 to 09:00 Europe/Berlin" {
		t.Errorf("got %q", got)
	}
}

// TestSensitivityIsHowMuchEvidenceMakesAnAlarm: the same loss is found the sooner the higher it is.
func TestSensitivityIsHowMuchEvidenceMakesAnAlarm(t *testing.T) {
	lead := func(evidence float64) int {
		s := New(Counts)
		s.Tune(Tuning{Evidence: evidence})
		said := observeLocal(t, s, time.UTC, 490_000, 22*24, func(back int64, _ time.Time) float64 {
			if back < 24 {
				return 900
			}
			return 1000
		})
		for i, j := range said[len(said)-24:] {
			if j.State == Low {
				return i
			}
		}
		return 24
	}
	low, normal, high := lead(EvidenceLow), lead(EvidenceNormal), lead(EvidenceHigh)
	if high >= normal || normal >= low || low == 24 {
		t.Errorf("found after %d, %d and %d hours with sensitivity high, normal and low", high, normal, low)
	}
}

// TestFewerSourcesAreKept is the bound that a small state needs.
func TestFewerSourcesAreKept(t *testing.T) {
	s := NewSources()
	s.Tune(Tuning{Sources: 2})
	if _, err := s.Observe(1, map[string]int64{"a": 1, "b": 1, "c": 5}); err != nil {
		t.Fatal(err)
	}
	if s.Len() != 2 || s.Others() != 5 {
		t.Errorf("%d sources are kept and %d records are of others, want 2 and 5", s.Len(), s.Others())
	}
}

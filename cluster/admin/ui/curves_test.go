package ui

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"backstitch/cluster/client"
)

func pointsOf(t *testing.T, line string) (out [][2]float64) {
	t.Helper()
	for _, p := range strings.Fields(line) {
		x, y, ok := strings.Cut(p, ",")
		a, err := strconv.ParseFloat(x, 64)
		b, wrong := strconv.ParseFloat(y, 64)
		if !ok || err != nil || wrong != nil || a < chartLeft || a > chartWidth-chartRight || b < chartTop || b > chartHeight-chartBottom {
			t.Fatalf("point %q of %q", p, line)
		}
		out = append(out, [2]float64{a, b})
	}
	return out
}

// TestHowFastAJobWent: a rate is what came between two points, each holds until the next, and a bound is a line of its own.
func TestHowFastAJobWent(t *testing.T) {
	points := []client.CurvePoint{
		{At: at}, {At: at.Add(10 * time.Second), Dealt: 1000, Written: 500, Bytes: 10 << 20, CapPerSec: 2 << 20, Peak: true},
		{At: at.Add(20 * time.Second), Dealt: 1500, Written: 1000, Bytes: 20 << 20, CapPerSec: 2 << 20, Peak: true}, {At: at.Add(30 * time.Second), Dealt: 1500, Written: 1000, Bytes: 20 << 20, Rest: true},
		{At: at.Add(40 * time.Second), Dealt: 1500, Written: 1000, Bytes: 20 << 20, Rest: true},
	}
	got := rates(points, time.UTC)
	if len(got) != 2 {
		t.Fatalf("%d pictures", len(got))
	}
	records, bytes := got[0], got[1]
	if want := "0 read and 0 written in the last 10s; 100 read at most, 38 on the whole."; records.Words != want {
		t.Errorf("got %q, want %q", records.Words, want)
	}
	if want := "0 B/s in the last 10s, 1.0 MiB/s at most, 512 KiB/s on the whole. Nothing bounds it now."; bytes.Words != want {
		t.Errorf("got %q, want %q", bytes.Words, want)
	}
	read := pointsOf(t, records.Lines[0].Points)
	if len(read) != 8 || read[0][1] != chartTop || read[1][0] != read[2][0] || read[7] != [2]float64{chartWidth - chartRight, chartHeight - chartBottom} {
		t.Errorf("the line is %v", read)
	}
	cap := slices.IndexFunc(bytes.Lines, func(l chartLine) bool { return l.Look == "cap" })
	if cap < 0 {
		t.Fatal("no bound")
	}
	if line := pointsOf(t, bytes.Lines[cap].Points); len(line) != 2 || line[0][0] != read[2][0] || line[1][0] != read[6][0] || line[0][1] != line[1][1] || line[0][1] != chartTop {
		t.Errorf("the bound is %v", line)
	}
	var bands []string
	for _, b := range bytes.Bands {
		bands = append(bands, b.Look+" "+b.X+"+"+b.Width)
	}
	if want := []string{"peak 221+270", "rest 491+135"}; !slices.Equal(bands, want) {
		t.Errorf("bands %q, want %q", bands, want)
	}
	if rates(points[:1], time.UTC) != nil || rates(nil, time.UTC) != nil || rates([]client.CurvePoint{points[0], points[0]}, time.UTC) != nil {
		t.Error("a rate of one point")
	}
}

// TestABoundThatIsFarAboveIsOnlySaid: else the line would lie on the ground.
func TestABoundThatIsFarAboveIsOnlySaid(t *testing.T) {
	got := rates([]client.CurvePoint{{At: at, CapPerSec: 1 << 30}, {At: at.Add(10 * time.Second), Bytes: 10 << 20, CapPerSec: 1 << 30}}, time.UTC)[1]
	if len(got.Lines) != 1 || got.top != 1<<20 || !strings.Contains(got.Words, "Now bounded to 1.0 GiB/s.") {
		t.Errorf("got %+v", got)
	}
}

func TestWhatIsLeftAgainstTheDeadline(t *testing.T) {
	j := client.Job{Records: 100, State: "running", Progress: client.Progress{Written: 25}, Deadline: &client.Deadline{DetectedAt: at, At: at.Add(100 * time.Minute), AlertAt: at.Add(75 * time.Minute), State: "on-track"}}
	seen := []client.CurvePoint{{At: at.Add(-time.Minute)}, {At: at.Add(10 * time.Minute), Dealt: 5}}
	b := burndown(j, seen, at.Add(50*time.Minute), time.UTC)
	if want := "75 of 100 records are left; due 2026-11-20 13:40:00 UTC."; b.Words != want {
		t.Errorf("got %q, want %q", b.Words, want)
	}
	if *b.Now != (chartPoint{"356", "50"}) || b.Marks[0].X != "626" || b.Marks[1].X != "491" || b.Likely != "" {
		t.Errorf("got %+v %+v", b.Now, b)
	}
	if way := pointsOf(t, b.Lines[1].Points); len(way) != 2 || way[0] != [2]float64{140, 19.6} {
		t.Errorf("as it went: %v", way)
	}
	j.Deadline.State = "missed"
	late := burndown(j, nil, at.Add(200*time.Minute), time.UTC)
	if late.Now.X != "626" || late.Marks[0].X != "356" || !strings.Contains(late.Words, "It is late") || len(late.Lines) != 1 {
		t.Errorf("late: got %+v", late)
	}
	j.Deadline = nil
	if burndown(j, nil, at, time.UTC) != nil {
		t.Error("a job without a deadline has one")
	}
}

func TestNumbersAtAnEdgeReadWell(t *testing.T) {
	for v, want := range map[float64]float64{0: 1, 0.3: 0.4, 1: 1, 7: 8, 93: 100, 101: 200, 1999: 2000} {
		if got := ceil(v, 10); got < v || got-want > 1e-9 || want-got > 1e-9 {
			t.Errorf("%g: got %g, want %g", v, got, want)
		}
	}
	for v, want := range map[float64]float64{3: 4, 1000: 1024, 1025: 2048, 5 << 20: 8 << 20, 700 << 20: 1 << 30} {
		if got := ceil(v, 1024); got != want {
			t.Errorf("%g bytes: got %g, want %g", v, got, want)
		}
	}
}

// TestASlowJobIsNotOneThatStands: a few records a minute are a rate, too.
func TestASlowJobIsNotOneThatStands(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.0667: "0.067", 3.33: "3.3", 12.6: "13", 1234567: "1,234,567"} {
		if got := perSecond(v); got != want {
			t.Errorf("%g: got %s, want %s", v, got, want)
		}
	}
}

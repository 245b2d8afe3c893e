package ui

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"backstitch/cluster/client"
)

// The pictures of a job: how fast it went, under which bound, and what is left of it against its deadline. They are made here as SVG, so that they are
// there without a script, can be printed, and are tested as text. Each says its numbers in words besides.

// Sizes of a picture, in pixels of its own; a page makes it as wide as there is room.
const (
	chartWidth, chartHeight = 640, 190
	chartLeft, chartRight   = 86, 14 // room for the numbers, and for the end of a mark
	chartTop, chartBottom   = 12, 26
	chartSteps              = 4 // between numbers, upwards and to the right
)

// chart is one picture: time to the right, a number upwards.
type chart struct {
	Name   string // what it shows
	Words  string // the same in a sentence
	Lines  []chartLine
	Bands  []chartBand
	Marks  []chartMark
	Rows   []chartTick // numbers upwards
	Times  []chartTick // to the right
	Likely string      // a polygon: where the job may go
	Now    *chartPoint
	From   time.Time
	To     time.Time
	top    float64
}

// chartLine is a line and what it stands for.
type chartLine struct{ Look, Name, Points string }

// chartBand is a stretch of time in which something held.
type chartBand struct{ Look, Name, X, Width string }

// chartMark is a moment.
type chartMark struct {
	Look, Name, X string
	At            time.Time
}

// chartTick is a number or a time at an edge. The last one ends there, so that it is not cut off.
type chartTick struct {
	At, Text string
	Last     bool
}

type chartPoint struct{ X, Y string }

func newChart(name string, from, to time.Time, top float64, zone *time.Location, number func(float64) string) *chart {
	c := &chart{Name: name, From: from, To: to, top: top}
	for i := range chartSteps + 1 {
		part := float64(i) / chartSteps
		c.Rows = append(c.Rows, chartTick{c.y(part * top), number(part * top), false})
		at := from.Add(time.Duration(part * float64(to.Sub(from))))
		c.Times = append(c.Times, chartTick{c.x(at), clockText(at.In(zone), to.Sub(from)), i == chartSteps})
	}
	return c
}

// clockText is as fine as a stretch of time needs it.
func clockText(t time.Time, whole time.Duration) string {
	switch {
	case whole < 10*time.Minute:
		return t.Format("15:04:05")
	case whole < 20*time.Hour:
		return t.Format("15:04")
	}
	return t.Format("01-02 15:04")
}

func (c *chart) x(t time.Time) string {
	whole := float64(c.To.Sub(c.From))
	part := 0.0
	if whole > 0 {
		part = min(max(float64(t.Sub(c.From))/whole, 0), 1)
	}
	return fixed(chartLeft + part*(chartWidth-chartLeft-chartRight))
}

func (c *chart) y(v float64) string {
	return fixed(chartTop + (1-min(max(v/c.top, 0), 1))*(chartHeight-chartTop-chartBottom))
}

func fixed(v float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") }

// stairs is a line that holds each value from its moment to the next one; values has one less than times.
func (c *chart) stairs(times []time.Time, values []float64) string {
	var b strings.Builder
	for i, v := range values {
		fmt.Fprintf(&b, "%s,%s %s,%s ", c.x(times[i]), c.y(v), c.x(times[i+1]), c.y(v))
	}
	return strings.TrimSpace(b.String())
}

// ceil is the next number above v that reads well, in tens or, of bytes, in binary units.
func ceil(v, base float64) float64 {
	if v <= 0 {
		return 1
	}
	unit := math.Pow(base, math.Floor(math.Log(v)/math.Log(base)))
	steps := []float64{1, 2, 4, 6, 8, 10}
	if base > 10 {
		steps = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}
	}
	for _, s := range steps {
		if s*unit >= v {
			return s * unit
		}
	}
	return base * unit
}

// perSecond is a number of records a second: a slow job is not one that stands.
func perSecond(v float64) string {
	if v > 0 && v < 10 {
		return strconv.FormatFloat(v, 'g', 2, 64)
	}
	return count(int64(math.Round(v)))
}

// rates are the pictures of how fast a job went: records that were dealt with and written, and bytes against what bounded them. They are nil while
// less than two points were taken.
func rates(seen []client.CurvePoint, zone *time.Location) []*chart {
	var points []client.CurvePoint
	for _, p := range seen { // a clock that was set back measures nothing
		if n := len(points); n == 0 || p.At.After(points[n-1].At) {
			points = append(points, p)
		}
	}
	if len(points) < 2 {
		return nil
	}
	var times []time.Time
	var dealt, written, bytes []float64
	for i, p := range points {
		if times = append(times, p.At); i == 0 {
			continue
		}
		q, took := points[i-1], p.At.Sub(points[i-1].At).Seconds()
		dealt = append(dealt, float64(p.Dealt-q.Dealt)/took)
		written = append(written, float64(p.Written-q.Written)/took)
		bytes = append(bytes, float64(p.Bytes-q.Bytes)/took)
	}
	first, last := points[0], points[len(points)-1]
	whole := last.At.Sub(first.At).Seconds()
	perSecondBytes := func(v float64) string { return size(int64(v)) + "/s" }

	records := newChart("Records a second", first.At, last.At, ceil(slices.Max(dealt), 10), zone, perSecond)
	records.Lines = []chartLine{{"read", "read and decided about", records.stairs(times, dealt)}, {"written", "written", records.stairs(times, written)}}
	records.Words = fmt.Sprintf("%s read and %s written in the last %s; %s read at most, %s on the whole.", perSecond(dealt[len(dealt)-1]), perSecond(written[len(written)-1]),
		span(last.At.Sub(points[len(points)-2].At)), perSecond(slices.Max(dealt)), perSecond(float64(last.Dealt-first.Dealt)/whole))

	top := slices.Max(bytes)
	for _, p := range points {
		if float64(p.CapPerSec) < 4*top { // a bound that is far above would press the line to the ground; the words say it
			top = max(top, float64(p.CapPerSec))
		}
	}
	written2 := newChart("Bytes written a second", first.At, last.At, ceil(top, 1024), zone, perSecondBytes)
	written2.Lines = []chartLine{{"written", "written", written2.stairs(times, bytes)}}
	written2.Words = fmt.Sprintf("%s in the last %s, %s at most, %s on the whole. ", perSecondBytes(bytes[len(bytes)-1]), span(last.At.Sub(points[len(points)-2].At)),
		perSecondBytes(slices.Max(bytes)), perSecondBytes(float64(last.Bytes-first.Bytes)/whole))
	written2.bound(points)
	if last.CapPerSec > 0 {
		written2.Words += "Now bounded to " + perSecondBytes(float64(last.CapPerSec)) + "."
	} else {
		written2.Words += "Nothing bounds it now."
	}
	for _, c := range []*chart{records, written2} {
		c.band(points, "peak", "peak hours", func(p client.CurvePoint) bool { return p.Peak })
		c.band(points, "rest", "at rest: paused, a blackout or maintenance", func(p client.CurvePoint) bool { return p.Rest })
	}
	return []*chart{records, written2}
}

// bound draws what bounded a job, piece by piece: where nothing did there is no line.
func (c *chart) bound(points []client.CurvePoint) {
	name := "bound"
	for i := 0; i < len(points)-1; {
		end := i + 1
		for end < len(points)-1 && points[end].CapPerSec == points[i].CapPerSec {
			end++
		}
		if v := points[i].CapPerSec; v > 0 && float64(v) <= c.top {
			c.Lines = append(c.Lines, chartLine{"cap", name, c.stairs([]time.Time{points[i].At, points[end].At}, []float64{float64(v)})})
			name = "" // the legend has it once
		}
		i = end
	}
}

// band shades the stretches in which something held: from the point that says so to the next that does not.
func (c *chart) band(points []client.CurvePoint, look, name string, holds func(client.CurvePoint) bool) {
	for i := 0; i < len(points)-1; i++ {
		if !holds(points[i]) {
			continue
		}
		end := i + 1
		for end < len(points)-1 && holds(points[end]) {
			end++
		}
		from, to := c.across(points[i].At), c.across(points[end].At)
		c.Bands = append(c.Bands, chartBand{look, name, fixed(from), fixed(max(to-from, 1))})
		name, i = "", end-1
	}
}

// across is x as a number.
func (c *chart) across(t time.Time) float64 {
	return chartLeft + min(max(float64(t.Sub(c.From))/float64(max(c.To.Sub(c.From), 1)), 0), 1)*(chartWidth-chartLeft-chartRight)
}

// burndown is what is left of a job against its deadline. It is nil for a job without one.
func burndown(j client.Job, points []client.CurvePoint, now time.Time, zone *time.Location) *chart {
	d := j.Deadline
	if d == nil || j.Records <= 0 {
		return nil
	}
	if j.FinishedAt != nil {
		now = *j.FinishedAt
	}
	end := d.At
	for _, t := range []*time.Time{d.Latest, &now} {
		if t != nil && t.After(end) {
			end = *t
		}
	}
	if !end.After(d.DetectedAt) {
		return nil
	}
	left := max(0, j.Records-dealtWith(j.Progress))
	c := newChart("Records that are left", d.DetectedAt, end, float64(j.Records), zone, func(v float64) string { return count(int64(v)) })
	line := func(parts ...string) string { return strings.Join(parts, " ") }
	c.Lines = append(c.Lines, chartLine{"ideal", "in time, if it went evenly", line(c.x(d.DetectedAt)+","+c.y(c.top), c.x(d.At)+","+c.y(0))})
	var way []string
	for _, p := range points {
		if !p.At.Before(d.DetectedAt) && !p.At.After(now) {
			way = append(way, c.x(p.At)+","+c.y(float64(j.Records-p.Dealt)))
		}
	}
	way = append(way, c.x(now)+","+c.y(float64(left)))
	if len(way) > 1 {
		c.Lines = append(c.Lines, chartLine{"written", "as it went", line(way...)})
	}
	c.Marks = []chartMark{{"due", "deadline", c.x(d.At), d.At}, {"alert", "at risk from then on", c.x(d.AlertAt), d.AlertAt}}
	c.Now = &chartPoint{c.x(now), c.y(float64(left))}
	c.Words = fmt.Sprintf("%s of %s records are left", count(left), count(j.Records))
	if d.Earliest != nil && d.Latest != nil && !j.Terminal() {
		c.Likely = line(c.Now.X+","+c.Now.Y, c.x(*d.Earliest)+","+c.y(0), c.x(*d.Latest)+","+c.y(0))
	}
	switch d.State {
	case "at-risk":
		c.Words += ". It may be late"
	case "missed":
		c.Words += ". It is late"
	}
	c.Words += "; due " + stamp(zone, d.At) + "."
	return c
}

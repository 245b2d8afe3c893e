package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// minSample is how long a rate is watched before anything is foretold from it.
const minSample = 30 * time.Second

func count(n int64) string { return humanize.Comma(n) }

func bytesText(n int64) string { return humanize.IBytes(uint64(max(0, n))) }

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func clock(t time.Time) string { return t.UTC().Format("15:04:05Z") }

func short(hash string) string { return hash[:min(len(hash), 8)] }

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(max(0, d).Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// rateText prints records per second.
func rateText(perSecond float64) string {
	switch {
	case perSecond >= 10_000:
		return fmt.Sprintf("%.0fk/s", perSecond/1000)
	case perSecond >= 1000:
		return fmt.Sprintf("%.1fk/s", perSecond/1000)
	}
	return fmt.Sprintf("%.0f/s", perSecond)
}

// leftText prints the time left as a range, "-" when there is nothing to tell it from.
func leftText(records int64, slowest, fastest float64) string {
	if records <= 0 || slowest <= 0 || fastest < slowest {
		return "-"
	}
	low := time.Duration(float64(records) / fastest * float64(time.Second))
	high := time.Duration(float64(records) / slowest * float64(time.Second))
	if high > 1000*time.Hour {
		return "-"
	}
	if age(low) == age(high) {
		return "about " + age(high)
	}
	return age(low) + "-" + age(high)
}

// bar draws how much of something is done.
func bar(done, total int64, width int) string {
	n := 0
	if total > 0 {
		n = int(min(int64(width), done*int64(width)/total))
	}
	return strings.Repeat("#", n) + strings.Repeat("-", width-n)
}

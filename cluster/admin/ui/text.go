package ui

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"backstitch/cluster/admin/ui/incident"
	"backstitch/cluster/client"

	template "github.com/DataDog/datadog-agent/pkg/template/html"
	"github.com/dustin/go-humanize"
)

// words are the functions of templates, for a visitor who reads times of a zone. Templates can call no methods: with html/template they could, and because
// nobody knows before they run which, the linker would keep every method of every type in the program, about a sixth of it.
func (s *server) words(zone *time.Location) template.FuncMap {
	return template.FuncMap{
		"stamp": func(t any) string { return stamp(zone, t) }, "ago": func(t any) string { return ago(s.Clock(), t) }, "count": count, "size": size, "percent": percent, "badge": badge,
		"between": func(f Finding) string { return f.Between(zone) }, "column": func(f Found, n int) string { return f.At(zone, n) },
		"back": incident.Back, "letter": letter, "donePercent": donePercent, "dict": dict, "path": url.PathEscape, "clip": clip, "join": strings.Join, "add": func(a, b int) int { return a + b },
		"dealtWith": jobView.Done, "curve": edge.Path, "records": Finding.Records, "edge": scanMap.Edge, "part": scanMap.Range, "look": scanMap.Command,
		"terminal": func(v interface{ Terminal() bool }) bool { return v.Terminal() },
	}
}

// stamp is a time in a zone, to the second, with how far that is from UTC: names of zones are not unique. It takes what pages have: a time, or a
// pointer to one, nil for none.
func stamp(zone *time.Location, t any) string {
	at, ok := moment(t)
	if !ok {
		return "-"
	}
	at = at.In(zone)
	if zone == time.UTC {
		return at.Format("2006-01-02 15:04:05") + " UTC"
	}
	return at.Format("2006-01-02 15:04:05") + " UTC" + at.Format("-07:00")
}

func moment(t any) (time.Time, bool) {
	switch t := t.(type) {
	case time.Time:
		return t, !t.IsZero()
	case *time.Time:
		if t != nil {
			return *t, !t.IsZero()
		}
	}
	return time.Time{}, false
}

// ago is how long a time is past, or ahead, in its two largest units.
func ago(now time.Time, t any) string {
	at, ok := moment(t)
	if !ok {
		return ""
	}
	if d := now.Sub(at); d >= 0 {
		return span(d) + " ago"
	}
	return "in " + span(at.Sub(now))
}

// span is a duration in its two largest units.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return "0s"
	case d < time.Minute:
		return d.Truncate(time.Second).String()
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}

// count is a number with commas.
func count(n any) string {
	switch n := n.(type) {
	case int64:
		return humanize.Comma(n)
	case int:
		return humanize.Comma(int64(n))
	case uint32:
		return humanize.Comma(int64(n))
	case uint64:
		if n < 1<<63 {
			return humanize.Comma(int64(n))
		}
	}
	return fmt.Sprint(n)
}

// size is bytes in binary units.
func size(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

// percent is a part of a whole that is never called whole before it is.
func percent(part, whole int64) int64 {
	switch {
	case whole <= 0:
		return 0
	case part >= whole:
		return 100
	}
	return part * 100 / whole
}

// badge says which of five looks a state has; the word stands in it anyway.
func badge(state string) string {
	switch state {
	case "succeeded", "pass", "met", "active", "started", "done", "on-track", "true", "leader":
		return "good"
	case "failed", "fail", "missed", "dead", "false":
		return "bad"
	case "at-risk", "waiting", "paused", "indeterminate", "draining", "verifying":
		return "care"
	case "running", "making", "leased":
		return "busy"
	}
	return "idle"
}

// letter stands for a state where there is room for one only.
func letter(state string) string {
	switch state {
	case "succeeded", "done", "pass":
		return "S"
	case "failed", "fail":
		return "F"
	case "running":
		return "R"
	case "waiting":
		return "W"
	case "skipped":
		return "K"
	case "cancelled":
		return "C"
	case "pending":
		return "."
	}
	return "?"
}

// donePercent is how much of a job is written. It is 100 only when the last phase is over.
func donePercent(j client.Job) int64 {
	if j.State == "succeeded" {
		return 100
	}
	return min(99, percent(dealtWith(j.Progress), j.Records))
}

// dict makes the value of a template that takes several.
func dict(pairs ...any) (map[string]any, error) {
	out := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: %v is no name", pairs[i])
		}
		out[name] = pairs[i+1]
	}
	return out, nil
}

// clip bounds what is shown of a text.
func clip(n int, s string) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "..."
}

// byteRate reads what people type for bytes a second, e.g. 20MiB or 20MiB/s.
func byteRate(s string) (int64, error) {
	n, err := humanize.ParseBytes(strings.TrimSuffix(strings.TrimSpace(s), "/s"))
	if err != nil || n == 0 || n >= 1<<62 {
		return 0, fmt.Errorf("%q is no number of bytes a second; for example 20MiB/s", s)
	}
	return int64(n), nil
}

// number reads a whole number of people.
func number(s string, low, high int) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%q is no number from %d to %d", s, low, high)
	}
	return n, nil
}

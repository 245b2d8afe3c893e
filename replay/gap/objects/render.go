package objects

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"backstitch/replay/gap"
)

// WriteText prints a report for people.
func WriteText(w io.Writer, rep *Report) error {
	var b strings.Builder
	b.WriteString(side("Reference", &rep.Reference) + side("Target", &rep.Target))
	if len(rep.Findings) > 0 {
		fmt.Fprintf(&b, "\n%-14s %-15s %12s %10s  %s\n", "FINDING", "KIND", "OBJECTS", "SIZE", "KEYS")
	}
	for i := range rep.Findings {
		f := &rep.Findings[i]
		count, size := "-", "-"
		if f.Count >= 0 {
			count, size = gap.Count(f.Count), gap.Size(f.Bytes)
		}
		fmt.Fprintf(&b, "%-14s %-15s %12s %10s  %s\n%30s %s\n", f.ID, f.Kind, count, size, f.keys(), "", f.why())
	}
	b.WriteByte('\n')
	b.WriteString(rep.summary())
	for _, n := range rep.NotChecked {
		fmt.Fprintf(&b, "Not checked: %s.\n", n)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func side(name string, s *Side) string {
	out := fmt.Sprintf("%-10s %s  %s objects, %s", name, Quoted(s.URL), gap.Count(s.Objects), gap.Size(s.Bytes))
	if s.Deleted > 0 {
		out += fmt.Sprintf(", %s keys under a delete marker", gap.Count(s.Deleted))
	}
	if s.Cut != "" {
		out += ", as far as it could be listed"
	}
	return out + "\n"
}

func (f *Finding) keys() string {
	switch {
	case f.Open && f.First == "":
		return "all"
	case f.Open:
		return "behind " + Quoted(f.First)
	case f.First == f.Last:
		return Quoted(f.First)
	case f.Runs > 1:
		return fmt.Sprintf("%s .. %s, at %s places", Quoted(f.First), Quoted(f.Last), gap.Count(f.Runs))
	}
	return Quoted(f.First) + " .. " + Quoted(f.Last)
}

func (f *Finding) why() string {
	out := f.Reason
	if f.Detail != "" {
		out += ": " + f.Detail
	}
	if f.InReference > 0 {
		out += fmt.Sprintf("; the reference has the content of %s", gap.Count(f.InReference))
	}
	if f.InTarget > 0 {
		out += fmt.Sprintf("; an older version in the target has the content of %s", gap.Count(f.InTarget))
	}
	if f.Evidence != "" {
		out += " (" + f.Evidence + ")"
	}
	return out
}

func (r *Report) summary() string {
	var by []string
	for _, name := range slices.Sorted(maps.Keys(r.By)) {
		by = append(by, fmt.Sprintf("%s %s", name, gap.Count(r.By[name])))
	}
	out := ""
	switch {
	case r.Compared == 0:
		out = "Nothing was compared: that is no pass.\n"
	case r.Work() == 0 && r.Unknown() == 0:
		out = fmt.Sprintf("Nothing is missing: %s objects are equal, at %s.\n", gap.Count(r.Equal), r.Evidence)
	default:
		out = fmt.Sprintf("%s of %s objects are equal. Missing: %s. Content differs: %s. Extra: %s. Not comparable: %s.\n", gap.Count(r.Equal),
			gap.Count(r.Reference.Objects), gap.Count(r.Kinds[gap.Missing]), gap.Count(r.Kinds[gap.Corrupt]), gap.Count(r.Kinds[gap.Extra]), gap.Count(r.Kinds[gap.NotComparable]))
	}
	if len(by) > 0 {
		out += "Compared by: " + strings.Join(by, ", ") + ".\n"
	}
	if slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Reason == whyNoChecksum }) {
		out += "Next: --deep reads what has no checksum in common.\n"
	}
	return out
}

// Quoted returns a key as it is, or in quotes when it has what a terminal or a reader could take for something else.
func Quoted(key string) string {
	odd := func(c rune) bool {
		return !unicode.IsGraphic(c) || unicode.IsSpace(c) || c == '"' || c == '\\' || c == '\''
	}
	if key == "" || strings.ContainsFunc(key, odd) {
		return strconv.Quote(key)
	}
	return key
}

package gap

import (
	"fmt"
	"io"
	"strings"
)

// Line is one piece of evidence, with a word or two about what it is of.
type Line struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Explanation is why a finding says what it says. Every detector fills one in, so that all of them read alike.
type Explanation struct {
	ID       string `json:"id"`
	Where    string `json:"where"`    // what it is about, and the part of it
	Claim    string `json:"claim"`    // what we say it is
	Evidence []Line `json:"evidence"` // what makes us say so
	RuledOut []Line `json:"ruledOut"` // what else it could have been, and what is known of that
	Cause    string `json:"cause,omitempty"`
	Repair   string `json:"repair"`            // whether it can be repaired, from where, and until when
	Runbook  string `json:"runbook,omitempty"` // what to read, a path in the repository
}

// Because adds evidence. Text that is empty is no evidence.
func (e *Explanation) Because(name, format string, args ...any) {
	if text := fmt.Sprintf(format, args...); text != "" {
		e.Evidence = append(e.Evidence, Line{name, text})
	}
}

// Not adds something that it could have been.
func (e *Explanation) Not(name, format string, args ...any) {
	e.RuledOut = append(e.RuledOut, Line{name, fmt.Sprintf(format, args...)})
}

// WriteText prints an explanation for people.
func (e *Explanation) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Gap %s   %s\n  Why we say it is %s\n", e.ID, e.Where, e.Claim)
	for _, l := range e.Evidence {
		fmt.Fprintf(&b, "    %-18s %s\n", l.Name, l.Text)
	}
	b.WriteString("  Why it is not something else\n")
	for _, l := range e.RuledOut {
		fmt.Fprintf(&b, "    %-18s %s\n", l.Name, l.Text)
	}
	if e.Cause != "" {
		fmt.Fprintf(&b, "  Probable cause   %s\n", e.Cause)
	}
	fmt.Fprintf(&b, "  Can be repaired  %s\n", e.Repair)
	if e.Runbook != "" {
		fmt.Fprintf(&b, "  Runbook          %s\n", e.Runbook)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Exactly says at which positions a finding is.
func (f *Finding) Exactly(unit string) string {
	switch {
	case f.RangesLeft > 0:
		return fmt.Sprintf("%s in %s %s, of which the first %s are listed", plural(int64(len(f.Ranges))+f.RangesLeft, "range"), unit, f.Range, Count(int64(len(f.Ranges))))
	case len(f.Ranges) > 0:
		return fmt.Sprintf("%s, the first %s, the last %s", plural(int64(len(f.Ranges)), "range"), f.Ranges[0], f.Ranges[len(f.Ranges)-1])
	case !f.Range.Empty():
		return unit + " " + f.Range.String()
	}
	return ""
}

// Find returns the finding with an id, nil when there is none.
func Find(fs []Finding, id string) *Finding {
	for i := range fs {
		if fs[i].ID == id {
			return &fs[i]
		}
	}
	return nil
}

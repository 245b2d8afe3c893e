package gap

import "fmt"

// From where a finding can be repaired, and until when. That is no part of its id, as little as its cause: it is not about what was
// found but about what can still be done.

// Hold notes on the findings of records that are missing that by has them. keepsMs is how long by keeps a record for sure, counted from
// the record's timestamp in milliseconds; 0 when nobody knows.
func (r *Report) Hold(by string, keepsMs int64) {
	for i := range r.Findings {
		f := &r.Findings[i]
		if !f.lost() {
			continue
		}
		f.HeldBy, f.UntilMs = by, 0
		if keepsMs > 0 && f.FirstMs > 0 {
			f.UntilMs = f.FirstMs + keepsMs
		}
	}
}

// lost reports whether a finding is of records that the target lacks and the reference has.
func (f *Finding) lost() bool { return f.Kind == Missing || f.Kind == Partly }

// Held says where the records of a finding are still to be had and until when that is sure, "" when nobody is known to have them.
func (f *Finding) Held() string {
	switch {
	case f.HeldBy == "":
		return ""
	case f.UntilMs == 0:
		return f.HeldBy + " has them; until when is not known"
	}
	return f.HeldBy + " has them, at least until " + Moment(f.UntilMs)
}

// until is the column of a list: of what can not be filled there is no end to tell.
func (f *Finding) until() string {
	switch {
	case !f.lost():
		return "-"
	case f.UntilMs == 0:
		return notKnown
	}
	return minute(f.UntilMs)
}

const notKnown = "not known"

// minute rounds down: whoever believes it is early and not late.
func minute(ms int64) string { return at(ms).Format("2006-01-02T15:04Z") }

// toFill is the line below a list: how much can be filled from where, and what of it may go first. Findings that were not kept have no
// ends, so then nobody knows which is the first.
func (r *Report) toFill(lost int64) string {
	by, unknown := "", 0
	var first *Finding
	for i := range r.Findings {
		f := &r.Findings[i]
		switch {
		case !f.lost():
			continue
		case f.UntilMs == 0:
			unknown++
		case first == nil || f.UntilMs < first.UntilMs:
			first = f
		}
		by = f.HeldBy
	}
	for _, l := range r.Left {
		if l.Missing > 0 {
			unknown++
		}
	}
	if by == "" {
		return "From where to fill them is not known.\n" // of a scan that was kept by an older program, or of which nothing missing was kept
	}
	out := fmt.Sprintf("To fill from %s: %s", by, Count(lost))
	switch {
	case first == nil:
		out += "; until when it has them is not known."
	case unknown > 0:
		out += fmt.Sprintf("; some until %s (%s), and until when it has the others is not known.", minute(first.UntilMs), first.ID)
	default:
		out += fmt.Sprintf(", all of them until %s (%s).", minute(first.UntilMs), first.ID)
	}
	return out + "\n"
}

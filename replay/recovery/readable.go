package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"backstitch/replay/record"
	"backstitch/replay/schema"
	"backstitch/replay/schema/compat"
)

// readers is whether those who read the target with its latest schemas can read what the reference's records were written with. It is for a
// person to know and no reason to refuse: readers of the reference met the same records. However many schemas there are, there is one note
// of a code: the book keeps few of them.
type readers struct {
	ok    []string // what was made sure of
	notes []Note
	more  map[string]int // by code, what would have been another note
}

// readableBy asks both registries. What they do not tell becomes a note; an error is only the end of ctx.
func readableBy(ctx context.Context, from, to *schema.Side) (*readers, error) {
	out := &readers{more: map[string]int{}}
	named := from.Named()
	for _, part := range []struct {
		subject string
		names   func(schema.Seen) bool
	}{{schema.KeySubject(to.Topic()), schema.Seen.Keys}, {schema.ValueSubject(to.Topic()), schema.Seen.Values}} {
		var names []record.SchemaName
		for _, n := range named {
			if part.names(n.Seen) {
				names = append(names, n.Name)
			}
		}
		if len(names) > 0 {
			out.part(ctx, from, to, part.subject, names)
		}
	}
	for i, n := range out.notes {
		if more := out.more[n.Code]; more > 0 {
			out.notes[i].Text += fmt.Sprintf(" The same goes for %d more.", more)
		}
	}
	return out, ctx.Err()
}

func (r *readers) note(code, format string, args ...any) {
	if slices.ContainsFunc(r.notes, func(n Note) bool { return n.Code == code }) {
		r.more[code]++
		return
	}
	// What a library says of a schema may have several lines.
	r.notes = append(r.notes, Note{Code: code, Text: strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ")})
}

func (r *readers) part(ctx context.Context, from, to *schema.Side, subject string, names []record.SchemaName) {
	latest, err := to.Registry().Version(ctx, subject, 0)
	if errors.Is(err, schema.ErrUnknown) {
		r.note(NoteNoSubject, "Registry %s has no subject %s, so whether readers of the target can read what is written was not checked.", to.Registry().Name(), subject)
		return
	}
	var reader *compat.Schema
	if err == nil {
		reader, err = compat.Parse(latest.Text)
	}
	if err != nil {
		r.note(NoteUndecided, "Whether readers of the target can read what is written is not known: the latest version of subject %s: %v.", subject, err)
		return
	}
	fits := true
	for _, name := range names {
		problems := reads(ctx, reader, from.Registry(), name)
		if len(problems) == 0 {
			continue
		}
		fits = false
		said := strings.TrimSpace(problems[0].Path + ": " + problems[0].Text)
		if n := len(problems) - 1; n > 0 {
			said += fmt.Sprintf("; and %d more", n)
		}
		if compat.VerdictOf(problems) == compat.Undecided {
			r.note(NoteUndecided, "Whether %s, the latest of the target, reads what was written with %s of the reference is not known: %s.", latest.Name(), name, said)
			continue
		}
		r.note(NoteUnreadable, "%s, the latest of the target, can not read what was written with %s of the reference: %s. Readers that have it fail at such records.", latest.Name(), name, said)
	}
	if fits {
		r.ok = append(r.ok, fmt.Sprintf("%s, the latest of the target, reads each schema that the reference names (%d)", latest.Name(), len(names)))
	}
}

// reads lists what keeps reader from what was written with a schema; that it can not be told is one reason.
func reads(ctx context.Context, reader *compat.Schema, reg *schema.Registry, name record.SchemaName) []compat.Problem {
	text, err := reg.Named(ctx, name)
	var writer *compat.Schema
	if err == nil {
		writer, err = compat.Parse(text)
	}
	if err != nil {
		return []compat.Problem{{Kind: compat.KindUndecided, Text: err.Error()}}
	}
	return compat.Reads(reader, writer)
}

// schemas says what the registries said.
func (c *preflight) schemas() {
	r := c.b.readable
	if r == nil || c.p.Empty() {
		return
	}
	for _, text := range r.ok {
		c.check("schemas", "ok", text)
	}
	for _, n := range r.notes {
		c.check("schemas", "warn", n.Code)
	}
	c.p.Notes = append(c.p.Notes, r.notes...)
}

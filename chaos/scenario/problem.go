package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// problem is one thing that is wrong with a file.
type problem struct {
	path         string // e.g. $.timeline[2]; used when there is no line yet
	line, column int    // from 1
	shift        int    // characters into the value
	message      string
}

// Error is everything that is wrong with a file.
type Error struct {
	File  string
	lines []string // by place
}

// Error lists all problems, each with its place, the line and a caret.
func (e *Error) Error() string {
	noun := "problems"
	if len(e.lines) == 1 {
		noun = "problem"
	}
	return fmt.Sprintf("the scenario %s has %d %s\n%s", e.File, len(e.lines), noun, strings.Join(e.lines, "\n"))
}

func (d *document) add(path, format string, args ...any) {
	d.problems = append(d.problems, problem{path: path, message: fmt.Sprintf(format, args...)})
}

func (d *document) fail(p problem) error {
	d.problems = append(d.problems, p)
	return d.error()
}

// error finds the place of each problem that has none yet and returns them in order.
func (d *document) error() error {
	for i := range d.problems {
		p := &d.problems[i]
		if p.line == 0 {
			p.line, p.column, _ = d.place(p.path)
			p.column += p.shift
		}
	}
	slices.SortStableFunc(d.problems, func(a, b problem) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
	})
	e := &Error{File: d.name}
	for _, p := range d.problems {
		e.lines = append(e.lines, fmt.Sprintf("%s:%d:%d: %s%s", d.name, p.line, p.column, p.message, excerpt(d.text, p.line, p.column)))
	}
	return e
}

// excerpt returns the line of text and a caret under column, "" when there is no such line.
func excerpt(text string, line, column int) string {
	lines := strings.Split(text, "\n")
	if line < 1 || line > len(lines) || strings.TrimSpace(lines[line-1]) == "" {
		return ""
	}
	margin := fmt.Sprintf("  %4d | ", line)
	pad := strings.Repeat(" ", len(margin)-2) + "| "
	return "\n" + margin + strings.TrimRight(lines[line-1], "\r") + "\n" + pad + strings.Repeat(" ", max(column-1, 0)) + "^"
}

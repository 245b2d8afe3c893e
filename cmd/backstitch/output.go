package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/goccy/go-yaml"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// answer is what a command prints, in every format that -o knows.
type answer struct {
	value any                   // json and yaml: the whole
	rows  []any                 // jsonl: one per line; nil prints value as one line
	names []string              // name: one per line
	text  func(io.Writer) error // for people
}

// print writes ans to stdout as -o says.
func (a *app) print(ans answer) error {
	switch a.output {
	case "json":
		enc := json.NewEncoder(a.stdout)
		enc.SetEscapeHTML(false) // as people write it, and as hashes of documents have it
		enc.SetIndent("", "  ")
		return enc.Encode(ans.value)
	case "jsonl":
		enc := json.NewEncoder(a.stdout)
		enc.SetEscapeHTML(false)
		rows := ans.rows
		if rows == nil {
			rows = []any{ans.value}
		}
		for _, row := range rows {
			if err := enc.Encode(row); err != nil {
				return err
			}
		}
		return nil
	case "yaml":
		b, err := json.Marshal(ans.value)
		if err != nil {
			return err
		}
		if b, err = yaml.JSONToYAML(b); err != nil {
			return err
		}
		_, err = a.stdout.Write(b)
		return err
	case "name":
		for _, name := range ans.names {
			if _, err := fmt.Fprintln(a.stdout, name); err != nil {
				return err
			}
		}
		return nil
	}
	return ans.text(a.stdout)
}

// anys makes the rows of an answer.
func anys[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

// grid prints rows under a header, columns parted by two spaces, without lines.
func grid(w io.Writer, header []string, rows [][]string) error {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = text.FormatDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	t.AppendHeader(cells(header))
	for _, row := range rows {
		t.AppendRow(cells(row))
	}
	_, err := fmt.Fprintln(w, t.Render())
	return err
}

func cells(row []string) table.Row {
	out := make(table.Row, len(row))
	for i, c := range row {
		out[i] = c
	}
	return out
}

type colour string

const (
	red   colour = "31"
	green colour = "32"
)

// paint colours s when stderr or stdout is for a person. Colour never carries meaning alone.
func (a *app) paint(c colour, s string) string {
	if !a.colourful() {
		return s
	}
	return "\x1b[" + string(c) + "m" + s + "\x1b[0m"
}

func (a *app) colourful() bool {
	switch a.color {
	case "always":
		return true
	case "never":
		return false
	}
	if a.getenv("NO_COLOR") != "" {
		return false
	}
	if v := a.getenv("CLICOLOR_FORCE"); v != "" && v != "0" {
		return true
	}
	return terminal(a.stdout) && terminal(a.stderr) && a.getenv("TERM") != "dumb"
}

// writeFile writes an output file whole, and refuses to overwrite one.
func writeFile(path string, body []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644) // #nosec G302 -- what its user asked for by name, under the umask; none of it is secret
	if err != nil {
		return &failure{Code: codeFile, Title: "can not write " + path, Detail: err.Error(), Next: "name another file", Exit: 1, Err: err}
	}
	if _, err = f.Write(body); err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		os.Remove(path)
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

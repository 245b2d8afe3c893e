package spec

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Dedupe says when a record is an event that came before. Such a record is not written, and is expected to be absent.
type Dedupe struct {
	// What makes two records one event, all of it together: key, header.NAME, value.PATH of a JSON value, or debezium for the position in the database's log that a change event of Debezium names.
	Key []KeyPart `json:"key" jsonschema:"minItems=1,maxItems=16"`
	// Two records of one key whose timestamps are less than this apart are one event, such as 24h. Left out, all that are in range are.
	Window Duration `json:"window,omitempty"`
}

// KeyPart is one part of what makes an event: key, header.NAME, value.PATH or debezium. In a path names are joined by dots; in a name a dot is
// written \. and a backslash \\.
type KeyPart string

const keyPartPattern = `^(key|debezium|header\..+|value(\.([^.\\]|\\[.\\])+)+)$`

// KeyKind is where a part of a key is.
type KeyKind uint8

// The kinds.
const (
	KeyOfRecord KeyKind = iota + 1 // the record's key
	KeyOfHeader
	KeyOfValue
	KeyOfDebezium // the position of a change event, with what tells apart those at one position
)

// Parse returns where the part is: the name of a header, or the names that lead into a value.
func (p KeyPart) Parse() (kind KeyKind, header string, names []string, err error) {
	if p == "key" {
		return KeyOfRecord, "", nil, nil
	}
	if p == "debezium" {
		return KeyOfDebezium, "", nil, nil
	}
	if name, ok := strings.CutPrefix(string(p), "header."); ok && name != "" {
		return KeyOfHeader, name, nil, nil
	}
	if path, ok := strings.CutPrefix(string(p), "value."); ok {
		names, err = Path(path).Parse()
		return KeyOfValue, "", names, err
	}
	return 0, "", nil, fmt.Errorf("%q is no part of a key: %s", string(p), unitHints[keyPartPattern])
}

// dedupe finds what is wrong with it besides its form.
func (c *checker) dedupe(r *Recovery) {
	w := r.Spec.Write
	if w == nil || w.Dedupe == nil {
		return
	}
	const at = "spec.write.dedupe"
	for i, p := range w.Dedupe.Key {
		path := fmt.Sprintf("%s.key.%d", at, i)
		kind, _, _, err := p.Parse()
		if err != nil {
			c.add(CodeValue, path, err.Error(), unitHints[keyPartPattern])
			continue
		}
		if slices.Contains(w.Dedupe.Key[:i], p) {
			c.add(CodeTwice, path, fmt.Sprintf("%q is there twice", string(p)), "each part once")
		}
		switch name, _ := r.Spec.Source.registry(); {
		case kind != KeyOfValue && kind != KeyOfDebezium:
		case name == "" && r.framed():
			c.add(CodeTogether, path, "a key in values and values that name their schema exclude each other", "it is looked for in JSON: take key, or a header")
		case name != "":
			c.add(CodeTogether, path, "a key in values and a registry exclude each other",
				"it is looked for in JSON, and the number of a schema stands in front of other forms: leave registry out")
		}
	}
	switch d, err := w.Dedupe.Window.Parse(); {
	case err != nil:
		c.add(CodeUnit, at+".window", err.Error(), "")
	case w.Dedupe.Window == "":
		return
	case d < time.Millisecond || d%time.Millisecond != 0:
		c.add(CodeValue, at+".window", fmt.Sprintf("%s.window is %s, and timestamps are of milliseconds", at, w.Dedupe.Window), "at least 1ms, such as 24h; left out, all that are in range count")
	}
	if layout := r.Spec.Source.layout(); slices.Contains(untimed, layout) {
		c.add(CodeTogether, at+".window", "files of layout "+layout+" hold no timestamps, so a window can not go by time", "leave window out: then all that are in range count")
	}
}

// layout is that of an archive, "" for a topic.
func (s *Source) layout() string {
	if f := s.files(); f != nil {
		return f.Layout
	}
	return ""
}

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// change is one place of a document that is another one now.
type change struct {
	Path string `json:"path"`
	Old  any    `json:"old,omitempty"`
	New  any    `json:"new,omitempty"`
}

// String is the change as one line: + is new, - is gone.
func (c change) String() string {
	switch {
	case c.Old == nil:
		return fmt.Sprintf("+ %s: %s", c.Path, plain(c.New))
	case c.New == nil:
		return fmt.Sprintf("- %s: %s", c.Path, plain(c.Old))
	}
	return fmt.Sprintf("~ %s: %s -> %s", c.Path, plain(c.Old), plain(c.New))
}

func plain(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

// documentChanges lists the leaves in which two JSON documents differ, by path.
func documentChanges(before, after []byte) ([]change, error) {
	x, y := map[string]any{}, map[string]any{}
	for _, d := range []struct {
		text []byte
		to   map[string]any
	}{{before, x}, {after, y}} {
		var v any
		dec := json.NewDecoder(bytes.NewReader(d.text))
		dec.UseNumber()
		if err := dec.Decode(&v); err != nil {
			return nil, fmt.Errorf("read a dataset's document: %w", err)
		}
		leaves("", v, d.to)
	}
	all := maps.Clone(x)
	maps.Copy(all, y)
	out := []change{}
	for _, path := range slices.Sorted(maps.Keys(all)) {
		if x[path] != y[path] {
			out = append(out, change{path, x[path], y[path]})
		}
	}
	return out, nil
}

// leaves collects what is neither a mapping nor a list. Entries that have a name go by it, so that one that is put in front changes
// nothing about the others.
func leaves(path string, v any, to map[string]any) {
	at := func(step string) string {
		if path == "" {
			return step
		}
		return path + "." + step
	}
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			leaves(at(k), inner, to)
		}
	case []any:
		for i, inner := range v {
			step := strconv.Itoa(i)
			if m, ok := inner.(map[string]any); ok {
				if name, ok := m["name"].(string); ok {
					step = name
				}
			}
			leaves(at(step), inner, to)
		}
	default:
		to[path] = v
	}
}

package sequence

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"backstitch/replay/record"
)

// Path says where in a record a field lies: "key" for the whole key, "header:NAME" for the last header of that name, and a JSON
// pointer (RFC 6901), like /meta/host, for a field of a JSON value.
type Path struct {
	text    string
	header  string
	pointer []string
}

// ParsePath reads what a person writes.
func ParsePath(s string) (Path, error) {
	p := Path{text: s}
	switch {
	case s == "key":
		return p, nil
	case strings.HasPrefix(s, "header:") && len(s) > len("header:"):
		p.header = strings.TrimPrefix(s, "header:")
		return p, nil
	case strings.HasPrefix(s, "/"):
		for token := range strings.SplitSeq(s[1:], "/") {
			p.pointer = append(p.pointer, strings.NewReplacer("~1", "/", "~0", "~").Replace(token))
		}
		return p, nil
	}
	return Path{}, fmt.Errorf("%q: want key, header:NAME, or a JSON pointer into the value, like /meta/host", s)
}

// String returns what ParsePath read.
func (p Path) String() string { return p.text }

// Find returns the field as text, a JSON string without its quotes, and whether there is one that is not null.
func (p Path) Find(r *record.Record) ([]byte, bool) { return p.find(r) }

// find returns the field as text; a JSON string without its quotes. It reports whether there is one.
func (p Path) find(r *record.Record) ([]byte, bool) {
	switch {
	case p.header != "":
		for i := len(r.Headers) - 1; i >= 0; i-- {
			if r.Headers[i].Key == p.header {
				return r.Headers[i].Value, r.Headers[i].Value != nil
			}
		}
		return nil, false
	case p.pointer == nil:
		return r.Key, r.Key != nil
	}
	at := json.RawMessage(r.Value)
	for _, token := range p.pointer {
		var ok bool
		if at, ok = member(at, token); !ok {
			return nil, false
		}
	}
	at = bytes.TrimSpace(at)
	if len(at) > 0 && at[0] == '"' {
		var s string
		if json.Unmarshal(at, &s) != nil {
			return nil, false
		}
		return []byte(s), true
	}
	return at, len(at) > 0 && !bytes.Equal(at, []byte("null")) && at[0] != '{' && at[0] != '['
}

// member is a member of an object, or an element of an array.
func member(at json.RawMessage, token string) (json.RawMessage, bool) {
	at = bytes.TrimSpace(at)
	if len(at) > 0 && at[0] == '[' {
		var list []json.RawMessage
		i, err := strconv.Atoi(token)
		if err != nil || json.Unmarshal(at, &list) != nil || i < 0 || i >= len(list) {
			return nil, false
		}
		return list[i], true
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(at, &object) != nil {
		return nil, false
	}
	v, ok := object[token]
	return v, ok
}

// number returns the field as a whole number that is not negative.
func (p Path) number(r *record.Record) (int64, bool) {
	text, ok := p.find(r)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	return n, err == nil && n >= 0
}

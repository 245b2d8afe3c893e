package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The canonical form of a document: the subset of RFC 8785 that FORMATS.md spells out. One value has one text, so a document can be
// hashed, and a text that is not that of its value was touched by somebody. Numbers are whole and exact in every JSON reader.

// maxInteger is the largest magnitude of a number: 2^53 - 1.
const maxInteger = 1<<53 - 1

// canonical returns the canonical text of v, as encoding/json sees v.
func canonical(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode report: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var plain any
	if err := dec.Decode(&plain); err != nil {
		return nil, fmt.Errorf("encode report: %w", err)
	}
	return appendCanonical(nil, plain)
}

func appendCanonical(dst []byte, v any) ([]byte, error) {
	var err error
	switch v := v.(type) {
	case bool:
		return strconv.AppendBool(dst, v), nil
	case string:
		return appendString(dst, v), nil
	case json.Number:
		n, err := v.Int64()
		if err != nil || n > maxInteger || n < -maxInteger {
			return nil, fmt.Errorf("%s is not a whole number of at most %d", v, int64(maxInteger))
		}
		return strconv.AppendInt(dst, n, 10), nil
	case []any:
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = appendCanonical(dst, e); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.SortFunc(keys, compareKeys)
		dst = append(dst, '{')
		for i, k := range keys {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendString(dst, k), ':')
			if dst, err = appendCanonical(dst, v[k]); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	}
	return nil, fmt.Errorf("a report has no %T", v)
}

// compareKeys orders keys by their UTF-16 code units.
func compareKeys(a, b string) int {
	return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
}

const shortEscapes = "\b\t\n\f\r\"\\"
const shortLetters = `btnfr"\`

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch n := strings.IndexByte(shortEscapes, c); {
		case n >= 0:
			dst = append(dst, '\\', shortLetters[n])
		case c < 0x20:
			dst = fmt.Appendf(dst, `\u%04x`, c)
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		default: // json.Marshal left no invalid UTF-8
			_, n := utf8.DecodeRuneInString(s[i:])
			dst = append(dst, s[i:i+n]...)
			i += n
			continue
		}
		i++
	}
	return append(dst, '"')
}

// syntaxError is a place at which a text is not canonical.
type syntaxError struct {
	offset int
	path   string
	why    string
}

func (e *syntaxError) Error() string {
	at := ""
	if e.path != "" {
		at = ", in " + e.path
	}
	return fmt.Sprintf("byte %d%s: %s", e.offset, at, e.why)
}

// maxDepth is deeper than any report.
const maxDepth = 16

// member is one member of an object, or one element of a list, with where its value stands in the text.
type member struct {
	name     string
	from, to int
	parts    []member // of an object or a list
}

// path names the innermost part that a byte lies in.
func (m *member) path(at int) string {
	for i := range m.parts {
		if p := &m.parts[i]; at >= p.from && at < p.to {
			name := p.name
			if name == "" {
				name = strconv.Itoa(i)
			}
			if inner := p.path(at); inner != "" {
				return name + "." + inner
			}
			return name
		}
	}
	return ""
}

// scan reads a text that has to be one canonical value and nothing else, and returns where its parts are.
func scan(text []byte) (*member, error) {
	s := &scanner{text: text}
	root, err := s.value(nil)
	if err == nil && s.at != len(text) {
		err = s.fail(nil, "there is more behind the end")
	}
	if err != nil {
		return nil, err
	}
	return &root, nil
}

type scanner struct {
	text []byte
	at   int
}

func (s *scanner) fail(path []string, format string, args ...any) error {
	return &syntaxError{offset: s.at, path: strings.Join(path, "."), why: fmt.Sprintf(format, args...)}
}

func (s *scanner) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

func (s *scanner) value(path []string) (m member, err error) {
	m.from = s.at
	switch c := s.peek(); {
	case len(path) > maxDepth:
		err = s.fail(path, "it is nested too deep")
	case c == '{':
		m.parts, err = s.object(path)
	case c == '[':
		m.parts, err = s.list(path)
	case c == '"':
		_, err = s.text16(path)
	case c == '-' || c >= '0' && c <= '9':
		err = s.number(path)
	case bytes.HasPrefix(s.text[s.at:], []byte("true")):
		s.at += 4
	case bytes.HasPrefix(s.text[s.at:], []byte("false")):
		s.at += 5
	default:
		err = s.fail(path, "want a value without blanks before it")
	}
	m.to = s.at
	return m, err
}

func (s *scanner) object(path []string) (parts []member, err error) {
	s.at++
	for last := ""; s.peek() != '}'; {
		if len(parts) > 0 {
			if s.peek() != ',' {
				return nil, s.fail(path, "want a comma or a brace")
			}
			s.at++
		}
		if s.peek() != '"' {
			return nil, s.fail(path, "want a name")
		}
		name, err := s.text16(path)
		if err != nil {
			return nil, err
		}
		if len(parts) > 0 && compareKeys(last, name) >= 0 {
			return nil, s.fail(path, "name %q stands behind %q", name, last)
		}
		last = name
		if s.peek() != ':' {
			return nil, s.fail(path, "want a colon")
		}
		s.at++
		m, err := s.value(append(path, name))
		if err != nil {
			return nil, err
		}
		m.name = name
		parts = append(parts, m)
	}
	s.at++
	return parts, nil
}

func (s *scanner) list(path []string) (parts []member, err error) {
	s.at++
	for s.peek() != ']' {
		if len(parts) > 0 {
			if s.peek() != ',' {
				return nil, s.fail(path, "want a comma or a bracket")
			}
			s.at++
		}
		m, err := s.value(append(path, strconv.Itoa(len(parts))))
		if err != nil {
			return nil, err
		}
		parts = append(parts, m)
	}
	s.at++
	return parts, nil
}

func (s *scanner) number(path []string) error {
	from := s.at
	if s.peek() == '-' {
		s.at++
	}
	for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
		s.at++
	}
	n, err := strconv.ParseInt(string(s.text[from:s.at]), 10, 64)
	if err != nil || n > maxInteger || n < -maxInteger || strconv.FormatInt(n, 10) != string(s.text[from:s.at]) {
		s.at = from
		return s.fail(path, "want a whole number of at most %d in its shortest form", int64(maxInteger))
	}
	return nil
}

var errEscape = errors.New("an escape that is not the shortest one")

// text16 reads a string that is written as appendString writes it.
func (s *scanner) text16(path []string) (string, error) {
	from := s.at
	for s.at++; s.peek() != '"'; s.at++ {
		switch c := s.peek(); {
		case s.at >= len(s.text):
			return "", s.fail(path, "a string without an end")
		case c == '\\':
			s.at++
		case c < 0x20:
			return "", s.fail(path, "a control character in a string")
		}
	}
	s.at++
	raw := s.text[from:s.at]
	var v string
	err := json.Unmarshal(raw, &v)
	if err == nil && !bytes.Equal(appendString(nil, v), raw) {
		err = errEscape
	}
	if err != nil {
		s.at = from
		return "", s.fail(path, "%v", err)
	}
	return v, nil
}

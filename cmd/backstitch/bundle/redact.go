package bundle

import (
	"bytes"
	"encoding/json"
	"io"
	"net/url"
	"regexp"
	"strings"
)

// Specs name secrets by reference, so there should be none in what a node says. What is here is for what people type elsewhere: a webhook
// whose path is its password, a token in the reason of a pause, a header of an HTTP step.

// Gone stands where something was taken out.
const Gone = "(taken out)"

// secretWords are parts of names behind which a secret may stand, in small letters without marks.
var secretWords = []string{"password", "passwd", "passphrase", "secret", "token", "authorization", "apikey", "accesskey", "privatekey", "credential", "cookie"}

func secretName(name string) bool {
	name = strings.NewReplacer("-", "", "_", "", ".", "", " ", "").Replace(strings.ToLower(name))
	for _, word := range secretWords {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// reference reports whether s says where a secret is, and not what it is.
func reference(s string) bool {
	kind, rest, ok := strings.Cut(s, ":")
	return ok && rest != "" && (kind == "env" || kind == "file") && !strings.ContainsAny(rest, " \t\r\n")
}

// Redact takes out of a text what opens doors, and counts the places. JSON, and JSON a line, are looked at by their names.
func Redact(body []byte) ([]byte, int) {
	if out, gone, ok := document(body); ok {
		return out, gone
	}
	text, gone := Text(string(body))
	return []byte(text), gone
}

// document redacts one JSON value or more; ok is false where the text is no JSON.
func document(body []byte) (out []byte, gone int, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var to bytes.Buffer
	enc := json.NewEncoder(&to)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	for {
		var v any
		if err := dec.Decode(&v); err == io.EOF {
			return to.Bytes(), gone, to.Len() > 0
		} else if err != nil {
			return nil, 0, false
		}
		v, n := value("", v)
		gone += n
		if err := enc.Encode(v); err != nil {
			return nil, 0, false
		}
	}
}

// value redacts what stands behind a name.
func value(name string, v any) (any, int) {
	gone := 0
	switch v := v.(type) {
	case map[string]any:
		for k, in := range v {
			out, n := value(k, in)
			v[k], gone = out, gone+n
		}
		return v, gone
	case []any:
		for i, in := range v {
			out, n := value(name, in)
			v[i], gone = out, gone+n
		}
		return v, gone
	case string:
		switch {
		case v == "" || reference(v):
			return v, 0
		case secretName(name):
			return Gone, 1
		}
		if in := strings.TrimSpace(v); strings.HasPrefix(in, "{") || strings.HasPrefix(in, "[") { // a document within one
			if out, n, ok := document([]byte(v)); ok {
				if n == 0 {
					return v, 0
				}
				return string(bytes.TrimSpace(out)), n
			}
		}
		return Text(v)
	}
	return v, 0
}

var (
	pemKey = regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\z)`)
	anyURL = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"'<>\x60]+`)
	bearer = regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{6,}`)
	awsKey = regexp.MustCompile(`\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`)
	jwt    = regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`)
	// What stands behind a name: in quotes, or to the end of the line.
	namedText = regexp.MustCompile(`(?i)([a-z0-9_.-]*(?:pass[-_.]?(?:word|wd|phrase)|secret|token|authorization|(?:api|access|private)[-_.]?key|credential|cookie)[a-z0-9_.-]*)` +
		`(["']?\s*[:=]\s*)("(?:[^"\\\r\n]|\\.)*"|'[^'\r\n]*'|[^\s"'\[{][^\r\n]*)`)
)

// Text takes out of a text what opens doors, and counts the places.
func Text(s string) (string, int) {
	gone := 0
	put := func(string) string { gone++; return Gone }
	if strings.Contains(s, "PRIVATE KEY") {
		s = pemKey.ReplaceAllStringFunc(s, put)
	}
	if strings.Contains(s, "://") {
		s = anyURL.ReplaceAllStringFunc(s, func(u string) string {
			out := plainURL(u)
			if out != u {
				gone++
			}
			return out
		})
	}
	for _, shape := range []*regexp.Regexp{bearer, awsKey, jwt} {
		s = shape.ReplaceAllStringFunc(s, put)
	}
	if !secretName(s) { // no such word at all, which is most texts, and quickly known
		return s, gone
	}
	s = namedText.ReplaceAllStringFunc(s, func(m string) string {
		part := namedText.FindStringSubmatch(m)
		what := strings.Trim(part[3], `"'`)
		if what == "" || reference(what) || what == Gone {
			return m
		}
		gone++
		return part[1] + part[2] + Gone
	})
	return s, gone
}

// plainURL is a URL without who asks and what is asked. Of one for the web only the host is left: the path of a webhook is its password.
func plainURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return Gone
	}
	plain := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	if u.Scheme == "http" || u.Scheme == "https" {
		plain.Path = ""
		if strings.Trim(u.Path, "/") == "" && u.User == nil && u.RawQuery == "" && u.Fragment == "" {
			return s
		}
		return plain.String() + "/" + Gone
	}
	if u.User == nil && u.RawQuery == "" && u.Fragment == "" {
		return s
	}
	return plain.String() + "?" + Gone
}

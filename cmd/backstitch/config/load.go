package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/pflag"
)

// Load returns the defaults, changed by file ("" for none), changed by every flag of given that was set. It does not
// validate.
func Load(file string, given *pflag.FlagSet) (Agent, error) {
	a := Default()
	if file != "" {
		raw, err := os.ReadFile(file)
		if err != nil {
			return a, fmt.Errorf("configuration: %w", err)
		}
		if err := parse(raw, &a); err != nil {
			return a, fmt.Errorf("configuration %s: %w", file, err)
		}
		a.Access.OIDC.fill()
	}
	target := pflag.NewFlagSet("agent", pflag.ContinueOnError)
	Flags(target, &a)
	var errs []error
	given.Visit(func(f *pflag.Flag) {
		if target.Lookup(f.Name) == nil {
			return
		}
		value := f.Value.String()
		if list, ok := f.Value.(pflag.SliceValue); ok {
			value = strings.Join(list.GetSlice(), ",")
		}
		errs = append(errs, target.Set(f.Name, value))
	})
	if a.Node.Name == "" {
		host, err := os.Hostname()
		if err != nil {
			errs = append(errs, fmt.Errorf("node.name is empty and the host has no name: %w", err))
		}
		a.Node.Name = host
	}
	return a, errors.Join(errs...)
}

// parse reads strict YAML over what a holds already.
func parse(raw []byte, a *Agent) error {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil
	}
	err := yaml.NewDecoder(bytes.NewReader(raw), yaml.Strict()).Decode(a)
	var syntax yaml.Error
	if !errors.As(err, &syntax) {
		return err
	}
	message, _, _ := strings.Cut(strings.TrimSpace(syntax.FormatError(false, false)), "\n")
	if _, rest, ok := strings.Cut(message, `unknown field "`); ok {
		word, _, _ := strings.Cut(rest, `"`)
		if near := nearest(word, keys(reflect.TypeFor[Agent]())); near != "" {
			message += fmt.Sprintf(" (did you mean %s?)", near)
		}
	}
	if t := syntax.GetToken(); t != nil && t.Position != nil {
		message += "\n" + excerpt(string(raw), t.Position.Line, t.Position.Column)
	}
	return errors.New(message)
}

// key is what stands before a value on a line.
var key = regexp.MustCompile(`^[ \t]*(- +)?[A-Za-z][A-Za-z0-9_.-]*[ \t]*:`)

// excerpt is a line of text with a caret under column. Of its values nothing is shown: what stands under a misspelled key, or in a file that is no
// configuration, may be a secret.
func excerpt(text string, line, column int) string {
	lines := strings.Split(text, "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	shown := key.FindString(lines[line-1])
	if strings.TrimSpace(strings.TrimPrefix(lines[line-1], shown)) != "" {
		shown += " ..."
	}
	margin := fmt.Sprintf(">%3d | ", line)
	return margin + shown + "\n" + strings.Repeat(" ", len(margin)+max(column-1, 0)) + "^"
}

// keys lists every YAML key below t.
func keys(t reflect.Type) []string {
	switch t.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice:
		return keys(t.Elem())
	case reflect.Struct:
	default:
		return nil
	}
	var out []string
	for i := range t.NumField() {
		f := t.Field(i)
		if tag := f.Tag.Get("yaml"); tag != "" {
			out = append(append(out, tag), keys(f.Type)...)
		}
	}
	return out
}

// nearest is the word that key was probably meant to be, "" when none is near.
func nearest(key string, words []string) string {
	best, at := "", 1+len(key)/3
	for _, w := range words {
		if d := distance(strings.ToLower(key), strings.ToLower(w)); d <= at && (best == "" || d < at) {
			best, at = w, d
		}
	}
	return best
}

// distance counts the letters to change, add, drop or swap with their neighbour.
func distance(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}

package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"reflect"
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
	text := strings.TrimSpace(syntax.FormatError(false, true))
	message, excerpt, _ := strings.Cut(text, "\n")
	if _, rest, ok := strings.Cut(message, `unknown field "`); ok {
		key, _, _ := strings.Cut(rest, `"`)
		if near := nearest(key, keys(reflect.TypeFor[Agent]())); near != "" {
			message += fmt.Sprintf(" (did you mean %s?)", near)
		}
	}
	return fmt.Errorf("%s\n%s", message, excerpt)
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

package config

import (
	"strings"

	"backstitch/cluster/discover"

	"github.com/spf13/pflag"
)

// entries is the flag of retry join: a list with commas between, which the first use replaces and others add to. pflag's own list reads its text as CSV, to
// which an entry with a quoted value is no field.
type entries struct {
	list  *[]string
	given bool
}

var _ pflag.SliceValue = (*entries)(nil)

func (e *entries) Set(text string) error {
	if !e.given {
		*e.list, e.given = nil, true
	}
	*e.list = append(*e.list, discover.SplitList(text)...)
	return nil
}

func (e *entries) Type() string { return "entries" }

func (e *entries) String() string {
	if e.list == nil {
		return "" // pflag asks a zero value whether the default is one
	}
	return strings.Join(*e.list, ",")
}

// Append, Replace and GetSlice are by what pflag calls a list one.
func (e *entries) Append(text string) error {
	*e.list = append(*e.list, text)
	return nil
}

func (e *entries) Replace(texts []string) error {
	*e.list = texts
	return nil
}

func (e *entries) GetSlice() []string { return *e.list }

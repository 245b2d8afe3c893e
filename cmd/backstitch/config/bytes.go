package config

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
)

// Bytes is a size. It is written with a unit, "256MiB"; a bare number is refused, since nobody knows what it meant.
type Bytes int64

// String prints b with a unit.
func (b Bytes) String() string {
	return strings.ReplaceAll(humanize.IBytes(uint64(max(0, b))), " ", "")
}

// Set reads what String prints.
func (b *Bytes) Set(s string) error {
	if strings.Trim(s, "0123456789. ") == "" {
		return fmt.Errorf("size %q has no unit: write %sMiB or the like", s, strings.TrimSpace(s))
	}
	n, err := humanize.ParseBytes(s)
	if err != nil {
		return fmt.Errorf("size %q: want a number and a unit, like 256MiB", s)
	}
	*b = Bytes(n)
	return nil
}

// Type is what help calls it.
func (b *Bytes) Type() string { return "size" }

// MarshalJSON writes the text form.
func (b Bytes) MarshalJSON() ([]byte, error) { return json.Marshal(b.String()) }

// UnmarshalYAML reads the text form.
func (b *Bytes) UnmarshalYAML(unmarshal func(any) error) error {
	var s string
	if err := unmarshal(&s); err != nil {
		return err
	}
	return b.Set(s)
}

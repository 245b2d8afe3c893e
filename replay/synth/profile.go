package synth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// The form of a profile's file.
const (
	Kind    = "backstitch.dev/profile"
	Version = 1
)

// What values look like that name no schema which the profile has. Formats are told by looking at values.
const (
	FormatJSON  = "json"
	FormatText  = "text" // UTF-8 without control characters, and not JSON
	FormatBytes = "bytes"
)

// Bounds of what a profile may say, so that a file from somewhere can not ask for more memory than there is.
const (
	MaxPartitions = 10_000
	maxSpan       = 10 * 366 * 24 * time.Hour
	maxNames      = 64
	maxNameBytes  = 1 << 10
	maxHeaders    = 1000 // of one record
)

// Profile is what a topic looks like.
type Profile struct {
	Kind       string      `json:"kind"`
	Version    int         `json:"version"`
	Records    int64       `json:"records"`
	From       time.Time   `json:"from"` // the hour in which the first record was made, UTC
	To         time.Time   `json:"to"`   // the end of the hour in which the last one was made
	Partitions []Partition `json:"partitions"`
	KeyBytes   Sizes       `json:"keyBytes"` // of keys that are not null
	Values     Values      `json:"values"`
	Headers    Headers     `json:"headers"`
	// Schemas are those that values name, as a registry has them, and others that were asked for.
	Schemas []Schema `json:"schemas,omitempty"`
}

// Partition is what one partition looks like. Keys are counted for each partition: one that lies in two counts in both.
type Partition struct {
	Partition int32     `json:"partition"`
	Records   int64     `json:"records"`
	Hours     [24]int64 `json:"hours"` // records by the hour of the day, UTC
	NullKeys  int64     `json:"nullKeys"`
	Distinct  int64     `json:"distinctKeys"` // exact below 1024, else with a standard error of 3 %
	Top       []int64   `json:"topKeys"`      // how often the most frequent keys come, highest first
}

// Values is what values look like.
type Values struct {
	Null       int64   `json:"null"`
	Format     string  `json:"format"`     // of nine in ten values that name no schema of the profile; bytes where they differ
	Bytes      Sizes   `json:"bytes"`      // of values that are not null
	Compressed float64 `json:"compressed"` // compressed bytes per byte, values one after another, by deflate
	// Shape is which members the objects have that values in JSON are, and of which types; only where it was asked for.
	Shape *Object `json:"shape,omitempty"`
}

// Headers is what headers look like.
type Headers struct {
	PerRecord  Sizes  `json:"perRecord"` // how many headers a record has
	NameBytes  Sizes  `json:"nameBytes"`
	Null       int64  `json:"null"`
	ValueBytes Sizes  `json:"valueBytes"` // of values that are not null
	Names      []Name `json:"names,omitempty"`
}

// Name is a header's name, where they are kept.
type Name struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// ErrNothing is what learning from no record gives.
var ErrNothing = errors.New("no record to learn from")

// ErrSpan is that times lie too far apart: a single record with a wrong clock makes it so.
var ErrSpan = errors.New("times lie more than ten years apart")

// Encode returns the file of a profile.
func (p *Profile) Encode() ([]byte, error) {
	b, err := json.MarshalIndent(p, "", "  ")
	return append(b, '\n'), err
}

// Decode reads the file of a profile and checks it whole. Unknown fields are refused: they would change the replica unseen.
func Decode(data []byte) (*Profile, error) {
	var head struct {
		Kind    string `json:"kind"`
		Version int    `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("not a profile: %w", err)
	}
	if head.Kind != Kind {
		return nil, fmt.Errorf("kind %q, want %q", head.Kind, Kind)
	}
	if head.Version != Version {
		return nil, fmt.Errorf("version %d of a profile, this program knows %d", head.Version, Version)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	p := new(Profile)
	if err := dec.Decode(p); err != nil {
		return nil, err
	}
	return p, p.check()
}

func (p *Profile) check() error {
	if len(p.Partitions) == 0 || len(p.Partitions) > MaxPartitions {
		return fmt.Errorf("%d partitions, want 1 to %d", len(p.Partitions), MaxPartitions)
	}
	if p.To.Sub(p.From) > maxSpan {
		return fmt.Errorf("from %s to %s: %w", p.From.Format(time.RFC3339), p.To.Format(time.RFC3339), ErrSpan)
	}
	if span := p.To.Sub(p.From); span <= 0 || span%time.Hour != 0 || p.From.UnixMilli()%time.Hour.Milliseconds() != 0 {
		return fmt.Errorf("from %s to %s: want whole hours", p.From.Format(time.RFC3339), p.To.Format(time.RFC3339))
	}
	var records, keys int64
	for i := range p.Partitions {
		part := &p.Partitions[i]
		if i > 0 && part.Partition <= p.Partitions[i-1].Partition || part.Partition < 0 || part.Partition >= MaxPartitions {
			return fmt.Errorf("partitions[%d]: number %d, want 0 to %d in rising order", i, part.Partition, MaxPartitions-1)
		}
		if err := part.check(); err != nil {
			return fmt.Errorf("partitions[%d]: %w", i, err)
		}
		records += part.Records
		keys += part.Records - part.NullKeys
	}
	if records != p.Records || records == 0 {
		return fmt.Errorf("%d records in the partitions and %d in all, want the same and at least one", records, p.Records)
	}
	if !slices.Contains([]string{FormatJSON, FormatText, FormatBytes}, p.Values.Format) {
		return fmt.Errorf("values.format %q: want %s, %s or %s", p.Values.Format, FormatJSON, FormatText, FormatBytes)
	}
	if c := p.Values.Compressed; !(c >= 0 && c <= 1) {
		return fmt.Errorf("values.compressed %g: want 0 to 1", c)
	}
	if o := p.Values.Shape; o != nil {
		if p.Values.Format != FormatJSON || o.Count > p.Records {
			return fmt.Errorf("values.shape: of %d objects among %d records of format %s", o.Count, p.Records, p.Values.Format)
		}
		left := maxMembers
		if err := o.check("values.shape", &left, 0); err != nil {
			return err
		}
	}
	h := p.Headers
	for _, s := range []struct {
		name  string
		sizes Sizes
		want  int64 // -1 for any
	}{
		{"keyBytes", p.KeyBytes, keys}, {"values.bytes", p.Values.Bytes, p.Records - p.Values.Null},
		{"headers.perRecord", h.PerRecord, p.Records}, {"headers.nameBytes", h.NameBytes, -1}, {"headers.valueBytes", h.ValueBytes, -1},
	} {
		if err := s.sizes.check(s.name); err != nil {
			return err
		}
		if got := s.sizes.Count(); s.want >= 0 && got != s.want {
			return fmt.Errorf("%s: %d sizes, want %d", s.name, got, s.want)
		}
	}
	if err := checkSchemas(p); err != nil {
		return err
	}
	return h.check()
}

func (p *Partition) check() error {
	var hours, top int64
	for _, n := range p.Hours {
		if n < 0 {
			return errors.New("hours: a negative number")
		}
		hours += n
	}
	if hours != p.Records {
		return fmt.Errorf("%d records by the hour and %d in all", hours, p.Records)
	}
	for _, n := range p.Top {
		if n < 1 {
			return errors.New("topKeys: want positive numbers")
		}
		top += n
	}
	keyed := p.Records - p.NullKeys
	if p.NullKeys < 0 || keyed < 0 || top > keyed || len(p.Top) > topListed || p.Distinct < int64(len(p.Top)) || (keyed > 0) != (p.Distinct > 0) {
		return fmt.Errorf("%d records, %d without a key, %d distinct keys of which %d come %d times: that can not be",
			p.Records, p.NullKeys, p.Distinct, len(p.Top), top)
	}
	return nil
}

func (h *Headers) check() error {
	if len(h.PerRecord) > 0 && h.PerRecord[len(h.PerRecord)-1].Mean > maxHeaders {
		return fmt.Errorf("headers.perRecord: more than %d headers on a record", maxHeaders)
	}
	if h.Null < 0 || h.Null+h.ValueBytes.Count() != h.NameBytes.Count() || len(h.Names) > maxNames {
		return fmt.Errorf("headers: %d names, %d null values and %d others, %d names kept: want as many values as names, and at most %d names kept",
			h.NameBytes.Count(), h.Null, h.ValueBytes.Count(), len(h.Names), maxNames)
	}
	for i, n := range h.Names {
		if n.Count < 1 || len(n.Name) > maxNameBytes {
			return fmt.Errorf("headers.names[%d]: want a positive count and at most %d bytes", i, maxNameBytes)
		}
	}
	return nil
}

// Package aiven says what the names of Aiven's sink connectors mean and what is in their objects: lines of comma-separated
// base64, JSON lines, or one JSON array, with the fields that the connector was told to write, which are values alone by default.
//
// Invariants:
//   - The offset in a name is that of the first record.
//   - With the field offset each record has its own position; without it, it is the name's and the place in the object.
//   - In CSV nothing tells null from empty: both are empty. They are taken for null.
//   - A timestamp in seconds has lost its milliseconds. It is refused, because every record would differ by it.
//
// What is not here: listing, numbering, merging (replay/foreign); Parquet, which is named and not compared; templates other
// than the default one.
//
// Reading order: aiven.go, name.go, csv.go, json.go.
package aiven

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"backstitch/replay/bucket"
	"backstitch/replay/foreign"
	"backstitch/replay/record"
)

// Config says what the connector was told.
type Config struct {
	Topic  string
	Format foreign.Format // CSV, JSON (lines) or Array
	Fields []string       // format.output.fields, in their order
	Bare   bool           // format.output.envelope=false: a line is the value and nothing else
	foreign.Limits
}

// DefaultConfig has the connector's defaults.
func DefaultConfig(topic string) Config {
	return Config{Topic: topic, Format: foreign.CSV, Fields: []string{"value"}, Limits: foreign.DefaultLimits()}
}

// New returns the archive of cfg.Topic in b. It does not touch the store.
func New(b bucket.Bucket, cfg Config) (*foreign.Archive, error) {
	if cfg.Topic == "" || strings.ContainsAny(cfg.Topic, "/\\") {
		return nil, fmt.Errorf("aiven archive: topic %q", cfg.Topic)
	}
	if cfg.Bare {
		cfg.Fields = []string{"value"}
	}
	fields, own, err := foreign.FieldsOf(cfg.Fields)
	if err != nil {
		return nil, fmt.Errorf("aiven archive: %w", err)
	}
	if !slices.Contains(cfg.Fields, "value") {
		return nil, fmt.Errorf("aiven archive: without the field value there is nothing to compare")
	}
	return foreign.New(b, &layout{Config: cfg, fields: fields, own: own}, cfg.Limits)
}

type layout struct {
	Config
	fields record.Fields
	own    bool
}

// Traits are those of a connector with this configuration.
func (l *layout) Traits() foreign.Traits {
	return foreign.Traits{Title: "aiven archive", Topic: l.Topic, Fields: l.fields, Own: l.own, Dense: true}
}

// Decode opens an object.
func (l *layout) Decode(_ context.Context, o *foreign.Object) (foreign.Decoder, error) {
	switch {
	case l.Format == foreign.CSV:
		return o.Pieces(foreign.Lines, (&columns{names: l.Fields}).parse)
	case l.Bare:
		o.Name.Format = foreign.JSON
		return o.Values()
	case l.Format == foreign.JSON:
		return o.Pieces(foreign.FullLines, (&members{own: l.own, timed: l.fields&record.FieldTimestamp != 0}).parse)
	case l.Format == foreign.Array:
		var e foreign.Elements
		d, err := o.Pieces(e.Split, (&members{own: l.own, timed: l.fields&record.FieldTimestamp != 0}).parse)
		if err != nil {
			return nil, err
		}
		d.End = e.End
		return d, nil
	}
	return nil, fmt.Errorf("aiven archive: format %q", l.Format)
}

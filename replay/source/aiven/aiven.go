// Package aiven says what the names of Aiven's sink connectors mean and what is in their objects: lines of comma-separated
// base64, JSON lines, one JSON array, Avro or Parquet, with the fields that the connector was told to write, which are values alone by default.
//
// Invariants:
//   - The offset in a name is that of the first record.
//   - With the field offset each record has its own position; without it, it is the name's and the place in the object.
//   - In CSV nothing tells null from empty: both are empty. They are taken for null.
//   - Line breaks stand between records and not behind the last one. So an object of values alone that ends with one has a null at its end.
//   - A null value without an envelope is null in JSON, and never the text.
//   - A timestamp in seconds has lost its milliseconds. It is refused, because every record would differ by it.
//   - Headers in Avro and Parquet are a map, in no order: it and equal names are lost. They are read, and not said to be held.
//   - A name says nothing of what is in it. One that ends as gzip does may hold Parquet, which compresses its own pages.
//
// What is not here: listing, numbering, merging (replay/foreign); templates other than the default one.
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
	Format foreign.Format // CSV, JSON (lines), Array, Avro or Parquet
	Fields []string       // format.output.fields, in their order
	Bare   bool           // format.output.envelope=false: a line, a row or a datum is the value and nothing else
	// Values says what bytes values had that are in Avro or Parquet; "" leaves them unread. Numbers are what to frame datums with.
	Values  foreign.Rendering
	Numbers []foreign.Number
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
	t := foreign.Traits{Title: "aiven archive", Topic: l.Topic, Fields: l.fields, Own: l.own, Dense: true}
	if l.contained() && l.Values != "" {
		t.Opens = []foreign.Format{l.Format}
		t.Fields &^= record.FieldHeaders
	}
	return t
}

// contained reports whether objects are containers.
func (l *layout) contained() bool { return l.Format == foreign.Avro || l.Format == foreign.Parquet }

// container opens an object of Avro or Parquet.
func (l *layout) container(o *foreign.Object) (foreign.Decoder, error) {
	if l.Bare {
		return o.Container(l.Values, l.Numbers)
	}
	e := foreign.Enveloped{As: l.Values}
	for _, f := range l.Fields {
		path := []string{f}
		switch f {
		case "key":
			e.Key = path
		case "value":
			e.Value = path
		case "headers":
			e.Headers = path
		case "timestamp":
			e.Timestamp = path
		case "offset":
			e.Offset = path
		}
	}
	return o.Envelopes(e)
}

// Decode opens an object.
func (l *layout) Decode(_ context.Context, o *foreign.Object) (foreign.Decoder, error) {
	switch {
	case l.contained():
		return l.container(o)
	case l.Format == foreign.CSV && len(l.Fields) == 1:
		return openValues(o)
	case l.Format == foreign.CSV:
		return o.Pieces(foreign.Lines, (&columns{names: l.Fields}).parse)
	case l.Bare:
		return l.bare(o)
	case l.Format == foreign.JSON:
		return o.Pieces(foreign.FullLines, l.members().parse)
	case l.Format == foreign.Array:
		var e foreign.Elements
		d, err := o.Pieces(e.Split, l.members().parse)
		if err != nil {
			return nil, err
		}
		d.End = e.End
		return d, nil
	}
	return nil, fmt.Errorf("aiven archive: format %q", l.Format)
}

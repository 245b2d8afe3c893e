// Package lenses says what the names of the Lenses S3 sink (stream-reactor) mean and what is in its objects: JSON lines and
// text, as bare values or in an envelope with key, headers, timestamp and offset.
//
// Invariants:
//   - The offset in a name is that of the last record. Taken for the first, every gap would lie one object further.
//   - .indexes/ and .temp-upload/ hold the connector's state and halves of objects. They are no data.
//   - In an envelope a record has its own offset, topic and partition; an object with records of another topic or partition is
//     foreign, and one that ends before the offset in its name is cut.
//   - A string is its text; with keyIsArray or valueIsArray it is base64; every other JSON value stays as it stands.
//
// What is not here: listing, numbering, merging (replay/foreign); Avro, Parquet, CSV and bytes, which are named and not compared.
//
// Reading order: lenses.go, name.go, envelope.go.
package lenses

import (
	"context"
	"fmt"
	"strings"

	"backstitch/replay/bucket"
	"backstitch/replay/foreign"
	"backstitch/replay/record"
)

// Config says what the connector was told.
type Config struct {
	Topic    string
	Envelope bool // each line is an envelope
	foreign.Limits
}

// DefaultConfig is for bare values.
func DefaultConfig(topic string) Config { return Config{Topic: topic, Limits: foreign.DefaultLimits()} }

// New returns the archive of cfg.Topic in b. It does not touch the store.
func New(b bucket.Bucket, cfg Config) (*foreign.Archive, error) {
	if cfg.Topic == "" || strings.ContainsAny(cfg.Topic, "/\\") {
		return nil, fmt.Errorf("lenses archive: topic %q", cfg.Topic)
	}
	return foreign.New(b, &layout{cfg}, cfg.Limits)
}

type layout struct{ Config }

// Traits are those of a connector with this configuration.
func (l *layout) Traits() foreign.Traits {
	t := foreign.Traits{Title: "lenses archive", Topic: l.Topic, Fields: record.FieldValue, Dense: true}
	if l.Envelope {
		t.Fields, t.Own = record.AllFields, true
	}
	return t
}

// Decode opens an object.
func (l *layout) Decode(_ context.Context, o *foreign.Object) (foreign.Decoder, error) {
	if !l.Envelope {
		return o.Values()
	}
	e := &envelope{topic: l.Topic, part: o.Name.Partition}
	return o.Pieces(foreign.FullLines, e.parse)
}

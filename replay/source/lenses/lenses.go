// Package lenses says what the names of the Lenses S3 sink (stream-reactor) mean and what is in its objects: JSON lines, text, bytes, Avro
// and Parquet, as bare values or in an envelope with key, headers, timestamp and offset.
//
// Invariants:
//   - The offset in a name is that of the last record. Taken for the first, every gap would lie one object further.
//   - .indexes/ and .temp-upload/ hold the connector's state and halves of objects. They are no data.
//   - In an envelope a record has its own offset, topic and partition; an object with records of another topic or partition is
//     foreign, and one that ends before the offset in its name is cut.
//   - Names of members count as they are spelt, and one that stands twice makes the line damage.
//   - A string is its text; with keyIsArray or valueIsArray it is base64; every other JSON value stays as it stands.
//   - An object of bytes is one value, as the sink insists on now. Older versions wrote several to one, some with lengths in front, and
//     nothing in it tells: so it is read only where Config says so (Single), and not where its name has two timestamps. An empty one was
//     null or of no bytes, and is named.
//   - CSV is never read. It holds what the fields of a value print as: no value can be made of it.
//   - Headers of an envelope in Avro or Parquet are fields of a record, sorted by name: their order and equal names are lost. They are
//     read, and not said to be held.
//
// What is not here: listing, numbering, merging (replay/foreign).
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
	Envelope bool // each line, row or datum is an envelope
	Single   bool // an object that ends as bytes do is one value
	// Format of objects that are containers, Avro or Parquet, and Values what bytes their values had; "" leaves them unread. Numbers are
	// what to frame datums with.
	Format  foreign.Format
	Values  foreign.Rendering
	Numbers []foreign.Number
	// Fields are the parts of a record that the envelopes of a container have.
	Fields []string
	foreign.Limits
}

// DefaultConfig is for bare values.
func DefaultConfig(topic string) Config { return Config{Topic: topic, Limits: foreign.DefaultLimits()} }

// New returns the archive of cfg.Topic in b. It does not touch the store.
func New(b bucket.Bucket, cfg Config) (*foreign.Archive, error) {
	if cfg.Topic == "" || strings.ContainsAny(cfg.Topic, "/\\") {
		return nil, fmt.Errorf("lenses archive: topic %q", cfg.Topic)
	}
	fields, _, err := foreign.FieldsOf(cfg.Fields)
	if err != nil {
		return nil, fmt.Errorf("lenses archive: %w", err)
	}
	return foreign.New(b, &layout{cfg, fields &^ record.FieldHeaders}, cfg.Limits)
}

type layout struct {
	Config
	fields record.Fields // of envelopes in containers
}

// Traits are those of a connector with this configuration.
func (l *layout) Traits() foreign.Traits {
	t := foreign.Traits{Title: "lenses archive", Topic: l.Topic, Fields: record.FieldValue, Dense: true}
	if l.Envelope {
		t.Fields, t.Own = record.AllFields, true
	}
	if l.Single {
		t.Opens = []foreign.Format{foreign.Single}
	}
	if l.contained() {
		t.Opens = []foreign.Format{l.Format}
		if l.Envelope {
			t.Fields = l.fields
		}
	}
	return t
}

// Decode opens an object.
func (l *layout) Decode(_ context.Context, o *foreign.Object) (foreign.Decoder, error) {
	switch {
	case l.contained() && o.Name.Format == l.Format:
		return l.container(o)
	case o.Name.Format == foreign.Single:
		return o.Single(), nil
	case !l.Envelope:
		return o.Values()
	}
	return o.Pieces(foreign.FullLines, newEnvelope(l.Topic, o.Name.Partition).parse)
}

// contained reports whether objects are containers that are read.
func (l *layout) contained() bool { return l.Format != "" && l.Values != "" }

// container opens an object of Avro or Parquet.
func (l *layout) container(o *foreign.Object) (foreign.Decoder, error) {
	if !l.Envelope {
		return o.Container(l.Values, l.Numbers)
	}
	e := foreign.Enveloped{As: l.Values, Topic: l.Topic, Part: o.Name.Partition, Sparse: true}
	e.Offset, e.Columns.Topic, e.Partition = []string{"metadata", "offset"}, []string{"metadata", "topic"}, []string{"metadata", "partition"}
	for _, f := range l.Fields {
		switch f {
		case "key":
			e.Key = []string{"key"}
		case "value":
			e.Value = []string{"value"}
		case "headers":
			e.Headers = []string{"headers"}
		case "timestamp":
			e.Timestamp = []string{"metadata", "timestamp"}
		}
	}
	return o.Envelopes(e)
}

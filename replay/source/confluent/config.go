package confluent

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"backstitch/replay/bucket"
	"backstitch/replay/foreign"
	"backstitch/replay/record"
)

// Config says what the connector was told and how much memory reading may take.
type Config struct {
	Topic        string
	TopicsDir    string // topics.dir; "" when the connector was given none
	DirDelim     string // directory.delim
	FileDelim    string // file.delim
	TombstoneDir string // directory whose lines are null values; "" for none
	Format       foreign.Format
	Keys         bool // every value file has a .keys companion
	Headers      bool // every value file has a .headers companion
	Ends         bool // names have the last offset, too: those of the HDFS sink
	// Values says what bytes a value had whose datum or row an object of Avro or Parquet holds, and Numbers what to frame datums with.
	Values  foreign.Rendering
	Numbers []foreign.Number
	foreign.Limits
}

// DefaultConfig has the connector's defaults.
func DefaultConfig(topic string) Config {
	return Config{
		Topic: topic, TopicsDir: "topics", DirDelim: "/", FileDelim: "+", TombstoneDir: "tombstone", Format: foreign.JSON, Limits: foreign.DefaultLimits(),
	}
}

// Validate reports what can not be meant.
func (c *Config) Validate() error {
	switch {
	case c.Topic == "" || strings.ContainsAny(c.Topic, "/\\"):
		return fmt.Errorf("confluent archive: topic %q", c.Topic)
	case c.DirDelim == "" || c.FileDelim == "":
		return errors.New("confluent archive: empty delimiter")
	case c.Format != foreign.JSON && c.Format != foreign.Bytes && c.Format != foreign.Avro && c.Format != foreign.Parquet:
		return fmt.Errorf("confluent archive: format %q, want json, bin, avro or parquet", c.Format)
	case c.Values != "" && c.Format != foreign.Avro && c.Format != foreign.Parquet:
		return fmt.Errorf("confluent archive: how values are rendered is a question of format avro or parquet, not of %s", c.Format)
	case c.Values != "" && c.Values != foreign.AsJSON && c.Format == foreign.Parquet:
		return fmt.Errorf("confluent archive: values as %q, rows of parquet are json", c.Values)
	case c.Values != "" && c.Values != foreign.AsPlain && c.Values != foreign.AsJSON && c.Values != foreign.AsFramed:
		return fmt.Errorf("confluent archive: values as %q, want plain, json or confluent", c.Values)
	}
	return nil
}

// New returns the archive of cfg.Topic in b. It does not touch the store.
func New(b bucket.Bucket, cfg Config) (*foreign.Archive, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return foreign.New(b, &layout{cfg}, cfg.Limits)
}

// layout is a Config as a foreign.Layout.
type layout struct{ Config }

// Traits are those of a connector with this configuration: values, and keys and headers where there are companions. Never
// timestamps.
func (l *layout) Traits() foreign.Traits {
	t := foreign.Traits{Title: "confluent archive", Topic: l.Topic, Prefix: l.prefix(), Fields: record.FieldValue, Dense: true, Tagged: !l.Ends}
	if l.Ends {
		t.Title = "hdfs archive"
	}
	if l.Values != "" {
		t.Opens = []foreign.Format{l.Format}
	}
	if l.Keys {
		t.Fields |= record.FieldKey
		t.Companions = append(t.Companions, "keys")
	}
	if l.Headers {
		t.Fields |= record.FieldHeaders
		t.Companions = append(t.Companions, "headers")
	}
	return t
}

// companionSample is how many value files Companions looks at. A file and its companions lie side by side in a listing.
const companionSample = 100

// Beside is which companions the value files of an archive have.
type Beside struct {
	Keys, Headers bool
	Parquet       bool // one of them is in it
}

// Companions reports which companions the first files of cfg.Topic have. An archive whose connector was told to write them
// only later counts as one without: the comparison then looks at values alone, and says so.
func Companions(ctx context.Context, b bucket.Bucket, cfg Config) (has Beside, err error) {
	values := 0
	for in, err := range b.List(ctx, cfg.prefix()) {
		if err != nil {
			return Beside{}, fmt.Errorf("list archive of %s: %w", cfg.Topic, err)
		}
		n, ok := cfg.parse(in.Key)
		if !ok {
			continue
		}
		switch {
		case n.Companion == "":
			values++
		case n.Format != foreign.ORC: // in which companions are not read
			has.Keys = has.Keys || n.Companion == "keys"
			has.Headers = has.Headers || n.Companion == "headers"
			has.Parquet = has.Parquet || n.Format == foreign.Parquet
		}
		if (has.Keys && has.Headers) || values == companionSample {
			break
		}
	}
	return has, nil
}

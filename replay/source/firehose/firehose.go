// Package firehose says what the names of Amazon Data Firehose mean and what is in its objects: records one after the other,
// with a line break between them only if the stream was told to write one.
//
// Invariants:
//   - There are no offsets and no partitions. Objects come in order of the time in their names, which is UTC, and a position is
//     a number within that order.
//   - Delivery is at least once: the same record may be in two objects. Whether an equal one was delivered twice or sent twice
//     can not be known, so a copy that is one too many is never called lost.
//   - Objects of failed deliveries hold the records that did not arrive, in base64. They are read like the others.
//   - A record that the Kinesis Producer Library made of many is taken apart into those of its users, each at a position of its own. One
//     whose checksum fits nowhere is damage by name.
//   - The directory is not the time of a record: it is that at which its object was begun.
//
// What is not here: listing and reading (replay/foreign); ORC, which is named and not compared.
//
// Reading order: firehose.go, aggregate.go, failed.go.
package firehose

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"backstitch/replay/bucket"
	"backstitch/replay/foreign"
	"backstitch/replay/record"
)

// Config says what the stream was told.
type Config struct {
	Stream string
	Format foreign.Format    // Concat (JSON values with or without line breaks), Bytes (lines) or Parquet
	Values foreign.Rendering // of rows of Parquet: json; "" leaves them unread
	foreign.Limits
}

// DefaultConfig is for JSON values.
func DefaultConfig(stream string) Config {
	return Config{Stream: stream, Format: foreign.Concat, Limits: foreign.DefaultLimits()}
}

// New returns the archive of cfg.Stream in b. It does not touch the store.
func New(b bucket.Bucket, cfg Config) (*foreign.Archive, error) {
	if cfg.Stream == "" || strings.ContainsAny(cfg.Stream, "/\\") {
		return nil, fmt.Errorf("firehose: stream %q", cfg.Stream)
	}
	switch {
	case cfg.Format != foreign.Concat && cfg.Format != foreign.Bytes && cfg.Format != foreign.Parquet:
		return nil, fmt.Errorf("firehose: format %q, want concat, bin or parquet", cfg.Format)
	case cfg.Values != "" && (cfg.Format != foreign.Parquet || cfg.Values != foreign.AsJSON):
		return nil, fmt.Errorf("firehose: values as %q in format %s, rows of parquet are json", cfg.Values, cfg.Format)
	}
	return foreign.New(b, &layout{cfg}, cfg.Limits)
}

type layout struct{ Config }

// Traits are those of every stream.
func (l *layout) Traits() foreign.Traits {
	t := foreign.Traits{Title: "firehose", Topic: l.Stream, Fields: record.FieldValue, Whole: true, Redelivers: true}
	if l.Values != "" {
		t.Opens = []foreign.Format{foreign.Parquet}
	}
	return t
}

var file = regexp.MustCompile(`^-(\d+)-(\d{4}-\d{2}-\d{2}-\d{2}-\d{2}-\d{2})-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(\..+)?$`)

// failedDirs are the kinds of failure that Firehose puts into the prefix of objects that it could not deliver.
var failedDirs = []string{"processing-failed", "format-conversion-failed", "http-endpoint-failed", "elasticsearch-failed", "AmazonOpenSearchService_failed", "splunk-failed"}

func failed(dirs string) bool {
	for d := range strings.SplitSeq(dirs, "/") {
		for _, f := range failedDirs {
			if d == f {
				return true
			}
		}
	}
	return false
}

// Parse reads a key: [PREFIX]STREAM-VERSION-YYYY-MM-DD-HH-MM-SS-UUID[.EXT].
func (l *layout) Parse(key string) (foreign.Name, bool) {
	n := foreign.Unnamed()
	name := key[strings.LastIndexByte(key, '/')+1:]
	dirs := key[:len(key)-len(name)]
	rest, ok := strings.CutPrefix(name, l.Stream)
	m := file.FindStringSubmatch(rest)
	if !ok || m == nil {
		return n, false
	}
	at, err := time.Parse("2006-01-02-15-04-05", m[2])
	if err != nil {
		return n, false
	}
	n.Dated, n.Filed = at, foreign.FiledAt(dirs)
	n.Ext, n.Stem, n.Stream = m[3], key[:len(key)-len(m[3])], dirs
	n.Format, n.Codec = foreign.SplitExt(m[3])
	switch {
	case n.Format == foreign.Parquet || n.Format == foreign.ORC || n.Format == foreign.Avro:
	case m[3] == ".zip" || m[3] == ".hsnappy":
		n.Format = foreign.Format(m[3][1:])
	default:
		n.Format = l.Format
	}
	if failed(dirs) {
		n.Format = foreign.JSON
	}
	return n, true
}

// Decode opens an object.
func (l *layout) Decode(_ context.Context, o *foreign.Object) (foreign.Decoder, error) {
	if failed(o.Name.Stream) {
		return o.Pieces(foreign.FullLines, (&undelivered{foreign.NewMembers("rawData")}).parse)
	}
	if o.Name.Format == foreign.Parquet {
		return o.Parquet(l.Values)
	}
	split, parse, err := o.Name.Values()
	if err != nil {
		return nil, err
	}
	a := &aggregates{inner: split, parse: parse}
	return o.Pieces(a.Split, a.Parse)
}

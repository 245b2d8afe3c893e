package layout

import (
	"errors"
	"fmt"
	"strings"

	"backstitch/replay/bucket"
	"backstitch/replay/foreign"
	"backstitch/replay/source/aiven"
	"backstitch/replay/source/confluent"
	"backstitch/replay/source/firehose"
	"backstitch/replay/source/gazette"
	"backstitch/replay/source/lenses"
	"backstitch/replay/source/oso"
)

// Auto asks for Detect, and Archive is our own layout, which is not read by this package.
const (
	Auto    = "auto"
	Archive = "archive"
)

// Envelope is the format of lines that hold a whole record as a JSON object.
const Envelope = "envelope"

// Options say of which layout an archive is and what its writer was told. Zero values are not known.
type Options struct {
	Layout    string
	Topic     string // as the archive calls it
	Format    string // json, bin, bytes, avro, parquet, csv, envelope, array or concat
	Fields    []string
	Envelope  *bool // whether rows and datums are envelopes; nil to look at their columns
	Keys      bool  // value files have .keys companions
	Headers   bool  // the same of .headers
	Rows      bool  // a companion is in Parquet
	TopicsDir *string
	DirDelim  string
	FileDelim string
	Values    foreign.Rendering // of files of format avro or parquet; "" leaves them unread
	Numbers   []foreign.Number
	Limits    foreign.Limits // the zero value is foreign.DefaultLimits
}

// ErrUnknown says that there is no layout, or no such format in it.
var ErrUnknown = errors.New("unknown layout")

// Open returns the archive that o describes. It does not touch the store.
func Open(b bucket.Bucket, o Options) (*foreign.Archive, error) {
	if o.Limits == (foreign.Limits{}) {
		o.Limits = foreign.DefaultLimits()
	}
	for _, e := range table {
		if e.name == o.Layout {
			return e.open(b, o)
		}
	}
	return nil, fmt.Errorf("layout %q, want one of %s: %w", o.Layout, strings.Join(Names(), ", "), ErrUnknown)
}

func badFormat(o Options, want string) error {
	return fmt.Errorf("format %q of layout %s, want %s: %w", o.Format, o.Layout, want, ErrUnknown)
}

// framed refuses numbers in front of what was never a datum of its own.
func (o *Options) framed(envelopes bool) error {
	if o.Values != foreign.AsFramed || o.Format == "avro" && !envelopes {
		return nil
	}
	return fmt.Errorf("values as %s of layout %s in %s: its objects hold no datums as the topic had them: as: plain where values are strings or bytes, or as: json: %w", o.Values, o.Layout, o.Format, ErrUnsettled)
}

func openConfluent(b bucket.Bucket, o Options) (*foreign.Archive, error) {
	cfg, err := confluentConfig(o)
	if err != nil {
		return nil, err
	}
	return confluent.New(b, cfg)
}

func confluentConfig(o Options) (confluent.Config, error) {
	cfg := confluent.DefaultConfig(o.Topic)
	switch o.Format {
	case "", "json":
	case "bin":
		cfg.Format = foreign.Bytes
	case "avro":
		cfg.Format, cfg.Values, cfg.Numbers = foreign.Avro, o.Values, o.Numbers
	case "parquet":
		cfg.Format, cfg.Values = foreign.Parquet, o.Values
	default:
		return cfg, badFormat(o, "json, bin, avro or parquet")
	}
	if o.TopicsDir != nil {
		cfg.TopicsDir = *o.TopicsDir
	}
	if o.DirDelim != "" {
		cfg.DirDelim = o.DirDelim
	}
	if o.FileDelim != "" {
		cfg.FileDelim = o.FileDelim
	}
	cfg.Keys, cfg.Headers, cfg.Ends, cfg.Limits = o.Keys, o.Headers, o.Layout == "hdfs", o.Limits
	return cfg, nil
}

func openLenses(b bucket.Bucket, o Options) (*foreign.Archive, error) {
	cfg := lenses.Config{Topic: o.Topic, Limits: o.Limits}
	switch o.Format {
	case "", "json":
	case Envelope:
		cfg.Envelope = true
	case "bytes":
		cfg.Single = true
	case "avro", "parquet":
		if err := o.framed(len(o.Fields) > 0); err != nil {
			return nil, err
		}
		cfg.Format, cfg.Values, cfg.Numbers = foreign.Format(o.Format), o.Values, o.Numbers
		cfg.Envelope, cfg.Fields = len(o.Fields) > 0, o.Fields
	default:
		return nil, badFormat(o, "json, envelope, bytes, avro or parquet")
	}
	return lenses.New(b, cfg)
}

func openAiven(b bucket.Bucket, o Options) (*foreign.Archive, error) {
	cfg := aiven.DefaultConfig(o.Topic)
	cfg.Limits = o.Limits
	if len(o.Fields) > 0 {
		cfg.Fields = o.Fields
	}
	switch o.Format {
	case "", "csv":
	case "json":
		cfg.Format, cfg.Bare = foreign.JSON, true
	case Envelope:
		cfg.Format = foreign.JSON
	case "array":
		cfg.Format = foreign.Array
	case "parquet", "avro":
		if err := o.framed(len(o.Fields) > 0); err != nil {
			return nil, err
		}
		cfg.Format, cfg.Values, cfg.Numbers = foreign.Format(o.Format), o.Values, o.Numbers
		cfg.Bare = len(o.Fields) == 0
	default:
		return nil, badFormat(o, "csv, json, envelope, array, avro or parquet")
	}
	return aiven.New(b, cfg)
}

func openFirehose(b bucket.Bucket, o Options) (*foreign.Archive, error) {
	cfg := firehose.Config{Stream: o.Topic, Format: foreign.Concat, Limits: o.Limits}
	switch o.Format {
	case "", "concat", "json":
	case "bin":
		cfg.Format = foreign.Bytes
	case "parquet":
		cfg.Format, cfg.Values = foreign.Parquet, o.Values
	default:
		return nil, badFormat(o, "concat, bin or parquet")
	}
	return firehose.New(b, cfg)
}

func openOSO(b bucket.Bucket, o Options) (*foreign.Archive, error) {
	if o.Format != "" {
		return nil, badFormat(o, "none")
	}
	return oso.New(b, oso.Config{Topic: o.Topic, Limits: o.Limits})
}

func openGazette(b bucket.Bucket, o Options) (*foreign.Archive, error) {
	if o.Format != "" && o.Format != "json" {
		return nil, badFormat(o, "json")
	}
	return gazette.New(b, gazette.Config{Topic: o.Topic, Limits: o.Limits})
}

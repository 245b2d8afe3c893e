package objects

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"backstitch/replay/record"
	"backstitch/replay/sink"
)

// What a data object is written as. All formats hold everything that a record has, and give it back as it was; what one has no form for is
// refused, record by record, and never written as something else. An object's name says its format, so that a partition may hold several.

// Format is how records are written.
type Format string

// The formats. Each holds offset, timestamp, its type, key, value and headers.
const (
	NDJSON  Format = "ndjson"  // line.go
	Avro    Format = "avro"    // avro.go
	Parquet Format = "parquet" // parquet.go
)

// codecs are the compressions of each format, the default first.
var codecs = map[Format][]string{NDJSON: {"none"}, Avro: {"snappy", "none", "deflate", "zstd"}, Parquet: {"snappy", "none", "gzip", "zstd"}}

// Codecs are the compressions that a format can have, the default first; none for a format that is not known.
func Codecs(f Format) []string { return slices.Clone(codecs[f]) }

func (f Format) validate(codec string) error {
	switch list := codecs[f]; {
	case list == nil:
		return fmt.Errorf("object sink: format %q", f)
	case !slices.Contains(list, codec):
		return fmt.Errorf("object sink: %s is not compressed with %q, but with one of %s", f, codec, strings.Join(list, ", "))
	}
	return nil
}

// encoder makes one data object.
type encoder interface {
	// add takes over what it needs of r. What the format has no form for is an error that costs this record alone.
	add(offset int64, r *record.Record, extra []record.Header) error
	// size is about how many bytes of memory are taken.
	size() int
	// finish returns the object, and begins another.
	finish() ([]byte, error)
}

// encoder makes one for data objects of this configuration.
func (c *Config) encoder() (encoder, error) {
	switch c.Format {
	case Avro:
		return newAvroEncoder(c.Codec)
	case Parquet:
		return newParquetEncoder(c.Codec)
	}
	return &lineEncoder{}, nil
}

// version is that of a commit whose data object has a format. A program that knows the first alone must not take one of the others for lines.
func (f Format) version() int {
	if f == NDJSON {
		return 1
	}
	return 2
}

// decode calls yield for each record of a data object, in order.
func decode(name string, text []byte, yield func(record.Record) error) error {
	switch Format(strings.TrimPrefix(path.Ext(name), ".")) {
	case NDJSON:
		return decodeLines(text, yield)
	case Avro:
		return decodeAvro(text, yield)
	case Parquet:
		return decodeParquet(text, yield)
	}
	return fmt.Errorf("format of %q is not known", name)
}

// unheld refuses a record that the format has no form for.
func unheld(r *record.Record, err error) error {
	return &sink.RejectedError{Offset: r.Offset, Code: sink.CodeNotHeld, Err: err}
}

// headers joins those of r and extra.
func headers(r *record.Record, extra []record.Header) []record.Header {
	if len(extra) == 0 {
		return r.Headers
	}
	return append(slices.Clip(r.Headers), extra...)
}

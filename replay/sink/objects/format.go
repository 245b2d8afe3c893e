package objects

import (
	"fmt"
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
	Array   Format = "array"   // array.go
	CSV     Format = "csv"     // csv.go
	Avro    Format = "avro"    // avro.go
	Parquet Format = "parquet" // parquet.go
)

// Formats are all of them, the default first.
var Formats = []Format{NDJSON, Array, CSV, Avro, Parquet}

var textCodecs = []string{"none", "gzip", "zstd", "snappy", "lz4"}

// codecs are the compressions of each format, the default first.
var codecs = map[Format][]string{
	NDJSON: textCodecs, Array: textCodecs, CSV: textCodecs,
	Avro: {"snappy", "none", "deflate", "zstd"}, Parquet: {"snappy", "none", "gzip", "zstd"},
}

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
	// finish returns what was made of the records since: one object, or one for each schema of their values. It begins anew.
	finish() ([][]byte, error)
}

// encoder makes one for data objects of this configuration.
func (c *Config) encoder() (encoder, error) {
	switch {
	case c.Columns != nil:
		return newShelves(c)
	case c.Format == Avro:
		return newAvroEncoder(c.Codec)
	case c.Format == Parquet:
		return newParquetEncoder(c.Codec)
	}
	return &textEncoder{text: texts[c.Format], codec: c.Codec}, nil
}

// version is that of a commit whose data object was written so. A program that knows only lower ones must not take it for something else.
func (c *Config) version() int {
	switch {
	case c.Columns != nil:
		return 4
	case c.Format == Avro, c.Format == Parquet:
		return 2
	case c.Format == NDJSON && c.Codec == "none":
		return 1
	}
	return 4
}

// ending is what the name of a data object ends with, behind a point.
func (c *Config) ending() string {
	switch c.Format {
	case Avro, Parquet:
		return string(c.Format) // compressed inside
	case Array:
		return "json" + codecEndings[c.Codec]
	}
	return string(c.Format) + codecEndings[c.Codec]
}

// endings are those of formats of text, with what they say.
var endings = func() map[string]Config {
	out := map[string]Config{}
	for f := range texts {
		for _, codec := range codecs[f] {
			c := Config{Format: f, Codec: codec}
			out[c.ending()] = c
		}
	}
	return out
}()

// decode calls yield for each record of a data object, in order.
func decode(name string, body []byte, yield func(record.Record) error) error {
	_, ending, _ := strings.Cut(name, ".")
	switch Format(ending) {
	case Avro:
		return decodeAvro(body, yield)
	case Parquet:
		return decodeParquet(body, yield)
	}
	c, ok := endings[ending]
	if !ok {
		return fmt.Errorf("format of %q is not known", name)
	}
	text, err := decompressText(c.Codec, body, maxDecoded)
	if err != nil {
		return err
	}
	return texts[c.Format].read(text, yield)
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

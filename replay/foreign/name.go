package foreign

import (
	"strings"
	"time"

	"backstitch/partition"
)

// Format is what an object holds.
type Format string

// The formats that objects are written in. Avro, Parquet and Single are read where a layout opens them (Traits.Opens), those behind them are
// known by name only.
const (
	JSON    Format = "json"  // a JSON value per line
	Bytes   Format = "bin"   // a run of raw bytes per line
	CSV     Format = "csv"   // fields per line, base64
	Array   Format = "array" // one JSON array of all records
	Concat  Format = "concat"
	Segment Format = "segment" // of a backup, with offsets and a checksum
	Avro    Format = "avro"
	Parquet Format = "parquet"
	Single  Format = "bytes" // one value, which is all of the object
	ORC     Format = "orc"
	Text    Format = "text"
	Texts   Format = "csv of texts" // what the fields of values print as: neither their types nor the form of a value
)

// Readable reports whether records of that format can be compared as they stand.
func (f Format) Readable() bool {
	switch f {
	case JSON, Bytes, CSV, Array, Concat, Segment:
		return true
	}
	return false
}

// Name is what an object's key says.
type Name struct {
	Partition int32
	// First and Last are offsets that the name says, -1 where it does not. Which of the two a lone number is differs between
	// writers; taking one for the other moves every gap by one object.
	First, Last partition.Offset
	Stream      string // the directory: what one writer appends to, one object after the other
	Stem        string // key up to Ext: what a data object and its companions share
	Ext         string // from the first dot behind the name, companion and compression included
	Companion   string // kind of companion; "" for a data object
	Format      Format
	Codec       string    // compression: "", ".gz", ".zst", ".snappy" or ".lz4"
	Tombstone   bool      // all values are null
	Digest      string    // of the content, hexadecimal, "" when the name has none
	Filed       time.Time // the time that the directories say, zero when they say none
	Dated       time.Time // the time that the file's own name says, zero when it says none
}

// endings are the compressions by the endings that writers give them.
var endings = map[string]string{
	".gz": ".gz", ".gzip": ".gz", ".zst": ".zst", ".zstd": ".zst", ".snappy": ".snappy", ".sz": ".snappy", ".lz4": ".lz4",
}

// SplitExt takes an ending apart: ".json.gz" is JSON in gzip. Parquet, ORC and Avro say their compression before their
// format. format is "" for an ending that says none, and for one that is not known it is the ending itself.
func SplitExt(ext string) (format Format, codec string) {
	rest := ext
	if i := strings.LastIndexByte(ext, '.'); i >= 0 {
		if c, ok := endings[strings.ToLower(ext[i:])]; ok {
			rest, codec = ext[:i], c
		}
	}
	last := rest[strings.LastIndexByte(rest, '.')+1:]
	switch last {
	case "json", "jsonl", "ndjson":
		return JSON, codec
	case "bin", "bytes", "raw":
		return Bytes, codec
	case "csv":
		return CSV, codec
	}
	return Format(last), codec
}

// Unnamed is a Name with nothing in it.
func Unnamed() Name { return Name{First: -1, Last: -1} }

package spec

import (
	"fmt"
	"slices"
	"strings"

	"backstitch/replay/ocf"
)

// Files says how files of records are written. Those that are there already say their own format.
type Files struct {
	// Format of the files: ndjson (a JSON object a line), array (one array of such objects), csv (a header line and a row a record, bytes in base64), avro (object containers) or parquet. Each holds everything that a record has.
	Format string `json:"format,omitempty" jsonschema:"enum=ndjson,enum=array,enum=csv,enum=avro,enum=parquet,default=ndjson"`
	// Compression: none, gzip, zstd, snappy (framed) or lz4 of whole files in ndjson, array and csv; none, snappy, deflate or zstd inside avro; none, snappy, gzip or zstd inside parquet. Left out, it is snappy inside avro and parquet, and none elsewhere.
	Codec string `json:"codec,omitempty" jsonschema:"enum=none,enum=snappy,enum=deflate,enum=gzip,enum=zstd,enum=lz4"`
	// Bytes of keys, values and headers at which a file ends, from 64KiB to 128MiB. It also ends at write.commitRecords and write.commitInterval, whichever comes first.
	FileBytes Bytes `json:"fileBytes,omitempty" jsonschema:"default=64MiB"`
	// Values as columns of their own, in files of format avro or parquet, for whoever queries them. Left out, a value is one column of bytes.
	Values *FileValues `json:"values,omitempty"`
}

// FileValues says what the columns of values are made of.
type FileValues struct {
	// columns: a column for each field, with its type. A record whose value does not come back from them as the bytes that it is is set aside.
	As string `json:"as" jsonschema:"enum=columns"`
	// What values are: confluent, a zero byte, the number of a schema and a datum of Avro, as clients of a schema registry write them; or json, JSON as the schema says it, without blanks and with members in its order.
	Of string `json:"of,omitempty" jsonschema:"enum=confluent,enum=json,default=confluent"`
	// Schema registry whose numbers the values begin with: a connection of the agents' configuration or, where no agent reads, an address such as https://registry:8081. Asked when the plan is made.
	Registry string `json:"registry,omitempty" jsonschema:"minLength=1"`
	// Subject under which the registry has the schemas of values. Left out, it is the target's topic and -value.
	Subject string `json:"subject,omitempty" jsonschema:"minLength=1"`
	// Schemas with their numbers, instead of a registry.
	Schemas []NumberedSchema `json:"schemas,omitempty"`
	// Avro schema of values that are JSON, as JSON itself.
	Schema string `json:"schema,omitempty" jsonschema:"minLength=1"`
}

var textCodecs = []string{"none", "gzip", "zstd", "snappy", "lz4"}

// fileCodecs are the compressions that files of a format can have.
var fileCodecs = map[string][]string{"": textCodecs, "ndjson": textCodecs, "array": textCodecs, "csv": textCodecs,
	"avro": {"none", "snappy", "deflate", "zstd"}, "parquet": {"none", "snappy", "gzip", "zstd"}}

func (f *Files) fill() {
	orText(&f.Format, DefaultFileFormat)
	if f.FileBytes == "" {
		f.FileBytes = DefaultFileBytes
	}
	if f.Values != nil {
		v := *f.Values // the caller's own stays as it is
		orText(&v.Of, DefaultFileValues)
		f.Values = &v
	}
}

func (c *checker) files(path string, f Files) {
	if codecs, ok := fileCodecs[f.Format]; ok && f.Codec != "" && !slices.Contains(codecs, f.Codec) {
		c.add(CodeValue, path+".codec", fmt.Sprintf("files of format %s are not compressed with %s", cmpOr(f.Format, DefaultFileFormat), f.Codec), "one of "+strings.Join(codecs, ", "))
	}
	switch n, err := f.FileBytes.Parse(); {
	case err != nil:
		c.add(CodeUnit, path+".fileBytes", err.Error(), "")
	case f.FileBytes != "" && (n < minFileBytes || n > maxFileBytes):
		c.add(CodeValue, path+".fileBytes", fmt.Sprintf("%s.fileBytes is %s", path, f.FileBytes), "from 64KiB to 128MiB")
	}
	if f.Values != nil {
		c.fileValues(path, f)
	}
}

func (c *checker) fileValues(path string, f Files) {
	v := f.Values
	if f.Format != "avro" && f.Format != "parquet" {
		c.add(CodeTogether, path+".values", "files of format "+cmpOr(f.Format, DefaultFileFormat)+" have no columns for the fields of values", "format: avro or format: parquet, or leave values out")
	}
	path += ".values"
	if v.Of == "json" {
		if v.Registry != "" || v.Subject != "" || len(v.Schemas) > 0 {
			c.add(CodeTogether, path, "registry, subject and schemas belong to of: confluent", "of: confluent, or leave them out")
		}
		if v.Schema == "" {
			c.add(CodeRequired, path+".schema", path+" names no schema", "schema: the JSON of an Avro schema of the values")
		} else if _, err := ocf.ParseSchema([]byte(v.Schema)); err != nil {
			c.add(CodeValue, path+".schema", err.Error(), "the JSON of an Avro schema")
		}
		return
	}
	if v.Schema != "" {
		c.add(CodeTogether, path+".schema", "schema belongs to of: json", "of: json, or give schemas with their numbers")
	}
	c.numbered(path, v.Registry, v.Subject, v.Schemas)
}

// numbered checks where the numbers in front of values come from.
func (c *checker) numbered(path, registry, subject string, schemas []NumberedSchema) {
	switch {
	case registry == "" && len(schemas) == 0:
		c.add(CodeRequired, path, path+" names neither registry nor schemas", "registry: NAME, whose numbers the values of the topic begin with")
	case registry != "" && len(schemas) > 0:
		c.add(CodeTogether, path+".schemas", "registry and schemas exclude each other", "keep one of them")
	case subject != "" && registry == "":
		c.add(CodeTogether, path+".subject", "a subject is one of a registry", "name the registry, or leave subject out")
	}
	c.registry(path+".registry", registry)
	for i, s := range schemas {
		if _, err := ocf.ParseSchema([]byte(s.Schema)); err != nil {
			c.add(CodeValue, fmt.Sprintf("%s.schemas[%d].schema", path, i), err.Error(), "the JSON of an Avro schema, as the registry has it")
		}
	}
}

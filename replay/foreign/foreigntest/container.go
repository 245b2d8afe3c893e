package foreigntest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"backstitch/replay/record"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
)

// The sinks' containers: Avro and Parquet, as values or in envelopes.

// Container is a writer of objects that are read only if a spec says what bytes their values had.
type Container struct {
	Writer
	Format, As string // as a spec has them; As is "" where the format says it all
	Envelope   bool   // with the offset, key and time of each record
}

// Containers are all there are. Values of those without an envelope are objects of whole numbers, of the same members in an object.
var Containers = map[string]Container{
	"confluent-parquet": {Writer: ConfluentParquet(&parquet.Snappy, ".snappy.parquet"), Format: "parquet", As: "json"},
	"confluent-beside":  {Writer: ConfluentBeside, Format: "parquet", As: "json"},
	"firehose-parquet":  {Writer: FirehoseParquet, Format: "parquet", As: "json"},
	"aiven-parquet":     {Writer: AivenParquet, Format: "parquet", As: "plain", Envelope: true},
	"aiven-avro":        {Writer: AivenAvro, Format: "avro", As: "plain", Envelope: true},
	"lenses-parquet":    {Writer: LensesParquet, Format: "parquet", As: "plain", Envelope: true},
	"lenses-avro":       {Writer: LensesAvro, Format: "avro", As: "plain", Envelope: true},
	"lenses-bytes":      {Writer: LensesBytes, Format: "bytes"},
}

// All are the names of all writers.
func All() []string { return slices.Sorted(maps.Keys(all())) }

func all() map[string]Writer {
	out := maps.Clone(Writers)
	out["firehose-aggregated"] = FirehoseAggregated
	for name, c := range Containers {
		out[name] = c.Writer
	}
	return out
}

// Spec is what a spec says of a container's objects, behind the path.
func (c Container) Spec(writer string) string {
	if c.As == "" {
		return fmt.Sprintf("layout: %s, format: %s", Layout(writer), c.Format)
	}
	return fmt.Sprintf("layout: %s, format: %s, values: {as: %s}", Layout(writer), c.Format, c.As)
}

// table writes rows, a few to a row group.
func table[T any](codec compress.Codec, rows []T) []byte {
	var out bytes.Buffer
	w := parquet.NewGenericWriter[T](&out, parquet.Compression(codec), parquet.MaxRowsPerRowGroup(11))
	_, err := w.Write(rows)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(fmt.Sprint("write into memory: ", err))
	}
	return out.Bytes()
}

// rowOf reads a value into columns.
func rowOf[T any](r *record.Record) (out T) {
	if err := json.Unmarshal(r.Value, &out); err != nil {
		panic(fmt.Sprintf("a value that is no row: %s", r.Value))
	}
	return out
}

type pair struct {
	P int64 `parquet:"p" json:"p"`
	N int64 `parquet:"n" json:"n"`
}

type single struct {
	N int64 `parquet:"n" json:"n"`
}

// columns writes values as rows with a column for each member.
func columns(codec compress.Codec, rs []record.Record) []byte {
	if bytes.Contains(rs[0].Value, []byte(`"p"`)) {
		return table(codec, each(rs, rowOf[pair]))
	}
	return table(codec, each(rs, rowOf[single]))
}

func each[T any](rs []record.Record, f func(*record.Record) T) []T {
	var out []T
	for i := range rs {
		out = append(out, f(&rs[i]))
	}
	return out
}

// ConfluentParquet writes values with the default partitioner.
func ConfluentParquet(codec compress.Codec, ext string) Writer {
	return func(part int32, rs []record.Record, n int) map[string][]byte {
		files := map[string][]byte{}
		for _, c := range chunks(rs, n) {
			files[fmt.Sprintf("topics/%s/partition=%d/%s+%d+%010d%s", Topic, part, Topic, part, c[0].Offset, ext)] = columns(codec, c)
		}
		return files
	}
}

type (
	keyRow struct {
		Key *string `parquet:"key,optional"`
	}
	headersRow struct {
		Headers []headerCell `parquet:"headers,list"`
	}
	headerCell struct {
		Key   string `parquet:"key"`
		Value string `parquet:"value"`
	}
)

// ConfluentBeside is ConfluentParquet with keys and headers, which are texts, in companions of Parquet.
func ConfluentBeside(part int32, rs []record.Record, n int) map[string][]byte {
	files := ConfluentParquet(&parquet.Snappy, ".snappy.parquet")(part, rs, n)
	for _, c := range chunks(rs, n) {
		stem := fmt.Sprintf("topics/%s/partition=%d/%s+%d+%010d", Topic, part, Topic, part, c[0].Offset)
		files[stem+".keys.snappy.parquet"] = table(&parquet.Snappy, each(c, func(r *record.Record) (row keyRow) {
			if key := string(r.Key); r.Key != nil {
				row.Key = &key
			}
			return row
		}))
		files[stem+".headers.snappy.parquet"] = table(&parquet.Snappy, each(c, func(r *record.Record) (row headersRow) {
			for _, h := range r.Headers {
				row.Headers = append(row.Headers, headerCell{h.Key, string(h.Value)})
			}
			return row
		}))
	}
	return files
}

// FirehoseParquet writes what a stream with record format conversion does.
func FirehoseParquet(_ int32, rs []record.Record, n int) map[string][]byte {
	files := map[string][]byte{}
	for i, c := range chunks(rs, n) {
		files[FirehoseKey(time.Date(2026, 11, 20, 10, 0, i, 0, time.UTC), i)+".parquet"] = columns(&parquet.Snappy, c)
	}
	return files
}

type aivenRow struct {
	Key       *[]byte           `parquet:"key,optional"`
	Value     *[]byte           `parquet:"value,optional"`
	Timestamp int64             `parquet:"timestamp"`
	Offset    int64             `parquet:"offset"`
	Headers   map[string][]byte `parquet:"headers"`
}

func optional(b []byte) *[]byte {
	if b == nil {
		return nil
	}
	return &b
}

// AivenParquet writes all fields. The name ends as gzip does where the connector compresses so, though pages alone are compressed.
func AivenParquet(part int32, rs []record.Record, n int) map[string][]byte {
	files := map[string][]byte{}
	for _, c := range chunks(rs, n) {
		files[fmt.Sprintf("%s-%d-%d.gz", Topic, part, c[0].Offset)] = table(&parquet.Gzip, each(c, func(r *record.Record) aivenRow {
			return aivenRow{optional(r.Key), optional(r.Value), r.TimestampMs, r.Offset, headerMap(r)}
		}))
	}
	return files
}

func headerMap(r *record.Record) map[string][]byte {
	out := map[string][]byte{}
	for _, h := range r.Headers {
		out[h.Key] = h.Value
	}
	return out
}

type lensesRow struct {
	Key      *[]byte    `parquet:"key,optional"`
	Value    *[]byte    `parquet:"value,optional"`
	Metadata lensesMeta `parquet:"metadata"`
}

type lensesMeta struct {
	Timestamp *int64 `parquet:"timestamp,optional"`
	Topic     string `parquet:"topic"`
	Partition int32  `parquet:"partition"`
	Offset    int64  `parquet:"offset"`
}

// LensesParquet writes envelopes under the default names.
func LensesParquet(part int32, rs []record.Record, n int) map[string][]byte {
	files := map[string][]byte{}
	for _, c := range chunks(rs, n) {
		files[lensesKey(part, c, ".parquet")] = table(&parquet.Zstd, each(c, func(r *record.Record) lensesRow {
			return lensesRow{optional(r.Key), optional(r.Value), lensesMeta{&r.TimestampMs, Topic, part, r.Offset}}
		}))
	}
	return files
}

// LensesBytes writes each value to an object of its own.
func LensesBytes(part int32, rs []record.Record, _ int) map[string][]byte {
	files := map[string][]byte{}
	for _, c := range chunks(rs, 1) {
		files[lensesKey(part, c, ".bytes")] = c[0].Value
	}
	return files
}

func lensesKey(part int32, c []record.Record, ext string) string {
	last := c[len(c)-1]
	return fmt.Sprintf("%s/%d/%012d_%d_%d%s", Topic, part, last.Offset, c[0].TimestampMs, last.TimestampMs, ext)
}

const (
	aivenAvro = `{"type":"record","name":"connector_records","namespace":"io.aiven.avro.output.schema","fields":[{"name":"key","type":["null","bytes"]},` +
		`{"name":"offset","type":"long"},{"name":"timestamp","type":"long"},{"name":"headers","type":{"type":"map","values":"bytes"}},{"name":"value","type":["null","bytes"]}]}`
	lensesAvro = `{"type":"record","name":"ConnectDefault","namespace":"io.confluent.connect.avro","fields":[{"name":"key","type":["null","bytes"]},{"name":"value","type":["null","bytes"]},` +
		`{"name":"metadata","type":["null",{"type":"record","name":"ConnectDefault2","fields":[{"name":"timestamp","type":["null","long"]},{"name":"topic","type":"string"},{"name":"partition","type":"int"},{"name":"offset","type":"long"}]}]}]}`
)

// nullable is b for a union with null.
func nullable(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}

// AivenAvro writes all fields.
func AivenAvro(part int32, rs []record.Record, n int) map[string][]byte {
	files := map[string][]byte{}
	for _, c := range chunks(rs, n) {
		files[fmt.Sprintf("%s-%d-%d", Topic, part, c[0].Offset)] = AvroObject(aivenAvro, "snappy", 7, each(c, func(r *record.Record) []byte {
			return Datum(aivenAvro, map[string]any{"key": nullable(r.Key), "value": nullable(r.Value), "timestamp": r.TimestampMs, "offset": r.Offset, "headers": headerMap(r)})
		})...)
	}
	return files
}

// LensesAvro writes envelopes under the default names.
func LensesAvro(part int32, rs []record.Record, n int) map[string][]byte {
	files := map[string][]byte{}
	for _, c := range chunks(rs, n) {
		files[lensesKey(part, c, ".avro")] = AvroObject(lensesAvro, "null", 7, each(c, func(r *record.Record) []byte {
			return Datum(lensesAvro, map[string]any{"key": nullable(r.Key), "value": nullable(r.Value),
				"metadata": map[string]any{"timestamp": r.TimestampMs, "topic": Topic, "partition": part, "offset": r.Offset}})
		})...)
	}
	return files
}

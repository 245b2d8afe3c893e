package foreigntest

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"backstitch/replay/record"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Topic is what all archives here are of.
const Topic = "orders"

// Writer lays down records of one partition, perObject to an object, as files by key.
type Writer func(part int32, rs []record.Record, perObject int) map[string][]byte

// Writers are all there are. A name is LAYOUT or LAYOUT-VARIANT; those that can hold only one partition are Whole.
var Writers = map[string]Writer{
	"confluent": Confluent(".json"), "confluent-gzip": Confluent(".json.gz"), "confluent-zstd": Confluent(".json.zst"), "confluent-hourly": Hourly,
	"lenses": Lenses(false), "lenses-envelope": Lenses(true), "lenses-partitionby": PartitionBy,
	"aiven-csv": AivenCSV("value"), "aiven-csv-offset": AivenCSV("key", "value", "timestamp", "offset", "headers"),
	"aiven-envelope": AivenJSON(false), "aiven-array": AivenJSON(true),
	"firehose": Firehose, "oso": OSO(0), "oso-zstd": OSO(1), "oso-lz4": OSO(2), "gazette": Gazette, "hdfs": HDFS,
}

// Whole reports whether a writer's archives know no partitions.
func Whole(writer string) bool { return Layout(writer) == "firehose" }

// Layout is the layout that a writer writes.
func Layout(writer string) string {
	name, _, _ := strings.Cut(writer, "-")
	return name
}

// Write lays down all partitions of rs under dir.
func Write(tb testing.TB, dir, writer string, rs map[int32][]record.Record, perObject int) {
	tb.Helper()
	w := all()[writer]
	for _, part := range slices.Sorted(maps.Keys(rs)) {
		Files(tb, dir, w(part, rs[part], perObject))
	}
}

// Files writes files by key.
func Files(tb testing.TB, dir string, files map[string][]byte) {
	tb.Helper()
	for key, body := range files {
		path := filepath.Join(dir, filepath.FromSlash(key))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, body, 0o644); err != nil {
			tb.Fatal(err)
		}
	}
}

// chunks cuts records into objects.
func chunks(rs []record.Record, n int) [][]record.Record { return slices.Collect(slices.Chunk(rs, n)) }

// lines joins what each record is into lines.
func lines(rs []record.Record, line func(*record.Record) string) []byte {
	var b bytes.Buffer
	for i := range rs {
		b.WriteString(line(&rs[i]) + "\n")
	}
	return b.Bytes()
}

// between is lines with line breaks between them, and none behind the last.
func between(rs []record.Record, line func(*record.Record) string) []byte {
	return bytes.TrimSuffix(lines(rs, line), []byte{'\n'})
}

func value(r *record.Record) string { return string(r.Value) }

// Compress compresses as a key's ending says; ".snappy" is Google's framing.
func Compress(key string, body []byte) []byte {
	var out bytes.Buffer
	var w io.WriteCloser
	switch filepath.Ext(key) {
	case ".gz":
		w = gzip.NewWriter(&out)
	case ".zst":
		w, _ = zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
	case ".snappy":
		w = s2.NewWriter(&out, s2.WriterSnappyCompat())
	case ".lz4":
		w = lz4.NewWriter(&out)
	default:
		return body
	}
	if _, err := w.Write(body); err != nil {
		panic(fmt.Sprint("compress into memory: ", err))
	}
	if err := w.Close(); err != nil {
		panic(fmt.Sprint("compress into memory: ", err))
	}
	return out.Bytes()
}

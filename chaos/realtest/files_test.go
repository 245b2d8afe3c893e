//go:build real

package realtest

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/partition"
	"backstitch/replay/bucket/dir"
	"backstitch/replay/record"
	"backstitch/replay/sink/objects"
)

// formats are the formats and compressions of a target of files, and what Apache's readers call the latter and the type of a timestamp.
var formats = []struct {
	format       objects.Format
	codec        string
	called, time string
}{
	{objects.Avro, "none", "null", "timestamp-millis"}, {objects.Avro, "snappy", "snappy", "timestamp-millis"},
	{objects.Avro, "deflate", "deflate", "timestamp-millis"}, {objects.Avro, "zstd", "zstandard", "timestamp-millis"},
	{objects.Parquet, "none", "UNCOMPRESSED", "TIMESTAMP(MILLIS,true)"}, {objects.Parquet, "snappy", "SNAPPY", "TIMESTAMP(MILLIS,true)"},
	{objects.Parquet, "gzip", "GZIP", "TIMESTAMP(MILLIS,true)"}, {objects.Parquet, "zstd", "ZSTD", "TIMESTAMP(MILLIS,true)"},
}

// TestJavaReadsWhatATargetOfFilesHolds writes files of every format and compression, and has Apache Avro and Apache Parquet say what is in them.
func TestJavaReadsWhatATargetOfFilesHolds(t *testing.T) {
	t.Parallel()
	said := map[objects.Format]int{}
	for _, f := range formats {
		said[f.format]++
	}
	for format, n := range said {
		if want := len(objects.Codecs(format)); n != want {
			t.Fatalf("%d compressions of %s are judged, and there are %d", n, format, want)
		}
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rs := oddRecords(rand.New(rand.NewPCG(seed, 0)), 2000)
	var files, want []string
	for i, f := range formats {
		job := partition.JobID(fmt.Sprint("bs-", i))
		file := writeFile(t, objects.Config{Topic: "orders", OriginHeaders: true, SourceTopic: "archived", Format: f.format, Codec: f.codec}, job, rs)
		files = append(files, file)
		want = append(want, fmt.Sprintf("file %s %s %s", filepath.Base(file), f.called, f.time))
		for n := range rs {
			want = append(want, lineOfRecord(n, &rs[n], job))
		}
	}
	differ(t, "files", judge(t, "Files", files...), want)
	t.Logf("%d records in %d files", len(rs)*len(files), len(files))
}

// oddRecords are what real topics hold, and what files tend to change.
func oddRecords(rng *rand.Rand, n int) []record.Record {
	text := func(most int) []byte {
		switch rng.IntN(6) {
		case 0:
			return nil
		case 1:
			return []byte{}
		}
		out := make([]byte, rng.IntN(most))
		for i := range out {
			out[i] = byte(rng.Uint32())
		}
		return out
	}
	out := make([]record.Record, n)
	for i := range out {
		r := &out[i]
		r.Offset, r.TimestampMs, r.TimestampType = partition.Offset(i), 1_700_000_000_000+rng.Int64N(1e9), record.TimestampType(rng.IntN(2))
		if rng.IntN(20) == 0 {
			r.TimestampMs = []int64{0, -1, math.MinInt64, math.MaxInt64}[rng.IntN(4)]
		}
		r.Key, r.Value = text(20), text(400)
		for range rng.IntN(3) * rng.IntN(3) {
			r.Headers = append(r.Headers, record.Header{Key: []string{"", "h", "h", "é\U0001f600\x00"}[rng.IntN(4)], Value: text(10)})
		}
	}
	out[n/2].Value = make([]byte, 3<<20) // more than a block or a page
	return out
}

// writeFile writes records as one data object and returns its path.
func writeFile(t *testing.T, cfg objects.Config, job partition.JobID, rs []record.Record) string {
	t.Helper()
	path := t.TempDir()
	b, err := dir.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := objects.New(b, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	slice := partition.Slice{
		ID: partition.SliceID{Job: job}, Kind: partition.SliceFill, Ranges: partition.Ranges{{From: 0, To: int64(len(rs))}}, Records: int64(len(rs)),
	}
	w, p, err := s.Open(t.Context(), slice, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Write(t.Context(), &record.Batch{Records: append([]record.Record{}, rs...)}); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(path, cfg.Topic, "00000", "*."+string(cfg.Format)))
	if err != nil || len(files) != 1 {
		t.Fatalf("data objects: got %v, %v, want one", files, err)
	}
	return files[0]
}

// lineOfRecord is what a judge has to say of record n of the file that job wrote.
func lineOfRecord(n int, r *record.Record, job partition.JobID) string {
	text := func(b []byte) string {
		if b == nil {
			return "-"
		}
		return "x" + hex.EncodeToString(b)
	}
	var line strings.Builder
	fmt.Fprintf(&line, "%d %d %d %s %s", n, r.TimestampMs, r.TimestampType, text(r.Key), text(r.Value))
	headers := append(append([]record.Header{}, r.Headers...), record.Header{Key: "backstitch.origin", Value: fmt.Appendf(nil, "archived/0/%d", r.Offset)},
		record.Header{Key: "backstitch.job", Value: []byte(job)})
	for _, h := range headers {
		fmt.Fprintf(&line, " %s=%s", text([]byte(h.Key)), text(h.Value))
	}
	return line.String()
}

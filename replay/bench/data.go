package bench

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"backstitch/replay/record"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Size is how much data a run moves.
type Size struct {
	Partitions int // also objects are spread over these
	Objects    int // per partition
	Records    int // per object
	Bytes      int // per record
}

// Count is the number of records in all.
func (s Size) Count() int64 { return int64(s.Partitions) * int64(s.Objects) * int64(s.Records) }

// topicName is what the archive calls the data.
const topicName = "bench"

// Codecs are the inputs that are measured, by the ending of their files.
var Codecs = []string{"json", "json.zst", "json.gz", "json.snappy", "json.lz4"}

// Generate writes an archive in Confluent's layout under dir and returns the multiset hash of its records.
func Generate(dir, codec string, size Size) (record.Sum, error) {
	var sum record.Sum
	var hasher record.Hasher
	rng := rand.New(rand.NewPCG(1, 2))
	var text bytes.Buffer
	for p := range size.Partitions {
		sub := filepath.Join(dir, "topics", topicName, fmt.Sprintf("partition=%d", p))
		if err := os.MkdirAll(sub, 0o755); err != nil {
			return sum, err
		}
		for o := range size.Objects {
			text.Reset()
			start := o * size.Records
			for i := range size.Records {
				from := text.Len()
				appendEvent(&text, rng, p, start+i, size.Bytes)
				sum.Add(hasher.Hash(&record.Record{Value: text.Bytes()[from:]}, record.FieldValue))
				text.WriteByte('\n')
			}
			body, err := compress(codec, text.Bytes())
			if err != nil {
				return sum, err
			}
			name := fmt.Sprintf("%s+%d+%010d.%s", topicName, p, start, codec)
			if err := os.WriteFile(filepath.Join(sub, name), body, 0o644); err != nil {
				return sum, err
			}
		}
	}
	return sum, nil
}

var words = []string{"order", "shipped", "pending", "warehouse", "customer", "refund", "express", "carrier", "invoice", "discount", "north", "south"}

// appendEvent appends a JSON object of about size bytes that compresses like events do.
func appendEvent(b *bytes.Buffer, rng *rand.Rand, part, n, size int) {
	from := b.Len()
	fmt.Fprintf(b, `{"partition":%d,"sequence":%d,"id":"%016x","amount":%d.%02d,"status":"%s","note":"`, part, n, rng.Uint64(), rng.IntN(5000), rng.IntN(100), words[rng.IntN(len(words))])
	for b.Len()-from < size-12 {
		b.WriteString(words[rng.IntN(len(words))])
		fmt.Fprintf(b, " %d ", rng.IntN(10000))
	}
	b.WriteString(`"}`)
}

func compress(codec string, text []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := compressor(codec, &out)
	if err != nil {
		return nil, err
	}
	if w == nil {
		return text, nil
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// compressor is nil where nothing is compressed.
func compressor(codec string, out io.Writer) (io.WriteCloser, error) {
	switch codec {
	case "json.gz":
		return gzip.NewWriter(out), nil
	case "json.zst":
		return zstd.NewWriter(out)
	case "json.snappy":
		return s2.NewWriter(out, s2.WriterSnappyCompat()), nil
	case "json.lz4":
		return lz4.NewWriter(out), nil
	}
	return nil, nil
}

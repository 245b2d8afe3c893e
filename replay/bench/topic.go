package bench

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"backstitch/replay/record"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A topic to be scanned, and what a scan of it must come to.

// Topic is one that Fill has made.
type Topic struct {
	Broker     string
	Name       string
	Partitions int32
	Records    int64
	Bytes      int64      // of keys, values and headers
	Sum        record.Sum // of all records under all fields
}

// TopicSize is how much Fill writes.
type TopicSize struct {
	Partitions int32
	Records    int64 // in all
	Bytes      int   // about, per value
	Codec      string
}

// topicCodecs are the compressions that a topic can be filled with.
var topicCodecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

// Fill makes a topic and writes it, in batches as a producer with a linger of a few milliseconds makes them.
func Fill(ctx context.Context, broker, name string, size TopicSize) (Topic, error) {
	out := Topic{Broker: broker, Name: name, Partitions: size.Partitions, Records: size.Records}
	codec, ok := topicCodecs[size.Codec]
	if !ok {
		return out, fmt.Errorf("codec %q of topic %s is not known", size.Codec, name)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(codec),
		kgo.ProducerBatchMaxBytes(1<<20), kgo.MaxBufferedRecords(1<<14))
	if err != nil {
		return out, err
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, size.Partitions, 1, nil, name); err != nil {
		return out, err
	}
	var hasher record.Hasher
	var failed error
	rng := rand.New(rand.NewPCG(3, 4))
	for n := range size.Records {
		part := int32(n % int64(size.Partitions))
		var text bytes.Buffer
		appendEvent(&text, rng, int(part), int(n), size.Bytes)
		value := text.Bytes()
		key := fmt.Appendf(nil, "order-%d", n)
		ms := int64(1_700_000_000_000) + n/8
		rec := record.Record{TimestampMs: ms, Key: key, Value: value, Headers: []record.Header{{Key: "trace", Value: key}}}
		out.Sum.Add(hasher.Hash(&rec, record.AllFields))
		out.Bytes += rec.Size()
		r := &kgo.Record{
			Topic: name, Partition: part, Timestamp: time.UnixMilli(ms), Key: key, Value: value, Headers: []kgo.RecordHeader{{Key: "trace", Value: key}},
		}
		cl.Produce(ctx, r, func(_ *kgo.Record, err error) {
			if err != nil && failed == nil { // promises are called one at a time
				failed = err
			}
		})
	}
	if err := cl.Flush(ctx); err != nil {
		return out, err
	}
	return out, failed
}

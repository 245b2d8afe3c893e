// Package klogtest fills a topic of a kfake cluster with the things that readers get wrong: transactions that were rolled
// back, markers, every codec, null and empty, repeated headers, negative timestamps. It keeps what a read_committed reader
// must see, so tests compare with the truth and not with another reader.
package klogtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"backstitch/replay/record"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Cluster starts a kfake cluster with one topic of the given partitions and returns it with a client.
func Cluster(t testing.TB, topic string, partitions int32, opts ...kfake.Opt) (*kfake.Cluster, *kgo.Client) {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(2), kfake.SeedTopics(partitions, topic)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, Client(t, c)
}

// Client returns another client of c.
func Client(t testing.TB, c *kfake.Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(c.ListenAddrs()...)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

var codecs = []kgo.CompressionCodec{
	kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
}

// Fill writes rounds of records into one partition, each with another codec, every third in a transaction that is rolled back
// and every fourth in one that is committed. It returns the records that are committed, in order.
func Fill(t testing.TB, c *kfake.Cluster, topic string, part int32, seed uint64, rounds, perRound int) []record.Record {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, uint64(part)))
	t.Logf("seed %d", seed)
	var want []record.Record
	for round := range rounds {
		opts := []kgo.Opt{
			kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(codecs[round%len(codecs)]),
			kgo.ProducerLinger(time.Millisecond), kgo.ProducerBatchMaxBytes(16 << 10),
		}
		abort, txn := round%3 == 1, round%3 == 1 || round%4 == 2
		if txn {
			opts = append(opts, kgo.TransactionalID(fmt.Sprintf("%s-%d-%d", topic, part, round)))
		}
		cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(c.ListenAddrs()...))...)
		if err != nil {
			t.Fatal(err)
		}
		got := produce(t, cl, rng, topic, part, perRound, txn, abort)
		cl.Close()
		if !abort {
			want = append(want, got...)
		}
	}
	return want
}

func produce(t testing.TB, cl *kgo.Client, rng *rand.Rand, topic string, part int32, n int, txn, abort bool) []record.Record {
	t.Helper()
	ctx := context.Background()
	if txn {
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
	}
	krecs := make([]*kgo.Record, n)
	for i := range krecs {
		krecs[i] = Random(rng, topic, part)
	}
	if err := cl.ProduceSync(ctx, krecs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if txn {
		if err := cl.EndTransaction(ctx, kgo.TransactionEndTry(!abort)); err != nil {
			t.Fatal(err)
		}
	}
	out := make([]record.Record, n)
	for i, k := range krecs {
		out[i] = record.Record{Offset: k.Offset, TimestampMs: k.Timestamp.UnixMilli(), Key: k.Key, Value: k.Value}
		for _, h := range k.Headers {
			out[i].Headers = append(out[i].Headers, record.Header{Key: h.Key, Value: h.Value})
		}
	}
	return out
}

// Random returns a record with any mix of null, empty and filled parts.
func Random(rng *rand.Rand, topic string, part int32) *kgo.Record {
	bytesOrNull := func(n int) []byte {
		switch rng.IntN(4) {
		case 0:
			return nil
		case 1:
			return []byte{}
		}
		b := make([]byte, rng.IntN(n))
		for i := range b {
			b[i] = byte('a' + rng.IntN(4))
		}
		return b
	}
	r := &kgo.Record{
		Topic: topic, Partition: part, Key: bytesOrNull(20), Value: bytesOrNull(400),
		Timestamp: time.UnixMilli(1_700_000_000_000 + rng.Int64N(1<<42) - 1<<41),
	}
	for range rng.IntN(3) {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: string(rune('x' + rng.IntN(2))), Value: bytesOrNull(8)})
	}
	return r
}

package repartition

import (
	"testing"

	"backstitch/replay/record"
	"backstitch/replay/replaytest"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The hashes are those that Kafka's own test of its Utils expects, and some of the keys that librdkafka's has, by Java.
func TestMurmur2IsKafkas(t *testing.T) {
	for key, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536, "a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107, "kafka": -798503068,
	} {
		if got := int32(murmur2([]byte(key))); got != want {
			t.Errorf("%q: got %d, want %d", key, got, want)
		}
	}
}

// What franz-go's clients do with a key is what Java's do.
func TestKeysGoWhereClientsPutThem(t *testing.T) {
	rng := replaytest.Seed(t)
	clients := kgo.StickyKeyPartitioner(nil).ForTopic("orders")
	for range 5000 {
		key := make([]byte, rng.IntN(40))
		for i := range key {
			key[i] = byte(rng.Uint32())
		}
		n := 1 + rng.Int32N(200)
		if got, want := KeyPartition(key, n), int32(clients.Partition(&kgo.Record{Key: key}, int(n))); got != want {
			t.Fatalf("key %x among %d: got %d, want %d", key, n, got, want)
		}
	}
}

// Without a key the place in the reference decides and nothing else, so who comes later finds the same.
func TestRecordsWithoutAKeyGoByTheirPlace(t *testing.T) {
	rule := Rule{Partitions: 4}
	of := func(from int32, offset int64, value string) int32 {
		return rule.Of(from, &record.Record{Offset: offset, Value: []byte(value)})
	}
	seen := map[int32]int{}
	for o := range int64(8 * Run) {
		seen[of(0, o, "a")]++
		if of(0, o, "a") != of(0, o, "b") {
			t.Fatalf("offset %d: the value decides", o)
		}
		if of(0, o, "a") != of(0, o-o%Run, "a") {
			t.Fatalf("offset %d is parted from its run", o)
		}
	}
	for q := range rule.Partitions {
		if seen[q] != 2*Run {
			t.Errorf("partition %d got %d records of %d, want a quarter", q, seen[q], 8*Run)
		}
	}
	if of(0, 0, "") == of(1, 0, "") {
		t.Error("all partitions begin at the same one")
	}
	if got := rule.Of(0, &record.Record{Offset: 5 * Run, Key: []byte{}}); got != KeyPartition(nil, 4) {
		t.Errorf("an empty key is a key: got %d, want %d", got, KeyPartition(nil, 4))
	}
}

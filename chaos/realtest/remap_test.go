//go:build real

package realtest

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"backstitch/chaos/testbed"
	"backstitch/replay/record"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
)

const remapped = 3000 // records

// bought is what records of the test say, under each schema as far as that has the fields.
type bought struct {
	ID     int64     `avro:"id"`
	Note   *string   `avro:"note"`
	Amount *big.Rat  `avro:"amount"`
	At     time.Time `avro:"at"`
	Tags   []string  `avro:"tags"`
}

// boughtAs are its schemas, one version behind the other.
var boughtAs = []string{
	order(),
	order(`{"name":"note","type":["null","string"],"default":null}`),
	order(`{"name":"note","type":["null","string"],"default":null}`,
		`{"name":"amount","type":["null",{"type":"bytes","logicalType":"decimal","precision":20,"scale":4}],"default":null}`,
		`{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"},"default":0}`, `{"name":"tags","type":{"type":"array","items":"string"},"default":[]}`),
}

// buy draws the i-th record, with what its schema has no field for left out.
func buy(rng *rand.Rand, i int) bought {
	b := bought{ID: []int64{0, -1, math.MaxInt64, math.MinInt64, 1<<53 + 1, rng.Int64()}[rng.IntN(6)], At: time.UnixMicro(0).UTC()}
	version := i % len(boughtAs)
	if version > 0 && rng.IntN(3) > 0 {
		note := []string{"", "é\"\n\x00", "a note"}[rng.IntN(3)]
		b.Note = &note
	}
	if version == 2 {
		if rng.IntN(3) > 0 {
			b.Amount = big.NewRat(rng.Int64()-rng.Int64(), 10_000)
		}
		b.At = time.UnixMicro(1_795_132_800_000_001 + rng.Int64N(1<<40)).UTC()
		for range rng.IntN(3) {
			b.Tags = append(b.Tags, fmt.Sprint(rng.IntN(10)))
		}
	}
	return b
}

// bodyOf encodes and decodes values by the text of a schema.
func bodyOf(t *testing.T, text string) (encode sr.EncodingOpt, decode sr.EncodingOpt) {
	t.Helper()
	s, err := avro.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return sr.AppendEncodeFn(func(dst []byte, v any) ([]byte, error) { return s.AppendEncode(dst, v) }), sr.DecodeFn(func(b []byte, v any) error {
		rest, err := s.Decode(b, v)
		if err == nil && len(rest) > 0 {
			err = fmt.Errorf("%d bytes are left behind the datum", len(rest))
		}
		return err
	})
}

// TestNamesOfSchemasBesideAnotherRegistry restores a topic beside a second Apicurio Registry, which has the schemas by other numbers. A serialiser has
// written its values with the first registry's numbers. A deserialiser that knows the second registry alone asks it for the schema of each
// record's new number, and reads what was written.
func TestNamesOfSchemasBesideAnotherRegistry(t *testing.T) {
	testbed.Program(t)
	dir := t.ArtifactDir()
	phase := phases(t)
	broker, one, two := testbed.Kafka(t, dir), newRegistry(t), newRegistry(t)
	fleet := testbed.StartFleet(t, dir, 1, broker, "http://127.0.0.1:1")
	phase("servers")

	// The second registry has counted on, so that its numbers mean other schemas in the first.
	for i := range 5 {
		register(t, two, fmt.Sprint("other-", i), sr.Schema{Schema: order(fmt.Sprintf(`{"name":"f%d","type":"int"}`, i))})
	}
	var ids []int
	writers := make([]*sr.Serde, len(boughtAs)) // one each: a serialiser goes by the type of a value, and all are of one
	for i, text := range boughtAs {
		ids = append(ids, register(t, one, "orders-value", sr.Schema{Schema: text}))
		encode, _ := bodyOf(t, text)
		writers[i] = sr.NewSerde()
		writers[i].Register(ids[i], bought{}, encode)
	}
	fleet.Must(t, "schema", "copy", "orders-value", "--from", one.url, "--to", two.url, "--as", "restored-value", "--yes")

	for _, name := range []string{"orders", "restored"} {
		testbed.Topic{Broker: broker, Name: name, Partitions: 1}.Create(t)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ConsumeTopics("restored"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	var want []bought
	var batch []*kgo.Record
	for i := range remapped {
		want = append(want, buy(rng, i))
		value, err := writers[i%len(writers)].Encode(want[i])
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, &kgo.Record{Topic: "orders", Key: fmt.Append(nil, i), Value: value, Timestamp: time.UnixMilli(1_795_132_800_000 + int64(i))})
	}
	if err := cl.ProduceSync(t.Context(), batch...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	phase("produce")

	_, plan := fleet.Plan(t, dir, testbed.Spec{
		Name: "restored", Source: testbed.InKafka("orders", "registry: "+one.url), Target: testbed.InKafka("restored", "registry: "+two.url, "schemas: remap"),
	})
	fleet.Submit(t, plan)
	fleet.Must(t, "wait", "restored", "--timeout", "2m")
	fleet.Must(t, "verify", "restored", "-q")
	phase("restore")

	readers, texts := sr.NewSerde(), map[int]string{}
	for n := 0; n < remapped; {
		fetches := cl.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			id, payload, err := new(sr.ConfluentHeader).DecodeID(r.Value)
			if err != nil {
				t.Fatalf("record %d: %v", n, err)
			}
			if _, known := texts[id]; !known {
				texts[id] = named(t, two, id)
				_, decode := bodyOf(t, texts[id])
				readers.Register(id, bought{}, decode)
			}
			if wrote := boughtAs[n%len(boughtAs)]; slices.Contains(ids, id) || texts[id] != wrote {
				t.Fatalf("record %d: got schema %d, %s, want %s by a number that is none of %v", n, id, texts[id], wrote, ids)
			}
			got := bought{At: time.UnixMicro(0).UTC()}
			if err := readers.Decode(r.Value, &got); err != nil {
				t.Fatalf("record %d: %v", n, err)
			}
			if diff := cmp.Diff(want[n], got, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b *big.Rat) bool { return a == b || a != nil && b != nil && a.Cmp(b) == 0 })); diff != "" {
				t.Fatalf("record %d says another thing: - want + got\n%s", n, diff)
			}
			if string(r.Key) != fmt.Sprint(n) || r.Timestamp.UnixMilli() != 1_795_132_800_000+int64(n) || !bytes.Equal(payload, batch[n].Value[record.FrameLen:]) {
				t.Fatalf("record %d: got key %s, time %s and payload %x, want that of %x", n, r.Key, r.Timestamp, payload, batch[n].Value)
			}
			n++
		})
	}
	if len(texts) != len(boughtAs) {
		t.Errorf("%d schemas were met, want %d", len(texts), len(boughtAs))
	}
	phase("judge %d", remapped)
}

// register puts a version under a subject, and returns its number.
func register(t *testing.T, g *registry, subject string, s sr.Schema) int {
	t.Helper()
	out, err := g.client(t).CreateSchema(t.Context(), subject, s)
	if err != nil {
		t.Fatalf("register %s: %v", subject, err)
	}
	return out.ID
}

// named is the text of the schema that a number stands for.
func named(t *testing.T, g *registry, id int) string {
	t.Helper()
	s, err := g.client(t).SchemaByID(t.Context(), id)
	if err != nil {
		t.Fatalf("schema %d: %v", id, err)
	}
	return s.Schema
}

func (g *registry) client(t *testing.T) *sr.Client {
	t.Helper()
	cl, err := sr.NewClient(sr.URLs(g.url))
	if err != nil {
		t.Fatal(err)
	}
	return cl
}

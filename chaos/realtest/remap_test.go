//go:build real

package realtest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"backstitch/chaos/testbed"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
)

const remapped = 3000 // records

// TestNamesOfSchemasBesideAnotherRegistry restores a topic beside a second Apicurio Registry, which has the schemas by other numbers. franz-go's own
// reader of frames finds the same schema and the same payload under each record's new number.
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
	schemas := []sr.Schema{
		{Schema: order()}, {Schema: order(`{"name":"note","type":["null","string"],"default":null}`)},
	}
	var ids []int
	for _, s := range schemas {
		ids = append(ids, register(t, one, "orders-value", s))
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
	payload := func(i int) []byte { return fmt.Append(nil, "payload of ", i) }
	var batch []*kgo.Record
	for i := range remapped {
		value, err := new(sr.ConfluentHeader).AppendEncode(nil, ids[i%len(ids)], nil)
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, &kgo.Record{Topic: "orders", Key: fmt.Append(nil, i), Value: append(value, payload(i)...), Timestamp: time.UnixMilli(1_795_132_800_000 + int64(i))})
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

	texts := map[int]string{}
	for n := 0; n < remapped; {
		fetches := cl.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			id, rest, err := new(sr.ConfluentHeader).DecodeID(r.Value)
			if err != nil {
				t.Fatalf("record %d: %v", n, err)
			}
			if _, known := texts[id]; !known {
				texts[id] = named(t, two, id)
			}
			if want := schemas[n%len(schemas)].Schema; slices.Contains(ids, id) || texts[id] != want || string(rest) != string(payload(n)) {
				t.Fatalf("record %d: got schema %d, %s, and %q, want %s by a number that is none of %v, and %q", n, id, texts[id], rest, want, ids, payload(n))
			}
			n++
		})
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

package reach_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"backstitch/fsm"
	"backstitch/replay/foreign/foreigntest"
	"backstitch/replay/gap"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/replaytest"
	"backstitch/replay/schema/schematest"
	"backstitch/replay/verify"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/sr"
)

// Schemas of a topic, the second an evolution of the first.
const (
	orderOne = `{"type":"record","name":"Order","namespace":"acme","fields":[{"name":"n","type":"long"}]}`
	orderTwo = `{"type":"record","name":"Order","namespace":"acme","fields":[{"name":"n","type":"long"},{"name":"note","type":["null","string"],"default":null}]}`
)

// avroWorld is a topic whose first records name schema 3 and whose others name schema 5, and its archive in Avro.
func avroWorld(t *testing.T, lost func(o int64) bool) (*lab, *schematest.Registry) {
	t.Helper()
	l := &lab{t: t, kafka: replaytest.NewKafkaWith(t, kfake.SeedTopics(1, foreigntest.Topic)), dir: t.TempDir(), all: map[int32][]record.Record{}}
	reg := schematest.New(t)
	reg.RegisterAs("orders-value", 3, sr.Schema{Schema: orderOne})
	reg.RegisterAs("orders-value", 5, sr.Schema{Schema: orderTwo})
	l.config = open.Config{Cluster: "test", Env: env, AnyRegistry: true}
	l.clients = reach.New(l.config)
	var datums [][]byte
	for i := range int64(100) {
		id, schema := byte(3), orderOne
		if i >= 60 {
			id, schema = 5, orderTwo
		}
		d := foreigntest.Datum(schema, map[string]any{"n": i, "note": nil})
		datums = append(datums, d)
		l.all[0] = append(l.all[0], record.Record{Offset: i, TimestampMs: 1_795_132_800_000 + i, Value: append([]byte{0, 0, 0, 0, id}, d...)})
	}
	// As Connect writes a schema that it read: with a property of its own.
	foreigntest.Files(t, l.dir, map[string][]byte{
		"topics/orders/partition=0/orders+0+0000000000.avro": foreigntest.AvroObject(strings.Replace(orderOne, `"fields"`, `"connect.version":1,"fields"`, 1), "snappy", 7, datums[:60]...),
		"topics/orders/partition=0/orders+0+0000000060.avro": foreigntest.AvroObject(orderTwo, "deflate", 7, datums[60:]...),
	})
	var kept []record.Record
	for _, r := range l.all[0] {
		if !lost(r.Offset) {
			kept = append(kept, r)
		}
	}
	l.kafka.Produce(foreigntest.Topic, 0, kept...)
	return l, reg
}

func framedBy(reg *schematest.Registry) string {
	return "layout: confluent, format: avro, values: {as: confluent, registry: '" + reg.URL + "'}"
}

// What a topic lost of values in Avro comes back with the number in front that it had, and the proof passes.
func TestAvroFromLossToProof(t *testing.T) {
	given := fmt.Sprintf("layout: confluent, format: avro, values: {as: confluent, schemas: [{number: 3, schema: '%s'}, {number: 5, schema: '%s'}]}", orderOne, orderTwo)
	for name, source := range map[string]string{"registry": "", "given": given} {
		t.Run(name, func(t *testing.T) {
			lost := func(o int64) bool { return o >= 50 && o < 70 || o == 7 }
			l, reg := avroWorld(t, lost)
			if source == "" {
				source = framedBy(reg)
			}
			r := l.specOf(source)
			p, rep, err := recovery.BuildWithScan(t.Context(), r, l.clients, l.options())
			if err != nil {
				t.Fatal(err)
			}
			l.exactly(rep, record.FieldValue, func(_ int32, o int64) bool { return lost(o) })
			if got := rep.Result(0).MissingRecords; got != 21 || rep.Result(0).Extra != 0 {
				t.Fatalf("got %d missing, %d too many, want 21 and none", got, rep.Result(0).Extra)
			}
			asked := reg.Asked()
			sub, err := p.Submission()
			if err != nil {
				t.Fatal(err)
			}
			cs, err := verify.New(verify.DefaultConfig()).Job(t.Context(), sub.Slices, nil, l.run(sub), 3)
			if err != nil {
				t.Fatal(err)
			}
			if verdict, _ := fsm.Judge(verify.Comparisons(cs), fsm.Writers{}); verdict != fsm.Pass {
				t.Errorf("got %s, want a pass: %+v", verdict, cs)
			}
			if reg.Asked() != asked {
				t.Errorf("the registry was asked %d times after the plan, want never", reg.Asked()-asked)
			}
			if again, err := recovery.Build(t.Context(), r, l.clients, l.options()); err != nil || !again.Empty() {
				t.Errorf("after the repair: got %v, want nothing to write", err)
			}
		})
	}
}

// An object holds its schema whole, and the registry has it in parts that refer to each other.
func TestAvroWhoseSchemaRefersToOthers(t *testing.T) {
	const (
		line  = `{"type":"record","name":"acme.Line","fields":[{"name":"n","type":"long"}]}`
		bill  = `{"type":"record","name":"acme.Bill","fields":[{"name":"first","type":"acme.Line"},{"name":"last","type":"acme.Line"}]}`
		whole = `{"type":"record","name":"Bill","namespace":"acme","fields":[{"name":"first","type":{"type":"record","name":"Line","fields":[{"name":"n","type":"long"}]}},{"name":"last","type":"Line"}]}`
	)
	l, reg := avroWorld(t, func(int64) bool { return true })
	reg.RegisterAs("lines", 6, sr.Schema{Schema: line})
	reg.RegisterAs("bills", 7, sr.Schema{Schema: bill, References: []sr.SchemaReference{{Name: "acme.Line", Subject: "lines", Version: 1}}})
	l.dir = t.TempDir()
	var datums [][]byte
	for i := range int64(20) {
		d := foreigntest.Datum(whole, map[string]any{"first": map[string]any{"n": i}, "last": map[string]any{"n": -i}})
		datums = append(datums, d)
		if i != 7 {
			l.kafka.Produce(foreigntest.Topic, 0, record.Record{TimestampMs: 1_795_132_800_000 + i, Value: append([]byte{0, 0, 0, 0, 7}, d...)})
		}
	}
	foreigntest.Files(t, l.dir, map[string][]byte{"topics/orders/partition=0/orders+0+0000000000.avro": foreigntest.AvroObject(whole, "null", 9, datums...)})
	rep := l.scan(framedBy(reg)[:len(framedBy(reg))-1] + ", subject: bills}")
	if got := rep.Result(0); got.MissingRecords != 1 || !got.Missing.Contains(7) || got.Extra != 0 {
		t.Errorf("got %d missing, %v, %d too many: %+v", got.MissingRecords, got.Missing, got.Extra, rep.Findings)
	}
}

// A sink that writes records under a newer schema than they had makes them look lost, and the same ones surplus.
func TestRewrittenRecordsAreNoLoss(t *testing.T) {
	l, reg := avroWorld(t, func(o int64) bool { return o == 7 })
	// Record 99 and what is newer came from a producer that still has the first schema.
	old := foreigntest.Datum(orderOne, map[string]any{"n": 1000})
	l.kafka.Produce(foreigntest.Topic, 0, record.Record{TimestampMs: 1, Value: append([]byte{0, 0, 0, 0, 3}, old...)})
	files := map[string][]byte{"topics/orders/partition=0/orders+0+0000000100.avro": foreigntest.AvroObject(orderTwo, "null", 9, foreigntest.Datum(orderTwo, map[string]any{"n": 1000, "note": nil}))}
	foreigntest.Files(t, l.dir, files)
	rep := l.scan(framedBy(reg))
	if got := kinds(rep); got != "not comparable -1" || rep.Result(0).MissingRecords != 0 || !strings.Contains(rep.Findings[0].Reason, "schema.compatibility=NONE") {
		t.Errorf("got %s: %+v, want nothing called missing", got, rep.Findings)
	}
}

// What is newer than the archive and names the same schema as what is missing puts nothing in doubt.
func TestNewerRecordsOfTheSameSchema(t *testing.T) {
	l, reg := avroWorld(t, func(o int64) bool { return o == 77 })
	d := foreigntest.Datum(orderTwo, map[string]any{"n": 1000, "note": nil})
	l.kafka.Produce(foreigntest.Topic, 0, record.Record{TimestampMs: 1, Value: append([]byte{0, 0, 0, 0, 5}, d...)})
	rep := l.scan(framedBy(reg))
	if got := kinds(rep); got != "partly 1" || rep.Result(0).Newer != 1 {
		t.Errorf("got %s: %+v, want one missing and one newer", got, rep.Findings)
	}
	// A ledger gives digests, in which no number is seen: it is left out, and that is said.
	opt := l.options()
	opt.Compare = func(context.Context, gap.Input, gap.Config, gap.Anchors) (*gap.Report, error) {
		t.Error("a ledger was used")
		return nil, errors.ErrUnsupported
	}
	if _, rep, err := recovery.BuildWithScan(t.Context(), l.specOf(framedBy(reg)), l.clients, opt); err != nil || !strings.Contains(strings.Join(rep.Facts.Notes, " "), "no ledger is used") {
		t.Errorf("with a ledger: got %v, want a note that it is not used", err)
	}
}

// As JSON an archive fills a topic of its own. Against a topic of other words nothing is called missing.
func TestAvroAsJSON(t *testing.T) {
	const source = "layout: confluent, format: avro, values: {as: json}"
	l, _ := avroWorld(t, func(int64) bool { return true })
	p, err := recovery.Build(t.Context(), l.specOf(source), l.clients, l.options())
	if err != nil || p.Totals.Records != 100 {
		t.Fatalf("into an empty topic: got %v, want 100 records to write", err)
	}
	l, _ = avroWorld(t, func(int64) bool { return false })
	if rep := l.scan(source); kinds(rep) != "not comparable -1" || rep.Result(0).MissingRecords != 0 {
		t.Errorf("into a topic of others: got %s, want not comparable", kinds(rep))
	}
}

// A number that can not be told is said before anything is compared, and an archive without values as before.
func TestAvroThatCanNotBeTold(t *testing.T) {
	l, reg := avroWorld(t, func(o int64) bool { return o == 7 })
	reg.RegisterAs("orders-value", 9, sr.Schema{Schema: strings.Replace(orderOne, `"long"`, `"long","doc":"which"`, 1)})
	rep := l.scan(framedBy(reg))
	if got := kinds(rep); got != "corrupt -1" || rep.Result(0).MissingRecords != 0 || !strings.Contains(rep.Findings[0].Reason, "numbers [3 9]") {
		t.Errorf("a schema with two numbers: got %s: %+v", got, rep.Findings)
	}
	for subject, refers := range map[string]bool{"nobody-value": false, "refers": true} {
		if refers {
			reg.RegisterAs(subject, 11, sr.Schema{Schema: `"Item"`, References: []sr.SchemaReference{{Name: "Item", Subject: "item", Version: 1}}})
		}
		_, err := recovery.Build(t.Context(), l.specOf("layout: confluent, format: avro, values: {as: confluent, registry: '"+reg.URL+"', subject: "+subject+"}"), l.clients, l.options())
		var refusal *recovery.Error
		if !errors.As(err, &refusal) || refusal.Code != recovery.CodeValues {
			t.Errorf("subject %s: got %v, want %s", subject, err, recovery.CodeValues)
		}
	}
	rep = l.scan("layout: confluent, format: avro")
	if got := kinds(rep); got != "not comparable -1" || !strings.Contains(strings.Join(rep.Facts.Notes, " "), "values: {as:") {
		t.Errorf("without values: got %s, notes %v, want a note of what to say", got, rep.Facts.Notes)
	}
	if _, err := recovery.ScanSink(t.Context(), l.specOf(framedBy(reg)), 0, l.clients, l.options()); err == nil || !strings.Contains(err.Error(), "datums") {
		t.Errorf("what a sink left out: got %v, want a refusal", err)
	}
}

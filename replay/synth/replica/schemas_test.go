package replica

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"backstitch/replay/record"
	"backstitch/replay/schema"
	"backstitch/replay/schema/schematest"
	"backstitch/replay/synth"
)

// TestATopicIsLearntBySchemas: a registry says what values name, subjects that are asked for come along, and what can not be had is said with its place.
func TestATopicIsLearntBySchemas(t *testing.T) {
	ctx, cl := broker(t)
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, 1, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	produce := func(value []byte) {
		t.Helper()
		r := &kgo.Record{Topic: "orders", Timestamp: time.UnixMilli(1_795_000_000_000), Value: value}
		if err := cl.ProduceSync(ctx, r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 50 {
		produce(append([]byte{0, 0, 0, 0, 7}, byte(2*(i%60)))) // a long
	}
	fake := schematest.New(t)
	long := sr.Schema{Schema: `"long"`}
	fake.Put(7, long)
	fake.RegisterAs("orders-v2-value", 9, sr.Schema{Schema: `"double"`})
	fake.Put(9, sr.Schema{Schema: `"double"`})
	open := func() *schema.Registry {
		reg, err := schema.Open("west", fake.URL, http.DefaultClient)
		if err != nil {
			t.Fatal(err)
		}
		return reg
	}
	learn := func(s *Schemas) (*synth.Profile, error) {
		return Learn(ctx, cl, "orders", Range{}, synth.Options{}, s)
	}
	p, err := learn(&Schemas{Registry: open(), Topic: "orders", Subjects: []string{"orders-v2-value"}, Likely: []string{"none"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Schemas) != 2 || p.Schemas[0].ID != 7 || p.Schemas[0].Framings[0].Count != 50 || p.Schemas[1].ID != 9 || p.Schemas[1].Subject != "orders-v2-value" || len(p.Schemas[1].Framings) != 0 {
		t.Errorf("got %+v", p.Schemas)
	}
	if p, err = learn(nil); err != nil || len(p.Schemas) != 0 || p.Values.Format != synth.FormatBytes {
		t.Errorf("without a registry: got %+v, %v, want bytes", p, err)
	}
	if _, err := learn(&Schemas{Registry: open(), Topic: "orders", Subjects: []string{"none"}}); !errors.Is(err, ErrNoSchema) {
		t.Errorf("a subject that is not there: got %v, want ErrNoSchema", err)
	}
	version := record.GlueVersion([16]byte{1})
	for _, row := range []struct {
		what   string
		value  []byte
		want   error
		offset int64
		before func()
	}{
		{"a number that nobody knows", []byte{0, 0, 0, 0, 8, 2}, ErrNoSchema, 50, func() {}},
		{"a schema that is none", []byte{0, 0, 0, 0, 11, 2}, synth.ErrKind, 51, func() { fake.Put(8, long); fake.Put(11, sr.Schema{Schema: `"lang"`}) }},
		{"a version of AWS Glue's", append(record.AppendGlue(nil, version, false), 2), ErrNoSchema, 52, func() { fake.Put(11, long) }},
	} {
		produce(row.value)
		row.before()
		var said *SchemaError
		if _, err := learn(&Schemas{Registry: open(), Topic: "orders"}); !errors.Is(err, row.want) || !errors.As(err, &said) || said.Offset != row.offset {
			t.Errorf("%s: got %v, want %v at offset %d", row.what, err, row.want, row.offset)
		}
	}
	given := map[record.SchemaName]synth.Schema{version: {Kind: synth.KindAvro, Text: synth.Text{Schema: `"long"`}}}
	if p, err = learn(&Schemas{Registry: open(), Topic: "orders", Versions: given}); err != nil || len(p.Schemas) != 4 || !p.Schemas[3].Glue {
		t.Errorf("with the version: got %+v, %v", p, err)
	}
	fake.SetDown(true)
	if _, err := learn(&Schemas{Registry: open(), Topic: "orders", Versions: given}); !errors.Is(err, ErrNoSchema) || !errors.Is(err, schema.ErrNoAnswer) {
		t.Errorf("a registry that is down: got %v", err)
	}
}

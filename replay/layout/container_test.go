package layout_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"backstitch/replay/foreign"
	"backstitch/replay/foreign/foreigntest"
	"backstitch/replay/layout"
	"backstitch/replay/record"

	"github.com/parquet-go/parquet-go"
)

// Whether a container holds values or envelopes is seen in its columns, and which of them it has.
func TestSettleLooksAtColumns(t *testing.T) {
	rs := foreigntest.Numbered(0, 10)
	written := func(writer string) map[string][]byte {
		return foreigntest.Containers[writer].Writer(0, rs, 5)
	}
	// The same rows under the names of another sink.
	bare := func(key string) map[string][]byte {
		body := slices.Collect(maps.Values(foreigntest.ConfluentParquet(&parquet.Snappy, ".parquet")(0, rs, 10)))[0]
		return map[string][]byte{key: body}
	}
	datum := `{"type":"record","name":"Order","fields":[{"name":"n","type":"long"}]}`
	named := `{"type":"record","name":"Setting","fields":[{"name":"key","type":"string"},{"name":"value","type":"string"}]}`
	lookalike := map[string][]byte{"orders-0-0": foreigntest.AvroObject(named, "null", 9, foreigntest.Datum(named, map[string]any{"key": "k", "value": "v"}))}
	for name, c := range map[string]struct {
		files map[string][]byte
		opts  layout.Options
		want  string // layout, format and fields, or what the error says
	}{
		"lenses":                     {written("lenses-parquet"), layout.Options{Layout: "lenses", Format: "parquet", Values: "plain"}, "parquet [key value timestamp offset headers]"},
		"lenses in avro":             {written("lenses-avro"), layout.Options{Layout: "lenses", Format: "avro", Values: "plain"}, "avro [key value timestamp offset headers]"},
		"lenses, values alone":       {bare("orders/0/9.parquet"), layout.Options{Layout: "lenses", Format: "parquet", Values: "json"}, "parquet []"},
		"lenses, nobody says":        {written("lenses-parquet"), layout.Options{Layout: "lenses"}, " []"},
		"aiven":                      {written("aiven-parquet"), layout.Options{Layout: "aiven", Format: "parquet", Values: "plain"}, "parquet [key value timestamp offset headers]"},
		"aiven, format left out":     {written("aiven-avro"), layout.Options{Layout: "aiven", Values: "plain"}, "avro [key offset timestamp headers value]"},
		"aiven, named as gzip":       {written("aiven-parquet"), layout.Options{Layout: "aiven"}, "parquet []"},
		"aiven, fields that are set": {written("aiven-avro"), layout.Options{Layout: "aiven", Format: "avro", Values: "plain", Fields: []string{"value"}}, "avro [value]"},
		"aiven, values alone":        {bare("orders-0-0"), layout.Options{Layout: "aiven", Format: "parquet", Values: "json"}, "parquet []"},
		"aiven, no envelope":         {lookalike, layout.Options{Layout: "aiven", Format: "avro", Values: "confluent", Envelope: new(false)}, "avro []"},
		"aiven, it looks like one":   {lookalike, layout.Options{Layout: "aiven", Format: "avro", Values: "json"}, "avro [key value]"},
		"aiven, an envelope":         {lookalike, layout.Options{Layout: "aiven", Format: "avro", Values: "json", Envelope: new(true)}, "avro [key value]"},
		"aiven, not an envelope":     {bare("orders-0-0"), layout.Options{Layout: "aiven", Format: "parquet", Values: "json", Envelope: new(true)}, "not those of an envelope"},
		"an envelope, nothing there": {nil, layout.Options{Layout: "lenses", Format: "parquet", Values: "json", Envelope: new(true)}, "no object of parquet"},
		"the first is broken": {merge(written("aiven-avro"), map[string][]byte{"a/orders-0-0": []byte("Obj\x01broken")}),
			layout.Options{Layout: "aiven", Format: "avro", Values: "plain"}, "avro [key offset timestamp headers value]"},
		"numbers in envelopes": {written("aiven-avro"), layout.Options{Layout: "aiven", Format: "avro", Values: "confluent"}, "no datums as the topic had them"},
		"numbers in parquet":   {written("lenses-parquet"), layout.Options{Layout: "lenses", Format: "parquet", Values: "confluent"}, "no datums as the topic had them"},
		"numbers of datums": {map[string][]byte{"orders-0-0": foreigntest.AvroObject(datum, "null", 9, foreigntest.Datum(datum, map[string]any{"n": 1}))},
			layout.Options{Layout: "aiven", Format: "avro", Values: "confluent"}, "avro []"},
		"envelopes without values": {map[string][]byte{"orders/0/9.parquet": valueless(t)}, layout.Options{Layout: "lenses", Format: "parquet", Values: "plain"}, "hold no values"},
	} {
		c.opts.Topic = "orders"
		got, err := layout.Settle(t.Context(), foreigntest.Open(t, c.files), c.opts)
		said := fmt.Sprint(got.Format, " ", got.Fields)
		if err != nil {
			if !errors.Is(err, layout.ErrUnsettled) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: got %v, want %q", name, err, c.want)
			}
			continue
		}
		if said != c.want {
			t.Errorf("%s: got %s, want %s", name, said, c.want)
		}
	}
}

func valueless(t *testing.T) []byte {
	t.Helper()
	type row struct {
		Key      string `parquet:"key"`
		Metadata struct {
			Offset int64 `parquet:"offset"`
		} `parquet:"metadata"`
	}
	var out strings.Builder
	w := parquet.NewGenericWriter[row](&out)
	if _, err := w.Write([]row{{Key: "k"}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return []byte(out.String())
}

// What containers hold of a record never has headers in it: a map has lost their order.
func TestContainersDoNotSayHeaders(t *testing.T) {
	for writer, c := range foreigntest.Containers {
		o := layout.Options{Layout: foreigntest.Layout(writer), Topic: "orders", Format: c.Format, Values: foreign.Rendering(c.As)}
		if c.Envelope {
			o.Fields = []string{"key", "value", "timestamp", "offset", "headers"}
		}
		a, err := layout.Open(foreigntest.Open(t, nil), o)
		if err != nil {
			t.Fatal(err)
		}
		want := map[bool]record.Fields{true: record.FieldKey | record.FieldValue | record.FieldTimestamp, false: record.FieldValue}[c.Envelope]
		if a.Fields() != want || a.Layout().Traits().Own != c.Envelope {
			t.Errorf("%s: got fields %v, own positions %v, want %v and %v", writer, a.Fields(), a.Layout().Traits().Own, want, c.Envelope)
		}
	}
}

package aiven_test

import (
	"bytes"
	"fmt"
	"testing"

	"backstitch/replay/foreign"
	"backstitch/replay/foreign/foreigntest"
	"backstitch/replay/source"
	"backstitch/replay/source/aiven"
)

const (
	// recordAvro has what a JSON or Avro converter makes: keys that are numbers, values that are records.
	recordAvro = `{"type":"record","name":"connector_records","fields":[{"name":"key","type":["null","long"]},{"name":"offset","type":"long"},{"name":"timestamp","type":"long"},` +
		`{"name":"headers","type":["null",{"type":"map","values":"string"}]},{"name":"value","type":["null",{"type":"record","name":"v","fields":[{"name":"n","type":"long"},{"name":"s","type":["null","string"]}]}]}]}`
	stringAvro = `{"type":"record","name":"connector_records","fields":[{"name":"value","type":"string"}]}`
)

func contained(t *testing.T, format foreign.Format, as foreign.Rendering, fields []string, body []byte) string {
	t.Helper()
	cfg := aiven.DefaultConfig("orders")
	cfg.Format, cfg.Values, cfg.Fields, cfg.Bare = format, as, fields, len(fields) == 0
	a, err := aiven.New(foreigntest.Open(t, map[string][]byte{"orders-0-5": body}), cfg)
	l := foreigntest.Catalog(t, a, err)
	rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
	out := ""
	for _, r := range rs {
		out += fmt.Sprintf("%d %s=%s", r.Offset, show(r.Key), show(r.Value))
		for _, h := range r.Headers {
			out += fmt.Sprintf(" %s:%s", h.Key, h.Value)
		}
		out += "; "
	}
	return out + fmt.Sprint(damaged)
}

func show(b []byte) string {
	if b == nil {
		return "null"
	}
	return fmt.Sprintf("%q", b)
}

func TestEnvelopesInAvro(t *testing.T) {
	all := []string{"key", "offset", "timestamp", "headers", "value"}
	record := func(offset int64, key, value, headers any) []byte {
		return foreigntest.Datum(recordAvro, map[string]any{"key": key, "offset": offset, "timestamp": int64(1_795_132_800_000), "headers": headers, "value": value})
	}
	three := foreigntest.AvroObject(recordAvro, "deflate", 2,
		record(5, int64(1), map[string]any{"n": int64(1<<53 + 1), "s": nil}, map[string]any{"b": "2", "a": "1"}), record(6, nil, nil, nil), record(9, int64(-1), map[string]any{"n": int64(0), "s": ""}, map[string]any{}))
	block := bytes.Clone(three)
	block[bytes.LastIndex(block[:len(block)-16], foreigntest.AvroMarker[:])+18] ^= 0xff // in the second block
	texts := foreigntest.AvroObject(stringAvro, "null", 9, foreigntest.Datum(stringAvro, map[string]any{"value": ""}), foreigntest.Datum(stringAvro, map[string]any{"value": "x"}))
	for name, c := range map[string]struct{ got, want string }{
		"as JSON":           {contained(t, foreign.Avro, foreign.AsJSON, all, three), `5 "1"="{\"n\":9007199254740993,\"s\":null}" a:1 b:2; 6 null=null; 9 "-1"="{\"n\":0,\"s\":\"\"}"; []`},
		"plain":             {contained(t, foreign.Avro, foreign.AsPlain, all, three), "6 null=null; [" + source.CodeNotRendered + "[7,-1)]"},
		"a damaged block":   {contained(t, foreign.Avro, foreign.AsJSON, all, block), `5 "1"="{\"n\":9007199254740993,\"s\":null}" a:1 b:2; 6 null=null; [` + source.CodeAvroBlock + `[7,-1)]`},
		"strings":           {contained(t, foreign.Avro, foreign.AsPlain, []string{"value"}, texts), `5 null=""; 6 null="x"; []`},
		"bare, as JSON":     {contained(t, foreign.Avro, foreign.AsJSON, nil, texts), `5 null="{\"value\":\"\"}"; 6 null="{\"value\":\"x\"}"; []`},
		"no such field":     {contained(t, foreign.Avro, foreign.AsPlain, []string{"value", "offset"}, texts), "[" + source.CodeForeign + "[5,-1)]"},
		"parquet, not avro": {contained(t, foreign.Avro, foreign.AsPlain, all, []byte("PAR1....PAR1")), "[" + source.CodeForeign + "[5,-1)]"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %s, want %s", name, c.got, c.want)
		}
	}
}

// FuzzEnvelopes: whatever is in an object, reading ends, and no record has a position that another has.
func FuzzEnvelopes(f *testing.F) {
	for _, name := range []string{"aiven-avro", "aiven-parquet"} {
		for _, body := range foreigntest.Containers[name].Writer(0, foreigntest.Numbered(5, 20), 99) {
			f.Add(body, name == "aiven-avro", uint8(0))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, avro bool, as uint8) {
		cfg := aiven.DefaultConfig("orders")
		cfg.Format, cfg.Values, cfg.Fields = foreign.Parquet, []foreign.Rendering{foreign.AsPlain, foreign.AsJSON}[as%2], []string{"key", "value", "timestamp", "offset", "headers"}
		if avro {
			cfg.Format = foreign.Avro
		}
		cfg.MaxRecordBytes, cfg.HeldBytes = 1<<20, 4<<20
		a, err := aiven.New(foreigntest.Open(t, map[string][]byte{"orders-0-5": body}), cfg)
		l := foreigntest.Catalog(t, a, err)
		last := int64(-1)
		rs, _ := foreigntest.Read(t, a, 0, l.Objects[0])
		for _, r := range rs {
			if r.Offset <= last {
				t.Fatalf("position %d after %d", r.Offset, last)
			}
			last = r.Offset
		}
	})
}

package reach_test

import (
	"fmt"
	"strings"
	"testing"

	"backstitch/replay/gap"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/source"
	"backstitch/replay/spec"

	"github.com/twmb/franz-go/pkg/sr"
)

// A topic in Protobuf, and one in JSON with numbers of schemas, become topics of a later version; who carries the plan out asks no registry.
func TestMigrationsOfOtherForms(t *testing.T) {
	for as, c := range map[string]struct {
		typ             sr.SchemaType
		before, after   string
		in, out, poison string // payloads
		code            string
	}{
		spec.Protobuf: {sr.TypeProtobuf, `syntax = "proto3"; message Order { string n = 1; int64 old = 2; }`, `syntax = "proto3"; message Order { int64 n = 1; int64 new = 2; }`,
			"\x00\x0a\x017\x10\x05", "\x00\x08\x07\x10\x05", "\x00\x0a\x017\x98\x06\x01", source.CodeNotWhole},
		spec.JSON: {sr.TypeJSON, `{"type":"object"}`, `{"type":"object","properties":{"n":{"type":"integer","maximum":9}},"additionalProperties":{"type":"number"}}`,
			`{"n": "7","old":5}`, `{"n": 7,"new":5}`, `{"n":"10"}`, source.CodeNotFitting},
	} {
		t.Run(as, func(t *testing.T) {
			l := reshape(t)
			l.one.Put(51, sr.Schema{Schema: c.before, Type: c.typ})
			l.two.RegisterAs("forms-value", 52, sr.Schema{Schema: c.after, Type: c.typ})
			frame := "\x00\x00\x00\x00\x33"
			recs := []record.Record{{Value: []byte(frame + c.in)}, {Value: []byte(frame + c.poison)}}
			for i := range recs {
				recs[i].TimestampMs, recs[i].Key = 1_795_132_900_000+int64(i), fmt.Append(nil, "form", i)
			}
			l.kafka.Produce("orders", 0, recs...)
			p, sub := l.submit(l.spec("values: {as: "+as+", schema: {subject: forms-value}}, ", ""))
			if p.Recipe.Version != recovery.FramedVersion || p.Totals.Records != 1 {
				t.Fatalf("got a recipe of version %d with %d records", p.Recipe.Version, p.Totals.Records)
			}
			named := false
			for _, f := range p.Findings {
				named = named || f.Kind == gap.Corrupt && f.Code == c.code
			}
			if !named {
				t.Errorf("no finding has %s: %v", c.code, p.Findings)
			}
			l.one.SetDown(true)
			l.two.SetDown(true)
			l.run(sub)
			got := l.kafka.Committed("orders-v3", 0)
			if len(got) != 1 || string(got[0].Value) != "\x00\x00\x00\x00\x34"+c.out {
				t.Fatalf("got %d records, %v, want one of %q", len(got), got, c.out)
			}
			if !strings.Contains(p.Recipe.Source.Transform.String(), "forms-value@1") {
				t.Errorf("got %s", p.Recipe.Source.Transform)
			}
		})
	}
}

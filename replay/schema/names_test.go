package schema_test

import (
	"errors"
	"strings"
	"testing"

	"backstitch/replay/record"
	"backstitch/replay/schema"
	"backstitch/replay/schema/schematest"

	"github.com/twmb/franz-go/pkg/sr"
)

// TestSameNames: only what is equal by schema just when it is equal byte for byte may be written as it is.
func TestSameNames(t *testing.T) {
	value := func(id byte) record.Record { return record.Record{Value: framed(id, "x")} }
	inFront := func(n record.SchemaName) record.Record { return record.Record{Value: front(n, "x")} }
	inHeader := func(n record.SchemaName) record.Record {
		return record.Record{Value: []byte("x"), Headers: []record.Header{valueHeader(n)}}
	}
	for name, c := range map[string]struct {
		from, to []record.Record
		want     string // "" when they are the same
	}{
		"the same numbers":                   {[]record.Record{value(1), value(2)}, []record.Record{value(2)}, ""},
		"nothing is there yet":               {[]record.Record{value(1)}, nil, ""},
		"the same GUIDs":                     {[]record.Record{inHeader(guid(1))}, []record.Record{inHeader(guid(1))}, ""},
		"a number of another schema":         {[]record.Record{value(3)}, nil, "schema 3 of"},
		"a number that the target has not":   {[]record.Record{value(4)}, nil, "has no schema 4"},
		"two numbers of one schema":          {[]record.Record{value(1)}, []record.Record{value(5)}, "schema 1 and schema 5 are one schema"},
		"also on one side":                   {[]record.Record{value(1), value(5)}, nil, "schema 1 and schema 5 are one schema"},
		"a number and a GUID":                {[]record.Record{value(1)}, []record.Record{inHeader(guid(1))}, "are one schema"},
		"a number in front and in a header":  {[]record.Record{value(1)}, []record.Record{inHeader(number(1))}, "in front and others in a header"},
		"the same GUIDs in front":            {[]record.Record{inFront(guid(1))}, []record.Record{inFront(guid(1))}, ""},
		"a GUID in front and in a header":    {[]record.Record{inFront(guid(1))}, []record.Record{inHeader(guid(1))}, "in front and others in a header"},
		"a number and a GUID in front":       {[]record.Record{value(1)}, []record.Record{inFront(guid(1))}, "are one schema"},
		"bytes that are no GUID":             {[]record.Record{inFront(guid(91))}, []record.Record{inFront(guid(91)), value(1)}, ""},
		"another schema only the target has": {[]record.Record{value(1)}, []record.Record{value(6)}, ""},
	} {
		one, two := schematest.New(t), schematest.New(t)
		for _, r := range []*schematest.Registry{one, two} {
			r.Put(1, sr.Schema{Schema: order})
			r.PutGUID(guid(1).Text(), sr.Schema{Schema: order})
			r.Put(2, sr.Schema{Schema: `"string"`})
			r.Put(5, sr.Schema{Schema: order})
		}
		one.Put(3, sr.Schema{Schema: `"int"`})
		two.Put(3, sr.Schema{Schema: `"long"`})
		one.Put(4, sr.Schema{Schema: `"bytes"`})
		two.Put(6, sr.Schema{Schema: `"double"`})
		from, to := schema.NewSide(open(t, one.URL), "orders"), schema.NewSide(open(t, two.URL), "orders")
		schema.Pair(from, to)
		for side, records := range map[*schema.Side][]record.Record{from: c.from, to: c.to} {
			if err := side.Learn(t.Context(), &record.Batch{Records: records}, record.AllFields); err != nil {
				t.Fatal(err)
			}
		}
		err := schema.SameNames(t.Context(), from, to)
		if (err == nil) != (c.want == "") || err != nil && (!errors.Is(err, schema.ErrNames) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// TestALedgerDoesNotSayHowRecordsNameASchema: it keeps hashes, so what was learnt for it may be in front or in a header.
func TestALedgerDoesNotSayHowRecordsNameASchema(t *testing.T) {
	fake := schematest.New(t)
	fake.Put(1, sr.Schema{Schema: order})
	side := func() *schema.Side { return schema.NewSide(open(t, fake.URL), "orders") }
	first, again := side(), side()
	hash(t, first, record.Record{Value: framed(1, "x")}, record.AllFields)
	if reason, err := again.Differs(t.Context(), first.Learnt()); reason != "" || err != nil {
		t.Fatal(reason, err)
	}
	if err := schema.SameNames(t.Context(), again, side()); !errors.Is(err, schema.ErrNames) || !strings.Contains(err.Error(), "a ledger knows schema 1") {
		t.Errorf("got %v, want that a ledger does not say it", err)
	}
}

package schema_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"backstitch/replay/record"
	"backstitch/replay/schema"
	"backstitch/replay/schema/schematest"

	"github.com/twmb/franz-go/pkg/sr"
)

func framed(id byte, rest string) []byte { return append([]byte{0, 0, 0, 0, id}, rest...) }

// header names a schema as clients do that leave the payload alone.
func header(key string, name record.SchemaName, tail ...byte) record.Header {
	v := []byte{0, byte(name.ID >> 24), byte(name.ID >> 16), byte(name.ID >> 8), byte(name.ID)}
	if name.ByGUID {
		v = append([]byte{1}, name.GUID[:]...)
	}
	return record.Header{Key: key, Value: append(v, tail...)}
}

func valueHeader(name record.SchemaName, tail ...byte) record.Header {
	return header(record.ValueSchemaHeader, name, tail...)
}

// hash is that of one record on a side, and how many bytes name its schemas.
func hash(t *testing.T, s *schema.Side, r record.Record, fields record.Fields) ([16]byte, int64) {
	t.Helper()
	batch := &record.Batch{Records: []record.Record{r}}
	if err := s.Learn(t.Context(), batch, fields); err != nil {
		t.Fatal(err)
	}
	h := record.Hasher{Frames: s.Frames()}
	return h.HashNamed(&r, fields)
}

// twoRegistries say the same of number 1 and of 5 and GUID 5; of 2 and of 7 and GUID 7, which are Protobuf; b has two others.
func twoRegistries(t *testing.T) (a, b *schema.Registry) {
	one, two := schematest.New(t), schematest.New(t)
	proto := sr.Schema{Schema: `syntax = "proto3"; message Order { int64 id = 1; }`, Type: sr.TypeProtobuf}
	one.Put(1, sr.Schema{Schema: order})
	one.PutGUID(guid(1).Text(), sr.Schema{Schema: order})
	one.Put(2, proto)
	one.PutGUID(guid(2).Text(), proto)
	two.Put(5, sr.Schema{Schema: order})
	two.PutGUID(guid(5).Text(), sr.Schema{Schema: order})
	two.Put(6, sr.Schema{Schema: `"string"`})
	two.PutGUID(guid(6).Text(), sr.Schema{Schema: `"string"`})
	two.Put(7, proto)
	two.PutGUID(guid(7).Text(), proto)
	two.Register("with-keys-key", sr.Schema{Schema: order})
	return open(t, one.URL), open(t, two.URL)
}

// TestHashesDependOnSchemasAndNotOnTheirNames hashes one record as two clusters have it.
func TestHashesDependOnSchemasAndNotOnTheirNames(t *testing.T) {
	ra, rb := twoRegistries(t)
	one, other := schema.NewSide(ra, "orders"), schema.NewSide(rb, "orders")
	other2 := record.Header{Key: "trace", Value: []byte("x")}
	proto := func(index string) []byte { return append(framed(2, index), "payload"...) }
	for name, c := range map[string]struct {
		a, b record.Record
		same bool
	}{
		"two numbers":                   {record.Record{Value: framed(1, "x")}, record.Record{Value: framed(5, "x")}, true},
		"two numbers, other schemas":    {record.Record{Value: framed(1, "x")}, record.Record{Value: framed(6, "x")}, false},
		"two numbers, other payloads":   {record.Record{Value: framed(1, "x")}, record.Record{Value: framed(5, "y")}, false},
		"two GUIDs":                     {record.Record{Value: []byte("x"), Headers: []record.Header{valueHeader(guid(1))}}, record.Record{Value: []byte("x"), Headers: []record.Header{valueHeader(guid(5))}}, true},
		"two GUIDs, other schemas":      {record.Record{Value: []byte("x"), Headers: []record.Header{valueHeader(guid(1))}}, record.Record{Value: []byte("x"), Headers: []record.Header{valueHeader(guid(6))}}, false},
		"two GUIDs, other payloads":     {record.Record{Value: []byte("x"), Headers: []record.Header{valueHeader(guid(1))}}, record.Record{Value: []byte("y"), Headers: []record.Header{valueHeader(guid(5))}}, false},
		"number and GUID":               {record.Record{Value: framed(1, "x")}, record.Record{Value: []byte("x"), Headers: []record.Header{valueHeader(guid(5))}}, true},
		"number and number in a header": {record.Record{Value: framed(1, "x")}, record.Record{Value: []byte("x"), Headers: []record.Header{valueHeader(number(5))}}, true},
		"number and GUID, other schema": {record.Record{Value: framed(1, "x")}, record.Record{Value: []byte("x"), Headers: []record.Header{valueHeader(guid(6))}}, false},
		"number and GUID, other header": {record.Record{Value: framed(1, "x")}, record.Record{Value: []byte("x"), Headers: []record.Header{valueHeader(guid(5)), other2}}, false},
		"place among headers": {record.Record{Value: []byte("x"), Headers: []record.Header{valueHeader(guid(1)), other2}},
			record.Record{Value: []byte("x"), Headers: []record.Header{other2, valueHeader(guid(5))}}, true},
		// Somebody who reads the header takes what follows for the payload, whatever it begins with.
		"a payload like a frame": {record.Record{Value: framed(1, "x"), Headers: []record.Header{valueHeader(guid(1))}}, record.Record{Value: framed(1, "x"), Headers: []record.Header{valueHeader(guid(5))}}, true},
		"a frame is no payload":  {record.Record{Value: framed(1, "x"), Headers: []record.Header{valueHeader(guid(1))}}, record.Record{Value: framed(5, "x")}, false},
		"tombstones":             {record.Record{Headers: []record.Header{valueHeader(guid(1))}}, record.Record{Headers: []record.Header{valueHeader(guid(5))}}, true},
		"tombstone and empty":    {record.Record{Headers: []record.Header{valueHeader(guid(1))}}, record.Record{Value: []byte{}, Headers: []record.Header{valueHeader(guid(5))}}, false},
		"keys in headers": {record.Record{Key: []byte("k"), Headers: []record.Header{header(record.KeySchemaHeader, guid(1))}},
			record.Record{Key: []byte("k"), Headers: []record.Header{header(record.KeySchemaHeader, guid(5))}}, true},
		"key and value": {record.Record{Key: []byte("k"), Headers: []record.Header{header(record.KeySchemaHeader, guid(1))}},
			record.Record{Key: []byte("k"), Headers: []record.Header{valueHeader(guid(5))}}, false},
		"Protobuf, one message": {record.Record{Value: proto("\x00")}, record.Record{Value: []byte("payload"), Headers: []record.Header{valueHeader(guid(7), 0)}}, true},
		"Protobuf, another one": {record.Record{Value: proto("\x00")}, record.Record{Value: []byte("payload"), Headers: []record.Header{valueHeader(guid(7), 2, 2)}}, false},
		"Protobuf, nested":      {record.Record{Value: proto("\x04\x02\x04")}, record.Record{Value: []byte("payload"), Headers: []record.Header{valueHeader(guid(7), 4, 2, 4)}}, true},
		"a header of another form": {record.Record{Value: []byte("x"), Headers: []record.Header{{Key: record.ValueSchemaHeader, Value: []byte("v1")}}},
			record.Record{Value: []byte("x"), Headers: []record.Header{{Key: record.ValueSchemaHeader, Value: []byte("v2")}}}, false},
	} {
		a, namesA := hash(t, one, c.a, record.AllFields)
		b, namesB := hash(t, other, c.b, record.AllFields)
		if (a == b) != c.same {
			t.Errorf("%s: got equal hashes %t, want %t", name, a == b, c.same)
		}
		if x, y := bytesOf(&c.a)-namesA, bytesOf(&c.b)-namesB; c.same && x != y {
			t.Errorf("%s: got %d and %d bytes without names, want as many", name, x, y)
		}
	}
	var nobody *schema.Side
	a, _ := hash(t, nobody, record.Record{Value: framed(1, "x")}, record.AllFields)
	if b, _ := hash(t, nobody, record.Record{Value: framed(5, "x")}, record.AllFields); a == b {
		t.Error("no registry: got one hash for two numbers, want two")
	}
}

func bytesOf(r *record.Record) int64 { return r.Size() }

// TestWhatAHeaderSaysAmiss: what clients would not agree on is not compared, and so nothing is called missing for it.
func TestWhatAHeaderSaysAmiss(t *testing.T) {
	_, rb := twoRegistries(t)
	s := schema.NewSide(rb, "orders")
	for name, c := range map[string]struct {
		r      record.Record
		fields record.Fields
		want   error
	}{
		"twice":                    {record.Record{Headers: []record.Header{valueHeader(guid(5)), valueHeader(guid(6))}}, record.AllFields, schema.ErrHeader},
		"more than a GUID":         {record.Record{Headers: []record.Header{valueHeader(guid(5), 0)}}, record.AllFields, schema.ErrHeader},
		"Protobuf without indexes": {record.Record{Headers: []record.Header{valueHeader(guid(7))}}, record.AllFields, schema.ErrHeader},
		"Protobuf, half an index":  {record.Record{Headers: []record.Header{valueHeader(guid(7), 4, 2)}}, record.AllFields, schema.ErrHeader},
		"Protobuf, and then more":  {record.Record{Headers: []record.Header{valueHeader(guid(7), 0, 0)}}, record.AllFields, schema.ErrHeader},
		"unknown GUID":             {record.Record{Headers: []record.Header{valueHeader(guid(9))}}, record.AllFields, schema.ErrUnknown},
		"unknown GUID of a key":    {record.Record{Headers: []record.Header{header(record.KeySchemaHeader, guid(9))}}, record.AllFields, schema.ErrUnknown},
		"headers on one side only": {record.Record{Headers: []record.Header{valueHeader(guid(5))}}, record.AllFields &^ record.FieldHeaders, schema.ErrHeader},
	} {
		c.r.Offset = 4711
		err := s.Learn(t.Context(), &record.Batch{Records: []record.Record{c.r}}, c.fields)
		if !errors.Is(err, c.want) || !strings.Contains(fmt.Sprint(err), "offset 4711") {
			t.Errorf("%s: got %v, want %v that names the record", name, err, c.want)
		}
	}
}

func TestKeysBeginWithNumbersWhereTheRegistryHasTheirSubject(t *testing.T) {
	ra, rb := twoRegistries(t)
	number := record.Record{Key: []byte{0, 0, 0, 0, 5, 0, 0, 0}} // an integer of 8 bytes
	plain := record.Hash(&number, record.AllFields)
	if got, _ := hash(t, schema.NewSide(rb, "orders"), number, record.AllFields); got != plain {
		t.Error("a key that is no schema's: got another hash than that of its bytes")
	}
	if got, _ := hash(t, schema.NewSide(rb, "with-keys"), number, record.AllFields); got == plain {
		t.Error("a key that is a schema's: got the hash of its bytes")
	}
	// With schemas of keys in one registry only, no hash of such a key compares with the other side's; other keys are bytes on both, and
	// where keys are not compared nothing is torn.
	with, without := schema.NewSide(rb, "with-keys"), schema.NewSide(ra, "orders")
	schema.Pair(with, without)
	for _, s := range []*schema.Side{with, without} {
		torn := &record.Batch{Records: []record.Record{number}}
		if err := s.Learn(t.Context(), torn, record.AllFields); !errors.Is(err, schema.ErrKeys) || !strings.Contains(err.Error(), "with-keys-key") {
			t.Errorf("keys of one side: got %v, want %v that names the subject", err, schema.ErrKeys)
		}
		if err := s.Learn(t.Context(), torn, record.FieldValue); err != nil {
			t.Errorf("keys that are not compared: got %v, want nil", err)
		}
	}
	key := record.Record{Key: []byte("k")}
	a, _ := hash(t, with, key, record.AllFields)
	if b, _ := hash(t, without, key, record.AllFields); a != b {
		t.Error("a key that names no schema: got two hashes, want one")
	}
}

func TestALearntSideKnowsWhatHasChanged(t *testing.T) {
	fake := schematest.New(t)
	fake.Put(1, sr.Schema{Schema: order})
	fake.PutGUID(guid(2).Text(), sr.Schema{Schema: order})
	side := func() *schema.Side { return schema.NewSide(open(t, fake.URL), "orders") }
	s := side()
	if s.Learnt() != nil {
		t.Error("a side that has asked nothing has learnt something")
	}
	hash(t, s, record.Record{Value: framed(1, "x")}, record.AllFields)
	hash(t, s, record.Record{Headers: []record.Header{valueHeader(guid(2))}}, record.AllFields)
	had := s.Learnt()
	if len(had.Schemas) != 2 {
		t.Fatalf("got %v, want both schemas", had.Schemas)
	}
	differs := func(want string) {
		t.Helper()
		reason, err := side().Differs(t.Context(), had)
		if err != nil || (want == "") != (reason == "") || !strings.Contains(reason, want) {
			t.Errorf("got %q, %v, want %q", reason, err, want)
		}
	}
	differs("")
	fake.PutGUID(guid(2).Text(), sr.Schema{Schema: `"string"`})
	differs(guid(2).Text())
	fake.PutGUID(guid(2).Text(), sr.Schema{Schema: order})
	differs("")
	fake.Put(1, sr.Schema{Schema: order, Type: sr.TypeProtobuf})
	differs("schema 1")
	fake.Put(1, sr.Schema{Schema: order})
	fake.Register("orders-key", sr.Schema{Schema: order})
	differs("orders-key")
	fake.SetDown(true)
	differs("no answer")
	if reason, err := side().Differs(t.Context(), nil); reason == "" || err != nil {
		t.Errorf("nothing is known of what was: got %q, %v, want a reason", reason, err)
	}
	had.Schemas = map[string]string{"x": ""}
	fake.SetDown(false)
	had.Keys = true
	differs("not what records call a schema")
}

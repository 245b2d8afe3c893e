package schema_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"backstitch/replay/record"
	"backstitch/replay/schema"
	"backstitch/replay/schema/schematest"

	"github.com/twmb/franz-go/pkg/sr"
	"pgregory.net/rapid"
)

// front is a part that begins with a GUID.
func front(n record.SchemaName, payload string) []byte {
	return append(append([]byte{1}, n.GUID[:]...), payload...)
}

// numbered is one that begins with a number.
func numbered(id uint32, payload string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, id), payload...)
}

func learnOne(t *testing.T, s *schema.Side, r record.Record) error {
	t.Helper()
	return s.Learn(t.Context(), &record.Batch{Records: []record.Record{r}}, record.AllFields)
}

// TestAGUIDInFrontIsAName: two topics whose registries gave one schema other GUIDs hold the same records, wherever and however they name it.
func TestAGUIDInFrontIsAName(t *testing.T) {
	ra, rb := twoRegistries(t)
	one, other := schema.NewSide(ra, "orders"), schema.NewSide(rb, "orders")
	schema.Pair(one, other)
	for name, c := range map[string]struct {
		a, b record.Record
		same bool
	}{
		"two GUIDs":                 {record.Record{Value: front(guid(1), "x")}, record.Record{Value: front(guid(5), "x")}, true},
		"two GUIDs, other schemas":  {record.Record{Value: front(guid(1), "x")}, record.Record{Value: front(guid(6), "x")}, false},
		"two GUIDs, other payloads": {record.Record{Value: front(guid(1), "x")}, record.Record{Value: front(guid(5), "y")}, false},
		"no payload":                {record.Record{Value: front(guid(1), "")}, record.Record{Value: front(guid(5), "")}, true},
		"GUID and number":           {record.Record{Value: front(guid(1), "x")}, record.Record{Value: framed(5, "x")}, true},
		"GUID and GUID in a header": {record.Record{Value: front(guid(1), "x")}, record.Record{Value: []byte("x"), Headers: []record.Header{valueHeader(guid(5))}}, true},
		"Protobuf, one message":     {record.Record{Value: front(guid(2), "\x00payload")}, record.Record{Value: []byte("payload"), Headers: []record.Header{valueHeader(guid(7), 0)}}, true},
		"Protobuf, another one":     {record.Record{Value: front(guid(2), "\x02\x02payload")}, record.Record{Value: front(guid(7), "\x00payload")}, false},
		// A header goes first, so what stands in front is payload, and has to be the same.
		"a header, and bytes": {record.Record{Value: front(guid(1), "x"), Headers: []record.Header{valueHeader(guid(1))}},
			record.Record{Value: front(guid(5), "x"), Headers: []record.Header{valueHeader(guid(5))}}, false},
		"nobody's GUIDs":       {record.Record{Value: front(guid(91), "x")}, record.Record{Value: front(guid(92), "x")}, false},
		"nobody's GUID":        {record.Record{Value: front(guid(91), "x")}, record.Record{Value: front(guid(91), "x")}, true},
		"no GUID and a schema": {record.Record{Value: front(guid(91), "x")}, record.Record{Value: front(guid(5), "x")}, false},
		"too short":            {record.Record{Value: front(guid(1), "")[:16]}, record.Record{Value: front(guid(5), "")[:16]}, true}, // both are a 1 and zeros
		"a key is bytes":       {record.Record{Key: front(guid(91), "x")}, record.Record{Key: front(guid(91), "x")}, true},
		"keys are bytes":       {record.Record{Key: front(guid(1), "x")}, record.Record{Key: front(guid(5), "x")}, false},
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
	// What no registry has is the bytes that it is, as if nobody had looked.
	nobodys := record.Record{Value: front(guid(91), "x")}
	if got, names := hash(t, one, nobodys, record.AllFields); got != record.Hash(&nobodys, record.AllFields) || names != 0 {
		t.Error("a value that only looks like it has another hash than its bytes")
	}
	if seen := one.Named(); len(seen) != 2 || seen[0].Seen&schema.BeforeValue == 0 {
		t.Errorf("the side has met %v, want the two that its registry has, in front of values", seen)
	}
}

// TestWhatOnlyOneRegistryHasIsNotCompared: the same bytes would be a name here and none there. Whichever side meets them first, and whoever of
// several partitions meets them again, nothing is said.
func TestWhatOnlyOneRegistryHasIsNotCompared(t *testing.T) {
	for _, first := range []int{0, 1} {
		ra, rb := twoRegistries(t)
		sides := []*schema.Side{schema.NewSide(ra, "orders"), schema.NewSide(rb, "orders")}
		schema.Pair(sides[0], sides[1])
		mirrored := record.Record{Value: front(guid(1), "x")} // a has it, b has not
		if first == 0 {
			if err := learnOne(t, sides[0], mirrored); err != nil {
				t.Errorf("who has it: got %v", err)
			}
		}
		for range 2 {
			err := learnOne(t, sides[1], mirrored)
			if !errors.Is(err, schema.ErrOneKnows) || !strings.Contains(err.Error(), guid(1).Text()) || !strings.Contains(err.Error(), ra.Name()+" has schema") {
				t.Errorf("who has it not: got %v, want %v with the GUID", err, schema.ErrOneKnows)
			}
		}
	}
	// It is registered between the two questions: the side that is told last says so.
	one, two := schematest.New(t), schematest.New(t)
	a, b := schema.NewSide(open(t, one.URL), "orders"), schema.NewSide(open(t, two.URL), "orders")
	schema.Pair(a, b)
	r := record.Record{Value: front(guid(1), "x")}
	if err := learnOne(t, a, r); err != nil {
		t.Fatal(err)
	}
	two.PutGUID(guid(1).Text(), sr.Schema{Schema: order})
	other := schema.NewSide(open(t, two.URL), "orders") // whose registry did not keep the answer
	schema.Pair(a, other)
	for range 2 {
		if err := learnOne(t, other, r); !errors.Is(err, schema.ErrOneKnows) {
			t.Errorf("registered meanwhile: got %v, want %v", err, schema.ErrOneKnows)
		}
	}
}

// TestARegistryThatIsNotAskedHasNotSaidNo: that it has no such GUID and that it could not be asked are told apart, on both sides.
func TestARegistryThatIsNotAskedHasNotSaidNo(t *testing.T) {
	r := record.Record{Value: front(guid(91), "x"), Offset: 4711}
	for name, break_ := range map[string]func(*schematest.Registry){
		"down": func(reg *schematest.Registry) { reg.SetDown(true) },
		"too old to know GUIDs": func(reg *schematest.Registry) {
			reg.Odd(func(w http.ResponseWriter, req *http.Request) bool {
				old := strings.HasPrefix(req.URL.Path, "/schemas/guids/")
				if old {
					http.Error(w, `{"error_code":404,"message":"HTTP 404 Not Found"}`, http.StatusNotFound)
				}
				return old
			})
		},
		"a login": func(reg *schematest.Registry) { reg.Require("Bearer other") },
	} {
		for _, broken := range []int{0, 1} {
			regs := []*schematest.Registry{schematest.New(t), schematest.New(t)}
			sides := []*schema.Side{schema.NewSide(open(t, regs[0].URL), "orders"), schema.NewSide(open(t, regs[1].URL), "orders")}
			schema.Pair(sides[0], sides[1])
			plain := record.Record{Value: []byte("{}")}
			for _, s := range sides { // what keys begin with is known before
				if err := learnOne(t, s, plain); err != nil {
					t.Fatal(err)
				}
			}
			break_(regs[broken])
			for range 2 {
				for i, s := range sides {
					if err := learnOne(t, s, r); !errors.Is(err, schema.ErrNoAnswer) || errors.Is(err, schema.ErrUnknown) || !strings.Contains(err.Error(), "offset 4711") {
						t.Errorf("%s, registry %d, side %d: got %v, want %v at the record", name, broken, i, err, schema.ErrNoAnswer)
					}
				}
			}
		}
	}
	// A schema whose own references are gone is one, although nobody can tell what it says.
	reg := schematest.New(t)
	reg.PutGUID(guid(91).Text(), sr.Schema{Schema: order, References: []sr.SchemaReference{{Name: "x", Subject: "gone", Version: 7}}})
	s := schema.NewSide(open(t, reg.URL), "orders")
	for range 2 {
		if err := learnOne(t, s, r); err == nil || !strings.Contains(err.Error(), "subject gone") {
			t.Errorf("a schema that refers to nothing: got %v, want an error", err)
		}
	}
}

// TestGUIDsInFrontAreBounded: ever new ones end what is said of a partition, and are not taken for bytes because there are many. Those that were
// met are still told, and nobody is asked more than that.
func TestGUIDsInFrontAreBounded(t *testing.T) {
	reg := schematest.New(t)
	reg.PutGUID(guid(1).Text(), sr.Schema{Schema: order})
	s := schema.NewSide(open(t, reg.URL), "orders")
	random := func(i int) record.Record {
		n := record.SchemaName{ByGUID: true, GUID: [16]byte{0: 0xff}}
		binary.BigEndian.PutUint32(n.GUID[8:], uint32(i))
		return record.Record{Value: front(n, "x")}
	}
	known := record.Record{Value: front(guid(1), "x")}
	if err := learnOne(t, s, known); err != nil {
		t.Fatal(err)
	}
	for i := range schema.MaxFront - 1 {
		if err := learnOne(t, s, random(i)); err != nil {
			t.Fatalf("GUID %d: %v", i, err)
		}
	}
	asked := reg.Asked()
	for i := range 10 {
		if err := learnOne(t, s, random(schema.MaxFront+i)); !errors.Is(err, schema.ErrFront) {
			t.Errorf("GUID %d: got %v, want %v", schema.MaxFront+i, err, schema.ErrFront)
		}
	}
	if err := errors.Join(learnOne(t, s, known), learnOne(t, s, random(7))); err != nil {
		t.Errorf("those that were met: got %v", err)
	}
	if now := reg.Asked(); now != asked {
		t.Errorf("%d more questions were put, want none", now-asked)
	}
}

// TestKeysWithGUIDsInFront go by the same rule as those with numbers: where one registry alone has schemas of keys, no hash of both compares.
func TestKeysWithGUIDsInFront(t *testing.T) {
	ra, rb := twoRegistries(t)
	with, without := schema.NewSide(rb, "with-keys"), schema.NewSide(ra, "orders")
	schema.Pair(with, without)
	for i, s := range []*schema.Side{with, without} {
		for _, id := range []byte{1, 5} { // known to one each
			if err := learnOne(t, s, record.Record{Key: front(guid(id), "k")}); !errors.Is(err, schema.ErrKeys) {
				t.Errorf("side %d, GUID %d: got %v, want %v", i, id, err, schema.ErrKeys)
			}
		}
		if err := learnOne(t, s, record.Record{Key: front(guid(91), "k")}); err != nil {
			t.Errorf("side %d, a key that is no schema's: got %v", i, err)
		}
	}
	both := schema.NewSide(rb, "with-keys")
	number, _ := hash(t, both, record.Record{Key: framed(5, "k")}, record.AllFields)
	if got, _ := hash(t, both, record.Record{Key: front(guid(5), "k")}, record.AllFields); got != number {
		t.Error("a key by GUID and one by number of one schema have two hashes")
	}
}

// TestWhatWasInFrontIsLearnt: hashes that were kept are believed only while the registry says the same of what parts begin with, also that it is
// nothing.
func TestWhatWasInFrontIsLearnt(t *testing.T) {
	reg := schematest.New(t)
	reg.PutGUID(guid(1).Text(), sr.Schema{Schema: order})
	side := func() *schema.Side { return schema.NewSide(open(t, reg.URL), "orders") }
	s := side()
	hash(t, s, record.Record{Value: front(guid(1), "x")}, record.AllFields)
	hash(t, s, record.Record{Value: front(guid(91), "x")}, record.AllFields)
	had := s.Learnt()
	differs := func(what, want string) {
		t.Helper()
		fresh := side()
		reason, err := fresh.Differs(t.Context(), had)
		if err != nil || (want == "") != (reason == "") || !strings.Contains(reason, want) {
			t.Errorf("%s: got %q, %v, want %q", what, reason, err, want)
		}
		if again := fresh.Learnt(); want == "" && fmt.Sprint(again) != fmt.Sprint(had) {
			t.Errorf("%s: believed as it was, and kept as %v, want %v", what, again, had)
		}
	}
	differs("nothing has changed", "")
	reg.PutGUID(guid(91).Text(), sr.Schema{Schema: order})
	differs("what was none is one", guid(91).Text())
	reg.Odd(func(w http.ResponseWriter, req *http.Request) bool {
		gone := strings.HasSuffix(req.URL.Path, guid(91).Text())
		if gone {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error_code":40403}`)
		}
		return gone
	})
	differs("it is none again", "")
	reg.PutGUID(guid(1).Text(), sr.Schema{Schema: `"string"`})
	differs("it says something else", guid(1).Text())
	reg.SetDown(true)
	differs("nobody answers", "no answer")
	reg.SetDown(false)
	had.Fronts = false
	differs("who did not look", "taken for bytes")
}

// TestRecordsBesideTwoRegistries draws records that name schemas in every way, and writes each for a second registry, whose names are others:
// two hashes are equal exactly if schema, payload and the rest of the record are.
func TestRecordsBesideTwoRegistries(t *testing.T) {
	regs := []*schematest.Registry{schematest.New(t), schematest.New(t)}
	texts := []string{order, `"string"`, `"bytes"`}
	// Schema i is number 1+i and GUID 1+i of the first, 11+i of the second. GUIDs from 50 on are nobody's.
	for side, reg := range regs {
		for i, text := range texts {
			reg.Put(1+i+10*side, sr.Schema{Schema: text})
			reg.PutGUID(guid(byte(1+i+10*side)).Text(), sr.Schema{Schema: text})
		}
	}
	sides := []*schema.Side{schema.NewSide(open(t, regs[0].URL), "orders"), schema.NewSide(open(t, regs[1].URL), "orders")}
	schema.Pair(sides[0], sides[1])
	type drawn struct {
		kind    string // of what stands there
		schema  int
		payload string
	}
	build := func(d drawn, how string, side int) record.Record {
		n := byte(1 + d.schema + 10*side)
		switch {
		case d.kind == "null":
			return record.Record{}
		case d.kind == "nobody's":
			return record.Record{Value: front(guid(byte(50+d.schema)), d.payload)}
		case d.kind == "bytes":
			return record.Record{Value: append([]byte{2}, d.payload...)}
		case how == "number":
			return record.Record{Value: numbered(uint32(n), d.payload)}
		case how == "number in a header":
			return record.Record{Value: []byte(d.payload), Headers: []record.Header{valueHeader(number(uint32(n)))}}
		case how == "GUID in a header":
			return record.Record{Value: []byte(d.payload), Headers: []record.Header{valueHeader(guid(n))}}
		}
		return record.Record{Value: front(guid(n), d.payload)}
	}
	kinds := rapid.SampledFrom([]string{"schema", "schema", "schema", "nobody's", "bytes", "null"})
	ways := rapid.SampledFrom([]string{"number", "number in a header", "GUID in a header", "GUID", "GUID"})
	one := rapid.Custom(func(t *rapid.T) drawn {
		return drawn{kinds.Draw(t, "kind"), rapid.IntRange(0, len(texts)-1).Draw(t, "schema"), rapid.StringN(0, 2, -1).Draw(t, "payload")}
	})
	hashOf := func(t *rapid.T, side int, r record.Record) [16]byte {
		if err := sides[side].Learn(context.Background(), &record.Batch{Records: []record.Record{r}}, record.AllFields); err != nil {
			t.Fatalf("%x: %v", r.Value, err)
		}
		h := record.Hasher{Frames: sides[side].Frames()}
		return h.Hash(&r, record.AllFields)
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := one.Draw(t, "a"), one.Draw(t, "b")
		if rapid.Bool().Draw(t, "the same") {
			b = a
		}
		if a.kind == "null" {
			a = drawn{kind: "null"}
		}
		if b.kind == "null" {
			b = drawn{kind: "null"}
		}
		if a.kind == "bytes" {
			a.schema = 0
		}
		if b.kind == "bytes" {
			b.schema = 0
		}
		x, y := build(a, ways.Draw(t, "how a"), 0), build(b, ways.Draw(t, "how b"), 1)
		if got, want := hashOf(t, 0, x) == hashOf(t, 1, y), a == b; got != want {
			t.Fatalf("%x and %x: got equal %t, want %t", x.Value, y.Value, got, want)
		}
	})
}

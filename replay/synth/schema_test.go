package synth

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"backstitch/replay/datum"
	"backstitch/replay/document"
	"backstitch/replay/framed"
	"backstitch/replay/message"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"
)

// kinds are schemas of one kind each, with values that random draws make.
var kinds = map[string]struct {
	text  Text
	parse func(framed.Text) (framed.Schema, error)
	// value is a value in JSON; secret is a text that stands in it several times.
	value func(rng *rand.Rand, secret func() string) string
}{
	KindAvro: {
		text: Text{
			Schema: `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"},{"name":"cents","type":"long"},{"name":"price","type":"double"},
{"name":"note","type":["null","string"],"default":null},{"name":"state","type":{"type":"enum","name":"State","symbols":["NEW","PAID","SENT"]}},
{"name":"tags","type":{"type":"array","items":"string"}},{"name":"more","type":{"type":"map","values":"string"}},{"name":"address","type":"shop.Address"},
{"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},{"name":"next","type":["null","shop.Order"],"default":null},{"name":"paid","type":"boolean"}]}`,
			References: []Reference{{Name: "shop.Address", Text: Text{Schema: `{"type":"record","name":"Address","namespace":"shop","fields":[{"name":"zip","type":"string"}]}`}}},
		},
		parse: func(t framed.Text) (framed.Schema, error) {
			// As the product reads it in one text: what it refers to is put in its place.
			t.Schema = strings.Replace(t.Schema, `"type":"shop.Address"`, `"type":`+t.References[0].Schema, 1)
			return datum.Form{}.Parse(framed.Text{Schema: t.Schema}, "")
		},
		value: func(rng *rand.Rand, secret func() string) string {
			note := "null"
			if rng.IntN(3) == 0 {
				note = `"` + secret() + `"`
			}
			return fmt.Sprintf(`{"id":%q,"cents":%d,"price":%d.25,"note":%s,"state":%q,"tags":[%q,%q],"more":{%q:%q},"address":{"zip":%q},"amount":12.50,"next":null,"paid":%t}`,
				secret(), 70_000_000_000+rng.Int64N(1_000_000_000), rng.IntN(1000), note, []string{"NEW", "PAID", "PAID", "PAID"}[rng.IntN(4)], secret(), secret(), secret(), secret(),
				fmt.Sprintf("%05d", rng.IntN(100_000)), rng.IntN(2) == 0)
		},
	},
	KindProtobuf: {
		text: Text{
			Schema: `syntax = "proto3"; package shop; import "address.proto";
message Other { string x = 1; }
message Order { enum State { NEW = 0; PAID = 1; SENT = 5; } string id = 1; sint64 cents = 2; double price = 3; optional string note = 4; State state = 5; repeated string tags = 6;
map<string, string> more = 7; Address address = 8; oneof pay { string card = 9; fixed64 account = 10; } repeated int32 sizes = 11; Order next = 12; }`,
			References: []Reference{{Name: "address.proto", Text: Text{Schema: `syntax = "proto3"; package shop; message Address { string zip = 1; }`}}},
		},
		parse: func(t framed.Text) (framed.Schema, error) { return message.Parse(t, "shop.Order") },
		value: func(rng *rand.Rand, secret func() string) string {
			pay := fmt.Sprintf(`"card":%q`, secret())
			if rng.IntN(4) == 0 {
				pay = fmt.Sprintf(`"account":%d`, 70_000_000_000+rng.Int64N(1_000_000_000))
			}
			return fmt.Sprintf(`{"id":%q,"cents":%d,"price":%d.25,"note":%q,"state":%q,"tags":[%q,%q],"more":{%q:%q},"address":{"zip":%q},%s,"sizes":[%d,40,41]}`,
				secret(), -rng.Int64N(1_000_000_000), rng.IntN(1000), secret(), []string{"NEW", "PAID", "SENT"}[rng.IntN(3)], secret(), secret(), secret(), secret(),
				fmt.Sprintf("%05d", rng.IntN(100_000)), pay, rng.IntN(90))
		},
	},
	KindJSON: {
		text: Text{
			Schema: `{"type":"object","required":["id","cents","state"],"properties":{"id":{"type":"string"},"cents":{"type":"integer","minimum":0,"maximum":2000000000000},"price":{"type":"number"},
"note":{"type":["null","string"]},"state":{"enum":["NEW","PAID","SENT"]},"paid":{"type":"boolean"},"tags":{"type":"array","items":{"type":"string"}},"address":{"$ref":"address.json"},
"next":{"anyOf":[{"type":"null"},{"$ref":"#"}]}},"additionalProperties":{"type":"string"}}`,
			References: []Reference{{Name: "address.json", Text: Text{Schema: `{"type":"object","properties":{"zip":{"type":"string"}},"additionalProperties":false}`}}},
		},
		parse: func(t framed.Text) (framed.Schema, error) { return document.Parse(t) },
		value: func(rng *rand.Rand, secret func() string) string {
			return fmt.Sprintf(`{"id":%q,"cents":%d,"price":%d.25,"note":null,"paid":true,"state":%q,"tags":[%q,%q],%q:%q,"address":{"zip":%q},"next":{"id":%q,"cents":1,"state":"NEW"}}`,
				secret(), 1_700_000_000_000+rng.Int64N(1_000_000_000), rng.IntN(1000), []string{"NEW", "PAID"}[rng.IntN(2)], secret(), secret(), secret(), secret(), secret(), secret())
		},
	},
}

// framings are the ways in which a value names its schema.
var framings = map[string]struct {
	name record.SchemaName
	in   string
}{
	"number":           {record.SchemaName{ID: 77}, InFront},
	"GUID":             {record.SchemaName{ByGUID: true, GUID: [16]byte{1, 2, 15: 9}}, InFront},
	"number in header": {record.SchemaName{ID: 77}, InHeader},
	"GUID in header":   {record.SchemaName{ByGUID: true, GUID: [16]byte{1, 2, 15: 9}}, InHeader},
	"Glue":             {record.GlueVersion([16]byte{4, 5, 15: 6}), InGlue},
	"Glue zipped":      {record.GlueVersion([16]byte{4, 5, 15: 6}), InGlueZipped},
}

// frame is a record whose value is payload, as a producer makes it. index is what payload begins with, of Protobuf.
func frame(t *testing.T, s framed.Schema, name record.SchemaName, in string, payload []byte) record.Record {
	t.Helper()
	var index, glue []byte
	if g, is := s.(framed.Glued); is {
		index, glue = g.Index(), g.GlueIndex()
	}
	body := payload[len(index):]
	switch in {
	case InHeader:
		return record.Record{Value: body, Headers: []record.Header{{Key: "trace", Value: []byte("x")}, {Key: record.ValueSchemaHeader, Value: append(framed.AppendName(nil, name), index...)}}}
	case InGlue:
		return record.Record{Value: append(append(record.AppendGlue(nil, name, false), glue...), body...)}
	case InGlueZipped:
		var b bytes.Buffer
		w := zlib.NewWriter(&b)
		if _, err := w.Write(append(bytes.Clone(glue), body...)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return record.Record{Value: append(record.AppendGlue(nil, name, true), b.Bytes()...)}
	}
	return record.Record{Value: append(framed.AppendName(nil, name), payload...)}
}

// unframed is the payload of a record of a replica, with the index that it has behind a number.
func unframed(t *testing.T, s framed.Schema, r *record.Record) (record.SchemaName, []byte) {
	t.Helper()
	var taker framed.Taker
	x, err := taker.Take(r)
	if err != nil {
		t.Fatalf("%x: %v", r.Value, err)
	}
	payload := bytes.Clone(x.Payload)
	if g, is := s.(framed.Glued); is && x.Name.Glue {
		index, n, err := g.Unglue(payload)
		if err != nil {
			t.Fatal(err)
		}
		payload = append(bytes.Clone(index), payload[n:]...)
	}
	return x.Name, payload
}

func parsed(t *testing.T, kind string) framed.Schema {
	t.Helper()
	k := kinds[kind]
	s, err := k.parse(framed.Text{Schema: k.text.Schema, References: k.text.before(nil)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// learnt is what is learnt of n values of a kind in a framing.
func learnt(t *testing.T, kind string, s framed.Schema, name record.SchemaName, in string, n int, rng *rand.Rand, secret func() string) *Profile {
	t.Helper()
	l := NewLearner(Options{})
	for i := range n {
		payload, err := s.Payload([]byte(kinds[kind].value(rng, secret)))
		if err != nil {
			t.Fatal(err)
		}
		r := frame(t, s, name, in, payload)
		r.TimestampMs = int64(i) * 1000
		if got, fresh := l.Names(&r); fresh {
			if got != name {
				t.Fatalf("names %s, want %s", got, name)
			}
			if err := l.Meet(name, Schema{Kind: kind, Text: kinds[kind].text, Subject: "orders-value", Version: 1}); err != nil {
				t.Fatal(err)
			}
		}
		l.Add(0, &r)
	}
	p, err := l.Profile()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// secrets makes texts of letters that neither a schema nor a replica has, and remembers their parts.
func secrets(rng *rand.Rand, grams map[string]bool) func() string {
	return func() string {
		var b strings.Builder
		for range 3 + rng.IntN(12) {
			b.WriteRune(rune(0x400 + rng.IntN(0x100)))
		}
		s := b.String()
		for at := 0; at+4 <= len(s); at += 2 {
			grams[s[at:at+4]] = true
		}
		return s
	}
}

// TestValuesOfASchemaComeBack: whatever kind of schema and however it is named, values of the replica name it as the real ones did, every reader of
// the schema reads them, and what is learnt of them is what was learnt.
func TestValuesOfASchemaComeBack(t *testing.T) {
	rng := replaytest.Seed(t)
	for kind := range kinds {
		s := parsed(t, kind)
		all := pooled{sizes: map[string][2]Sizes{}, bits: map[string][2]Sizes{}, states: map[string]int{}}
		for what, f := range framings {
			grams := map[string]bool{}
			p := learnt(t, kind, s, f.name, f.in, 300, rng, secrets(rng, grams))
			if got := p.Schemas[0]; len(p.Schemas) != 1 || got.carries() != 300 || got.Framings[0].In != f.in || got.Broken != 0 {
				t.Fatalf("%s, %s: got %+v", kind, what, p.Schemas)
			}
			back, err := Decode(encoded(t, p))
			if err != nil {
				t.Fatalf("%s, %s: %v", kind, what, err)
			}
			g := generator(t, back, 300, rng.Uint64())
			again := NewLearner(Options{})
			if err := again.Meet(f.name, Schema{Kind: kind, Text: kinds[kind].text}); err != nil {
				t.Fatal(err)
			}
			for i := range int64(300) {
				r := g.Record(0, i)
				again.Add(0, &r)
				name, payload := unframed(t, s, &r)
				if name != f.name {
					t.Fatalf("%s, %s: names %s, want %s", kind, what, name, f.name)
				}
				text, err := s.JSON(payload)
				if err != nil {
					t.Fatalf("%s, %s: %x does not read: %v", kind, what, payload, err)
				}
				if d, is := s.(*document.Schema); is {
					if err := d.Fits(text); err != nil {
						t.Fatalf("%s, %s: %s does not fit: %v", kind, what, text, err)
					}
				}
				var v struct {
					State   string
					Address struct{ Zip *string }
					Tags    []string
				}
				if err := json.Unmarshal(text, &v); err != nil {
					t.Fatal(err)
				}
				all.states[v.State]++
				if v.Address.Zip == nil || len(v.Tags) != 2 {
					t.Errorf("%s, %s: got %s, want an address and two tags, as all real ones have", kind, what, text)
				}
			}
			q, err := again.Profile()
			if err != nil {
				t.Fatal(err)
			}
			a, b := p.Schemas[0], q.Schemas[0]
			if b.Broken != 0 || b.Framings[0].In != f.in || len(a.Places) != len(b.Places) {
				t.Fatalf("%s, %s: learnt again: %d broken, %d places, want none and %d", kind, what, b.Broken, len(b.Places), len(a.Places))
			}
			for i, x := range a.Places {
				y := b.Places[i]
				if x.At != y.At || apart(x.Sizes, y.Sizes) || apart(x.Bits, y.Bits) {
					t.Errorf("%s, %s: %+v, learnt again %+v", kind, what, x, y)
				}
				all.add(x, y)
			}
		}
		all.check(t, kind)
	}
}

// pooled is what was learnt, and learnt again, in all framings of a kind: enough that chance moves a mean by less than what is allowed.
type pooled struct {
	sizes, bits map[string][2]Sizes // by place
	states      map[string]int
}

func (p pooled) add(x, y Place) {
	sizes, bits := p.sizes[x.At], p.bits[x.At]
	p.sizes[x.At] = [2]Sizes{append(sizes[0], x.Sizes...), append(sizes[1], y.Sizes...)}
	p.bits[x.At] = [2]Sizes{append(bits[0], x.Bits...), append(bits[1], y.Bits...)}
}

func (p pooled) check(t *testing.T, kind string) {
	t.Helper()
	if kind == KindAvro && (p.states["SENT"] > 0 || p.states["PAID"] < 2*p.states["NEW"]) {
		t.Errorf("%s: states %v, want none that no real one had, and three in four PAID", kind, p.states)
	}
	for at, s := range p.sizes {
		if b := p.bits[at]; math.Abs(mean(s[0])-mean(s[1])) > 2 || math.Abs(mean(b[0])-mean(b[1])) > 1 {
			t.Errorf("%s, %s: means %.1f and %.1f bits, learnt again %.1f and %.1f", kind, at, mean(s[0]), mean(b[0]), mean(s[1]), mean(b[1]))
		}
	}
}

func mean(s Sizes) float64 { return s.Bytes() / float64(max(1, s.Count())) }

// apart says whether the mean of what was drawn of sizes is further from theirs than one in a million draws are: by five standard errors, and by what
// bins round.
func apart(of, drawn Sizes) bool {
	if of.Count() == 0 || drawn.Count() == 0 {
		return of.Count() != drawn.Count()
	}
	mean := of.Bytes() / float64(of.Count())
	var squares float64
	for _, b := range of {
		squares += float64(b.Count) * (b.Mean - mean) * (b.Mean - mean)
	}
	n := float64(drawn.Count())
	return math.Abs(drawn.Bytes()/n-mean) > 0.5+5*math.Sqrt(squares/float64(of.Count())/n)
}

// TestNothingRealOfASchemaIsKept: neither the profile nor the replica has four bytes of any text, key or unnamed member of a real value, nor a large
// number that a real value had.
func TestNothingRealOfASchemaIsKept(t *testing.T) {
	rng := replaytest.Seed(t)
	for kind := range kinds {
		s := parsed(t, kind)
		grams := map[string]bool{}
		numbers := map[int64]bool{}
		secret := secrets(rng, grams)
		l := NewLearner(Options{})
		name := record.SchemaName{ID: 5}
		if err := l.Meet(name, Schema{Kind: kind, Text: kinds[kind].text}); err != nil {
			t.Fatal(err)
		}
		for i := range 200 {
			text := kinds[kind].value(rng, secret)
			for n := range strings.FieldsFuncSeq(text, func(r rune) bool { return r < '0' || r > '9' }) {
				var v int64
				if _, err := fmt.Sscan(n, &v); err == nil && v > 1_000_000 {
					numbers[v] = true
				}
			}
			payload, err := s.Payload([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			r := frame(t, s, name, InFront, payload)
			r.TimestampMs = int64(i)
			l.Add(0, &r)
		}
		if len(numbers) < 100 || len(grams) < 1000 {
			t.Fatalf("%s: %d numbers and %d parts of texts to look for", kind, len(numbers), len(grams))
		}
		p, err := l.Profile()
		if err != nil {
			t.Fatal(err)
		}
		look := func(where string, b []byte) {
			t.Helper()
			for at := 0; at+4 <= len(b); at++ {
				if grams[string(b[at:at+4])] {
					t.Fatalf("%s: %q of a real value is in %s", kind, b[at:at+4], where)
				}
			}
			for n := range numbers {
				if bytes.Contains(b, fmt.Append(nil, n)) {
					t.Fatalf("%s: %d of a real value is in %s", kind, n, where)
				}
			}
		}
		look("the profile", encoded(t, p))
		for _, r := range replica(generator(t, p, 200, 1))[0] {
			_, payload := unframed(t, s, &r)
			text, err := s.JSON(payload)
			if err != nil {
				t.Fatal(err)
			}
			look("the replica", text)
		}
	}
}

// TestAPlaceIsNamedByItsSchemaAlone: what is data in a value never names what is learnt.
func TestAPlaceIsNamedByItsSchemaAlone(t *testing.T) {
	rng := replaytest.Seed(t)
	for kind := range kinds {
		s := parsed(t, kind)
		p := learnt(t, kind, s, record.SchemaName{ID: 5}, InFront, 50, rng, func() string { return fmt.Sprintf("Jean-Luc%d", rng.IntN(1000)) })
		for _, x := range p.Schemas[0].Places {
			if strings.Contains(x.At, "Luc") {
				t.Errorf("%s: place %q", kind, x.At)
			}
		}
	}
}

func TestWhatIsNoneOfItsSchemaTeachesNothing(t *testing.T) {
	for kind := range kinds {
		l := NewLearner(Options{})
		name := record.SchemaName{ID: 5}
		if err := l.Meet(name, Schema{Kind: kind, Text: kinds[kind].text}); err != nil {
			t.Fatal(err)
		}
		r := record.Record{Value: append(binary.BigEndian.AppendUint32([]byte{0}, 5), 0xff, 0xff, 0xff)}
		l.Add(0, &r)
		p, err := l.Profile()
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Schemas[0]; got.Broken != 1 || len(got.Framings) != 0 || len(got.Places) != 0 {
			t.Errorf("%s: got %+v", kind, got)
		}
		if v := generator(t, p, 1, 1).Record(0, 0).Value; len(v) != len(r.Value) {
			t.Errorf("%s: got %x, want as many bytes", kind, v)
		}
	}
}

func TestSchemasOfWhichNoValuesCanBeMade(t *testing.T) {
	for name, s := range map[string]Schema{
		"no kind":           {Kind: "thrift", Text: Text{Schema: "struct X {}"}},
		"no schema":         {Kind: KindAvro, Text: Text{Schema: `{"type":"recor"}`}},
		"no end":            {Kind: KindAvro, Text: Text{Schema: `{"type":"record","name":"A","fields":[{"name":"a","type":"A"}]}`}},
		"no messages":       {Kind: KindProtobuf, Text: Text{Schema: `syntax = "proto3";`}},
		"lacking reference": {Kind: KindProtobuf, Text: Text{Schema: `syntax = "proto3"; import "x.proto"; message A {}`}},
		"no JSON":           {Kind: KindJSON, Text: Text{Schema: `{`}},
	} {
		if err := NewLearner(Options{}).Meet(record.SchemaName{ID: 1}, s); !errors.Is(err, ErrKind) {
			t.Errorf("%s: got %v, want ErrKind", name, err)
		}
	}
	l := NewLearner(Options{})
	if err := l.Meet(record.SchemaName{ID: 1}, Schema{Kind: KindJSON, Text: Text{Schema: `{"type":"string","pattern":"^order-[0-9]{9}$"}`}}); err != nil {
		t.Fatal(err)
	}
	r := record.Record{Value: append([]byte{0, 0, 0, 0, 1}, `"order-123456789"`...)}
	l.Add(0, &r)
	if _, err := l.Profile(); !errors.Is(err, ErrKind) {
		t.Errorf("a pattern: got %v, want ErrKind", err)
	}
}

// TestWhatALearnerKeepsOfPlacesIsBounded: a schema of more places than are kept is learnt from as far as they go.
func TestWhatALearnerKeepsOfPlacesIsBounded(t *testing.T) {
	rng := replaytest.Seed(t)
	for kind := range kinds {
		s := parsed(t, kind)
		l := NewLearner(Options{})
		l.placesLeft = 3
		name := record.SchemaName{ID: 5}
		if err := l.Meet(name, Schema{Kind: kind, Text: kinds[kind].text}); err != nil {
			t.Fatal(err)
		}
		for range 50 {
			payload, err := s.Payload([]byte(kinds[kind].value(rng, func() string { return "x" })))
			if err != nil {
				t.Fatal(err)
			}
			r := frame(t, s, name, InFront, payload)
			l.Add(0, &r)
		}
		p, err := l.Profile()
		if kind == KindJSON {
			if !errors.Is(err, ErrKind) { // what it requires was not learnt
				t.Errorf("%s: got %v, want ErrKind", kind, err)
			}
			continue
		}
		if err != nil || len(p.Schemas[0].Places) != 3 {
			t.Fatalf("%s: got %+v, %v, want three places", kind, p, err)
		}
		r := generator(t, p, 1, 1).Record(0, 0)
		_, payload := unframed(t, s, &r)
		if _, err := s.JSON(payload); err != nil {
			t.Errorf("%s: %x does not read: %v", kind, payload, err)
		}
	}
}

// TestSchemasThatCanNotBeAreRefused: a profile that somebody has changed is checked whole.
func TestSchemasThatCanNotBeAreRefused(t *testing.T) {
	p := learnt(t, KindAvro, parsed(t, KindAvro), record.SchemaName{ID: 77}, InFront, 10, replaytest.Seed(t), func() string { return "x" })
	good := string(encoded(t, p))
	for _, row := range [][2]string{
		{`"kind": "avro"`, `"kind": "thrift"`}, {`"in": "front"`, `"in": "glue"`}, {`"in": "front"`, `"in": "behind"`}, {`"id": 77`, `"guid": "77"`},
		{`"in": "front",
          "count": 10`, `"in": "front",
          "count": 11`}, {`"at": "shop.Order.amount"`, `"at": "shop.A"`}, {`"version": 1,
      "kind": "avro"`, `"version": -1,
      "kind": "avro"`},
	} {
		bad := strings.Replace(good, row[0], row[1], 1)
		if _, err := Decode([]byte(bad)); err == nil || bad == good {
			t.Errorf("%s: got no error", row[1])
		}
	}
}

// TestAValueEnds: a schema that holds itself again and again makes values that end, however often real ones went on.
func TestAValueEnds(t *testing.T) {
	text := Text{Schema: `{"type":"record","name":"A","fields":[{"name":"a","type":["null","A"]},{"name":"b","type":{"type":"array","items":"A"}}]}`}
	p := &Profile{Values: Values{Bytes: Sizes{{Mean: 10, Count: 1}}}, Schemas: []Schema{{ID: 1, Kind: KindAvro, Text: text, Framings: []Framing{{InFront, 1}}, Places: []Place{
		{At: "A.a", Count: 1, Choice: []int64{0, 1}}, {At: "A.b", Count: 1, Sizes: Sizes{{Mean: 9, Count: 1}}},
	}}}}
	m, err := newMakers(p)
	if err != nil {
		t.Fatal(err)
	}
	v, _ := m.list[0].make(1, rand.New(rand.NewPCG(1, 1)))
	if len(v) > 1<<20 {
		t.Errorf("%d bytes", len(v))
	}
}

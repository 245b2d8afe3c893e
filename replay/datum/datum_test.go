package datum

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"backstitch/replay/framed"
	"backstitch/replay/ocf"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/transform"

	"github.com/twmb/avro"
)

func mustParse(t testing.TB, text string) *Schema {
	t.Helper()
	s, err := Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

func mustChain(t testing.TB, steps string, out *Schema) *Chain {
	t.Helper()
	var list []spec.Step
	if err := json.Unmarshal([]byte(steps), &list); err != nil {
		t.Fatal(err)
	}
	c, err := New(list, out, 9, false)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// record1 is a schema of one record with those fields.
func record1(fields string) string {
	return `{"type":"record","name":"R","fields":[` + fields + `]}`
}

// run changes the datum of w that text says by steps into one of r, and returns the JSON of that, or the code of the refusal and why.
func run(t testing.TB, w, r *Schema, steps, text string) (out, code, why string) {
	t.Helper()
	in, err := w.Payload([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return runDatum(t, w, r, steps, in)
}

func runDatum(t testing.TB, w, r *Schema, steps string, in []byte) (out, code, why string) {
	t.Helper()
	value := append([]byte{0, 0, 0, 0, 7}, in...)
	made, _, err := mustChain(t, steps, r).Editor(framed.Pinned{{ID: 7}: w}).Append(nil, value)
	var refused *transform.Refused
	if errors.As(err, &refused) {
		return "", refused.Code, refused.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made[:5], []byte{0, 0, 0, 0, 9}) {
		t.Fatalf("the number in front is %x", made[:5])
	}
	doc, err := r.JSON(made[5:])
	if err != nil {
		t.Fatalf("%x: %v", made, err)
	}
	return string(doc), "", ""
}

const fieldA = `{"name":"a","type":`

// What has another type under the output schema says the same, or is refused by name.
func TestConversions(t *testing.T) {
	const (
		ms, us, ns = `{"type":"long","logicalType":"timestamp-millis"}`, `{"type":"long","logicalType":"timestamp-micros"}`, `{"type":"long","logicalType":"timestamp-nanos"}`
		tms, tus   = `{"type":"int","logicalType":"time-millis"}`, `{"type":"long","logicalType":"time-micros"}`
		local      = `{"type":"long","logicalType":"local-timestamp-millis"}`
		date       = `{"type":"int","logicalType":"date"}`
		d2, d3     = `{"type":"bytes","logicalType":"decimal","precision":6,"scale":2}`, `{"type":"bytes","logicalType":"decimal","precision":9,"scale":3}`
		f2         = `{"type":"fixed","name":"F","size":4,"logicalType":"decimal","precision":8,"scale":2}`
		abc, cab   = `{"type":"enum","name":"E","symbols":["A","B","C"]}`, `{"type":"enum","name":"E2","symbols":["C","A"],"default":"A"}`
		uuid       = `{"type":"string","logicalType":"uuid"}`
		some       = `"123e4567-e89b-12d3-a456-426614174000"`
	)
	for _, c := range []struct{ from, to, in, out, code string }{
		{`"int"`, `"long"`, `5`, `5`, ""},
		{`"long"`, `"int"`, `-2147483648`, `-2147483648`, ""},
		{`"long"`, `"int"`, `2147483648`, "", source.CodeNoForm},
		{`"long"`, `"double"`, `9007199254740992`, `9007199254740992`, ""},
		{`"long"`, `"double"`, `9007199254740993`, "", source.CodeNoForm},
		{`"long"`, `"double"`, `9223372036854775807`, "", source.CodeNoForm},
		{`"int"`, `"float"`, `16777217`, "", source.CodeNoForm},
		{`"float"`, `"double"`, `"NaN"`, `"NaN"`, ""},
		{`"double"`, `"float"`, `0.5`, `0.5`, ""},
		{`"double"`, `"float"`, `0.1`, "", source.CodeNoForm},
		{`"double"`, `"float"`, `"-Infinity"`, `"-Infinity"`, ""},
		{`"double"`, `"float"`, `-0.0`, `-0`, ""},
		{`"double"`, `"long"`, `1`, "", source.CodeNoForm},
		{`"string"`, `"bytes"`, `"hi"`, `"aGk="`, ""},
		{`"bytes"`, `"string"`, `"aGk="`, `"hi"`, ""},
		{`"bytes"`, `"string"`, `"/w=="`, "", source.CodeNoForm},
		{`"string"`, `"long"`, `"1"`, "", source.CodeNoForm},
		{`"boolean"`, `"string"`, `true`, "", source.CodeNoForm},
		{ms, us, `1700000000123`, `1700000000123000`, ""},
		{us, ms, `1700000000123000`, `1700000000123`, ""},
		{us, ms, `1700000000123001`, "", source.CodeNoForm},
		{ns, ms, `-1000000`, `-1`, ""},
		{ms, ns, `9223372036855`, "", source.CodeNoForm},
		{ms, `"long"`, `17`, `17`, ""},
		{`"long"`, ms, `17`, `17`, ""},
		{ms, local, `17`, "", source.CodeNoForm},
		{date, ms, `17`, "", source.CodeNoForm},
		{tms, tus, `17`, `17000`, ""},
		{tus, tms, `17000`, `17`, ""},
		{tus, tms, `17001`, "", source.CodeNoForm},
		{d2, d3, `-12.34`, `-12.340`, ""},
		{d3, d2, `12.340`, `12.34`, ""},
		{d3, d2, `12.345`, "", source.CodeNoForm},
		{d3, d2, `12345.000`, "", source.CodeNoForm},
		{d2, f2, `-0.01`, `-0.01`, ""},
		{f2, d2, `9999.99`, `9999.99`, ""},
		{f2, d2, `10000.00`, "", source.CodeNoForm},
		{d2, `"double"`, `1.50`, "", source.CodeNoForm},
		{abc, cab, `"A"`, `"A"`, ""},
		{abc, cab, `"C"`, `"C"`, ""},
		{abc, cab, `"B"`, "", source.CodeNoForm}, // the enum's default would be another value
		{`"string"`, uuid, some, some, ""},
		{`"string"`, uuid, `"none"`, "", source.CodeNoForm},
		{`"int"`, `["null","int"]`, `5`, `5`, ""},
		{`"int"`, `["null","string"]`, `5`, "", source.CodeNoForm},
		{`["null","int"]`, `"int"`, `5`, `5`, ""},
		{`["null","int"]`, `"int"`, `null`, "", source.CodeNoForm},
		{`["null","long"]`, `["int","null"]`, `null`, `null`, ""},
		{`["null","long"]`, `["int","null"]`, `4294967296`, "", source.CodeNoForm},
		{`{"type":"array","items":"int"}`, `{"type":"array","items":"long"}`, `[1,2]`, `[1,2]`, ""},
		{`{"type":"map","values":"int"}`, `{"type":"map","values":["null","long"]}`, `{"b":1,"a":2}`, `{"a":2,"b":1}`, ""},
		{`{"type":"map","values":"long"}`, `{"type":"map","values":"int"}`, `{"b":4294967296}`, "", source.CodeNoForm},
	} {
		w, r := mustParse(t, record1(fieldA+c.from+"}")), mustParse(t, record1(fieldA+c.to+"}"))
		out, code, why := run(t, w, r, `[]`, `{"a":`+c.in+`}`)
		want := ""
		if c.out != "" {
			want = `{"a":` + c.out + `}`
		}
		if out != want || code != c.code {
			t.Errorf("%s of %s as %s: got %s %s (%s), want %s %s", c.in, c.from, c.to, out, code, why, want, c.code)
		}
		if code != "" && !strings.Contains(why, "a") {
			t.Errorf("%s: the refusal does not say where: %s", c.in, why)
		}
	}
}

// The branch of a union is the one that it was, also where another one takes the same value.
func TestBranchIsKept(t *testing.T) {
	w := mustParse(t, record1(fieldA+`["null","long","double","string","bytes"]}`))
	r := mustParse(t, record1(fieldA+`["bytes","string","double","long","null"]}`))
	e := mustChain(t, `[]`, r).Editor(framed.Pinned{{ID: 7}: w})
	for _, c := range []struct{ in, out string }{
		{"\x00", "\x08"},
		{"\x02\x02", "\x06\x02"},
		{"\x04\x00\x00\x00\x00\x00\x00\xf0\x3f", "\x04\x00\x00\x00\x00\x00\x00\xf0\x3f"},
		{"\x06\x02x", "\x02\x02x"},
		{"\x08\x02x", "\x00\x02x"},
	} {
		made, _, err := e.Append(nil, []byte("\x00\x00\x00\x00\x07"+c.in))
		if err != nil || string(made[5:]) != c.out {
			t.Errorf("%x: got %x, %v, want %x", c.in, made, err, c.out)
		}
	}
	// Of two records the one of that name, whatever its fields.
	w = mustParse(t, `["null",{"type":"record","name":"x.A","fields":[{"name":"n","type":"int"}]},{"type":"record","name":"x.B","fields":[{"name":"n","type":"int"}]}]`)
	r = mustParse(t, `[{"type":"record","name":"y.B","fields":[{"name":"n","type":"int"}]},{"type":"record","name":"y.A","fields":[{"name":"n","type":"int"}]},"null"]`)
	e = mustChain(t, `[]`, r).Editor(framed.Pinned{{ID: 7}: w})
	for in, out := range map[string]string{"\x02\x08": "\x02\x08", "\x04\x08": "\x00\x08", "\x00": "\x04"} {
		made, _, err := e.Append(nil, []byte("\x00\x00\x00\x00\x07"+in))
		if err != nil || string(made[5:]) != out {
			t.Errorf("%x: got %x, %v, want %x", in, made, err, out)
		}
	}
}

// What is copied keeps what no reader sees: bits of NaN, blocks, the order of a map and two of its entries with one name.
func TestCopiesKeepBytes(t *testing.T) {
	const inner = `{"name":"f","type":"double"},{"name":"m","type":{"type":"map","values":"int"}},{"name":"l","type":{"type":"array","items":"int"}}`
	w, r := mustParse(t, record1(inner+`,{"name":"n","type":"int"}`)), mustParse(t, record1(inner+`,{"name":"n","type":"long"}`))
	nan := []byte{1, 0, 0, 0, 0, 0, 0xf4, 0x7f}
	parts := string(nan) + "\x02\x02b\x02" + "\x03\x0c\x02a\x04" + "\x02b\x06" + "\x00" + "\x02\x02" + "\x04\x02\x02" + "\x00"
	in := "\x00\x00\x00\x00\x07" + parts + "\x0a"
	made, changed, err := mustChain(t, `[]`, r).Editor(framed.Pinned{{ID: 7}: w}).Append(nil, []byte(in))
	if want := "\x00\x00\x00\x00\x09" + parts + "\x0a"; err != nil || !changed || string(made) != want {
		t.Errorf("got %x, %v, want %x", made, err, want)
	}
	// One schema, one number: nothing at all is made.
	c, _ := New(nil, w, 7, false)
	if made, changed, err = c.Editor(framed.Pinned{{ID: 7}: w}).Append(nil, []byte(in)); err != nil || changed || len(made) != 0 {
		t.Errorf("got %x, %t, %v, want nothing", made, changed, err)
	}
	// A map that is written anew has its entries in their order, also where two have one name.
	wm, rm := mustParse(t, `{"type":"map","values":"int"}`), mustParse(t, `{"type":"map","values":"double"}`)
	made, _, err = mustChain(t, `[]`, rm).Editor(framed.Pinned{{ID: 7}: wm}).Append(nil, []byte("\x00\x00\x00\x00\x07\x04\x02z\x02\x02a\x04\x02\x02z\x06\x00"))
	if err != nil {
		t.Fatal(err)
	}
	var order []byte
	for _, c := range made[5:] {
		if c == 'z' || c == 'a' {
			order = append(order, c)
		}
	}
	if string(order) != "zaz" {
		t.Errorf("got entries %s, want zaz: %x", order, made)
	}
}

func TestFieldsComeAndGo(t *testing.T) {
	w := mustParse(t, record1(`{"name":"id","type":"int"},{"name":"old","type":"string"}`))
	const added = `{"name":"id","type":"int"},` +
		`{"name":"new","aliases":["old"],"type":"string"},` +
		`{"name":"u","type":["null","string"],"default":null},` +
		`{"name":"v","type":["string","null"],"default":"x"},` +
		`{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]},"default":"B"},` +
		`{"name":"b","type":"bytes","default":"\u00ff"},` +
		`{"name":"d","type":"double","default":-0.0},` +
		`{"name":"r","type":{"type":"record","name":"I","fields":[{"name":"n","type":"long","default":7},{"name":"s","type":"string"}]},"default":{"s":"y"}},` +
		`{"name":"l","type":{"type":"array","items":"int"},"default":[1,2]},` +
		`{"name":"m","type":{"type":"map","values":"int"},"default":{"k":1}}`
	r := mustParse(t, record1(added))
	out, code, why := run(t, w, r, `[]`, `{"id":1,"old":"o"}`)
	want := `{"b":"/w==","d":-0,"e":"B","id":1,"l":[1,2],"m":{"k":1},"new":"o","r":{"n":7,"s":"y"},"u":null,"v":"x"}`
	if out != want || code != "" {
		t.Errorf("got %s %s %s\nwant %s", out, code, why, want)
	}
	// The library itself reads what was made, and its own defaults are the same.
	in, _ := w.Payload([]byte(`{"id":1,"old":"o"}`))
	lw, lr := avro.MustParse(w.Text()), avro.MustParse(r.Text())
	resolved, err := avro.Resolve(lw, lr)
	if err != nil {
		t.Fatal(err)
	}
	made, _, _ := mustChain(t, `[]`, r).Editor(framed.Pinned{{ID: 7}: w}).Append(nil, append([]byte{0, 0, 0, 0, 7}, in...))
	var a, b any
	_, errA := resolved.Decode(in, &a)
	_, errB := lr.Decode(made[5:], &b)
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	if errA != nil || errB != nil || string(x) != string(y) {
		t.Errorf("the library resolves %s (%v), what was made is %s (%v)", x, errA, y, errB)
	}

	// No default is no null, though the library gives one; and what goes has to be said.
	none := mustParse(t, record1(`{"name":"id","type":"int"},{"name":"old","type":"string"},{"name":"u","type":["null","string"]}`))
	if _, code, why := run(t, w, none, `[]`, `{"id":1,"old":"o"}`); code != source.CodeNoPreset || !strings.Contains(why, "u: ") {
		t.Errorf("got %s %s, want %s for u", code, why, source.CodeNoPreset)
	}
	less := mustParse(t, record1(`{"name":"id","type":"int"}`))
	if _, code, why := run(t, w, less, `[]`, `{"id":1,"old":"o"}`); code != source.CodeNoPlace || !strings.Contains(why, "old") {
		t.Errorf("got %s %s, want %s for old", code, why, source.CodeNoPlace)
	}
	if out, code, _ := run(t, w, less, `[{"drop":{"field":"old"}}]`, `{"id":1,"old":"o"}`); out != `{"id":1}` || code != "" {
		t.Errorf("got %s %s", out, code)
	}
	spare, _ := New(nil, less, 9, true)
	if made, _, err := spare.Editor(framed.Pinned{{ID: 7}: w}).Append(nil, append([]byte{0, 0, 0, 0, 7}, in...)); err != nil || string(made[5:]) != "\x02" {
		t.Errorf("with unknownFields: drop got %x, %v", made, err)
	}
	if _, err := Parse(record1(`{"name":"next","type":"R","default":{}}`)); err == nil {
		t.Error("a default without an end was taken")
	}
}

func TestSteps(t *testing.T) {
	const v1 = `{"type":"record","name":"Order","namespace":"shop","fields":[
		{"name":"id","type":"long"},
		{"name":"amount","type":"string"},
		{"name":"name","type":"string"},
		{"name":"customer","type":["null",{"type":"record","name":"Customer","fields":[{"name":"zip","type":"string"},{"name":"mail","type":["null","string"]}]}]},
		{"name":"tags","type":{"type":"map","values":"string"}},
		{"name":"total","type":{"type":"bytes","logicalType":"decimal","precision":8,"scale":2}},
		{"name":"rate","type":"double"}]}`
	const v3 = `{"type":"record","name":"Order","namespace":"shop","fields":[
		{"name":"id","type":"string"},
		{"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":8,"scale":2}},
		{"name":"first","type":"string"},{"name":"last","type":"string"},
		{"name":"customer","type":["null",{"type":"record","name":"Customer","fields":[{"name":"postcode","type":"string"},{"name":"mail","type":"string"}]}]},
		{"name":"tags","type":{"type":"map","values":"string"}},
		{"name":"total","type":"double"},
		{"name":"rate","type":"double"},
		{"name":"twice","type":"long"},
		{"name":"currency","type":"string"}]}`
	w, r := mustParse(t, v1), mustParse(t, v3)
	const steps = `[{"cast":{"field":"id","to":"string"}},{"cast":{"field":"amount","to":"number"}},
		{"split":{"field":"name","by":" ","into":["first","last"]}},{"rename":{"field":"customer.zip","to":"postcode"}},
		{"default":{"field":"customer.mail","value":"none","orNull":true}},{"set":{"field":"tags.by","value":"us"}},
		{"cast":{"field":"total","to":"number"}},{"cast":{"field":"rate","to":"number"}},
		{"set":{"field":"twice","expr":"int(value.id) * 2"}},{"default":{"field":"currency","value":"EUR"}}]`
	in := `{"id":12,"amount":"12.50","name":"A B","customer":{"zip":"01234","mail":null},"tags":{"z":"1","a":"2"},"total":3.25,"rate":"NaN"}`
	if _, code, why := run(t, w, r, steps, in); code != source.CodeNoCast || !strings.Contains(why, "step 8") {
		t.Errorf("NaN as a number: got %s %s", code, why)
	}
	in = strings.Replace(in, `"NaN"`, `0.5`, 1)
	out, code, why := run(t, w, r, steps, in)
	want := `{"amount":12.50,"currency":"EUR","customer":{"mail":"none","postcode":"01234"},"first":"A","id":"12","last":"B","rate":0.5,"tags":{"a":"2","by":"us","z":"1"},"total":3.25,"twice":24}`
	if out != want {
		t.Errorf("got %s %s %s\nwant %s", out, code, why, want)
	}
	for _, c := range []struct{ steps, code, why string }{
		{`[{"drop":{"field":"gone","required":true}}]`, source.CodeAbsent, "there is no gone"},
		{`[{"rename":{"field":"id","to":"name"}}]`, source.CodeNameTaken, "name"},
		{`[{"cast":{"field":"amount","to":"integer"}}]`, source.CodeNoCast, "12.50"},
		{`[{"cast":{"field":"customer","to":"string"}}]`, source.CodeNoCast, "customer"},
		{`[{"split":{"field":"total","by":".","into":["a","b"]}}]`, source.CodeNoSplit, "no text"},
		{`[{"set":{"field":"id.x","value":1}}]`, source.CodeNotObject, "id"},
		{`[{"set":{"field":"id","expr":"value.none"}}]`, source.CodeExpression, "none"},
		{`[{"set":{"field":"rate","value":"x"}}]`, source.CodeNoForm, "rate"},
	} {
		if _, code, why := run(t, w, w, c.steps, in); code != c.code || !strings.Contains(why, c.why) {
			t.Errorf("%s: got %s %s, want %s with %q", c.steps, code, why, c.code, c.why)
		}
	}
	// Bytes are no base64 that looks like a number.
	wb, rb, rs := mustParse(t, record1(fieldA+`"bytes"}`)), mustParse(t, record1(fieldA+`"long"}`)), mustParse(t, record1(fieldA+`"string"}`))
	if _, code, _ := run(t, wb, rb, `[{"cast":{"field":"a","to":"integer"}}]`, `{"a":"1234"}`); code != source.CodeNoCast {
		t.Errorf("bytes as an integer: got %s, want %s", code, source.CodeNoCast)
	}
	if out, code, why := run(t, wb, rs, `[{"cast":{"field":"a","to":"string"}}]`, `{"a":"aGk="}`); out != `{"a":"hi"}` {
		t.Errorf("bytes as a string: got %s %s %s", out, code, why)
	}
	// Nobody is there: a path into the null branch leads nowhere, and makes nothing.
	if out, code, why := run(t, w, w, `[{"drop":{"field":"customer.zip"}}]`, strings.Replace(in, `{"zip":"01234","mail":null}`, `null`, 1)); code != "" || !strings.Contains(out, `"customer":null`) {
		t.Errorf("got %s %s %s", out, code, why)
	}
}

func TestWhatIsNoValue(t *testing.T) {
	s := mustParse(t, record1(fieldA+`"string"}`))
	e := mustChain(t, `[]`, mustParse(t, record1(fieldA+`"bytes"}`))).Editor(framed.Pinned{{ID: 7}: s})
	for value, code := range map[string]string{
		"":                               source.CodeNotFramed,
		`{"a":"x"}`:                      source.CodeNotFramed,
		"\x00\x00\x00\x00":               source.CodeNotFramed,
		"\x00\x00\x00\x00\x08\x00":       source.CodeNoWriter,
		"\x00\x00\x00\x00\x07":           source.CodeNotDatum,
		"\x00\x00\x00\x00\x07\x04x":      source.CodeNotDatum,
		"\x00\x00\x00\x00\x07\x02x\x00":  source.CodeNotDatum,
		"\x00\x00\x00\x00\x07\x01":       source.CodeNotDatum,
		"\x00\x00\x00\x00\x07\x02\xff":   "",
		"\x00\x00\x00\x00\x07\x82\x00ab": source.CodeNotDatum,
	} {
		_, _, err := e.Append(nil, []byte(value))
		var refused *transform.Refused
		if errors.As(err, &refused); err == nil && code != "" || err != nil && (refused == nil || refused.Code != code) {
			t.Errorf("%x: got %v, want %s", value, err, code)
		}
	}
	// A string that is not UTF-8 passes where nobody looks, and is refused where somebody does.
	if _, code, _ := runDatum(t, s, s, `[{"cast":{"field":"a","to":"number"}}]`, []byte("\x02\xff")); code != source.CodeNotUTF8 {
		t.Errorf("got %s, want %s", code, source.CodeNotUTF8)
	}
}

// A few bytes do not become many: an array of what takes no bytes, each of which has a default under the output schema.
func TestGrowthIsBounded(t *testing.T) {
	w := mustParse(t, `{"type":"array","items":{"type":"record","name":"N","fields":[]}}`)
	r := mustParse(t, `{"type":"array","items":{"type":"record","name":"N","fields":[{"name":"s","type":"string","default":"`+strings.Repeat("x", 4000)+`"}]}}`)
	in := append(appendLong([]byte{0, 0, 0, 0, 7}, 60_000), 0)
	e := mustChain(t, `[]`, r).editor()
	e.most = 1 << 20
	_, err := e.Change(nil, w, in[5:])
	var refused *transform.Refused
	if !errors.As(err, &refused) || refused.Code != source.CodeTooGrown {
		t.Errorf("got %v, want %s", err, source.CodeTooGrown)
	}
	in = append(appendLong([]byte{0, 0, 0, 0, 7}, math.MaxInt64), 0)
	if _, _, err = mustChain(t, `[]`, r).Editor(framed.Pinned{{ID: 7}: w}).Append(nil, in); !errors.Is(err, ocf.ErrLimit) {
		t.Errorf("got %v, want %v", err, ocf.ErrLimit)
	}
}

func TestRefersToOthers(t *testing.T) {
	s, err := Parse(`{"type":"record","name":"a.R","fields":[{"name":"x","type":"a.E"},{"name":"y","type":["null","a.E"]}]}`, `{"type":"enum","name":"a.E","symbols":["P","Q"]}`)
	if err != nil {
		t.Fatal(err)
	}
	again := mustParse(t, s.Text())
	if again.Print() != s.Print() {
		t.Errorf("the whole text is another schema: %s", s.Text())
	}
	if out, _, why := run(t, s, again, `[]`, `{"x":"Q","y":"P"}`); out != `{"x":"Q","y":"P"}` {
		t.Errorf("got %s %s", out, why)
	}
}

package framed_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"backstitch/replay/datum"
	"backstitch/replay/document"
	"backstitch/replay/framed"
	"backstitch/replay/message"
	"backstitch/replay/record"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/transform"

	"github.com/google/go-cmp/cmp"
)

const (
	writerID = 7
	outputID = 9
)

var (
	writerGUID = [16]byte{7, 7}
	outputGUID = [16]byte{9, 9}
)

// kinds are values of each form, with steps that change them. Of Protobuf it is the second message, whose indexes are not the short ones.
var kinds = map[string]struct {
	form        framed.Form
	writer, out string
	message     string
	value       string
	steps       string
}{
	"avro": {
		form: datum.Form{}, writer: `{"type":"record","name":"R","fields":[{"name":"n","type":"string"}]}`, out: `{"type":"record","name":"R","fields":[{"name":"n","type":"long"}]}`,
		value: `{"n":"41"}`, steps: `[{"cast":{"field":"n","to":"integer"}}]`,
	},
	"protobuf": {
		form: message.Form{}, writer: `syntax = "proto3"; message First {} message R { string n = 1; }`, out: `syntax = "proto3"; message First {} message Second {} message R { string n = 1; }`,
		message: "R", value: `{"n":"41"}`, steps: `[{"set":{"field":"n","value":"42"}}]`,
	},
	"json": {
		form: document.Form{}, writer: `true`, out: `{"type":"object"}`, value: `{"n":1}`, steps: `[{"set":{"field":"n","value":2}}]`,
	},
}

// at puts the name of a writer where how says.
func at(how string, payload, index []byte) record.Record {
	own := record.Header{Key: "trace", Value: []byte("t")}
	number, guid := []byte{0, 0, 0, 0, writerID}, append([]byte{1}, writerGUID[:]...)
	header := func(name []byte) record.Record {
		return record.Record{Value: payload[len(index):], Headers: []record.Header{own, {Key: record.ValueSchemaHeader, Value: append(name, index...)}}}
	}
	switch how {
	case "number in front":
		return record.Record{Value: append(number, payload...), Headers: []record.Header{own}}
	case "GUID in front":
		return record.Record{Value: append(guid, payload...), Headers: []record.Header{own}}
	case "number in a header":
		return header(number)
	}
	return header(guid)
}

var ways = []string{"number in front", "GUID in front", "number in a header", "GUID in a header"}

// TestTheNameStaysWhereItIs: whatever way a value names its schema, it becomes the same payload, with the output schema's name in the same place, and
// the record that was given keeps its bytes.
func TestTheNameStaysWhereItIs(t *testing.T) {
	for kind, k := range kinds {
		w, out := parse(t, k.form, k.writer, k.message), parse(t, k.form, k.out, k.message)
		payload, err := w.Payload([]byte(k.value))
		if err != nil {
			t.Fatal(err)
		}
		var index, outIndex []byte
		if x, ok := w.(framed.Indexed); ok {
			index, outIndex = x.Index(), out.(framed.Indexed).Index()
		}
		chain := steps(t, k.form, out, k.steps)
		pinned := framed.Pinned{{ID: writerID}: w, {ByGUID: true, GUID: writerGUID}: w}
		var first []byte // payload of the first way
		for _, how := range ways {
			r := at(how, payload, index)
			before := record.Record{Value: bytes.Clone(r.Value), Headers: slices.Clone(r.Headers)}
			headers := r.Headers
			made, changed, err := framed.NewEditor(chain, pinned, framed.Names{Elsewhere: true, GUID: &outputGUID}).Record([]byte("before"), &r)
			if err != nil || !changed || !bytes.HasPrefix(made, []byte("before")) {
				t.Fatalf("%s, %s: changed %t, %v", kind, how, changed, err)
			}
			made = made[len("before"):]
			if !bytes.Equal(r.Value, before.Value) || !cmp.Equal(headers, before.Headers) {
				t.Errorf("%s, %s: what was given is another", kind, how)
			}
			name := []byte{0, 0, 0, 0, outputID}
			if how == "GUID in front" || how == "GUID in a header" {
				name = append([]byte{1}, outputGUID[:]...)
			}
			if len(r.Headers) == 2 {
				got := r.Headers[1].Value
				if !bytes.Equal(got, append(name, outIndex...)) || r.Headers[0].Key != "trace" {
					t.Errorf("%s, %s: the headers are %v", kind, how, r.Headers)
				}
				made = append(bytes.Clone(outIndex), made...)
			} else if made, changed = bytes.CutPrefix(made, name); !changed {
				t.Errorf("%s, %s: it begins with %x", kind, how, made)
			}
			if first == nil {
				first = bytes.Clone(made)
			}
			if !bytes.Equal(made, first) {
				t.Errorf("%s, %s: got %x, want %x", kind, how, made, first)
			}
			after := record.Record{Value: append(name, made...)}
			if len(r.Headers) == 2 {
				after = record.Record{Value: made[len(outIndex):], Headers: r.Headers}
			}
			if doc, err := framed.NewValues(chain).Read(&after); err != nil || doc.Root == nil {
				t.Errorf("%s, %s: rules see %v, %v", kind, how, doc.Root, err)
			}
		}
	}
}

// TestANameAloneChanges: a value that fits as it is gets the output schema's name, and one that has that already is not touched.
func TestANameAloneChanges(t *testing.T) {
	for kind, k := range kinds {
		w := parse(t, k.form, k.writer, k.message)
		payload, err := w.Payload([]byte(k.value))
		if err != nil {
			t.Fatal(err)
		}
		var index []byte
		if x, ok := w.(framed.Indexed); ok {
			index = x.Index()
		}
		chain := steps(t, k.form, w, `[]`)
		pinned := framed.Pinned{{ID: writerID}: w, {ByGUID: true, GUID: writerGUID}: w}
		for _, how := range ways {
			r := at(how, payload, index)
			made, changed, err := framed.NewEditor(chain, pinned, framed.Names{Elsewhere: true, GUID: &outputGUID}).Record(nil, &r)
			if err != nil || !changed || !bytes.HasSuffix(made, payload[len(index):]) {
				t.Errorf("%s, %s: got %x, changed %t, %v", kind, how, made, changed, err)
			}
			r = at(how, payload, index)
			same := framed.Pinned{{ID: outputID}: w, {ByGUID: true, GUID: writerGUID}: w}
			r.Value = bytes.Replace(r.Value, []byte{0, 0, 0, 0, writerID}, []byte{0, 0, 0, 0, outputID}, 1)
			r.Headers[len(r.Headers)-1].Value = bytes.Replace(r.Headers[len(r.Headers)-1].Value, []byte{0, 0, 0, 0, writerID}, []byte{0, 0, 0, 0, outputID}, 1)
			made, changed, err = framed.NewEditor(chain, same, framed.Names{Elsewhere: true, GUID: &writerGUID}).Record([]byte("x"), &r)
			if err != nil || changed || string(made) != "x" {
				t.Errorf("%s, %s, named so already: got %x, changed %t, %v", kind, how, made, changed, err)
			}
		}
	}
}

// TestNamesThatCountForNothing are refused by name.
func TestNamesThatCountForNothing(t *testing.T) {
	k := kinds["avro"]
	w := parse(t, k.form, k.writer, "")
	chain := steps(t, k.form, w, `[]`)
	payload, err := w.Payload([]byte(k.value))
	if err != nil {
		t.Fatal(err)
	}
	named := record.Header{Key: record.ValueSchemaHeader, Value: append([]byte{1}, writerGUID[:]...)}
	for name, tc := range map[string]struct {
		r     record.Record
		names framed.Names
		code  string
	}{
		"a plan that met none":        {record.Record{Value: payload, Headers: []record.Header{named}}, framed.Names{GUID: &outputGUID}, source.CodeNotFramed},
		"in front, too":               {record.Record{Value: append(slices.Clone(named.Value), payload...)}, framed.Names{GUID: &outputGUID}, source.CodeNotFramed},
		"two headers":                 {record.Record{Value: payload, Headers: []record.Header{named, named}}, framed.Names{Elsewhere: true, GUID: &outputGUID}, source.CodeNotFramed},
		"bytes behind the name":       {record.Record{Value: payload, Headers: []record.Header{{Key: named.Key, Value: append(slices.Clone(named.Value), 0)}}}, framed.Names{Elsewhere: true, GUID: &outputGUID}, source.CodeNotFramed},
		"no GUID of the output":       {record.Record{Value: payload, Headers: []record.Header{named}}, framed.Names{Elsewhere: true}, source.CodeNotFramed},
		"a GUID that nobody knows":    {record.Record{Value: append([]byte{1, 5}, make([]byte, 40)...)}, framed.Names{Elsewhere: true, GUID: &outputGUID}, source.CodeNoWriter},
		"a GUID that is cut off":      {record.Record{Value: []byte{1, 5}}, framed.Names{Elsewhere: true, GUID: &outputGUID}, source.CodeNotFramed},
		"a header of another content": {record.Record{Value: payload, Headers: []record.Header{{Key: named.Key, Value: []byte("order")}}}, framed.Names{Elsewhere: true, GUID: &outputGUID}, source.CodeNotFramed},
	} {
		out, changed, err := framed.NewEditor(chain, framed.Pinned{{ByGUID: true, GUID: writerGUID}: w}, tc.names).Record([]byte("x"), &tc.r)
		var refused *transform.Refused
		if !errors.As(err, &refused) || refused.Code != tc.code || changed || string(out) != "x" {
			t.Errorf("%s: got %q, %t, %v, want %s", name, out, changed, err, tc.code)
		}
	}
}

func parse(t *testing.T, f framed.Form, text, message string) framed.Schema {
	t.Helper()
	s, err := f.Parse(framed.Text{Schema: text}, message)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func steps(t *testing.T, f framed.Form, out framed.Schema, text string) framed.Chain {
	t.Helper()
	var list []spec.Step
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatal(err)
	}
	c, err := f.Chain(list, out, outputID, false)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// FuzzNames: whatever stands in front of a value and in its header, nothing crashes, and what is refused or left as it is has written nothing.
func FuzzNames(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, writerID, 4, '4', '1'}, []byte(nil), true)
	f.Add(append(append([]byte{1}, writerGUID[:]...), 4, '4', '1'), []byte(nil), true)
	f.Add([]byte{4, '4', '1'}, append([]byte{1}, writerGUID[:]...), true)
	f.Add([]byte{0, 10, 2, '4', '1'}, []byte{0, 0, 0, 0, writerID, 0}, false)
	f.Add(append([]byte{3, 0}, append(bytes.Clone(writerGUID[:]), 4, '4', '1')...), []byte(nil), true)
	f.Add(append([]byte{3, 5}, append(bytes.Clone(writerGUID[:]), 0x78, 1, 1, 0, 0, 0xff, 0xff, 0, 0, 0, 1)...), []byte(nil), false)
	f.Fuzz(func(t *testing.T, value, header []byte, avro bool) {
		k := kinds["protobuf"]
		if avro {
			k = kinds["avro"]
		}
		w, out := parse(t, k.form, k.writer, k.message), parse(t, k.form, k.out, k.message)
		r := record.Record{Value: value}
		if len(header) > 0 {
			r.Headers = []record.Header{{Key: record.ValueSchemaHeader, Value: header}}
		}
		name, _, named := framed.Name(&r)
		e := framed.NewEditor(steps(t, k.form, out, k.steps), framed.Pinned{{ID: writerID}: w, {ByGUID: true, GUID: writerGUID}: w, record.GlueVersion(writerGUID): w},
			framed.Names{Elsewhere: true, GUID: &outputGUID, Glue: &outputGUID})
		made, changed, err := e.Record([]byte("x"), &r)
		switch {
		case !changed && string(made) != "x":
			t.Fatalf("not changed, and %q was written", made)
		case changed && (err != nil || !named):
			t.Fatalf("changed under %v, %t, with %v", name, named, err)
		case changed && len(header) == 0 && r.Headers != nil:
			t.Fatalf("it got headers %v", r.Headers)
		}
	})
}

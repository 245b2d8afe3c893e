package message

import (
	"encoding/json"
	"errors"
	"testing"

	"backstitch/replay/framed"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/transform"

	"google.golang.org/protobuf/encoding/protowire"
)

const all = `syntax = "proto3"; package shop;
message Order {
  int64 id = 1; string name = 2; bytes raw = 3; double amount = 4; float share = 5; State state = 6; repeated int32 counts = 7;
  map<string, sint64> tags = 8; optional string note = 9; Customer customer = 10; oneof pay { string card = 11; uint64 cash = 12; }
  repeated string words = 13; fixed64 hash = 14; bool paid = 15; map<int32, Customer> more = 16;
}
enum State { NONE = 0; OPEN = 1; }
message Customer { string zip = 1; message Inner { int32 n = 1; } Inner inner = 2; }`

func parse(t testing.TB, text, name string) *Schema {
	t.Helper()
	s, err := Parse(framed.Text{Schema: text}, name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func edit(t testing.TB, w, r *Schema, steps string, spare bool) *framed.Editor {
	t.Helper()
	var list []spec.Step
	if err := json.Unmarshal([]byte(steps), &list); err != nil {
		t.Fatal(err)
	}
	c, err := Form{}.Chain(list, r, 9, spare)
	if err != nil {
		t.Fatal(err)
	}
	return framed.NewEditor(c, framed.Pinned{{ID: 7}: w}, framed.Names{})
}

// run gives the JSON of what comes out, or the code of what is refused.
func run(t testing.TB, w, r *Schema, steps string, payload []byte) (out, code, why string) {
	t.Helper()
	made, changed, err := edit(t, w, r, steps, false).Append(nil, append([]byte{0, 0, 0, 0, 7}, payload...))
	var refused *transform.Refused
	if errors.As(err, &refused) {
		return "", refused.Code, refused.Error()
	}
	if err != nil || !changed {
		t.Fatalf("changed %t, %v", changed, err)
	}
	text, err := r.JSON(made[5:])
	if err != nil {
		t.Fatal(err)
	}
	return string(text), "", ""
}

func payload(t testing.TB, s *Schema, text string) []byte {
	t.Helper()
	out, err := s.Payload([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Members of all types go through a tree and back, at the bounds of their types, and in the order of the record.
func TestMembersAreKept(t *testing.T) {
	s := parse(t, all, "")
	for _, text := range []string{
		`{"id":9223372036854775807,"name":"x\u0000"}`, `{"id":-9223372036854775808,"hash":18446744073709551615}`,
		`{"amount":9007199254740993e0}`, `{"amount":-0,"share":0.5,"paid":true}`, `{"amount":"NaN","share":"-Infinity"}`, `{"amount":1e-320}`,
		`{"tags":{"z":-1,"a":0},"counts":[0,-1,2147483647]}`, `{"note":""}`, `{"customer":{"inner":{}}}`, `{"cash":0}`, `{"card":""}`,
		`{"words":["","b"],"raw":"AP8=","state":"OPEN"}`, `{"state":77}`, `{"more":{"-5":{"zip":"z"},"3":{}}}`, `{"hash":1,"id":2}`, `{}`,
	} {
		in, err := s.Payload([]byte(text))
		if text == `{"amount":9007199254740993e0}` {
			if err == nil {
				t.Errorf("%s is no double", text)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		// Another schema, so all of it is taken apart.
		r := parse(t, all+` message Extra {}`, "")
		made, changed, err := edit(t, s, r, `[]`, false).Append(nil, append([]byte{0, 0, 0, 0, 7}, in...))
		if err != nil || !changed || string(made[5:]) != string(in) {
			t.Errorf("%s: got %x, %v, want %x", text, made, err, in)
		}
		out, code, why := run(t, s, s, `[{"set":{"field":"name","value":"new"}}]`, in)
		if code != "" {
			t.Errorf("%s: %s %s", text, code, why)
		}
		var was, is map[string]any
		before, _ := s.JSON(in)
		if json.Unmarshal(before, &was) != nil || json.Unmarshal([]byte(out), &is) != nil {
			t.Fatal(out)
		}
		was["name"] = "new"
		a, _ := json.Marshal(was)
		b, _ := json.Marshal(is)
		if !transform.Same(a, b) {
			t.Errorf("%s: got %s, want %s", text, b, a)
		}
	}
}

// What a tree can not hold is kept where nothing is changed, and refused by name where something is.
func TestWhatATreeDoesNotHoldIsNeverLost(t *testing.T) {
	s := parse(t, all, "")
	tag := protowire.AppendTag
	for what, body := range map[string][]byte{
		"an unknown field":    protowire.AppendVarint(tag(nil, 99, 0), 1),
		"a wrong type":        protowire.AppendFixed32(tag(nil, 1, 5), 1),
		"a field twice":       protowire.AppendVarint(tag(protowire.AppendVarint(tag(nil, 1, 0), 1), 1, 0), 2),
		"two of a oneof":      protowire.AppendVarint(tag(protowire.AppendString(tag(nil, 11, 2), "x"), 12, 0), 2),
		"a list not packed":   protowire.AppendVarint(tag(nil, 7, 0), 1),
		"a long varint":       append(tag(nil, 1, 0), 0x81, 0x00),
		"a zero that is said": append(tag(nil, 1, 0), 0),
		"the bits of a NaN":   protowire.AppendFixed64(tag(nil, 4, 1), 0x7ff8000000000001),
		"true as 2":           append(tag(nil, 15, 0), 2),
		"a key twice":         append(append(tag(nil, 8, 2), 5, 0x0a, 1, 'a', 0x10, 2), append(tag(nil, 8, 2), 5, 0x0a, 1, 'a', 0x10, 4)...),
		"an entry's order":    append(tag(nil, 8, 2), 5, 0x10, 2, 0x0a, 1, 'a'),
		"a deep unknown":      protowire.AppendBytes(tag(nil, 10, 2), protowire.AppendVarint(tag(nil, 99, 0), 1)),
	} {
		in := append([]byte{0}, body...)
		same, err := edit2(t, s, parse(t, "// a comment\n"+all, ""), `[]`, in)
		if err != nil || string(same) != string(in) {
			t.Errorf("%s: got %x, %v, want what it was", what, same, err)
		}
		if _, code, why := run(t, s, s, `[{"set":{"field":"name","value":"new"}}]`, in); code != source.CodeNotWhole {
			t.Errorf("%s: got %s %s, want %s", what, code, why, source.CodeNotWhole)
		}
	}
	for what, in := range map[string]string{"cut off": "\x00\x0a", "no index": "", "a number of no field": "\x00\x00", "an index of none": "\x02\x08", "an index below": "\x01\x08"} {
		_, code, _ := run(t, s, s, `[]`, []byte(in))
		if want := source.CodeNotDatum; code != want && code != source.CodeNoMessage {
			t.Errorf("%s: got %q", what, code)
		}
	}
}

func edit2(t testing.TB, w, r *Schema, steps string, in []byte) ([]byte, error) {
	made, _, err := edit(t, w, r, steps, false).Append(nil, append([]byte{0, 0, 0, 0, 7}, in...))
	if err != nil {
		return nil, err
	}
	return made[5:], nil
}

// Types that look alike as JSON are never each other without a step that says so.
func TestTypesAreNotEachOther(t *testing.T) {
	message := func(fields string) *Schema {
		return parse(t, `syntax = "proto3"; enum E { A = 0; B = 1; } enum F { F_A = 0; B2 = 1; } message M { `+fields+` } message N { int32 n = 1; }`, "M")
	}
	for _, c := range []struct{ w, r, steps, in, want string }{
		{`bytes a = 1;`, `string a = 1;`, `[]`, `{"a":"YWI="}`, source.CodeNoForm},
		{`string a = 1;`, `bytes a = 1;`, `[]`, `{"a":"YWI="}`, source.CodeNoForm},
		{`bytes a = 1;`, `string b = 1;`, `[{"rename":{"field":"a","to":"b"}}]`, `{"a":"YWI="}`, source.CodeNoForm},
		{`bytes a = 1;`, `string a = 1;`, `[{"cast":{"field":"a","to":"string"}}]`, `{"a":"YWI="}`, `{"a":"YWI="}`},
		{`E a = 1;`, `string a = 1;`, `[]`, `{"a":"B"}`, source.CodeNoForm},
		{`string a = 1;`, `double a = 1;`, `[]`, `{"a":"NaN"}`, source.CodeNoForm},
		{`double a = 1;`, `int64 a = 1;`, `[]`, `{"a":5}`, source.CodeNoForm},
		{`double a = 1;`, `int64 a = 1;`, `[{"cast":{"field":"a","to":"integer"}}]`, `{"a":5}`, `{"a":5}`},
		{`int64 a = 1;`, `double a = 1;`, `[]`, `{"a":9007199254740992}`, `{"a":9.007199254740992e+15}`},
		{`int64 a = 1;`, `double a = 1;`, `[]`, `{"a":9007199254740993}`, source.CodeNoForm},
		{`int64 a = 1;`, `double a = 1;`, `[]`, `{"a":1152921504606847000}`, source.CodeNoForm},
		{`int64 a = 1;`, `int32 a = 1;`, `[]`, `{"a":2147483648}`, source.CodeNoForm},
		{`double a = 1;`, `float a = 1;`, `[]`, `{"a":0.1}`, source.CodeNoForm},
		{`float a = 1;`, `double a = 1;`, `[]`, `{"a":0.5}`, `{"a":0.5}`},
		{`E a = 1;`, `F a = 1;`, `[]`, `{"a":"B"}`, source.CodeNoForm},
		{`map<string, int32> a = 1;`, `N a = 1;`, `[]`, `{"a":{"n":1}}`, source.CodeNoForm},
		{`repeated int32 a = 1;`, `int32 a = 1;`, `[]`, `{"a":[1]}`, source.CodeNoForm},
		{`int32 a = 1; int32 b = 2;`, `int32 b = 1; int32 a = 2;`, `[]`, `{"a":1,"b":2}`, `{"a":1,"b":2}`},
		{`int32 a = 1;`, `int32 b = 1;`, `[]`, `{"a":1}`, source.CodeNoPlace},
		{`int32 a = 1;`, `int32 a = 1; string b = 2;`, `[{"set":{"field":"b","value":"x"}}]`, `{"a":1}`, `{"a":1,"b":"x"}`},
		{`oneof o { int32 a = 1; int32 b = 2; }`, `oneof o { int32 a = 1; int32 b = 2; }`, `[{"set":{"field":"b","value":2}}]`, `{"a":1}`, source.CodeNoForm},
	} {
		w, r := message(c.w), message(c.r)
		out, code, why := run(t, w, r, c.steps, payload(t, w, c.in))
		if out+code != c.want {
			t.Errorf("%s to %s by %s of %s: got %s%s %s, want %s", c.w, c.r, c.steps, c.in, out, code, why, c.want)
		}
	}
}

// Messages are found by their indexes, and come out with those of the message that the output names.
func TestIndexes(t *testing.T) {
	w := parse(t, all, "Customer.Inner")
	if string(w.index) != "\x04\x02\x00" {
		t.Errorf("got indexes %x", w.index)
	}
	r := parse(t, `syntax = "proto3"; package other; message A {} message B { int32 n = 1; }`, "B")
	out, err := edit2(t, w, r, `[]`, payload(t, w, `{"n":5}`))
	if err != nil || string(out) != "\x02\x02\x08\x05" {
		t.Errorf("got %x, %v", out, err)
	}
	first := parse(t, `syntax = "proto3"; message B { int32 n = 1; }`, "")
	if out, err = edit2(t, w, first, `[]`, payload(t, w, `{"n":5}`)); err != nil || string(out) != "\x00\x08\x05" {
		t.Errorf("got %x, %v", out, err)
	}
	// The long form of the first message stays where nothing is changed.
	if out, err = edit2(t, first, first, `[]`, []byte("\x02\x00\x08\x05")); err != nil || string(out) != "\x02\x00\x08\x05" {
		t.Errorf("got %x, %v", out, err)
	}
}

// proto2: presence, required fields, closed enums and groups.
func TestProto2(t *testing.T) {
	const text = `syntax = "proto2"; enum E { A = 1; } message M { optional int32 a = 1 [default = 7]; required string r = 2; optional E e = 3;
  optional group G = 4 { optional int32 n = 1; } repeated int32 l = 5; }`
	w := parse(t, text, "")
	r := parse(t, text+` message X {}`, "")
	for _, in := range []string{`{"r":""}`, `{"a":0,"r":"x"}`, `{"r":"x","e":"A","g":{"n":0}}`, `{"r":"x","l":[1,2]}`} {
		want := payload(t, w, in)
		if out, err := edit2(t, w, r, `[]`, want); err != nil || string(out) != string(want) {
			t.Errorf("%s: got %x, %v, want %x", in, out, err, want)
		}
	}
	if _, code, _ := run(t, w, w, `[{"drop":{"field":"r"}}]`, payload(t, w, `{"r":"x"}`)); code != source.CodeNoPreset {
		t.Errorf("a required field that is not there: got %q", code)
	}
	if _, code, _ := run(t, w, r, `[]`, append(payload(t, w, `{"r":"x"}`), 0x18, 9)); code != source.CodeNotWhole {
		t.Errorf("a number that a closed enum has not: got %q", code)
	}
}

// FuzzMessage reads any bytes. What comes out is a message of its schema, the same twice, and what is not changed has its bytes.
func FuzzMessage(f *testing.F) {
	w := parse(f, all, "")
	r := parse(f, all+` message Extra {}`, "")
	f.Add([]byte("\x00\x08\x05\x12\x01x"))
	f.Add([]byte("\x00\x42\x05\x0a\x01a\x10\x02"))
	f.Add([]byte("\x04\x02\x00\x08\x05"))
	e, set := edit(f, w, r, `[]`, false), edit(f, w, r, `[{"set":{"field":"note","value":"n"}}]`, true)
	f.Fuzz(func(t *testing.T, in []byte) {
		value := append([]byte{0, 0, 0, 0, 7}, in...)
		if made, _, err := e.Append(nil, value); err == nil {
			m, body, err := w.message(in)
			if err != nil {
				t.Fatal(err)
			}
			// All of the order is kept; only the message's own index may be spelt anew, or another message found by name.
			if m.FullName() == r.root.FullName() && string(made[5+len(r.index):]) != string(body) {
				t.Fatalf("%x came out as %x", body, made)
			}
		}
		if made, _, err := set.Append(nil, value); err == nil {
			if _, err := r.JSON(made[5:]); err != nil {
				t.Fatalf("%x became %x, which can not be read: %v", in, made, err)
			}
		}
	})
}

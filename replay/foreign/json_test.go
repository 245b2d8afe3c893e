package foreign_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"backstitch/replay/foreign"
	"backstitch/replay/record"
	"backstitch/replay/source"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/s2"
)

// xerialOf frames b the way the Java library does, n bytes to a block.
func xerialOf(b []byte, n int) []byte {
	out := []byte("\x82SNAPPY\x00")
	out = append(out, 0, 0, 0, 1, 0, 0, 0, 1)
	for len(b) > 0 {
		k := min(n, len(b))
		block := s2.EncodeSnappy(nil, b[:k])
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(block))), block...)
		b = b[k:]
	}
	return out
}

func TestValuesWithoutLineBreaks(t *testing.T) {
	text := `{"a":"}{\"\\"}{"b":[1,{"c":2}]} [1,2]"x"12 true"y"null` + "\n-3e5"
	want := []string{`{"a":"}{\"\\"}`, `{"b":[1,{"c":2}]}`, "[1,2]", `"x"`, "12", "true", `"y"`, "null", "-3e5"}
	rs := newShelf(map[string]string{"p/0.concat": text})
	a, l := catalog(t, rs)
	var got []string
	for _, v := range values(t, a, l.Objects[0]) {
		_, v, _ = strings.Cut(v, "=")
		got = append(got, v)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	rs.files["p/0.concat"] = []byte(`{"a":1}{"b":`)
	_, l = catalog(t, rs)
	if len(l.Damaged) != 1 || l.Damaged[0].Code != source.CodeTruncated || l.Damaged[0].Offset != 1 {
		t.Errorf("half of a value: got %v, want it truncated at 1", l.Damaged)
	}
}

// What begins as no JSON takes all up to the line break: what looks like a value behind it may be a part of it.
func TestWhatIsNoValueTakesTheLine(t *testing.T) {
	for text, want := range map[string][]string{
		"\x00\x00\x00\x00\x07{\"a\":1}{\"b\":2}\n{\"c\":3}": {"BST-Q103[0,1)", `1={"c":3}`},
		"{\"a\":1}\x01{\"b\":2}":                            {`0={"a":1}`, "BST-Q103[1,2)"},
		"{\"a\":1}nul{\"b\":2}":                             {`0={"a":1}`, "BST-Q103[1,2)"},
		"12{\"a\":1}true[2]":                                {"0=12", `1={"a":1}`, "2=true", "3=[2]"},
	} {
		a, l := catalog(t, newShelf(map[string]string{"p/0.concat": text}))
		if diff := cmp.Diff(want, values(t, a, l.Objects[0])); diff != "" {
			t.Errorf("%q: want -, got +:\n%s", text, diff)
		}
	}
}

// The last line has no line break behind it, or was cut. The ends of what was cut may be those of a value.
func TestALastLineIsJSONOrCut(t *testing.T) {
	for last, whole := range map[string]bool{`{"a":{"b":1}}`: true, `{"a":{"b":1}`: false, `"a\"`: false, "12": true, `[[1]`: false} {
		a, l := catalog(t, newShelf(map[string]string{"p/0.json": "{}\n" + last}))
		got := values(t, a, l.Objects[0])
		if whole != (len(l.Damaged) == 0) || whole != (len(got) == 2 && got[1] == "1="+last) {
			t.Errorf("%s: got %q and %v", last, got, l.Damaged)
		}
		if !whole && (len(l.Damaged) == 0 || l.Damaged[0].Code != source.CodeTruncated) {
			t.Errorf("%s: got %v, want %s", last, l.Damaged, source.CodeTruncated)
		}
	}
}

// Damage behind the last record takes no position where names leave no room for one. Where they do, or say nothing, it takes at least one.
func TestDamageBehindTheLastRecord(t *testing.T) {
	for next, want := range map[string][]string{
		"p/2.json.gz": {"0=0", "1=1", "2=2"}, "p/4.json.gz": {"0=0", "1=1", "BST-Q101[2,4)", "4=2"},
	} {
		s := newShelf(map[string]string{"p/0.json.gz": "0\n1\n", next: "2\n"})
		s.files["p/0.json.gz"] = s.files["p/0.json.gz"][:len(s.files["p/0.json.gz"])-4] // the length behind the checksum
		a, l := catalog(t, s)
		if diff := cmp.Diff(want, values(t, a, l.Objects[0])); diff != "" || len(l.Damaged) != 1 || l.Damaged[0].Object != "p/0.json.gz" {
			t.Errorf("before %s: %v, want -, got +:\n%s", next, l.Damaged, diff)
		}
	}
}

func TestMembers(t *testing.T) {
	m := foreign.NewMembers("a", "b")
	for text, want := range map[string]string{
		`{"a": 1, "A":2, "c":{"a":1,"a":2}}`: "[1 ]", `{"\u0061":"x","b":null}`: `["x" null]`, `{}`: "[ ]",
		`{"a":1,"a":1}`: "error", `{"a":1,"\u0061":2}`: "error", `[1]`: "error", `{"a":1}{}`: "error", `{"a":1`: "error", ``: "error", `{"a" 1}`: "error",
	} {
		parts, err := m.Read([]byte(text))
		got := fmt.Sprintf("%s", parts)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%s: got %s, %v, want %s", text, got, err, want)
		}
	}
}

func TestMillis(t *testing.T) {
	for text, want := range map[string]int64{
		"1795132800123": 1795132800123, `"2026-11-20T00:00:00.123Z"`: 1795132800123, `"2026-11-20T01:00:00.123+01:00"`: 1795132800123, "0": 0, "-5": -5,
	} {
		if got, err := foreign.Millis([]byte(text)); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"1795132800", `"yesterday"`, "null", "1.5", `""`, `"null"`, `"+5"`, `"2026-11-20T00:00:00.1234Z"`} {
		if got, err := foreign.Millis([]byte(text)); err == nil {
			t.Errorf("%s: got %d, want it refused", text, got)
		}
	}
}

func TestHeadersKeepOrderAndRepeats(t *testing.T) {
	want := []record.Header{{Key: "b", Value: []byte("1")}, {Key: "a"}, {Key: "b", Value: []byte("2")}}
	for _, text := range []string{`{"b":"1","a":null,"b":"2"}`, `[{"key":"b","value":"1"},{"key":"a","value":null},{"key":"b","value":"2"}]`} {
		if got, err := foreign.Headers([]byte(text)); err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{`7`, `[{"value":"1"}]`, `[{"key":null}]`, `[{"key":"a","key":"b"}]`, `{"\ud800":"1"}`, "{\"h\":\"\xff\"}", `[`, `{"a"`} {
		if got, err := foreign.Headers([]byte(text)); err == nil {
			t.Errorf("%s was taken for headers %v", text, got)
		}
	}
}

// FuzzValues: pieces never hold more than the text, and a text without blanks comes back whole.
func FuzzValues(f *testing.F) {
	f.Add(`{"a":"}"}[1]"x"`)
	f.Add("\"\\\" }{][")
	f.Fuzz(func(t *testing.T, text string) {
		for data := []byte(text); len(data) > 0; {
			n, piece, err := foreign.Values(data, true)
			if err != nil || n < 0 || n > len(data) || len(piece) > n {
				t.Fatalf("%q: got %d, %q, %v", data, n, piece, err)
			}
			if n == 0 {
				return // no whole value
			}
			data = data[n:]
		}
	})
}

// FuzzArray: the elements of what nobody wrote end, in damage or not.
func FuzzArray(f *testing.F) {
	f.Add("[\n{\"a\":1},\n{\"b\":2}\n]")
	f.Fuzz(func(t *testing.T, text string) {
		var e foreign.Elements
		for data := []byte(text); len(data) > 0; {
			n, _, err := e.Split(data, true)
			var bad *foreign.Damage
			if err != nil {
				if !errors.As(err, &bad) {
					t.Fatalf("got %v, want a damage", err)
				}
				return
			}
			if n == 0 {
				return
			}
			data = data[n:]
		}
	})
}

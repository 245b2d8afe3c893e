package foreign_test

import (
	"encoding/binary"
	"errors"
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

func TestMillis(t *testing.T) {
	for text, want := range map[string]int64{
		"1795132800123": 1795132800123, `"2026-11-20T00:00:00.123Z"`: 1795132800123, `"2026-11-20T01:00:00.123+01:00"`: 1795132800123, "0": 0, "-5": -5,
	} {
		if got, err := foreign.Millis([]byte(text)); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"1795132800", `"yesterday"`, "null", "1.5", `""`} {
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
	if _, err := foreign.Headers([]byte(`7`)); err == nil {
		t.Error("a number was taken for headers")
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

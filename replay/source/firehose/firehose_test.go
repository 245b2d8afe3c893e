package firehose_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"backstitch/replay/foreign"
	"backstitch/replay/foreign/drawntest"
	"backstitch/replay/foreign/foreigntest"
	"backstitch/replay/source"
	"backstitch/replay/source/firehose"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	drawntest.Few()
	goleak.VerifyTestMain(m)
}

func at(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		panic("a constant: " + err.Error())
	}
	return t
}

func TestNames(t *testing.T) {
	a, err := firehose.New(nil, firehose.DefaultConfig("orders"))
	if err != nil {
		t.Fatal(err)
	}
	key := foreigntest.FirehoseKey(at("2026-11-20 10:00:07"), 1)
	for name, want := range map[string]string{
		key:                               "concat  10:00:07",
		key + ".gz":                       "concat .gz 10:00:07",
		"lake/" + key:                     "concat  10:00:07",
		key + ".parquet":                  "parquet  10:00:07",
		key + ".zip":                      "zip  10:00:07",
		"errors/processing-failed/" + key: "json  10:00:07",
		strings.Replace(key, "orders", "other", 1): "",
		key[:len(key)-1]:              "",
		"2026/11/20/10/orders-1.json": "",
	} {
		got := ""
		if n, ok := a.Layout().Parse(name); ok {
			got = fmt.Sprintf("%s %s %s", n.Format, n.Codec, n.Dated.Format(time.TimeOnly))
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// Objects come in order of the time in their names, whatever their directories say: a pattern with YYYY filed the last three
// days of 2019 under 2020. They are misplaced, and nothing of them is lost.
func TestMisfiledObjectsKeepTheirPlaceInTime(t *testing.T) {
	files := map[string][]byte{}
	var want []string
	for i := range 8 {
		when := at("2019-12-27 10:00:00").AddDate(0, 0, i)
		key := foreigntest.FirehoseKey(when, i)
		if i >= 2 && i < 5 {
			key = strings.Replace(key, "2019/", "2020/", 1)
			want = append(want, key)
		}
		files[key] = fmt.Appendf(nil, `{"day":%d}`, i)
	}
	a, err := firehose.New(foreigntest.Open(t, files), firehose.DefaultConfig("orders"))
	l := foreigntest.Catalog(t, a, err)
	var got []string
	for _, m := range l.Misplaced {
		got = append(got, m.Key)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
	if len(rs) != 8 || damaged != nil {
		t.Fatalf("got %d records, %v", len(rs), damaged)
	}
	for i, r := range rs {
		if string(r.Value) != fmt.Sprintf(`{"day":%d}`, i) {
			t.Errorf("got %s in place %d", r.Value, i)
		}
	}
}

// What could not be delivered is in the error output, in base64: these records are known, and can be had from there.
func TestFailedDeliveriesHoldRecords(t *testing.T) {
	raw := base64.StdEncoding.EncodeToString([]byte(`{"n":1}`))
	files := map[string][]byte{
		"errors/processing-failed/" + foreigntest.FirehoseKey(at("2026-11-20 10:00:00"), 0): []byte(
			`{"attemptsMade":4,"arrivalTimestamp":1,"ErrorCode":"x","rawData":"` + raw + `"}` + "\n{\"rawData\":7}\n{\"ErrorCode\":\"x\"}\n"),
		foreigntest.FirehoseKey(at("2026-11-20 11:00:00"), 1): []byte(`{"n":2}{"n":3}`),
	}
	a, err := firehose.New(foreigntest.Open(t, files), firehose.DefaultConfig("orders"))
	l := foreigntest.Catalog(t, a, err)
	rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
	if len(rs) != 3 || string(rs[0].Value) != `{"n":1}` || string(rs[2].Value) != `{"n":3}` || rs[2].Offset != 4 {
		t.Errorf("got %v", rs)
	}
	if fmt.Sprint(damaged) != "[BST-Q103[1,2) BST-Q103[2,3)]" {
		t.Errorf("got %v, want two lines named", damaged)
	}
}

// Lines that are no JSON need a line break between them, and half a value at the end is a cut.
func TestDelimiters(t *testing.T) {
	key := foreigntest.FirehoseKey(at("2026-11-20 10:00:00"), 0)
	for name, c := range map[string]struct {
		format foreign.Format
		body   string
		n      int
		code   string
	}{
		"nothing between":      {foreign.Concat, `{"a":1}{"b":"}"}[1]`, 3, ""},
		"line breaks between":  {foreign.Concat, "{\"a\":1}\n{\"b\":2}\n", 2, ""},
		"half a value":         {foreign.Concat, `{"a":1}{"b":`, 1, source.CodeTruncated},
		"lines of text":        {foreign.Bytes, "a,b\nc,d\n", 2, ""},
		"text that is no JSON": {foreign.Concat, "hello world", 0, ""},
	} {
		cfg := firehose.DefaultConfig("orders")
		cfg.Format = c.format
		a, err := firehose.New(foreigntest.Open(t, map[string][]byte{key: []byte(c.body)}), cfg)
		l := foreigntest.Catalog(t, a, err)
		rs, _ := foreigntest.Read(t, a, 0, l.Objects[0])
		code := ""
		if len(l.Damaged) > 0 {
			code = l.Damaged[0].Code
		}
		if len(rs) != c.n || code != c.code {
			t.Errorf("%s: got %d records and %q, want %d and %q", name, len(rs), code, c.n, c.code)
		}
	}
}

func FuzzKey(f *testing.F) {
	f.Add(foreigntest.FirehoseKey(at("2026-11-20 10:00:00"), 0) + ".gz")
	a, err := firehose.New(nil, firehose.DefaultConfig("orders"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, key string) {
		n, ok := a.Layout().Parse(key)
		if ok && (n.Partition != 0 || n.First != -1 || n.Last != -1 || n.Stem+n.Ext != key) {
			t.Errorf("%q: got %+v", key, n)
		}
	})
}

// FuzzObject: what was counted is what is read, in both formats and in error output.
func FuzzObject(f *testing.F) {
	f.Add([]byte(`{"a":1}{"b":2}`), uint8(0))
	f.Add([]byte("a\nb"), uint8(1))
	f.Add([]byte(`{"rawData":"eA=="}`), uint8(2))
	f.Add(append(foreigntest.Aggregate(values(`{"a":1}`, "x")), `{"b":2}`...), uint8(0))
	f.Fuzz(func(t *testing.T, body []byte, kind uint8) {
		key := foreigntest.FirehoseKey(at("2026-11-20 10:00:00"), 0)
		cfg := firehose.DefaultConfig("orders")
		switch kind % 3 {
		case 1:
			cfg.Format = foreign.Bytes
		case 2:
			key = "processing-failed/" + key
		}
		a, err := firehose.New(foreigntest.Open(t, map[string][]byte{key: body}), cfg)
		l := foreigntest.Catalog(t, a, err)
		rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
		if n := l.Objects[0][0].Count; n >= 0 && int64(len(rs)+len(damaged)) != n {
			t.Fatalf("counted %d, got %d and %v", n, len(rs), damaged)
		}
	})
}

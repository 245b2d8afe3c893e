package aiven_test

import (
	"fmt"
	"strings"
	"testing"

	"backstitch/replay/foreign"
	"backstitch/replay/foreign/drawntest"
	"backstitch/replay/foreign/foreigntest"
	"backstitch/replay/record"
	"backstitch/replay/source"
	"backstitch/replay/source/aiven"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	drawntest.Few()
	goleak.VerifyTestMain(m)
}

func config(format foreign.Format, fields ...string) aiven.Config {
	cfg := aiven.DefaultConfig("orders")
	cfg.Format = format
	if len(fields) > 0 {
		cfg.Fields = fields
	}
	return cfg
}

func TestNames(t *testing.T) {
	a, err := aiven.New(nil, config(foreign.CSV))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"orders-3-99":                     "3 99 csv ",
		"orders-3-99.gz":                  "3 99 csv .gz",
		"lake/2026/orders-3-0000000099":   "3 99 csv ",
		"orders-0-99999999999.snappy":     "0 99999999999 csv .snappy",
		"orders-3-99.parquet":             "3 99 parquet ",
		"orders-3-99.jsonl.zst":           "3 99 csv .zst",
		"my-orders-3-99":                  "",
		"orders-eu-3-99":                  "",
		"orders-3":                        "",
		"orders-3-x":                      "",
		"orders-3-99x":                    "",
		"orders-1-2026-11-20-10-00-00-xx": "",
		"orders/3/99.json":                "",
	} {
		n, ok := a.Layout().Parse(key)
		got := ""
		if ok {
			got = fmt.Sprintf("%d %d %s %s", n.Partition, n.First, n.Format, n.Codec)
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
}

// The number in a name is the first offset: what lies behind a hole keeps its own.
func TestTheOffsetInTheNameIsTheFirst(t *testing.T) {
	files := foreigntest.AivenCSV("value")(0, foreigntest.Numbered(0, 50), 10)
	delete(files, "orders-0-20.gz")
	a, err := aiven.New(foreigntest.Open(t, files), config(foreign.CSV))
	l := foreigntest.Catalog(t, a, err)
	rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
	if got := foreigntest.Offsets(rs); got != "[[0,20) [30,50)]" || damaged != nil || string(rs[20].Value) != `{"n":30}` {
		t.Errorf("got %s, %v, want [0,20) and [30,50)", got, damaged)
	}
}

func TestColumns(t *testing.T) {
	body := "azE=,eyJuIjoxfQ==,2026-11-20T00:00:00.123Z,7,aA==:djE=;aA==:dg==\n" + // everything
		",,1795132800123,8,\n" + // nulls, and milliseconds
		"azE=,eA==,1795132800,9,\n" + // seconds
		"azE=,eA==,1795132800123,10\n" + // a column short
		"azE=,!!,1795132800123,11,\n" + // not base64
		"azE=,eA==,1795132800123,12,\r\n"
	a, err := aiven.New(foreigntest.Open(t, map[string][]byte{"orders-0-7": []byte(body)}), config(foreign.CSV, "key", "value", "timestamp", "offset", "headers"))
	l := foreigntest.Catalog(t, a, err)
	rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
	want := []record.Record{
		{Offset: 7, TimestampMs: 1795132800123, Key: []byte("k1"), Value: []byte(`{"n":1}`), Headers: []record.Header{{Key: "h", Value: []byte("v1")}, {Key: "h", Value: []byte("v")}}},
		{Offset: 8, TimestampMs: 1795132800123},
		{Offset: 12, TimestampMs: 1795132800123, Key: []byte("k1"), Value: []byte("x")},
	}
	if fmt.Sprint(rs) != fmt.Sprint(want) {
		t.Errorf("got %v\nwant %v", rs, want)
	}
	if fmt.Sprint(damaged) != "[BST-Q103[9,12) BST-Q103[9,12) BST-Q103[9,12)]" {
		t.Errorf("got %v, want three lines named", damaged)
	}
}

// An array that is not closed was not written to its end, however well its elements read.
func TestHalfAnArray(t *testing.T) {
	for name, c := range map[string]struct {
		from, to string
		code     string
	}{
		"no end":         {"\n]", "", source.CodeTruncated},
		"half a record":  {"\"offset\":9,\"headers\":[]}\n]", "", source.CodeTruncated},
		"no array":       {"[\n", "<html>", source.CodeForeign},
		"more behind it": {"\n]", "\n]\n{}", source.CodeForeign},
	} {
		files := foreigntest.AivenJSON(true)(0, foreigntest.Numbered(0, 10), 10)
		files["orders-0-0"] = []byte(strings.Replace(string(files["orders-0-0"]), c.from, c.to, 1))
		a, err := aiven.New(foreigntest.Open(t, files), config(foreign.Array, "key", "value", "timestamp", "offset", "headers"))
		l := foreigntest.Catalog(t, a, err)
		if len(l.Damaged) != 1 || l.Damaged[0].Code != c.code {
			t.Errorf("%s: got %v, want %s", name, l.Damaged, c.code)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, cfg := range []aiven.Config{config(foreign.CSV, "key", "offset"), config(foreign.CSV, "value", "topic"), {Topic: "a/b"}, {}} {
		cfg.Limits = foreign.DefaultLimits()
		if _, err := aiven.New(nil, cfg); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}

func FuzzKey(f *testing.F) {
	f.Add("lake/orders-3-99.gz")
	a, err := aiven.New(nil, config(foreign.CSV))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, key string) {
		n, ok := a.Layout().Parse(key)
		if ok && (n.Partition < 0 || n.First < 0 || n.Stem+n.Ext != key) {
			t.Errorf("%q: got %+v", key, n)
		}
	})
}

// FuzzObject: whatever is in an object, what was counted is what is read.
func FuzzObject(f *testing.F) {
	f.Add([]byte("azE=,eA==,1795132800123,12,\n"), uint8(0))
	f.Add([]byte(`{"key":"a","value":{"x":1},"timestamp":5,"offset":12,"headers":[]}`), uint8(1))
	f.Add([]byte(`[{"value":1,"timestamp":5,"offset":12}]`), uint8(2))
	f.Fuzz(func(t *testing.T, body []byte, format uint8) {
		cfg := config([]foreign.Format{foreign.CSV, foreign.JSON, foreign.Array}[format%3], "key", "value", "timestamp", "offset", "headers")
		a, err := aiven.New(foreigntest.Open(t, map[string][]byte{"orders-0-12": body}), cfg)
		l := foreigntest.Catalog(t, a, err)
		rs, _ := foreigntest.Read(t, a, 0, l.Objects[0])
		if o := l.Objects[0][0]; o.Count > 0 && (len(rs) == 0 || rs[len(rs)-1].Offset != o.Base+o.Count-1) {
			t.Fatalf("got %s, want up to %d", foreigntest.Offsets(rs), o.Base+o.Count)
		}
	})
}

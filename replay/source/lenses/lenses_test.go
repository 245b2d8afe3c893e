package lenses_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"backstitch/replay/foreign/drawntest"
	"backstitch/replay/foreign/foreigntest"
	"backstitch/replay/record"
	"backstitch/replay/source"
	"backstitch/replay/source/lenses"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	drawntest.Few()
	goleak.VerifyTestMain(m)
}

func config(envelope bool) lenses.Config {
	cfg := lenses.DefaultConfig("orders")
	cfg.Envelope = envelope
	return cfg
}

func TestNames(t *testing.T) {
	a, err := lenses.New(nil, config(false))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"orders/3/000000000099_1700_1800.json":      "3 99 json ",
		"lake/orders/3/000000000099.json.gz":        "3 99 json .gz",
		"orders/3/99-suffix.json":                   "3 99 json ",
		"k=v/j=w/orders(12_10000000000).json":       "12 10000000000 json ",
		"orders/3/000000000099.avro":                "3 99 avro ",
		"k=v/orders(0_5).parquet":                   "0 5 parquet ",
		"orders/3/7.bytes":                          "3 7 bytes ",
		"orders/3/7_1700_1700.bytes":                "3 7 bytes ",
		"orders/3/7_1700_1700_x.bytes":              "3 7 bytes ",
		"k=v/orders(0_5).bytes":                     "0 5 bytes ",
		"orders/3/7_1700_1701.bytes":                "3 7 bytes of several values ",
		"orders/3/7.bytes.gz":                       "3 7 bytes of several values .gz",
		"orders/3/7.csv":                            "3 7 csv of texts ",
		".indexes/c/.locks/orders/3.lock":           "",
		".temp-upload/orders/3/000000000099.json":   "",
		"other/3/000000000099.json":                 "",
		"orders/x/99.json":                          "",
		"orders/3/x.json":                           "",
		"orders/3/":                                 "",
		"k=v/orders(3).json":                        "",
		"k=v/orders(3_x).json":                      "",
		"orders/00003/0000-0099-5.bsa":              "",
		"orders/3/99999999999999999999999.json":     "",
		"topics/orders/partition=0/orders+0+5.json": "",
	} {
		n, ok := a.Layout().Parse(key)
		got := ""
		if ok {
			got = fmt.Sprintf("%d %d %s %s", n.Partition, n.Last, n.Format, n.Codec)
			if n.First != -1 {
				t.Errorf("%s: got first offset %d: the one in the name is the last", key, n.First)
			}
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
}

// The number in a name is the offset of the last record. Taken for the first one, every record would be one object off.
func TestTheOffsetInTheNameIsTheLast(t *testing.T) {
	files := foreigntest.Lenses(false)(0, foreigntest.Numbered(0, 100), 10)
	delete(files, "orders/0/000000000049_1795132800040_1795132800049.json")
	if len(files) != 10 { // nine objects and a lock
		t.Fatalf("got %d files", len(files))
	}
	b := foreigntest.Open(t, files)
	a, err := lenses.New(b, config(false))
	l := foreigntest.Catalog(t, a, err)
	rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
	if got, want := foreigntest.Offsets(rs), "[[0,40) [50,100)]"; got != want || damaged != nil {
		t.Errorf("got %s, %v, want %s: the object that is gone held [40,50)", got, damaged, want)
	}
	for _, r := range rs {
		if string(r.Value) != fmt.Sprintf(`{"n":%d}`, r.Offset) {
			t.Fatalf("got %s at %d", r.Value, r.Offset)
		}
	}
}

// A partitioner that fans out leaves progress that is no range: three records of ten objects at a time are not there.
func TestRecordsLostAmongInterleavedObjects(t *testing.T) {
	rs := slices.DeleteFunc(foreigntest.Numbered(0, 200), func(r record.Record) bool { return r.Offset == 100 || r.Offset == 102 || r.Offset == 104 })
	b := foreigntest.Open(t, foreigntest.PartitionBy(0, rs, 7))
	a, err := lenses.New(b, config(true))
	l := foreigntest.Catalog(t, a, err)
	got, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
	if want := "[[0,100) [101,102) [103,104) [105,200)]"; foreigntest.Offsets(got) != want || damaged != nil {
		t.Errorf("got %s, %v, want %s", foreigntest.Offsets(got), damaged, want)
	}
}

// What two objects both hold is given once, and an object in the middle of others costs only what nobody else has.
func TestOverlapAndDamageAmongInterleavedObjects(t *testing.T) {
	files := foreigntest.PartitionBy(0, foreigntest.Numbered(0, 60), 10)
	for key, body := range foreigntest.PartitionBy(0, foreigntest.Numbered(12, 42), 5) {
		files["again/"+key] = body
	}
	b := foreigntest.Open(t, files)
	a, err := lenses.New(b, config(true))
	l := foreigntest.Catalog(t, a, err)
	if got, damaged := foreigntest.Read(t, a, 0, l.Objects[0]); foreigntest.Offsets(got) != "[[0,60)]" || damaged != nil {
		t.Errorf("overlap: got %s, %v, want each once", foreigntest.Offsets(got), damaged)
	}

	files = foreigntest.PartitionBy(0, foreigntest.Numbered(0, 60), 10)
	cut := "mod=1/orders(0_000000000028).json" // 1, 4, .. 28
	if files[cut] == nil {
		t.Fatal("no such object")
	}
	files[cut] = bytes.Join(bytes.SplitAfter(files[cut], []byte("\n"))[:6], nil) // up to 16
	b = foreigntest.Open(t, files)
	a, err = lenses.New(b, config(true))
	l = foreigntest.Catalog(t, a, err)
	if len(l.Damaged) != 1 || l.Damaged[0].Object != cut || l.Damaged[0].Code != source.CodeTruncated {
		t.Fatalf("got %v, want %s cut: its name says 28, and it ends at 16", l.Damaged, cut)
	}
	got, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
	if foreigntest.Offsets(got) != "[[0,19) [20,22) [23,25) [26,28) [29,60)]" {
		t.Errorf("got %s, want all but 19, 22, 25 and 28", foreigntest.Offsets(got))
	}
	if len(damaged) != 1 || damaged[0] != "BST-Q101[19,20)" {
		t.Errorf("got %v, want the first place that nobody has", damaged)
	}
}

// The name is right and the object is not: another topic, another partition, offsets beyond the name, half a line.
func TestAForeignObjectUnderAnExpectedName(t *testing.T) {
	const key = "orders/0/000000000019_1795132800010_1795132800019.json"
	for name, hurt := range map[string]struct {
		with func([]byte) []byte
		code string
	}{
		"another topic": {func(b []byte) []byte {
			return bytes.ReplaceAll(b, []byte(`"topic":"orders"`), []byte(`"topic":"other"`))
		}, source.CodeForeign},
		"another partition": {func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(`"partition":0`), []byte(`"partition":4`)) }, source.CodeForeign},
		"other offsets":     {func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(`"offset":1`), []byte(`"offset":70`)) }, source.CodeForeign},
		"backwards":         {func(b []byte) []byte { return append(bytes.Clone(b), b...) }, source.CodeForeign},
		"half of it":        {func(b []byte) []byte { return b[:len(b)/2] }, source.CodeTruncated},
		"nothing":           {func([]byte) []byte { return nil }, source.CodeTruncated},
		"a web page":        {func([]byte) []byte { return []byte("<html>\n<body>\n") }, source.CodeTruncated},
	} {
		t.Run(name, func(t *testing.T) {
			files := foreigntest.Lenses(true)(0, foreigntest.Numbered(0, 50), 10)
			if files[key] == nil {
				t.Fatal("no such object")
			}
			files[key] = hurt.with(files[key])
			b := foreigntest.Open(t, files)
			a, err := lenses.New(b, config(true))
			l := foreigntest.Catalog(t, a, err)
			if len(l.Damaged) != 1 || l.Damaged[0].Object != key || l.Damaged[0].Code != hurt.code {
				t.Fatalf("got %v, want %s named with %s", l.Damaged, key, hurt.code)
			}
			rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
			if len(damaged) == 0 {
				t.Error("reading did not name it")
			}
			for _, r := range rs {
				if string(r.Value) != fmt.Sprintf(`{"n":%d}`, r.Offset) {
					t.Errorf("got %s at %d, which was never written there", r.Value, r.Offset)
				}
			}
			if got := foreigntest.Offsets(rs); !strings.HasPrefix(got, "[[0,1") || !strings.HasSuffix(got, "[20,50)]") {
				t.Errorf("got %s, want the other objects whole", got)
			}
		})
	}
}

func TestEnvelopes(t *testing.T) {
	lines := `{"key":"a","value":{"x": 1},"headers":{"h":"1","g":null},"metadata":{"timestamp":5,"topic":"orders","partition":0,"offset":0}}
{"key":null,"value":null,"metadata":{"timestamp":6,"topic":"orders","partition":0,"offset":1}}
{"key":"AQI=","keyIsArray":true,"value":"AP8=","valueIsArray":true,"headers":{},"metadata":{"timestamp":7,"topic":"orders","partition":0,"offset":2}}
{"value":"late","metadata":{"timestamp":1795132800,"topic":"orders","partition":0,"offset":3}}
{"value":1}
{"value":"q\"","metadata":{"timestamp":8,"topic":"orders","partition":0,"offset":5}}
`
	b := foreigntest.Open(t, map[string][]byte{"orders/0/5.json": []byte(lines)})
	a, err := lenses.New(b, config(true))
	l := foreigntest.Catalog(t, a, err)
	rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
	want := []record.Record{
		{Offset: 0, TimestampMs: 5, Key: []byte("a"), Value: []byte(`{"x": 1}`), Headers: []record.Header{{Key: "h", Value: []byte("1")}, {Key: "g"}}},
		{Offset: 1, TimestampMs: 6},
		{Offset: 2, TimestampMs: 7, Key: []byte{1, 2}, Value: []byte{0, 255}},
		{Offset: 5, TimestampMs: 8, Value: []byte(`q"`)},
	}
	if fmt.Sprint(rs) != fmt.Sprint(want) {
		t.Errorf("got %v\nwant %v", rs, want)
	}
	if fmt.Sprint(damaged) != "[BST-Q103[3,5) BST-Q103[3,5)]" {
		t.Errorf("got %v, want a timestamp in seconds and a line without metadata named", damaged)
	}
}

func FuzzKey(f *testing.F) {
	f.Add("orders/3/000000000099_1700_1800.json")
	f.Add("k=v/orders(12_10000000000).json.gz")
	a, err := lenses.New(nil, config(true))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, key string) {
		n, ok := a.Layout().Parse(key)
		if ok && (n.Partition < 0 || n.Last < 0 || n.Stem+n.Ext != key || !strings.HasPrefix(key, n.Stream)) {
			t.Errorf("%q: got %+v", key, n)
		}
	})
}

// FuzzEnvelope: nothing that somebody puts into an object makes records go back, or counts other records than are read.
func FuzzEnvelope(f *testing.F) {
	for _, body := range foreigntest.Lenses(true)(0, foreigntest.Numbered(0, 3), 3) {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		b := foreigntest.Open(t, map[string][]byte{"orders/0/2.json": body})
		a, err := lenses.New(b, config(true))
		l := foreigntest.Catalog(t, a, err)
		rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
		for i := range rs[min(1, len(rs)):] {
			if rs[i].Offset >= rs[i+1].Offset {
				t.Fatalf("got %d after %d", rs[i+1].Offset, rs[i].Offset)
			}
		}
		if len(l.Damaged) == 0 && len(damaged) == 0 && len(rs) > 0 && rs[len(rs)-1].Offset != 2 {
			t.Fatalf("got %s without a word, the name says 2", foreigntest.Offsets(rs))
		}
	})
}

// An object of bytes is one value, whatever bytes those are, at the offset in its name; only where somebody says so.
func TestBytesAreOneValue(t *testing.T) {
	values := map[int64]string{0: "a\nb\r\n", 1: "\x00\xff", 2: "", 5: "last"}
	files := map[string][]byte{"orders/0/000000000003_1_2.bytes": []byte("xy"), "orders/0/000000000006_1_1.csv": []byte("\"a\"\n")}
	for o, v := range values {
		files[fmt.Sprintf("orders/0/%012d_1700_1700.bytes", o)] = []byte(v)
	}
	b := foreigntest.Open(t, files)
	cfg := config(false)
	a, err := lenses.New(b, cfg)
	if l := foreigntest.Catalog(t, a, err); len(l.Unread) != 6 || len(l.Objects[0]) != 0 {
		t.Errorf("nobody said that they are one value: got %d objects that are read and %d that are not, want 6 that are not", len(l.Objects[0]), len(l.Unread))
	}
	cfg.Single, cfg.MaxRecordBytes = true, 6
	files["orders/0/000000000007_1_1.bytes"] = []byte("too long")
	a, err = lenses.New(foreigntest.Open(t, files), cfg)
	l := foreigntest.Catalog(t, a, err)
	rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
	if want := fmt.Sprintf("[%s[2,3) %s[7,8)]", source.CodeNotRendered, source.CodeTooLarge); fmt.Sprint(damaged) != want || len(l.Unread) != 2 {
		t.Errorf("got %v and %d that are not read, want %s and 2", damaged, len(l.Unread), want)
	}
	if foreigntest.Offsets(rs) != "[[0,2) [5,6)]" {
		t.Fatalf("got %s, want 0, 1 and 5", foreigntest.Offsets(rs))
	}
	for _, r := range rs {
		if string(r.Value) != values[int64(r.Offset)] {
			t.Errorf("offset %d: got %q, want %q", r.Offset, r.Value, values[int64(r.Offset)])
		}
	}
}

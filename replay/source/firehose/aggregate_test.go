package firehose_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"backstitch/replay/foreign"
	"backstitch/replay/foreign/foreigntest"
	"backstitch/replay/record"
	"backstitch/replay/source"
	"backstitch/replay/source/firehose"
)

// read returns the values of an object, with what is damaged behind them.
func read(t *testing.T, format foreign.Format, body []byte) string {
	t.Helper()
	cfg := firehose.DefaultConfig("orders")
	cfg.Format = format
	a, err := firehose.New(foreigntest.Open(t, map[string][]byte{foreigntest.FirehoseKey(at("2026-11-20 10:00:00"), 0): body}), cfg)
	l := foreigntest.Catalog(t, a, err)
	rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
	out := ""
	for _, r := range rs {
		out += fmt.Sprintf("%d=%s ", r.Offset, r.Value)
	}
	for _, d := range l.Damaged {
		out += d.Code + " "
	}
	return out + fmt.Sprint(damaged)
}

func values(texts ...string) (rs []record.Record) {
	for _, s := range texts {
		rs = append(rs, record.Record{Value: []byte(s)})
	}
	return rs
}

// What AWS' own library puts together comes apart into the records that it was given, in either format.
func TestAggregatesOfAWS(t *testing.T) {
	body, err := os.ReadFile("testdata/aggregates.bin")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	want.WriteString("0={\"n\":1} 1={\"n\":2} 2= 3=no JSON\nat all ")
	for i := range 20 {
		fmt.Fprintf(&want, `%d={"n":%d,"note":"%s"} `, 4+i, i, strings.Repeat("x", 40))
	}
	want.WriteString("[]")
	for _, format := range []foreign.Format{foreign.Concat, foreign.Bytes} {
		if got := read(t, format, body); got != want.String() {
			t.Errorf("%s: got %s, want %s", format, got, want.String())
		}
	}
}

func TestAggregates(t *testing.T) {
	two := foreigntest.Aggregate(values(`{"n":1}`, "x\ny"))
	one := foreigntest.Aggregate(values(string(two))) // a record that is itself an aggregate is its user's
	wrong := bytes.Clone(two)
	wrong[len(wrong)-1] ^= 1
	long := foreigntest.Aggregate(values(strings.Repeat("a", 3<<20), "b")) // more than is read at a time
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for name, c := range map[string]struct {
		format foreign.Format
		body   []byte
		want   string
	}{
		"one after the other":       {foreign.Concat, join(two, two), "0={\"n\":1} 1=x\ny 2={\"n\":1} 3=x\ny []"},
		"with line breaks":          {foreign.Bytes, join(two, []byte("\n"), two, []byte("\n")), "0={\"n\":1} 1=x\ny 2={\"n\":1} 3=x\ny []"},
		"between others":            {foreign.Concat, join([]byte(`{"a":1}`), two, []byte(`{"b":2}{"c":3}`), two), "0={\"a\":1} 1={\"n\":1} 2=x\ny 3={\"b\":2} 4={\"c\":3} 5={\"n\":1} 6=x\ny []"},
		"between lines":             {foreign.Bytes, join([]byte("a\n\n"), two, []byte("\n\nb\n")), "0=a 1= 2={\"n\":1} 3=x\ny 4= 5=b []"},
		"of nothing":                {foreign.Concat, join(foreigntest.Aggregate(nil), []byte(`{"a":1}`)), `0={"a":1} []`},
		"of one":                    {foreign.Concat, one, "0=" + string(two) + " []"},
		"a checksum that is wrong":  {foreign.Concat, join(two, wrong, two), "0={\"n\":1} 1=x\ny 3={\"n\":1} 4=x\ny [" + source.CodeAggregate + "[2,3)]"},
		"the last is wrong":         {foreign.Concat, wrong, "[" + source.CodeAggregate + "[0,1)]"},
		"cut off":                   {foreign.Concat, join(two, two[:len(two)-3]), "0={\"n\":1} 1=x\ny [" + source.CodeAggregate + "[2,3)]"},
		"behind what has no end":    {foreign.Bytes, join([]byte("a"), two, []byte("\n")), "1={\"n\":1} 2=x\ny [" + source.CodeAggregate + "[0,1)]"},
		"four bytes of one":         {foreign.Bytes, []byte("\xf3\x89\x9a\xc2"), "[" + source.CodeAggregate + "[0,1)]"},
		"less than four":            {foreign.Bytes, []byte("\xf3\x89\n"), "0=\xf3\x89 []"},
		"records longer than reads": {foreign.Concat, join(long, two), "0=" + strings.Repeat("a", 3<<20) + " 1=b 2={\"n\":1} 3=x\ny []"},
	} {
		if got := read(t, c.format, c.body); got != c.want {
			t.Errorf("%s: got %.300q, want %.300q", name, got, c.want)
		}
	}
}

// An aggregate in the error output stands for several records, and a line is one.
func TestAggregatesThatWereNotDelivered(t *testing.T) {
	body := fmt.Appendf(nil, `{"rawData":"84mawgECAwQ="}`+"\n"+`{"rawData":"eA=="}`+"\n")
	a, err := firehose.New(foreigntest.Open(t, map[string][]byte{"processing-failed/" + foreigntest.FirehoseKey(at("2026-11-20 10:00:00"), 0): body}), firehose.DefaultConfig("orders"))
	l := foreigntest.Catalog(t, a, err)
	if rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0]); len(rs) != 1 || fmt.Sprint(damaged) != "["+source.CodeAggregate+"[0,1)]" {
		t.Errorf("got %d records and %v, want one and the aggregate named", len(rs), damaged)
	}
}

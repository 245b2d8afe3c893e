package layout_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"backstitch/replay/bucket"
	"backstitch/replay/foreign/foreigntest"
	"backstitch/replay/layout"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func merge(sets ...map[string][]byte) map[string][]byte {
	out := map[string][]byte{}
	for _, s := range sets {
		maps.Copy(out, s)
	}
	return out
}

// under puts files below a directory.
func under(dir string, files map[string][]byte) map[string][]byte {
	out := map[string][]byte{}
	for key, body := range files {
		out[dir+key] = body
	}
	return out
}

// noise is n keys that name the topic and are of no layout.
func noise(n int) map[string][]byte {
	out := map[string][]byte{}
	for i := range n {
		out[fmt.Sprintf("orders/%d/_SUCCESS", i)] = []byte("x")
	}
	return out
}

func TestDetectSaysWhatItSaw(t *testing.T) {
	rs := foreigntest.Numbered(0, 98)
	for name, c := range map[string]struct {
		files map[string][]byte
		want  string
	}{
		"lenses, with other files":  {merge(foreigntest.Lenses(false)(0, rs, 1), noise(2)), "lenses (98 of 100 keys; the offset in names is the last one)"},
		"confluent":                 {foreigntest.Confluent(".json")(0, rs, 10), "confluent (10 of 10 keys; the offset in names is the first one)"},
		"confluent without topics/": {cut("topics/", foreigntest.Confluent(".json")(0, rs, 10)), "confluent (10 of 10 keys; the offset in names is the first one)"},
		"confluent in avro":         {foreigntest.Confluent(".avro")(0, rs, 10), "confluent (10 of 10 keys; the offset in names is the first one)"},
		"hdfs":                      {foreigntest.HDFS(0, rs, 10), "hdfs (10 of 10 keys; names have the first and the last offset)"},
		"aiven below a prefix":      {under("lake/", foreigntest.AivenCSV("value")(0, rs, 10)), "aiven (10 of 10 keys; the offset in names is the first one)"},
		"beside another topic":      {merge(foreigntest.OSO(0)(0, rs, 10), under("x/other/", foreigntest.Confluent(".json")(0, nil, 1)), map[string][]byte{"a/other/1.json": nil}), "oso (10 of 10 keys; segments hold the offset of each record)"},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := layout.Detect(t.Context(), foreigntest.Open(t, c.files), "orders")
			if err != nil || found.Evidence != c.want {
				t.Errorf("got %q, %v, want %q", found.Evidence, err, c.want)
			}
			if none := strings.Contains(name, "without topics"); none != (found.TopicsDir != nil && *found.TopicsDir == "") {
				t.Errorf("got topics directory %v", found.TopicsDir)
			}
		})
	}
}

func cut(prefix string, files map[string][]byte) map[string][]byte {
	out := map[string][]byte{}
	for key, body := range files {
		out[strings.TrimPrefix(key, prefix)] = body
	}
	return out
}

// Where two layouts explain the keys, or none does, the answer is a question with what was seen.
func TestDetectRefuses(t *testing.T) {
	rs := foreigntest.Numbered(0, 50)
	for name, c := range map[string]struct {
		files map[string][]byte
		want  []string
		err   error
	}{
		"two at a time":    {merge(foreigntest.Confluent(".json")(0, rs, 5), foreigntest.Lenses(false)(0, rs, 5)), []string{"confluent (10 of 21", "lenses (10 of 21"}, layout.ErrAmbiguous},
		"mostly something": {merge(foreigntest.Lenses(false)(0, rs, 25), noise(20)), []string{"lenses (2 of 23"}, layout.ErrAmbiguous},
		"nothing known":    {noise(3), []string{"orders/0/_SUCCESS"}, layout.ErrAmbiguous},
		"another topic":    {map[string][]byte{"topics/other/partition=0/other+0+0.json": nil}, []string{"orders"}, bucket.ErrNotFound},
		"nothing":          {nil, []string{"orders"}, bucket.ErrNotFound},
	} {
		_, err := layout.Detect(t.Context(), foreigntest.Open(t, c.files), "orders")
		if !errors.Is(err, c.err) {
			t.Errorf("%s: got %v, want %v", name, err, c.err)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: got %q, want it to name %q", name, err, w)
			}
		}
	}
}

func TestSettleLooksIntoAnObject(t *testing.T) {
	rs := foreigntest.Numbered(0, 10)
	all := []string{"key", "value", "timestamp", "offset", "headers"}
	one := func(key, body string) map[string][]byte { return map[string][]byte{key: []byte(body)} }
	for name, c := range map[string]struct {
		files  map[string][]byte
		opts   layout.Options
		format string
		fields []string
		err    string
	}{
		"values":                            {foreigntest.Lenses(false)(0, rs, 5), layout.Options{Layout: "lenses"}, "json", nil, ""},
		"envelopes":                         {foreigntest.Lenses(true)(0, rs, 5), layout.Options{Layout: "lenses"}, "envelope", nil, ""},
		"values that are said":              {foreigntest.Lenses(true)(0, rs, 5), layout.Options{Layout: "lenses", Format: "json"}, "json", nil, ""},
		"first offsets, from the beginning": {firsts(0, 10, 20, 30), layout.Options{Layout: "lenses"}, "", nil, "first offsets"},
		"first offsets, from later on":      {firsts(500, 520, 527, 540), layout.Options{Layout: "lenses"}, "", nil, "first offsets"},
		"last offsets of the older names":   {map[string][]byte{"orders/0/9.json": []byte(lines(10)), "orders/0/12.json": []byte(lines(3))}, layout.Options{Layout: "lenses"}, "json", nil, ""},
		"one column":                        {foreigntest.AivenCSV("value")(0, rs, 5), layout.Options{Layout: "aiven"}, "csv", []string{"value"}, ""},
		"columns that are said":             {foreigntest.AivenCSV(all...)(0, rs, 5), layout.Options{Layout: "aiven", Format: "csv", Fields: all}, "csv", all, ""},
		"columns that nobody says":          {foreigntest.AivenCSV(all...)(0, rs, 5), layout.Options{Layout: "aiven"}, "", nil, "5 columns"},
		"records as objects":                {foreigntest.AivenJSON(false)(0, rs, 5), layout.Options{Layout: "aiven"}, "envelope", all, ""},
		"records in an array":               {foreigntest.AivenJSON(true)(0, rs, 5), layout.Options{Layout: "aiven"}, "array", all, ""},
		"bare values":                       {one("orders-0-0", `{"id":1,"value":2}`+"\n"), layout.Options{Layout: "aiven"}, "json", nil, ""},
		"parquet without an ending":         {one("orders-0-0", "PAR1xxxx"), layout.Options{Layout: "aiven"}, "parquet", nil, ""},
		"neither JSON nor base64":           {one("orders-0-0", "hello, world!\n"), layout.Options{Layout: "aiven"}, "", nil, "2 columns"},
		"a first record too long":           {one("orders-0-0", `{"value":"`+strings.Repeat("x", 70<<10)+`"}`), layout.Options{Layout: "aiven"}, "", nil, "longer than"},
		"firehose JSON":                     {foreigntest.Firehose(0, rs, 5), layout.Options{Layout: "firehose"}, "concat", nil, ""},
		"firehose text":                     {one("orders-1-2026-11-20-10-00-00-00000000-0000-0000-0000-000000000000", "a,b\n"), layout.Options{Layout: "firehose"}, "bin", nil, ""},
		"confluent, raw bytes":              {foreigntest.Confluent(".bin")(0, rs, 5), layout.Options{Layout: "confluent"}, "bin", nil, ""},
		"confluent, mostly JSON":            {merge(foreigntest.Confluent(".json")(0, rs, 1), one("topics/orders/x/orders+0+99.bin", "x")), layout.Options{Layout: "confluent"}, "json", nil, ""},
		"the first object is broken":        {merge(foreigntest.AivenCSV("value")(1, rs, 5), one("orders-0-0.gz", "no gzip")), layout.Options{Layout: "aiven"}, "csv", []string{"value"}, ""},
	} {
		c.opts.Topic = "orders"
		got, err := layout.Settle(t.Context(), foreigntest.Open(t, c.files), c.opts)
		if c.err != "" {
			if !errors.Is(err, layout.ErrUnsettled) || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: got %v, want %v with %q", name, err, layout.ErrUnsettled, c.err)
			}
			continue
		}
		if err != nil || got.Format != c.format || !slices.Equal(got.Fields, c.fields) {
			t.Errorf("%s: got format %q and fields %v, %v, want %q and %v", name, got.Format, got.Fields, err, c.format, c.fields)
		}
	}
}

func lines(n int) string { return strings.Repeat("{}\n", n) }

// firsts are objects named as the older Lenses names are, but by first offsets.
func firsts(offsets ...int) map[string][]byte {
	out := map[string][]byte{}
	for i, o := range offsets[1:] {
		out[fmt.Sprintf("orders/0/%09d.json", offsets[i])] = []byte(lines(o - offsets[i]))
	}
	return out
}

func TestOpenRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, o := range []layout.Options{
		{Layout: "tape"}, {Layout: "auto"}, {Layout: "confluent", Format: "csv"}, {Layout: "lenses", Format: "array"}, {Layout: "aiven", Format: "concat"},
		{Layout: "firehose", Format: "csv"}, {Layout: "oso", Format: "json"}, {Layout: "gazette", Format: "bin"}, {Layout: "hdfs", Format: "envelope"},
	} {
		o.Topic = "orders"
		if _, err := layout.Open(nil, o); !errors.Is(err, layout.ErrUnknown) {
			t.Errorf("%+v: got %v, want %v", o, err, layout.ErrUnknown)
		}
	}
}

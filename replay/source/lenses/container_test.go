package lenses_test

import (
	"bytes"
	"fmt"
	"testing"

	"backstitch/replay/foreign"
	"backstitch/replay/foreign/foreigntest"
	"backstitch/replay/record"
	"backstitch/replay/source"
	"backstitch/replay/source/lenses"

	"github.com/parquet-go/parquet-go"
)

func containerConfig(format foreign.Format, as foreign.Rendering) lenses.Config {
	cfg := config(true)
	cfg.Format, cfg.Values, cfg.Fields = format, as, []string{"key", "value", "timestamp", "offset", "headers"}
	return cfg
}

type meta struct {
	Timestamp *int64 `parquet:"timestamp,optional"`
	Topic     string `parquet:"topic"`
	Partition int32  `parquet:"partition"`
	Offset    int64  `parquet:"offset"`
}

func about(offset int64) meta {
	ms := 1_795_132_800_000 + offset
	return meta{&ms, "orders", 0, offset}
}

type headers struct {
	A *string `parquet:"a,optional"`
	B *int64  `parquet:"b,optional"`
}

type order struct {
	N int64 `parquet:"n"`
}

func rows[T any](t *testing.T, rs ...T) []byte {
	t.Helper()
	var out bytes.Buffer
	w := parquet.NewGenericWriter[T](&out)
	if _, err := w.Write(rs); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func ptr[T any](v T) *T { return &v }

// show is what records hold of what an envelope says.
func show(rs []record.Record) string {
	out := ""
	for _, r := range rs {
		out += fmt.Sprintf("%d@%d %s=%s", r.Offset, r.TimestampMs-1_795_132_800_000, part(r.Key), part(r.Value))
		for _, h := range r.Headers {
			out += fmt.Sprintf(" %s:%s", h.Key, part(h.Value))
		}
		out += "; "
	}
	return out
}

func part(b []byte) string {
	if b == nil {
		return "null"
	}
	return fmt.Sprintf("%q", b)
}

// What is null stays null, what is empty stays empty, and what is neither bytes nor a string needs a word of how it is to become some.
func TestEnvelopesInParquet(t *testing.T) {
	type plain struct {
		Key     *string  `parquet:"key,optional"`
		Value   *[]byte  `parquet:"value,optional"`
		Headers *headers `parquet:"headers,optional"`
		Meta    meta     `parquet:"metadata"`
	}
	type structs struct {
		Key   *order `parquet:"key,optional"`
		Value *order `parquet:"value,optional"`
		Meta  *meta  `parquet:"metadata,optional"`
	}
	type keyless struct {
		Value string `parquet:"value"`
		Meta  meta   `parquet:"metadata"`
	}
	type valueless struct {
		Key  string `parquet:"key"`
		Meta meta   `parquet:"metadata"`
	}
	type micros struct {
		Value string `parquet:"value"`
		Meta  struct {
			Timestamp int64  `parquet:"timestamp,timestamp(microsecond)"`
			Topic     string `parquet:"topic"`
			Partition int32  `parquet:"partition"`
			Offset    int64  `parquet:"offset"`
		} `parquet:"metadata"`
	}
	fine := micros{Value: "v"}
	fine.Meta.Timestamp, fine.Meta.Topic = 1_795_132_800_000_000, "orders"
	finer := fine
	finer.Meta.Offset, finer.Meta.Timestamp = 1, 1_795_132_800_000_001
	after := fine
	after.Meta.Offset = 2
	untimed, seconds := about(0), about(0)
	untimed.Timestamp, seconds.Timestamp = nil, ptr(int64(1_795_132_800))
	for name, c := range map[string]struct {
		body []byte
		as   foreign.Rendering
		want string
	}{
		"bytes and strings": {rows(t, plain{ptr("k"), ptr([]byte{0, 255}), &headers{ptr("x"), ptr(int64(7))}, about(0)}, plain{nil, nil, &headers{}, about(1)}, plain{ptr(""), ptr([]byte{}), nil, about(2)}),
			foreign.AsPlain, `0@0 "k"="\x00\xff" a:"x" b:"7"; 1@1 null=null a:null b:null; 2@2 ""=""; []`},
		"strings as JSON":        {rows(t, plain{ptr("k"), nil, nil, about(0)}, plain{ptr("l"), ptr([]byte("v")), nil, about(2)}), foreign.AsJSON, `0@0 "k"=null; 2@2 "l"="\"dg==\""; []`},
		"records as JSON":        {rows(t, structs{&order{1}, &order{2}, ptr(about(0))}, structs{nil, nil, ptr(about(2))}), foreign.AsJSON, `0@0 "{\"n\":1}"="{\"n\":2}"; 2@2 null=null; []`},
		"records that are plain": {rows(t, structs{nil, nil, ptr(about(0))}, structs{nil, &order{2}, ptr(about(1))}, structs{nil, nil, ptr(about(2))}), foreign.AsPlain, `0@0 null=null; 2@2 null=null; [` + source.CodeNotRendered + `[1,2)]`},
		"without metadata":       {rows(t, structs{nil, nil, ptr(about(0))}, structs{nil, nil, nil}, structs{nil, nil, ptr(about(2))}), foreign.AsJSON, `0@0 null=null; 2@2 null=null; [` + source.CodeBrokenLine + `[1,2)]`},
		"all keys null":          {rows(t, keyless{"v", about(2)}), foreign.AsPlain, `2@2 null="v"; []`},
		"all values null":        {rows(t, valueless{"k", about(2)}), foreign.AsPlain, `2@2 "k"=null; []`},
		"another topic":          {rows(t, keyless{"v", meta{ptr(int64(1)), "others", 0, 0}}), foreign.AsPlain, `[` + source.CodeForeign + `[0,3)]`},
		"another partition":      {rows(t, keyless{"v", meta{ptr(int64(1)), "orders", 3, 0}}), foreign.AsPlain, `[` + source.CodeForeign + `[0,3)]`},
		"microseconds":           {rows(t, fine, finer, after), foreign.AsPlain, `0@0 null="v"; 2@0 null="v"; [` + source.CodeBrokenLine + `[1,2)]`},
		"seconds":                {rows(t, keyless{"v", seconds}), foreign.AsPlain, `[` + source.CodeBrokenLine + `[0,3) ` + source.CodeTruncated + `[0,3)]`},
		"no time":                {rows(t, keyless{"v", untimed}), foreign.AsPlain, `[` + source.CodeBrokenLine + `[0,3) ` + source.CodeTruncated + `[0,3)]`},
		"no envelope":            {rows(t, order{1}), foreign.AsPlain, `[` + source.CodeForeign + `[0,3)]`},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := lenses.New(foreigntest.Open(t, map[string][]byte{"orders/0/2.parquet": c.body}), containerConfig(foreign.Parquet, c.as))
			l := foreigntest.Catalog(t, a, err)
			rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
			if got := show(rs) + fmt.Sprint(damaged); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

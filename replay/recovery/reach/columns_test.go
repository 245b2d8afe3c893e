package reach_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/fsm"
	"backstitch/replay/connect"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/replaytest"
	"backstitch/replay/schema/schematest"
	"backstitch/replay/spec"
	"backstitch/replay/verify"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"
)

// tabled is a topic of orders by three schemas, and tombstones, which is to become a table.
func tabled(t *testing.T) (*lab, *schematest.Registry) {
	reg := schematest.New(t)
	l := &lab{t: t, kafka: replaytest.NewKafka(t, "orders"), dir: t.TempDir()}
	l.config = open.Config{Cluster: "test", Env: env, Registry: func(name string) (connect.Registry, bool) {
		return connect.Registry{URL: reg.URL}, name == "one"
	}}
	l.clients = reach.New(l.config)
	var recs []record.Record
	add := func(value []byte) {
		recs = append(recs, record.Record{TimestampMs: 1_795_132_800_000 + int64(len(recs)), Key: fmt.Append(nil, len(recs)), Value: value})
	}
	values := map[int]func(i int) map[string]any{
		1: func(i int) map[string]any { return map[string]any{"n": fmt.Sprint(i), "old": 1.5} },
		2: func(i int) map[string]any { return map[string]any{"n": int64(i), "old": nil, "note": "x"} },
		3: func(i int) map[string]any { return map[string]any{"n": int32(i), "new": 2.5, "note": "y"} },
	}
	for id, text := range map[int]string{1: orderV1, 2: orderV2, 3: orderV3} {
		reg.RegisterAs("orders-value", id, sr.Schema{Schema: text})
	}
	for i := range 60 {
		for id, text := range []string{orderV1, orderV2, orderV3} {
			out, err := avro.MustParse(text).AppendEncode([]byte{0, 0, 0, 0, byte(id + 1)}, values[id+1](i))
			if err != nil {
				t.Fatal(err)
			}
			add(out)
		}
		if i%10 == 0 {
			add(nil)
		}
	}
	l.kafka.Produce("orders", 0, recs...)
	return l, reg
}

func (l *lab) table(files string) *spec.Recovery {
	l.t.Helper()
	r, err := spec.Parse("lab.yaml", fmt.Appendf(nil, "apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: lab}\nspec:\n"+
		"  source: {kafka: {brokers: %q, topic: orders}}\n  target: {dir: {path: %q, topic: orders, %s}}\n  select: {partitions: \"0\"}\n",
		strings.Join(l.kafka.ListenAddrs(), ","), l.dir, files), spec.Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

// A topic becomes a table with the fields of its values, by the schemas that stand in the recipe and no registry, and the proof reads back
// every byte of it; then there is nothing to do.
func TestValuesAsColumnsToProof(t *testing.T) {
	for _, format := range []string{"avro", "parquet"} {
		t.Run(format, func(t *testing.T) {
			l, reg := tabled(t)
			r := l.table("format: " + format + ", values: {as: columns, registry: one}")
			p, sub := l.submit(r)
			c := p.Recipe.Target.Columns
			if p.Recipe.Version != recovery.ColumnsVersion || c == nil || len(c.Schemas) != 3 || c.Subject != "orders-value" {
				t.Fatalf("the recipe has %+v, version %d", c, p.Recipe.Version)
			}
			reg.SetDown(true)
			asked := reg.Asked()
			cs, err := verify.New(verify.DefaultConfig()).Job(t.Context(), sub.Slices, nil, l.run(sub), 2)
			if err != nil {
				t.Fatal(err)
			}
			if verdict, evidence := fsm.Judge(verify.Comparisons(cs), fsm.Writers{}); verdict != fsm.Pass || evidence != fsm.E3 {
				t.Errorf("got %s at %s, want a pass at E3: %+v", verdict, evidence, cs)
			}
			if n := reg.Asked(); n != asked {
				t.Errorf("the registry was asked %d times, want 0", n-asked)
			}
			if files, err := filepath.Glob(filepath.Join(l.dir, "orders", "00000", "*."+format)); err != nil || len(files) < 3 || len(files)%3 != 0 {
				t.Errorf("got %d files, %v, want one for each of three schemas", len(files), err)
			}
			reg.SetDown(false)
			if again, err := recovery.Build(t.Context(), r, l.clients, l.options()); err != nil || !again.Empty() {
				t.Errorf("after the refill: got %v, want nothing to write", err)
			}
			p.Recipe.Version = recovery.FormatVersion
			text, _ := json.Marshal(p.Recipe)
			if _, err := open.New(l.config).Open(t.Context(), sub.ID, text); !errors.Is(err, open.ErrRecipe) {
				t.Errorf("columns in a recipe of version %d: got %v, want %v", p.Recipe.Version, err, open.ErrRecipe)
			}
		})
	}
}

// What has no columns, or can not be known, is refused with what to type next, before anything is written.
func TestColumnsThatCanNotBe(t *testing.T) {
	l, reg := tabled(t)
	loop := `{"type":"record","name":"Node","fields":[{"name":"next","type":["null","Node"]}]}`
	reg.RegisterAs("loops-value", 8, sr.Schema{Schema: loop})
	reg.RegisterAs("wide-value", 9, sr.Schema{Schema: `{"type":"record","name":"W","doc":"` + strings.Repeat("x", 600<<10) + `","fields":[{"name":"a","type":"long"}]}`})
	for files, want := range map[string]string{
		"format: parquet, values: {as: columns, registry: one, subject: loops-value}":                                     recovery.CodeNoColumns,
		"format: parquet, values: {as: columns, registry: one, subject: none-value}":                                      recovery.CodeColumns,
		"format: avro, values: {as: columns, registry: one, subject: wide-value}":                                         recovery.CodeManyColumns,
		`format: avro, values: {as: columns, of: json, schema: '["null","long"]'}`:                                        recovery.CodeNoColumns,
		"format: avro, values: {as: columns, schemas: [{number: 1, schema: '\"long\"'}, {number: 1, schema: '\"int\"'}]}": recovery.CodeColumns,
	} {
		_, err := recovery.Build(t.Context(), l.table(files), l.clients, l.options())
		var e *recovery.Error
		if !errors.As(err, &e) || e.Code != want || e.Hint == "" {
			t.Errorf("%s: got %v, want %s", files, err, want)
		}
	}
	if files, err := filepath.Glob(filepath.Join(l.dir, "*")); err != nil || len(files) > 0 {
		t.Errorf("got %v, %v, want nothing written", files, err)
	}
}

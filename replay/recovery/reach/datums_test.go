package reach_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"backstitch/fsm"
	"backstitch/replay/connect"
	"backstitch/replay/gap"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/replaytest"
	"backstitch/replay/revise"
	"backstitch/replay/scan"
	"backstitch/replay/schema/schematest"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/verify"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/sr"
)

// What three deploys have written, and what their topic is to become. Numbers of the two registries have nothing to do with each other.
const (
	orderV1 = `{"type":"record","name":"Order","fields":[{"name":"n","type":"string"},{"name":"old","type":"double"}]}`
	orderV2 = `{"type":"record","name":"Order","fields":[{"name":"n","type":"long"},{"name":"old","type":["null","double"]},{"name":"note","type":"string","default":""}]}`
	orderV3 = `{"type":"record","name":"Order","fields":[{"name":"n","type":"int"},{"name":"new","type":["null","double"],"default":null},{"name":"note","type":"string","default":"none"}]}`
	outID   = 41
)

// reshaping is a topic of orders by three schemas, some of which have no form in the third, and an empty topic.
type reshaping struct {
	*lab
	one, two *schematest.Registry
	want     []string           // of what is written, as the library reads it
	bad      map[int64]string   // by offset, the code
	places   map[int64][]string // what the reason has to name
}

func reshape(t *testing.T) *reshaping {
	l := &reshaping{lab: &lab{t: t, kafka: replaytest.NewKafka(t, "orders"), dir: t.TempDir()}, one: schematest.New(t), two: schematest.New(t),
		bad: map[int64]string{}, places: map[int64][]string{}}
	l.config = open.Config{Cluster: "test", Env: env, Registry: l.both}
	l.clients = reach.New(l.config)
	for id, text := range map[int]string{1: orderV1, 2: orderV2, 3: orderV3} {
		l.one.Put(id, sr.Schema{Schema: text})
	}
	l.one.Put(9, sr.Schema{Schema: `syntax = "proto3";`, Type: sr.TypeProtobuf})
	l.two.RegisterAs("orders-v3-value", 40, sr.Schema{Schema: orderV2})
	l.two.RegisterAs("orders-v3-value", outID, sr.Schema{Schema: orderV3})
	v1, v2, v3 := avro.MustParse(orderV1), avro.MustParse(orderV2), avro.MustParse(orderV3)
	framed := func(id byte, s *avro.Schema, v map[string]any) []byte {
		out, err := s.AppendEncode([]byte{0, 0, 0, 0, id}, v)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	var recs []record.Record
	poison := func(code string, value []byte, names ...string) {
		l.bad[int64(len(recs))], l.places[int64(len(recs))] = code, names
		recs = append(recs, record.Record{TimestampMs: 1_795_132_800_000 + int64(len(recs)), Key: []byte("bad"), Value: value})
	}
	good := func(value []byte, n int, new any, note string) {
		recs = append(recs, record.Record{TimestampMs: 1_795_132_800_000 + int64(len(recs)), Key: fmt.Append(nil, n), Value: value})
		want, _ := json.Marshal(map[string]any{"n": n, "new": new, "note": note})
		l.want = append(l.want, string(want))
	}
	for i := range 60 {
		good(framed(1, v1, map[string]any{"n": fmt.Sprint(i), "old": 1.5}), i, 1.5, "none")
		good(framed(2, v2, map[string]any{"n": int64(i), "old": nil, "note": "x"}), i, nil, "x")
		good(framed(3, v3, map[string]any{"n": int32(i), "new": 2.5, "note": "y"}), i, 2.5, "y")
		if i%20 == 7 {
			poison(source.CodeNotFramed, []byte(`{"n":1}`))
			poison(source.CodeNoWriter, []byte{0, 0, 0, 0, 77, 2}, "schema 77")
			poison(source.CodeNoWriter, []byte{0, 0, 0, 0, 9, 2}, "schema 9", "PROTOBUF")
			poison(source.CodeNoForm, framed(2, v2, map[string]any{"n": int64(1) << 40, "old": nil, "note": "x"}), "n: ", "int")
			poison(source.CodeNotDatum, append(framed(3, v3, map[string]any{"n": int32(i), "new": nil, "note": "y"}), 1))
			poison(source.CodeNoCast, framed(1, v1, map[string]any{"n": "many", "old": 1.5}), "step 1", "many")
		}
	}
	l.kafka.Produce("orders", 0, recs...)
	if _, err := kadm.NewClient(l.kafka.Client()).CreateTopics(t.Context(), 1, 1, nil, "orders-v3"); err != nil {
		t.Fatal(err)
	}
	return l
}

// both are the connections to the registries.
func (l *reshaping) both(name string) (connect.Registry, bool) {
	at, ok := map[string]string{"one": l.one.URL, "two": l.two.URL}[name]
	return connect.Registry{URL: at}, ok
}

const fromAvro = "values: {as: avro, schema: {version: 2}}, "

func (l *reshaping) spec(values, more string) *spec.Recovery {
	l.t.Helper()
	at := strings.Join(l.kafka.ListenAddrs(), ",")
	r, err := spec.Parse("lab.yaml", fmt.Appendf(nil, "apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: lab}\nspec:\n"+
		"  source: {kafka: {brokers: %q, topic: orders, registry: one}}\n  target: {kafka: {brokers: %q, topic: orders-v3, registry: two}}\n  select: {partitions: \"0\"}\n"+
		"  write: {maxQuarantine: 100, originHeaders: false}\n"+
		"  transform: {%sversion: v3, steps: [{cast: {field: n, to: integer}}, {rename: {field: old, to: new}}]}\n%s", at, at, values, more), spec.Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

// A topic of three schemas becomes one of the third, although who writes is killed between two commits and no registry answers any more; what
// has no form there is named, and a record of the old form in the target fails the proof.
func TestAvroMigrationToProof(t *testing.T) {
	l := reshape(t)
	p, sub := l.submit(l.spec(fromAvro, ""))
	if p.Totals.Records != int64(len(l.want)) || p.Recipe.Refused() != int64(len(l.bad)) {
		t.Fatalf("got %d records to write and %d left out, want %d and %d", p.Totals.Records, p.Recipe.Refused(), len(l.want), len(l.bad))
	}
	for _, f := range p.Findings {
		if f.Kind != gap.Corrupt {
			continue
		}
		if f.Code != l.bad[f.Range.From] || slices.ContainsFunc(l.places[f.Range.From], func(name string) bool { return !strings.Contains(f.Reason, name) }) {
			t.Errorf("record %d: got %s %s, want %s with %q", f.Range.From, f.Code, f.Reason, l.bad[f.Range.From], l.places[f.Range.From])
		}
		delete(l.bad, f.Range.From)
	}
	if len(l.bad) > 0 {
		t.Errorf("not named: %v", l.bad)
	}
	d := p.Recipe.Source.Transform.Values
	var ids []uint32
	for _, w := range d.Writers {
		ids = append(ids, w.ID)
	}
	if !slices.Equal(ids, []uint32{1, 2, 3}) || d.ID != outID || d.Version != 2 || d.Subject != "orders-v3-value" || p.Recipe.Version != recovery.DatumsVersion {
		t.Errorf("the recipe has %+v, version %d", d, p.Recipe.Version)
	}
	if p.Recipe.Source.Registry+p.Recipe.Target.Registry != "" {
		t.Error("the recipe has registries that records are compared by")
	}
	var text strings.Builder
	if err := p.WriteText(&text, recovery.RenderOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Transform v3, 2 steps over Avro into orders-v3-value@2", "version 2 of subject orders-v3-value (schema 41), which is the latest"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the plan does not say %q:\n%s", want, text.String())
		}
	}

	asked := l.one.Asked() + l.two.Asked()
	l.one.SetDown(true)
	l.two.SetDown(true)
	l.killedAmid(sub)
	ends := l.run(sub)
	if n := l.one.Asked() + l.two.Asked(); n != asked {
		t.Errorf("who carries the plan out asked registries %d times", n-asked)
	}
	got := l.kafka.Committed("orders-v3", 0)
	if len(got) != len(l.want) {
		t.Fatalf("got %d records in the topic, want %d", len(got), len(l.want))
	}
	out := avro.MustParse(orderV3)
	for i, r := range got {
		var v any
		if id, ok := record.FrameID(r.Value); !ok || id != outID {
			t.Fatalf("record %d begins with %x", i, r.Value)
		}
		rest, err := out.Decode(r.Value[record.FrameLen:], &v)
		text, _ := json.Marshal(v)
		if err != nil || len(rest) > 0 || string(text) != l.want[i] {
			t.Fatalf("record %d: got %s, %v, want %s", i, text, err, l.want[i])
		}
	}
	prove := func() fsm.Verdict {
		cs, err := verify.New(verify.DefaultConfig()).Job(t.Context(), sub.Slices, nil, ends, 1)
		if err != nil {
			t.Fatal(err)
		}
		verdict, _ := fsm.Judge(verify.Comparisons(cs), fsm.Writers{})
		return verdict
	}
	if v := prove(); v != fsm.Pass {
		t.Fatalf("got %s, want a pass", v)
	}
	l.one.SetDown(false)
	l.two.SetDown(false)
	if again, _ := l.submit(l.spec(fromAvro, "")); again.Totals.Records != 0 {
		t.Errorf("planned again there are %d records to write, want none", again.Totals.Records)
	}
}

// A number that the plan has not met is set aside by name, and nobody is asked.
func TestAJobKnowsTheSchemasOfItsPlan(t *testing.T) {
	l := reshape(t)
	p, sub := l.submit(l.spec(fromAvro, ""))
	d := p.Recipe.Source.Transform.Values
	d.Writers = slices.DeleteFunc(slices.Clone(d.Writers), func(w recovery.Writer) bool { return w.ID == 2 })
	var err error
	if sub.Recipe, err = json.Marshal(p.Recipe); err != nil {
		t.Fatal(err)
	}
	asked := l.one.Asked() + l.two.Asked()
	ends, err := open.New(l.config).Open(t.Context(), sub.ID, sub.Recipe)
	if err != nil {
		t.Fatal(err)
	}
	defer ends.Close()
	r, err := ends.Source.Open(t.Context(), sub.Slices[0], 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := r.Next(t.Context())
	if err != nil || len(b.Records) != 1 {
		t.Fatalf("got %v, want the record in front of the one of schema 2", err)
	}
	b.Release()
	_, err = r.Next(t.Context())
	var damaged *source.DamagedError
	if !errors.As(err, &damaged) || damaged.Code != source.CodeNoWriter || damaged.Offset != 1 || !strings.Contains(err.Error(), "schema 2") {
		t.Errorf("got %v, want %s at 1", err, source.CodeNoWriter)
	}
	if n := l.one.Asked() + l.two.Asked(); n != asked {
		t.Errorf("registries were asked %d times, want 0", n-asked)
	}
	for _, version := range []int{recovery.TransformVersion, recovery.FormatVersion} {
		p.Recipe.Version = version
		text, _ := json.Marshal(p.Recipe)
		if _, err := open.New(l.config).Open(t.Context(), sub.ID, text); !errors.Is(err, open.ErrRecipe) {
			t.Errorf("steps over Avro in a recipe of version %d: got %v, want %v", version, err, open.ErrRecipe)
		}
	}
}

// Rules and shares see what comes out.
func TestRulesOverAvro(t *testing.T) {
	l := reshape(t)
	p, _ := l.submit(l.spec(fromAvro, "  validate: {version: r1, rules: [{name: few, range: {field: n, max: 49}}, {name: noted, expr: 'value.note != \"x\" || value.n < 40'}], nullRate: [{field: new, max: 50%}]}\n"))
	codes := map[string]int{}
	for _, a := range p.Recipe.Aside {
		codes[a.Rule]++
	}
	// Of 60 numbers 10 are beyond 49, by each schema; of those that are left with note x 10 are 40 and more.
	if codes["few"] != 30 || codes["noted"] != 10 {
		t.Errorf("got %v left out, want 30 by few and 10 by noted", codes)
	}
	if !slices.ContainsFunc(p.Checks, func(c recovery.Check) bool {
		return c.Name == "null rate" && strings.HasPrefix(c.Text, "new is null or not there in 60 of 180")
	}) {
		t.Errorf("nulls are not counted in what comes out: %+v", p.Checks)
	}
}

func TestOutputSchemasThatHaveNoNumber(t *testing.T) {
	l := reshape(t)
	refused := func(what string, r *spec.Recovery, code string) *recovery.Error {
		t.Helper()
		_, err := recovery.Build(t.Context(), r, l.clients, l.options())
		var e *recovery.Error
		if !errors.As(err, &e) || e.Code != code {
			t.Errorf("%s: got %v, want %s", what, err, code)
		}
		return e
	}
	refused("no such version", l.spec("values: {as: avro, schema: {version: 9}}, ", ""), recovery.CodeOutput)
	refused("no such subject", l.spec("values: {as: avro, schema: {subject: none}}, ", ""), recovery.CodeOutput)
	inline := func(text string) string { return "values: {as: avro, schema: {inline: " + text + "}}, " }
	refused("not registered", l.spec(inline(`{type: record, name: Order, fields: []}`), ""), recovery.CodeOutput)
	if p, _ := l.submit(l.spec(inline(orderV3), "")); p.Recipe.Source.Transform.Values.ID != outID {
		t.Errorf("got %+v, want schema %d", p.Recipe.Source.Transform.Values, outID)
	}
	// Readers that have the latest version are told of.
	older := l.spec("values: {as: avro, unknownFields: drop, schema: {version: 1}}, ", "")
	older.Spec.Transform.Steps = older.Spec.Transform.Steps[:1]
	p, _ := l.submit(older)
	if !slices.ContainsFunc(p.Notes, func(n recovery.Note) bool { return n.Code == recovery.NoteOutput }) {
		t.Errorf("the plan does not say that the latest can not read what comes out: %+v", p.Notes)
	}
	example := `transform: {version: v3, values: {as: avro, schema: {version: 2}}, examples: [{in: {n: "1", old: 1.5}, out: {n: 1, new: 1.5, note: other}, schema: {inline: ` + orderV1 + `}}], steps`
	bad := l.spec(fromAvro, "")
	text, err := spec.Parse("lab.yaml", []byte(strings.Replace(l.text(), "transform: {"+fromAvro+"version: v3, steps", example, 1)), spec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	bad.Spec.Transform = text.Spec.Transform
	if e := refused("an example that does not come out", bad, recovery.CodeExample); e != nil && !strings.Contains(e.Why, "none") {
		t.Errorf("it does not say what comes out: %s", e.Why)
	}
	// Keys are not changed, so what they name has to be the same in both.
	l.one.RegisterAs("orders-key", 5, sr.Schema{Schema: `"string"`})
	refused("keys of a schema that the target does not know", l.spec(fromAvro, ""), recovery.CodeKeys)
	l.two.Put(5, sr.Schema{Schema: `"bytes"`})
	refused("keys of a schema that is another one there", l.spec(fromAvro, ""), recovery.CodeKeys)
	l.two.Put(5, sr.Schema{Schema: `"string"`})
	l.submit(l.spec(fromAvro, ""))
	l.one.Odd(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusTeapot); return true })
	refused("no answer", l.spec(fromAvro, ""), recovery.CodeWriters)
	rep, err := recovery.Scan(t.Context(), l.spec(fromAvro, ""), l.clients, l.options())
	if err != nil || len(rep.Findings) != 1 || rep.Findings[0].Kind != gap.NotComparable {
		t.Errorf("a scan without an answer: got %+v, %v, want nothing comparable", rep.Findings, err)
	}
}

// text is the spec that the tests use, as a file has it.
func (l *reshaping) text() string {
	return "apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: lab}\nspec:\n  source: {kafka: {brokers: 'a:1', topic: orders, registry: one}}\n" +
		"  target: {kafka: {brokers: 'b:1', topic: orders-v3, registry: two}}\n  transform: {" + fromAvro + "version: v3, steps: [{cast: {field: n, to: integer}}, {rename: {field: old, to: new}}]}\n"
}

// A scan in pieces says what one of a piece says; agents ask registries of their configuration alone; a ledger, which would hide what records
// name, is not used.
func TestScansOverAvro(t *testing.T) {
	l := reshape(t)
	r := l.spec(fromAvro, "")
	l.same(r)
	var refused *recovery.Error
	other := *r
	other.Spec.Source.Kafka.Registry = "http://somewhere:8081"
	if _, err := scan.Order(&other); !errors.As(err, &refused) || refused.Code != recovery.CodeRegistry {
		t.Errorf("got %v, want %s", err, recovery.CodeRegistry)
	}
	opt := l.options()
	opt.Compare = func(context.Context, gap.Input, gap.Config, gap.Anchors) (*gap.Report, error) {
		return nil, errors.New("a ledger is used")
	}
	if _, err := recovery.Scan(t.Context(), l.spec(fromAvro, ""), l.clients, opt); err != nil {
		t.Error(err)
	}
}

// Two versions of steps over Avro are compared by what their values say, each under its own output schema.
func TestVersionsOverAvroAreCompared(t *testing.T) {
	l := reshape(t)
	before, after := l.spec(fromAvro, ""), l.spec(fromAvro, "")
	after.Spec.Transform.Steps = append(slices.Clone(after.Spec.Transform.Steps), spec.Step{Set: &spec.Set{Field: "note", Value: spec.Value(`"set"`)}})
	var versions []*revise.Version
	for _, r := range []*spec.Recovery{before, after} {
		v, closer, err := revise.Of(t.Context(), r, l.clients)
		if err != nil {
			t.Fatal(err)
		}
		defer closer()
		versions = append(versions, v)
	}
	c := revise.Compare(versions[0], versions[1])
	_, err := recovery.Sample(t.Context(), after, l.clients, 1000, func(part int32, rec *record.Record) error {
		return errors.Join(c.Learn(t.Context(), rec), c.Add(fmt.Sprint(rec.Offset), part, rec))
	}, func(*source.DamagedError) {})
	if err != nil {
		t.Fatal(err)
	}
	d := c.Diff()
	if len(d.Paths) != 1 || d.Paths[0].Path != "note" || d.Paths[0].Changed != int64(len(l.want)) || d.RefusedBoth != int64(len(l.bad)) || d.Changed != int64(len(l.want)) {
		t.Errorf("got %+v, want note changed in %d records, %d refused by both", d, len(l.want), len(l.bad))
	}
	if x := d.Paths[0].Examples[0]; x.Old != `"none"` || x.New != `"set"` {
		t.Errorf("got %+v", x)
	}
}

package reach_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/connect"
	"backstitch/replay/engine"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/replaytest"
	"backstitch/replay/revise"
	"backstitch/replay/schema/schematest"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/verify"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/sr"
)

// Values behind the name of a schema, drawn and encoded by hand: in front of the value or in a header, by a number or a GUID.

const drawnOrder = `{"type":"record","name":"Order","fields":[
 {"name":"n","type":"long"},
 {"name":"amount","type":["null",{"type":"bytes","logicalType":"decimal","precision":30,"scale":4}]},
 {"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},
 {"name":"ratio","type":"double"},
 {"name":"note","type":"string"},
 {"name":"kind","type":["null","string","long"]},
 {"name":"tags","type":{"type":"array","items":"string"}}]}`

const (
	drawnID   = 5
	drawnGUID = "00000000-0000-4000-8000-000000000005"
)

// drawnValue is what a payload says. kind is nil, a string or an int64.
type drawnValue struct {
	n     int64
	note  string
	kind  any
	ratio float64
}

// overlong is a varint with more bytes than it needs, as no library writes it and each reads it.
func overlong(rng *rand.Rand, dst []byte, v int64) []byte {
	dst = binary.AppendVarint(dst, v)
	if len(dst) > 0 && v > -1<<40 && v < 1<<40 && rng.IntN(8) == 0 {
		dst[len(dst)-1] |= 0x80
		dst = append(dst, 0)
	}
	return dst
}

func avroText(dst []byte, s string) []byte {
	return append(binary.AppendVarint(dst, int64(len(s))), s...)
}

// drawValue draws a payload. NaN with bits of its own, -0, empty and odd text, an array in blocks and with their lengths are among them.
func drawValue(rng *rand.Rand) (v drawnValue, payload []byte) {
	v.n = []int64{0, 1, 49, 50, -1, math.MinInt64, math.MaxInt64, 1<<53 + 1, rng.Int64N(100), rng.Int64N(100)}[rng.IntN(10)]
	v.note = []string{"", "x", "x", "X", "null", "é\"\\\n\x00", "set"}[rng.IntN(7)]
	v.ratio = []float64{0, math.Copysign(0, -1), 1.5, math.Float64frombits(0x7ff8dead00000001), math.Inf(-1), 5e-324, rng.NormFloat64()}[rng.IntN(7)]
	payload = overlong(rng, nil, v.n)
	if rng.IntN(3) == 0 {
		payload = binary.AppendVarint(payload, 0)
	} else {
		payload = binary.AppendVarint(payload, 1)
		amount := make([]byte, rng.IntN(12)+1)
		for i := range amount {
			amount[i] = byte(rng.Uint32())
		}
		payload = append(binary.AppendVarint(payload, int64(len(amount))), amount...)
	}
	payload = overlong(rng, payload, []int64{0, -1, 1_795_132_800_000_001, math.MaxInt64, math.MinInt64}[rng.IntN(5)])
	payload = binary.LittleEndian.AppendUint64(payload, math.Float64bits(v.ratio))
	payload = avroText(payload, v.note)
	switch rng.IntN(3) {
	case 0:
		payload = binary.AppendVarint(payload, 0)
	case 1:
		v.kind = []string{"", "a", "7"}[rng.IntN(3)]
		payload = avroText(binary.AppendVarint(payload, 1), v.kind.(string))
	case 2:
		v.kind = rng.Int64()
		payload = binary.AppendVarint(binary.AppendVarint(payload, 2), v.kind.(int64))
	}
	for range rng.IntN(3) {
		tag := avroText(nil, fmt.Sprint(rng.IntN(10)))
		if rng.IntN(2) == 0 {
			payload = append(binary.AppendVarint(payload, 1), tag...)
			payload = payload[:len(payload):len(payload)]
			continue
		}
		payload = append(binary.AppendVarint(binary.AppendVarint(payload, -1), int64(len(tag))), tag...)
	}
	return v, append(payload, 0)
}

// nameAnywhere puts the name of the schema where chance has it.
func nameAnywhere(rng *rand.Rand, payload []byte, r *record.Record) {
	number := binary.BigEndian.AppendUint32([]byte{0}, drawnID)
	own := record.Header{Key: "trace", Value: []byte{byte(rng.Uint32())}}
	if rng.IntN(2) == 0 {
		r.Headers = append(r.Headers, own)
	}
	switch rng.IntN(4) {
	case 0:
		r.Value = append(number, payload...)
	case 1:
		r.Value = append(guid(drawnGUID), payload...)
	case 2:
		r.Value, r.Headers = payload, append(r.Headers, inHeader(guid(drawnGUID)), own, record.Header{Key: "null"})
	case 3:
		r.Value, r.Headers = payload, append(r.Headers, inHeader(number))
	}
}

// drawnWorld is a topic of values that are drawn, and an empty topic beside the same registry.
type drawnWorld struct {
	*lab
	registry *schematest.Registry
	records  []record.Record
	values   map[int64]drawnValue // of those that say something
	refused  map[int64]string     // of those that say nothing, the code
}

func drawWorld(t *testing.T, n int) *drawnWorld {
	rng := replaytest.Seed(t)
	l := &drawnWorld{lab: &lab{t: t, kafka: replaytest.NewKafka(t, "orders"), dir: t.TempDir()}, registry: schematest.New(t),
		values: map[int64]drawnValue{}, refused: map[int64]string{}}
	l.config = open.Config{Cluster: "test", Env: env, Registry: func(string) (connect.Registry, bool) { return connect.Registry{URL: l.registry.URL}, true }}
	l.clients = reach.New(l.config)
	l.registry.RegisterNamed("restored-value", drawnID, drawnGUID, sr.Schema{Schema: drawnOrder})
	l.registry.Put(drawnID, sr.Schema{Schema: drawnOrder})
	l.registry.PutGUID(drawnGUID, sr.Schema{Schema: drawnOrder})
	for i := range int64(n) {
		r := record.Record{TimestampMs: 1_795_132_800_000 + i, Key: []byte{byte(i), 0, byte(rng.Uint32())}}
		if rng.IntN(8) == 0 {
			r.Key = nil
		}
		v, payload := drawValue(rng)
		nameAnywhere(rng, payload, &r)
		switch rng.IntN(20) {
		case 0: // a tombstone, whatever its header says
			r.Value = nil
		case 1:
			r.Value, r.Headers = payload, []record.Header{inHeader(guid(guidGone))}
			l.refused[i] = source.CodeNoWriter
		case 2:
			r.Value, r.Headers = payload, []record.Header{inHeader(guid(drawnGUID)), inHeader(guid(drawnGUID))}
			l.refused[i] = source.CodeNotFramed
		case 3: // of AWS Glue, whose registry nobody asks
			r.Value, r.Headers = append(append([]byte{3, 0}, guid(drawnGUID)[1:]...), payload...), nil
			l.refused[i] = source.CodeNotFramed
		case 4:
			r.Value = r.Value[:len(r.Value)-1]
			l.refused[i] = source.CodeNotDatum
		default:
			l.values[i] = v
		}
		l.records = append(l.records, r)
	}
	l.kafka.Produce("orders", 0, l.records...)
	if _, err := kadm.NewClient(l.kafka.Client()).CreateTopics(t.Context(), 1, 1, nil, "restored"); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *drawnWorld) spec(steps, more string) *spec.Recovery {
	l.t.Helper()
	at := strings.Join(l.kafka.ListenAddrs(), ",")
	r, err := spec.Parse("lab.yaml", fmt.Appendf(nil, "apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: lab}\nspec:\n"+
		"  source: {kafka: {brokers: %q, topic: orders, registry: one}}\n  target: {kafka: {brokers: %q, topic: restored, registry: one}}\n  select: {partitions: \"0\"}\n"+
		"  write: {maxQuarantine: 1000, originHeaders: false}\n"+
		"  transform: {values: {as: avro, schema: {version: 1}}, version: v1, steps: [%s]}\n%s", at, at, steps, more), spec.Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

// asItIs is a step that changes nothing: the field is always there.
const asItIs = `{default: {field: note, value: none}}`

const drawnRules = "  validate: {version: r1, rules: [{name: few, range: {field: n, max: 49}}, {name: noted, expr: 'value.note != \"x\"'}]}\n"

// broken is the rule that a value breaks, and the code; "" for none.
func (v drawnValue) broken() (rule, code string) {
	switch {
	case v.n > 49:
		return "few", source.CodeRange
	case v.note == "x":
		return "noted", source.CodeFalse
	}
	return "", ""
}

// same fails unless records are those at some positions of the reference, byte for byte.
func (l *drawnWorld) same(what string, got []record.Record, at []int64) {
	l.t.Helper()
	var want []record.Record
	for _, i := range at {
		want = append(want, l.records[i])
	}
	for i := range got {
		got[i].Offset, got[i].TimestampType = 0, 0
	}
	for i := range want {
		want[i].Offset = 0
	}
	if diff := cmp.Diff(want, got); len(want) == 0 || diff != "" {
		l.t.Fatalf("%s: %d records, - want + got:\n%s", what, len(want), diff)
	}
}

// TestFramedValuesThroughQuarantineDrawn: values meet rules wherever they name their schema. Those that break one are set aside under its name and
// at their place, the others are written as they were, and under mended rules exactly those that were set aside come back, byte for byte.
func TestFramedValuesThroughQuarantineDrawn(t *testing.T) {
	l := drawWorld(t, 150)
	p, sub := l.submit(l.spec(asItIs, drawnRules))
	var aside []recovery.Aside
	var good, back []int64
	for i := range int64(len(l.records)) {
		rule, code := l.values[i].broken()
		if _, said := l.values[i]; !said {
			rule, code = "", l.refused[i]
		}
		switch {
		case code == "":
			good = append(good, i)
		default:
			aside = append(aside, recovery.Aside{Offset: i, Code: code, Rule: rule})
		}
		if rule != "" {
			back = append(back, i)
		}
	}
	if diff := cmp.Diff(aside, p.Recipe.Aside); diff != "" {
		t.Fatalf("set aside: - want + got:\n%s", diff)
	}
	l.registry.SetDown(true)
	l.run(sub)
	l.same("written", l.kafka.Committed("restored", 0), good)
	l.registry.SetDown(false)

	opt := l.options()
	opt.Only = map[int32]partition.Ranges{}
	for _, a := range p.Recipe.Aside {
		opt.Only[0] = append(opt.Only[0], partition.Range{From: a.Offset, To: a.Offset + 1})
	}
	opt.Only[0] = partition.Normalize(opt.Only[0])
	p, err := recovery.Build(t.Context(), l.spec(asItIs, ""), l.clients, opt)
	if err != nil {
		t.Fatal(err)
	}
	if sub, err = p.Submission(); err != nil {
		t.Fatal(err)
	}
	if len(p.Recipe.Aside) != len(l.refused) || p.Totals.Records != int64(len(back)) {
		t.Fatalf("under mended rules %d are to write and %d are set aside, want %d and %d", p.Totals.Records, len(p.Recipe.Aside), len(back), len(l.refused))
	}
	ends := l.run(sub)
	l.same("came back", l.kafka.Committed("restored", 0)[len(good):], back)
	cs, err := verify.New(verify.DefaultConfig()).Job(t.Context(), sub.Slices, nil, ends, 1)
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := fsm.Judge(verify.Comparisons(cs), fsm.Writers{}); v != fsm.Pass {
		t.Errorf("got %s, want a pass", v)
	}
}

// TestAJobSetsAsideFramedValuesDrawn is the same of a job that meets what its plan did not know: the place, the code and a reason that names the rule.
func TestAJobSetsAsideFramedValuesDrawn(t *testing.T) {
	l := drawWorld(t, 100)
	_, sub := l.submit(l.spec(asItIs, ""))
	p, strict := l.submit(l.spec(asItIs, drawnRules))
	sub.Recipe = strict.Recipe
	ends, err := open.New(l.config).Open(t.Context(), sub.ID, sub.Recipe)
	if err != nil {
		t.Fatal(err)
	}
	defer ends.Close()
	met := map[int64]string{}
	for _, s := range sub.Slices {
		if s.Kind != partition.SliceFill {
			continue
		}
		e, err := engine.New(engine.Task{Slice: s, Epoch: 1}, engine.Ends{
			Source: ends.Source, Sink: ends.Sink, Topic: "orders", Rules: ends.Recipe.Source.Rules.Names(), Now: l.options().Now,
		}, ends.Engine(engine.DefaultConfig()))
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, q := range e.Quarantined() {
			met[q.Offset] = q.Code + " " + q.Reason
		}
	}
	names := map[string]string{"few": "rule few: a number is beyond its bounds, or is none", "noted": "rule noted: the expression is false"}
	want := map[int64]string{}
	for _, a := range p.Recipe.Aside {
		if a.Rule != "" {
			want[a.Offset] = a.Code + " " + names[a.Rule]
		}
	}
	if diff := cmp.Diff(want, met); len(want) == 0 || diff != "" {
		t.Errorf("set aside by the job: - want + got:\n%s", diff)
	}
}

// TestVersionsOverFramedValuesDrawn: what two versions of steps make of values is told apart field by field: those that differ, and no others.
func TestVersionsOverFramedValuesDrawn(t *testing.T) {
	l := drawWorld(t, 150)
	kindOf := func(v any) string { return fmt.Sprintf("%T", v) }
	for name, c := range map[string]struct {
		steps string
		make  func(v drawnValue) (path string, was, is any)
	}{
		"text":     {`{set: {field: note, value: set}}`, func(v drawnValue) (string, any, any) { return "note", v.note, "set" }},
		"a number": {`{set: {field: n, value: 49}}`, func(v drawnValue) (string, any, any) { return "n", v.n, int64(49) }},
		"64 bits":  {`{set: {field: n, value: 9007199254740993}}`, func(v drawnValue) (string, any, any) { return "n", v.n, int64(1<<53 + 1) }},
		"a union":  {`{set: {field: kind, value: "7"}}`, func(v drawnValue) (string, any, any) { return "kind", v.kind, "7" }},
		"to null":  {`{set: {field: kind, value: null}}`, func(v drawnValue) (string, any, any) { return "kind", v.kind, nil }},
		"a default": {`{default: {field: kind, value: a, orNull: true}}`, func(v drawnValue) (string, any, any) {
			if v.kind == nil {
				return "kind", nil, "a"
			}
			return "kind", v.kind, v.kind
		}},
		"nothing": {asItIs, func(v drawnValue) (string, any, any) { return "note", v.note, v.note }},
	} {
		t.Run(name, func(t *testing.T) {
			var versions []*revise.Version
			specs := []*spec.Recovery{l.spec(asItIs, ""), l.spec(c.steps, "")}
			for _, r := range specs {
				v, closer, err := revise.Of(t.Context(), r, l.clients)
				if err != nil {
					t.Fatal(err)
				}
				defer closer()
				versions = append(versions, v)
			}
			cmpr := revise.Compare(versions[0], versions[1])
			if _, err := recovery.Sample(t.Context(), specs[1], l.clients, 1000, func(part int32, rec *record.Record) error {
				return errors.Join(cmpr.Learn(t.Context(), rec), cmpr.Add(fmt.Sprint(rec.Offset), part, rec))
			}, func(*source.DamagedError) {}); err != nil {
				t.Fatal(err)
			}
			want := revise.Path{}
			var first []string
			for _, i := range slices.Sorted(maps.Keys(l.values)) {
				path, was, is := c.make(l.values[i])
				if was == is {
					continue
				}
				want.Path = path
				if kindOf(was) == kindOf(is) {
					want.Changed++
				} else {
					want.Retyped++
				}
				if len(first) < 3 {
					first = append(first, fmt.Sprint(i))
				}
			}
			d := cmpr.Diff()
			changed := want.Changed + want.Retyped
			if d.Records != int64(len(l.records)) || d.Changed != changed || d.Respelt != 0 || d.RefusedBoth != int64(len(l.refused)) || d.RefusedOld+d.RefusedNew != 0 ||
				d.Same != d.Records-d.Changed-d.RefusedBoth {
				t.Fatalf("got %+v, want %d changed and %d refused by both of %d", d, changed, len(l.refused), len(l.records))
			}
			if changed == 0 {
				if len(d.Paths) > 0 || name != "nothing" {
					t.Fatalf("got %+v, want no path", d.Paths)
				}
				return
			}
			if len(d.Paths) != 1 {
				t.Fatalf("got %+v, want %s alone", d.Paths, want.Path)
			}
			got := d.Paths[0]
			var seen []string
			for _, x := range got.Examples {
				seen = append(seen, x.Record)
			}
			got.Examples = nil
			if diff := cmp.Diff(want, got); diff != "" || !slices.Equal(first, seen) {
				t.Fatalf("- want + got:\n%s\nexamples: got %v, want %v", diff, seen, first)
			}
		})
	}
}

package reach_test

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"backstitch/fsm"
	"backstitch/replay/gap"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/verify"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/avro"
)

const (
	uuidV1   = "11111111-0000-4000-8000-00000000000a"
	uuidOut  = "33333333-0000-4000-8000-00000000000c"
	uuidGone = "77777777-0000-4000-8000-00000000000e"
)

// inGlue is a payload in AWS Glue's frame.
func inGlue(uuid string, deflated bool, payload []byte) []byte {
	if !deflated {
		return slices.Concat([]byte{3, 0}, guid(uuid)[1:], payload)
	}
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	_, err := w.Write(payload)
	if err = errors.Join(err, w.Close()); err != nil {
		panic(err)
	}
	return slices.Concat([]byte{3, 5}, guid(uuid)[1:], out.Bytes())
}

// orderOf is a datum.
func orderOf(t *testing.T, text string, v map[string]any) []byte {
	t.Helper()
	out, err := avro.MustParse(text).AppendEncode(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// glueSpec is the spec of l for AWS Glue's frame, with what follows the topic of its source and the output schema.
func (l *reshaping) glueSpec(registry, schema, more string) *spec.Recovery {
	l.t.Helper()
	at := strings.Join(l.kafka.ListenAddrs(), ",")
	r, err := spec.Parse("lab.yaml", fmt.Appendf(nil, "apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: lab}\nspec:\n"+
		"  source: {kafka: {brokers: %q, topic: orders%s}}\n  target: {kafka: {brokers: %q, topic: orders-v3}}\n  select: {partitions: \"0\"}\n"+
		"  write: {maxQuarantine: 100, originHeaders: false}\n"+
		"  transform: {version: v3, steps: [{cast: {field: n, to: integer}}, {rename: {field: old, to: new}}],\n"+
		"    values: {as: avro, schema: %s, glue: {output: %s, versions: [{uuid: %s, inline: %s}]}}}\n%s",
		at, registry, at, schema, uuidOut, strings.ToUpper(uuidV1), orderV1, more), spec.Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

// glueing is a topic of orders in AWS Glue's frame, every other one compressed, with some that are refused. Nobody has a registry.
func glueing(t *testing.T) (l *reshaping, want []record.Record, codes map[int64]string) {
	l = reshape(t)
	l.config.Registry = nil
	l.clients = reach.New(l.config)
	before := int64(len(l.want) + len(l.bad))
	var recs []record.Record
	for i := range 40 {
		key := fmt.Append(nil, "glue", i)
		recs = append(recs, record.Record{Key: key, Value: inGlue(uuidV1, i%2 > 0, orderOf(t, orderV1, map[string]any{"n": fmt.Sprint(i), "old": 1.5}))})
		want = append(want, record.Record{Key: key, Value: inGlue(uuidOut, false, orderOf(t, orderV3, map[string]any{"n": int32(i), "new": 1.5, "note": "none"}))})
	}
	// What is under the output's version already keeps its bytes.
	for _, deflated := range []bool{false, true} {
		same := record.Record{Key: []byte("same"), Value: inGlue(uuidOut, deflated, orderOf(t, orderV3, map[string]any{"n": int32(1), "new": nil, "note": "x"}))}
		recs, want = append(recs, same), append(want, same)
	}
	codes = map[int64]string{}
	for _, x := range []struct {
		code  string
		value []byte
	}{
		{source.CodeNoVersion, inGlue(uuidGone, false, orderOf(t, orderV1, map[string]any{"n": "1", "old": 1.5}))},
		{source.CodeNoVersion, inGlue(uuidGone, true, orderOf(t, orderV1, map[string]any{"n": "2", "old": 1.5}))},
		{source.CodeDeflated, append([]byte{3, 5}, inGlue(uuidV1, false, []byte("12345"))[2:]...)},
		{source.CodeNotDatum, inGlue(uuidV1, true, []byte{9})},
		{source.CodeNoCast, inGlue(uuidV1, true, orderOf(t, orderV1, map[string]any{"n": "many", "old": 1.5}))},
	} {
		codes[before+int64(len(recs))] = x.code
		recs = append(recs, record.Record{Key: []byte("bad"), Value: x.value})
	}
	l.kafka.Produce("orders", 0, recs...)
	for i := range before { // none of what a registry of Confluent's kind has numbered
		codes[i] = source.CodeNoWriter
	}
	for at, code := range l.bad {
		if code == source.CodeNotFramed {
			codes[at] = code
		}
	}
	return l, want, codes
}

// TestGlueToProof: a topic of AWS Glue's frames becomes one of the output's version without any registry, although who writes is killed between
// two commits; what is refused has a place, a code and what to type.
func TestGlueToProof(t *testing.T) {
	l, want, codes := glueing(t)
	r := l.glueSpec("", "{inline: "+orderV3+"}", "")
	r.Spec.Write.MaxQuarantine = 1000
	p, sub := l.submit(r)
	found := map[int64]string{}
	for _, f := range p.Findings {
		if f.Kind != gap.Corrupt {
			continue
		}
		for at := f.Range.From; at < f.Range.To; at++ {
			found[at] = f.Code
		}
		if f.Code == source.CodeNoVersion && !strings.Contains(f.Reason, "add {uuid: "+uuidGone) {
			t.Errorf("%s: got %q", f.Code, f.Reason)
		}
	}
	if diff := cmp.Diff(codes, found); diff != "" {
		t.Errorf("refused: -want +got\n%s", diff)
	}
	d := p.Recipe.Source.Transform.Values
	if p.Recipe.Version != recovery.GlueVersion || d.Glue.Output != uuidOut || len(d.Glue.Versions) != 1 || d.Glue.Versions[0].UUID != uuidV1 || d.ID != 0 || len(d.Writers) != 0 || d.Elsewhere {
		t.Errorf("the recipe has version %d, %+v, %+v", p.Recipe.Version, d, d.Glue)
	}
	var text strings.Builder
	if err := p.WriteText(&text, recovery.RenderOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{"Transform v3, 2 steps over Avro into version " + uuidOut, "BST-P257", "BST-P258", "1 version of AWS Glue's schemas", uuidGone} {
		if !strings.Contains(text.String(), says) {
			t.Errorf("the plan does not say %q:\n%s", says, text.String())
		}
	}

	l.killedAmid(sub)
	ends := l.run(sub)
	got := l.kafka.Committed("orders-v3", 0)
	if len(got) != len(want) {
		t.Fatalf("got %d records in the topic, want %d", len(got), len(want))
	}
	for i := range want {
		if !bytes.Equal(got[i].Key, want[i].Key) || !bytes.Equal(got[i].Value, want[i].Value) || len(got[i].Headers) > 0 {
			t.Errorf("record %d: got %s %x, want %s %x", i, got[i].Key, got[i].Value, want[i].Key, want[i].Value)
		}
	}
	cs, err := verify.New(verify.DefaultConfig()).Job(t.Context(), sub.Slices, nil, ends, 1)
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := fsm.Judge(verify.Comparisons(cs), fsm.Writers{}); v != fsm.Pass {
		t.Errorf("got %s, want a pass", v)
	}
	if again, _ := l.submit(r); again.Totals.Records != 0 {
		t.Errorf("planned again there are %d records to write, want none", again.Totals.Records)
	}
	p.Recipe.Version = recovery.TermsVersion
	old, err := json.Marshal(p.Recipe)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open.New(l.config).Open(t.Context(), sub.ID, old); !errors.Is(err, open.ErrRecipe) {
		t.Errorf("versions of AWS Glue's schemas in a recipe of version %d: got %v, want %v", recovery.TermsVersion, err, open.ErrRecipe)
	}
}

// TestGlueBesideARegistry: a topic whose clients moved from one to the other has both frames, and each value comes out with the output's name in
// its own.
func TestGlueBesideARegistry(t *testing.T) {
	l, want, codes := glueing(t)
	l.config.Registry = l.both
	l.clients = reach.New(l.config)
	r := l.glueSpec(", registry: one", "{subject: orders-v3-value, version: 2}", "")
	r.Spec.Target.Kafka.Registry = "two"
	p, sub := l.submit(r)
	for at := range int64(len(l.want) + len(l.bad)) {
		delete(codes, at)
	}
	for at, code := range l.bad {
		codes[at] = code
	}
	found := map[int64]string{}
	for _, f := range p.Findings {
		if f.Kind == gap.Corrupt {
			found[f.Range.From] = f.Code
		}
	}
	if diff := cmp.Diff(codes, found); diff != "" {
		t.Errorf("refused: -want +got\n%s", diff)
	}
	if d := p.Recipe.Source.Transform.Values; d.ID != outID || len(d.Writers) != 3 || len(d.Glue.Versions) != 1 || p.Recipe.Version != recovery.GlueVersion {
		t.Errorf("the recipe has version %d, %+v", p.Recipe.Version, d)
	}
	l.one.SetDown(true)
	l.two.SetDown(true)
	l.run(sub)
	got := l.kafka.Committed("orders-v3", 0)
	if len(got) != len(l.want)+len(want) {
		t.Fatalf("got %d records in the topic, want %d", len(got), len(l.want)+len(want))
	}
	for i, r := range got {
		if id, ok := record.FrameID(r.Value); i < len(l.want) && (!ok || id != outID) {
			t.Errorf("record %d begins with %x", i, r.Value)
		}
		if i >= len(l.want) && !bytes.Equal(r.Value, want[i-len(l.want)].Value) {
			t.Errorf("record %d: got %x, want %x", i, r.Value, want[i-len(l.want)].Value)
		}
	}
}

// TestRulesOverGlue: rules see what comes out, compressed or not, and whole topics of unknown versions are said to be that.
func TestRulesOverGlue(t *testing.T) {
	l, _, _ := glueing(t)
	p, _ := l.submit(l.glueSpec("", "{inline: "+orderV3+"}", "  validate: {version: r1, rules: [{name: few, range: {field: n, min: 2, max: 29}}]}\n"))
	broken := 0
	for _, a := range p.Recipe.Aside {
		if a.Rule == "few" {
			broken++
		}
	}
	if broken != 14 { // 0, 1, 30 to 39, and the two that came as they are
		t.Errorf("got %d left out by the rule, want 14: %+v", broken, p.Recipe.Aside)
	}
	l.same(l.glueSpec("", "{inline: "+orderV3+"}", ""))
}

// TestVersionsThatCanNotBeRead end a plan by name.
func TestVersionsThatCanNotBeRead(t *testing.T) {
	l, _, _ := glueing(t)
	r := l.glueSpec("", "{inline: "+orderV3+"}", "")
	r.Spec.Transform.Values.As = spec.Protobuf
	r.Spec.Transform.Values.Schema.Inline = spec.Value(`"syntax = \"proto3\"; message R { Other o = 1; }"`)
	_, err := recovery.Build(t.Context(), r, l.clients, l.options())
	var e *recovery.Error
	if !errors.As(err, &e) || e.Code != recovery.CodeGlue || !strings.Contains(e.Why, uuidOut) {
		t.Errorf("an output schema that refers to what there is not: got %v, want %s", err, recovery.CodeGlue)
	}
	r.Spec.Transform.Values.Schema.Inline = spec.Value(`"syntax = \"proto3\"; message R { string n = 1; }"`)
	r.Spec.Transform.Values.Glue.Versions[0].Inline = spec.Value(`"message"`)
	if _, err = recovery.Build(t.Context(), r, l.clients, l.options()); !errors.As(err, &e) || e.Code != recovery.CodeGlue || !strings.Contains(e.Why, uuidV1) {
		t.Errorf("a version that is no file: got %v, want %s", err, recovery.CodeGlue)
	}
	r = l.glueSpec("", "{inline: "+orderV3+"}", "")
	big := fmt.Sprintf(`{"type":"record","name":"Order","doc":%q,"fields":[]}`, strings.Repeat("x", 600<<10))
	r.Spec.Transform.Values.Glue.Versions[0].Inline = spec.Value(big)
	if _, err = recovery.Build(t.Context(), r, l.clients, l.options()); !errors.As(err, &e) || e.Code != recovery.CodeManySchemas {
		t.Errorf("too much for a recipe: got %v, want %s", err, recovery.CodeManySchemas)
	}
}

package reach_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/connect"
	"backstitch/replay/engine"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/replaytest"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/verify"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
)

// Schemas of each kind that a topic's records name: one refers to another, one is in a context.
const (
	lineText  = `{"type":"record","name":"acme.Line","fields":[{"name":"n","type":"long"}]}`
	billText  = `{"type":"record","name":"acme.Bill","fields":[{"name":"line","type":"acme.Line"}]}`
	keyText   = `{"type":"record","name":"acme.Key","fields":[{"name":"id","type":"long"}]}`
	jsonText  = `{"type":"object","properties":{"n":{"type":"integer"}}}`
	protoText = "syntax = \"proto3\";\nmessage Order { int64 n = 1; }\n"
)

// restored is a topic whose records name schemas of registry one, and a topic beside registry two, which has the same schemas by other numbers.
type restored struct {
	*lab
	one, two *srfake.Registry
	asked    atomic.Int64
}

// serve answers for a registry, and counts what is asked.
func (l *restored) serve(r *srfake.Registry) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		l.asked.Add(1)
		r.Handler().ServeHTTP(w, req)
	}))
	l.t.Cleanup(srv.Close)
	return srv.URL
}

// register puts all schemas into a registry, numbers beginning behind from. The bill's reference has its own version there.
func register(r *srfake.Registry, from int, topic string) {
	r.SeedSchema("lines", 1, from+1, sr.Schema{Schema: lineText})
	r.SeedSchema(topic+"-value", 1, from+2, sr.Schema{Schema: billText, References: []sr.SchemaReference{{Name: "acme.Line", Subject: "lines", Version: 1}}})
	r.SeedSchema(topic+"-key", 1, from+3, sr.Schema{Schema: keyText})
	r.SeedSchema(topic+"-value", 2, from+4, sr.Schema{Schema: jsonText, Type: sr.TypeJSON})
	r.SeedSchema("records.order", 1, from+5, sr.Schema{Schema: protoText, Type: sr.TypeProtobuf})
}

const remapped = 60

// payload is what stands behind the name of schema n in record i.
func payload(n int, i int64) []byte {
	switch n {
	case 2:
		out, _ := avro.MustParse(`{"type":"long"}`).AppendEncode(nil, i)
		return out
	case 4:
		return fmt.Appendf(nil, `{"n":%d}`, i)
	}
	return append([]byte{0, 8}, byte(i)) // message indexes, and field 1
}

// recordOf is the i-th record under names that begin behind from.
func recordOf(i int64, from byte) record.Record {
	n := []int{2, 4, 5}[i%3]
	out := record.Record{TimestampMs: 1_795_132_800_000 + i, Key: append([]byte{0, 0, 0, 0, from + 3}, byte(2*(i%7))), Headers: []record.Header{{Key: "trace", Value: []byte{0, 0, 0, 0, 2}}}}
	out.Value = append([]byte{0, 0, 0, 0, from + byte(n)}, payload(n, i)...)
	if i%5 == 4 && n == 4 { // in a header
		out.Headers = append(out.Headers, record.Header{Key: record.ValueSchemaHeader, Value: out.Value[:record.FrameLen]})
		out.Value = out.Value[record.FrameLen:]
	}
	return out
}

func newRestored(t *testing.T) *restored {
	l := &restored{lab: &lab{t: t, kafka: replaytest.NewKafka(t, "orders", "orders.copy")}, one: srfake.NewRegistry(), two: srfake.NewRegistry()}
	at := map[string]string{"one": l.serve(l.one), "two": l.serve(l.two)}
	l.config = open.Config{Cluster: "test", Env: env, Registry: func(name string) (connect.Registry, bool) { return connect.Registry{URL: at[name]}, at[name] != "" }}
	l.clients = reach.New(l.config)
	register(l.one, 0, "orders")
	register(l.two, 50, "orders.copy")
	var all []record.Record
	for i := range int64(remapped) {
		all = append(all, recordOf(i, 0))
	}
	l.kafka.Produce("orders", 0, all...)
	return l
}

func (l *restored) spec(target, more string) *spec.Recovery {
	l.t.Helper()
	at := strings.Join(l.kafka.ListenAddrs(), ",")
	r, err := spec.Parse("lab.yaml", fmt.Appendf(nil, "apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: lab}\nspec:\n"+
		"  source: {kafka: {brokers: %q, topic: orders, registry: one}}\n  target: {kafka: {brokers: %q, topic: orders.copy, registry: two%s}}\n"+
		"  select: {partitions: \"0\"}\n%s", at, at, target, more), spec.Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

const remap = ", schemas: remap"

func (l *restored) refused(what string, r *spec.Recovery, code string, said ...string) {
	l.t.Helper()
	_, err := recovery.Build(l.t.Context(), r, l.clients, l.options())
	var e *recovery.Error
	if !errors.As(err, &e) || e.Code != code {
		l.t.Errorf("%s: got %v, want %s", what, err, code)
		return
	}
	for _, s := range said {
		if text := e.Title + e.Why + e.Hint; !strings.Contains(text, s) {
			l.t.Errorf("%s: got %s, want %q in it", what, text, s)
		}
	}
}

func (l *restored) prove(sub *recovery.Submission, ends *open.Ends) ([]verify.Result, fsm.Verdict) {
	l.t.Helper()
	rs, err := verify.New(verify.DefaultConfig()).Job(l.t.Context(), sub.Slices, nil, ends, 1)
	if err != nil {
		l.t.Fatal(err)
	}
	verdict, _ := fsm.Judge(verify.Comparisons(rs), fsm.Writers{})
	return rs, verdict
}

// A topic comes back beside a registry with other numbers, although who writes is killed amid and no registry answers any more. What was there
// before counts by what it says, whichever of the registry's names it has.
func TestRestoreBesideAnotherRegistry(t *testing.T) {
	l := newRestored(t)
	// The JSON schema is there by a second number, which a record that is in the target has.
	l.two.SeedSchema("older", 1, 90, sr.Schema{Schema: jsonText, Type: sr.TypeJSON})
	l.two.SeedSchema("records.order", 2, 91, sr.Schema{Schema: protoText + "// more", Type: sr.TypeProtobuf})
	there := recordOf(1, 50)
	there.Value = append([]byte{0, 0, 0, 0, 90}, payload(4, 1)...)
	l.kafka.Produce("orders.copy", 0, there)

	l.refused("without a word", l.spec("", ""), recovery.CodeNumbers, "spec.target.kafka.schemas: remap")
	p, sub := l.submit(l.spec(remap, ""))
	if p.Totals.Records != remapped-1 || p.Recipe.Version != recovery.NamesVersion {
		t.Fatalf("got %d records to write by a recipe of version %d, want %d by %d", p.Totals.Records, p.Recipe.Version, remapped-1, recovery.NamesVersion)
	}
	want := map[string]string{"2": "52", "3": "53", "4": "54", "5": "55"}
	for _, s := range p.Recipe.Source.Names.Schemas {
		if want[s.From] != s.To || s.Subject == "" {
			t.Errorf("schema %s becomes %s, want %s", s.From, s.To, want[s.From])
		}
		delete(want, s.From)
	}
	if len(want) > 0 {
		t.Errorf("no names for %v", want)
	}
	if !slices.ContainsFunc(p.Recipe.Source.Names.Others, func(o recovery.OtherName) bool { return o.Name == "90" }) {
		t.Errorf("the recipe does not know the other name: %+v", p.Recipe.Source.Names.Others)
	}
	var text strings.Builder
	if err := p.WriteText(&text, recovery.RenderOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Schemas remapped from registry one to registry two: 4 names, of which 4 change", "schema 5 -> 55", "records.order@1"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the plan does not say %q:\n%s", want, text.String())
		}
	}
	again, _ := l.submit(l.spec(remap, ""))
	h1, _ := p.Hash()
	if h2, _ := again.Hash(); h1 != h2 {
		t.Error("the same world makes another plan")
	}
	if err := recovery.CheckFresh(t.Context(), p, l.clients); err != nil {
		t.Errorf("the plan is not fresh: %v", err)
	}

	asked := l.asked.Load()
	l.killedAmid(sub)
	ends := l.run(sub)
	if _, v := l.prove(sub, ends); v != fsm.Pass {
		t.Errorf("got %s, want a pass", v)
	}
	if n := l.asked.Load(); n != asked {
		t.Errorf("who carries the plan out asked registries %d times", n-asked)
	}
	got := l.kafka.Committed("orders.copy", 0)
	if len(got) != remapped {
		t.Fatalf("got %d records, want %d", len(got), remapped)
	}
	at := int64(-1)
	for _, r := range got[1:] {
		for at++; at == 1; at++ {
		}
		want := recordOf(at, 50)
		if string(r.Key) != string(want.Key) || string(r.Value) != string(want.Value) || record.Hash(&r, record.FieldHeaders) != record.Hash(&want, record.FieldHeaders) {
			t.Fatalf("record %d: got %x %x %v, want %x %x %v", at, r.Key, r.Value, r.Headers, want.Key, want.Value, want.Headers)
		}
	}
	if again, _ := l.submit(l.spec(remap, "")); again.Totals.Records != 0 {
		t.Errorf("planned again there are %d records to write, want none", again.Totals.Records)
	}
}

// A record with the number of another schema, or with that of the source's registry, is no record of the reference: the proof fails and names it.
func TestAWrongNumberFailsTheProof(t *testing.T) {
	for _, id := range []byte{2, 55} { // that of the source, and that of another schema of the target
		l := newRestored(t)
		_, sub := l.submit(l.spec(remap, ""))
		for i := range int64(remapped) {
			r := recordOf(i, 50)
			if i == 33 {
				r.Value[4] = id
			}
			r.Headers = append(r.Headers, record.Header{Key: "backstitch.origin", Value: fmt.Appendf(nil, "orders/0/%d", i)}, record.Header{Key: "backstitch.job", Value: []byte(sub.ID)})
			l.kafka.Produce("orders.copy", 0, r)
		}
		ends, err := open.New(l.config).Open(t.Context(), sub.ID, sub.Recipe)
		if err != nil {
			t.Fatal(err)
		}
		defer ends.Close()
		rs, v := l.prove(sub, ends)
		if said := rs[0].Detail; v != fsm.Fail || !strings.Contains(said, fmt.Sprintf("the name of the value's schema (%d, to be 52) differs from reference offset 33", id)) {
			t.Errorf("number %d: got %s, %s", id, v, said)
		}
	}
}

// What the target's registry lacks is named with what to type; nothing is registered.
func TestSchemasThatTheTargetLacks(t *testing.T) {
	l := newRestored(t)
	l.one.SeedSchema("orders-value", 3, 7, sr.Schema{Schema: `"bytes"`})
	l.one.SeedSchema("bills-value", 1, 8, sr.Schema{Schema: `"double"`})
	l.kafka.Produce("orders", 0, record.Record{TimestampMs: 1_795_132_900_000, Value: []byte{0, 0, 0, 0, 7, 1}}, record.Record{TimestampMs: 1_795_132_900_001, Value: []byte{0, 0, 0, 0, 8, 1}})
	l.refused("not there", l.spec(remap, ""), recovery.CodeNoName, "schema 7 (subject orders-value), schema 8 (subject bills-value)",
		"backstitch schema copy bills-value --from one --to two; backstitch schema copy orders-value --from one --to two --as orders.copy-value")
	// A schema with other documentation is another one: what is pinned has to be the same to the byte.
	l.two.SeedSchema("orders.copy-value", 3, 57, sr.Schema{Schema: `{"type":"bytes","doc":"x"}`})
	l.two.SeedSchema("bills-value", 1, 58, sr.Schema{Schema: ` "double"`})
	l.refused("not the same", l.spec(remap, ""), recovery.CodeNoName, "schema 7 (subject orders-value) of")
	l.two.SeedSchema("anything", 1, 59, sr.Schema{Schema: `"bytes"`})
	p, _ := l.submit(l.spec(remap, ""))
	if names := p.Recipe.Source.Names.Schemas; len(names) != 6 || names[4].To != "59" || names[5].To != "58" {
		t.Errorf("got %+v, want schema 7 as 59 and 8 as 58", names)
	}
	// A number of the reference that its registry does not know is set aside, by name.
	l.kafka.Produce("orders", 0, record.Record{TimestampMs: 1_795_132_900_002, Value: []byte{0, 0, 0, 0, 77, 1}})
	p, _ = l.submit(l.spec(remap, "  write: {maxQuarantine: 10}\n"))
	if len(p.Recipe.Aside) != 1 || p.Recipe.Aside[0].Code != source.CodeNoName || p.Recipe.Aside[0].Offset != remapped+2 {
		t.Errorf("left out: %+v, want record %d", p.Recipe.Aside, remapped+2)
	}
}

// Whether keys begin with numbers is not guessed.
func TestKeysThatOneRegistryAloneHasSchemasOf(t *testing.T) {
	l := newRestored(t)
	l.two.Reset()
	register(l.two, 50, "other")
	l.two.Intercept(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusTeapot); return true })
	l.refused("no answer", l.spec(remap, ""), recovery.CodeUntold, "doctor --registry")
	l.two.ClearInterceptors()
	l.refused("keys of the source alone", l.spec(remap, ""), recovery.CodeTornKeys, "backstitch schema copy orders-key --from one --to two --as orders.copy-key")
}

// A registry that has become another one since the plan makes it stale. A recipe of names is none of an older program's.
func TestNamesThatMeanSomethingElseNow(t *testing.T) {
	l := newRestored(t)
	p, sub := l.submit(l.spec(remap, ""))
	l.two.Reset()
	register(l.two, 51, "orders.copy")
	var stale *recovery.StaleError
	if err := recovery.CheckFresh(t.Context(), p, l.clients); !errors.As(err, &stale) || !strings.Contains(err.Error(), "schema 53 of registry two is not the schema that the plan saw") {
		t.Errorf("got %v, want a stale plan", err)
	}
	p.Recipe.Version = recovery.RecipeVersion
	text, _ := json.Marshal(p.Recipe)
	if _, err := open.New(l.config).Open(t.Context(), sub.ID, text); !errors.Is(err, open.ErrRecipe) {
		t.Errorf("got %v, want %v", err, open.ErrRecipe)
	}
}

// With another number of partitions a record goes where the key that is written puts it.
func TestRemappedKeysChooseThePartition(t *testing.T) {
	l := newRestored(t)
	_, sub := l.submit(l.spec(remap+", partitioner: murmur2", ""))
	ends := l.run(sub)
	if _, v := l.prove(sub, ends); v != fsm.Pass {
		t.Errorf("got %s, want a pass", v)
	}
	rule, n := ends.Recipe.Target.Reshape.Rule(), 0
	for part := range rule.Partitions {
		for _, r := range l.kafka.Committed("orders.copy", part) {
			n++
			if id, _ := record.FrameID(r.Key); id != 53 || rule.Of(0, &r) != part {
				t.Errorf("a record of partition %d has a key of schema %d and belongs into %d", part, id, rule.Of(0, &r))
			}
		}
	}
	if n != remapped {
		t.Errorf("got %d records, want %d", n, remapped)
	}
}

// What others write since the plan counts by what it says, too: it is not written again, and a second number of its schema is no other record.
func TestWhatComesMeanwhileUnderAnotherName(t *testing.T) {
	l := newRestored(t)
	l.two.SeedSchema("orders.copy-value", 3, 90, sr.Schema{Schema: jsonText, Type: sr.TypeJSON})
	_, sub := l.submit(l.spec(remap, ""))
	came := recordOf(1, 50)
	came.Value = append([]byte{0, 0, 0, 0, 90}, payload(4, 1)...)
	l.kafka.Produce("orders.copy", 0, came)
	ends, err := open.New(l.config).Open(t.Context(), sub.ID, sub.Recipe)
	if err != nil {
		t.Fatal(err)
	}
	defer ends.Close()
	for _, s := range sub.Slices {
		if s.Kind != partition.SliceFill {
			continue
		}
		e, err := engine.New(engine.Task{Slice: s, Epoch: 1}, engine.Ends{Source: ends.Source, Sink: ends.Sink, Frames: ends.Frames, Topic: "orders", Now: time.Now},
			ends.Engine(engine.DefaultConfig()))
		if err == nil {
			err = e.Run(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := len(l.kafka.Committed("orders.copy", 0)); n != remapped {
		t.Errorf("got %d records, want %d", n, remapped)
	}
	if rs, v := l.prove(sub, ends); v != fsm.Pass {
		t.Errorf("got %s, want a pass: %s", v, rs[0].Detail)
	}
}

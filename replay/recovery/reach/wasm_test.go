package reach_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"backstitch/fsm"
	"backstitch/replay/archive"
	"backstitch/replay/connect"
	"backstitch/replay/gap"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/replaytest"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/verify"
	"backstitch/replay/wasm/wasmtest"

	"github.com/twmb/franz-go/pkg/kadm"
)

// An archive becomes a topic of what a module makes of it, through the recipe alone, although who writes is killed between two commits. Records on
// which the module spins, or that it refuses, are named and left out; the proof is of the others.
func TestAModuleFromPlanToProof(t *testing.T) {
	l := &lab{t: t, kafka: replaytest.NewKafka(t, "orders"), dir: t.TempDir(), config: open.Config{Cluster: "test", Env: env}}
	l.clients = reach.New(l.config)
	left := map[int]string{17: source.CodeModuleTime, 30: source.CodeModuleRefuses}
	letter := map[int]string{17: "s", 30: "r"}
	var recs []record.Record
	const n = 40
	for i := range n {
		name := letter[i]
		if name == "" {
			name = "a"
		}
		recs = append(recs, record.Record{TimestampMs: 1_795_132_800_000 + int64(i), Key: fmt.Append(nil, i), Value: fmt.Appendf(nil, `{"%s": %d.0}`, name, i)})
	}
	l.kafka.Produce("orders", 0, recs...)
	b, err := connect.CreateBucket(t.Context(), l.dir, connect.S3{}, env)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Copy(t.Context(), l.kafka.Client(), b, archive.Options{Topic: "orders"}); err != nil {
		t.Fatal(err)
	}
	if _, err := kadm.NewClient(l.kafka.Client()).CreateTopics(t.Context(), 1, 1, nil, "orders-v3"); err != nil {
		t.Fatal(err)
	}
	code := wasmtest.Picky()
	r, err := spec.Parse("lab.yaml", []byte("apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: lab}\nspec:\n  source: {dir: {path: "+l.dir+
		", topic: orders}}\n  target: {kafka: {brokers: \""+strings.Join(l.kafka.ListenAddrs(), ",")+"\", topic: orders-v3}}\n  select: {partitions: \"0\"}\n"+
		"  write: {maxQuarantine: 10, originHeaders: false}\n  transform:\n    version: v3\n    steps:\n    - wasm: {inline: "+base64.StdEncoding.EncodeToString(code)+
		", sha256: "+(&spec.Wasm{Inline: code}).Digest()+", memory: 1MiB, time: 20ms}\n"), spec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, sub := l.submit(r)
	for _, f := range p.Findings {
		if want, ok := left[int(f.Range.From)]; ok && f.Kind == gap.Corrupt && strings.Contains(f.Reason, want) {
			delete(left, int(f.Range.From))
		}
	}
	if len(left) > 0 || p.Recipe.Refused() != 2 {
		t.Errorf("not named with their codes: %v; refused %d", left, p.Recipe.Refused())
	}
	if p.Recipe.Version != recovery.WasmVersion {
		t.Errorf("got a recipe of version %d, which a program without modules takes", p.Recipe.Version)
	}

	l.killedAmid(sub)
	ends := l.run(sub)
	got := l.kafka.Committed("orders-v3", 0)
	if len(got) != n-2 {
		t.Fatalf("got %d records in the topic, want %d", len(got), n-2)
	}
	if want := `{"a": 39.0` + wasmtest.Suffix + `}`; string(got[n-3].Value) != want {
		t.Errorf("got %s, want %s", got[n-3].Value, want)
	}
	cs, err := verify.New(verify.DefaultConfig()).Job(t.Context(), sub.Slices, nil, ends, 1)
	if err != nil {
		t.Fatal(err)
	}
	if verdict, evidence := fsm.Judge(verify.Comparisons(cs), fsm.Writers{}); verdict != fsm.Pass || evidence != fsm.E3 {
		t.Errorf("got %s at %s, want a pass at E3", verdict, evidence)
	}

	// A recipe with other bytes, or of an older version, is not followed.
	for name, change := range map[string]func(*recovery.Recipe){
		"another module": func(r *recovery.Recipe) { r.Source.Transform.Steps[0].Wasm.Inline = wasmtest.Append() },
		"version 4":      func(r *recovery.Recipe) { r.Version = recovery.FormatVersion },
	} {
		var kept recovery.Recipe
		if err := json.Unmarshal(sub.Recipe, &kept); err != nil {
			t.Fatal(err)
		}
		change(&kept)
		text, err := json.Marshal(kept)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := open.New(l.config).Open(t.Context(), "bs-a", text); err == nil || name == "version 4" && !errors.Is(err, open.ErrRecipe) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

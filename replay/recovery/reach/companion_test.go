package reach_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/fsm"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/replaytest"
	"backstitch/replay/spec"
	"backstitch/replay/verify"
)

// What stands beside the values is found out once, by the plan. Workers take it from the recipe and do not look again: a companion
// that appears in between must not change what a job writes.
func TestCompanionsAreOfThePlan(t *testing.T) {
	for name, withKeys := range map[string]bool{"with keys": true, "values alone": false} {
		t.Run(name, func(t *testing.T) {
			l := &lab{t: t, kafka: replaytest.NewKafka(t, "orders"), dir: t.TempDir()}
			l.config = open.Config{Cluster: "test", Env: env}
			l.clients = reach.New(l.config)
			under := filepath.Join(l.dir, "topics", "orders", "partition=0")
			if err := os.MkdirAll(under, 0o755); err != nil {
				t.Fatal(err)
			}
			write := func(file, line string) {
				t.Helper()
				text := ""
				for i := range 20 {
					text += fmt.Sprintf(line, i) + "\n"
				}
				if err := os.WriteFile(filepath.Join(under, file), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			write("orders+0+0000000000.json", `{"n":%d}`)
			if withKeys {
				write("orders+0+0000000000.keys.json", `"k%d"`)
			}
			r, err := spec.Parse("lab.yaml", []byte("apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: lab}\nspec:\n  source: {dir: {path: "+l.dir+
				", layout: confluent, topic: orders, format: json}}\n  target: {kafka: {brokers: \""+strings.Join(l.kafka.ListenAddrs(), ",")+"\", topic: orders}}\n"), spec.Options{})
			if err != nil {
				t.Fatal(err)
			}
			p, _, err := recovery.BuildWithScan(t.Context(), r, l.clients, l.options())
			if err != nil {
				t.Fatal(err)
			}
			sub, err := p.Submission()
			if err != nil {
				t.Fatal(err)
			}
			var made recovery.Recipe
			if err := json.Unmarshal(sub.Recipe, &made); err != nil || made.Source.Keys != withKeys || made.Source.Headers {
				t.Errorf("the recipe says %+v, %v, want keys %t and no headers", made.Source, err, withKeys)
			}
			write("orders+0+0000000000.headers.json", `[]`)
			ends := l.run(sub)
			want := record.FieldValue
			if withKeys {
				want |= record.FieldKey
			}
			if got := ends.Source.Fields(); got != want {
				t.Errorf("the worker's source holds fields %b, want %b", got, want)
			}
			cs, err := verify.New(verify.DefaultConfig()).Job(t.Context(), sub.Slices, nil, ends, 1)
			if err != nil {
				t.Fatal(err)
			}
			if v, _ := fsm.Judge(verify.Comparisons(cs), fsm.Writers{}); v != fsm.Pass {
				t.Errorf("got %+v, want a pass", cs)
			}
			if got := l.kafka.Committed("orders", 0); len(got) != 20 || (string(got[7].Key) == `"k7"` || string(got[7].Key) == "k7") != withKeys {
				t.Errorf("got %d records, the 8th with key %q", len(got), got[min(7, len(got)-1)].Key)
			}
		})
	}
}

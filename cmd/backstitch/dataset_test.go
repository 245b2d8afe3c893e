package main

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"backstitch/replay/scan"
	"backstitch/replay/spec"
)

const datasetText = `apiVersion: backstitch.dev/v1
kind: Dataset
metadata: {name: orders, namespace: shop}
spec:
  reference: {dir: {path: /archive}}
  targets:
    - kafka: {brokers: "h:9092,i:9092", topic: orders}
    - kafka: {brokers: "h:9092", topic: copy}
  schedule: {every: 90m, rate: 1MiB}
  notify:
    - {name: pager, format: alertmanager, url: "http://am:9093"}
`

// TestADatasetBringsAScanOfEachTarget that a worker can follow.
func TestADatasetBringsAScanOfEachTarget(t *testing.T) {
	d, err := spec.ParseDataset("x", []byte(datasetText), spec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	put, err := datasetSubmission(d.WithDefaults())
	if err != nil {
		t.Fatal(err)
	}
	if len(put.Orders) != 2 || put.Every != "1h30m0s" || put.Orders[0].Pair == put.Orders[1].Pair {
		t.Fatalf("got %d orders every %s: %+v", len(put.Orders), put.Every, put.Orders)
	}
	for i, topic := range []string{"orders", "copy"} {
		o := put.Orders[i]
		if o.Dataset != "orders" || o.Namespace != "shop" || o.RateBytes != 1<<20 || !o.Whole {
			t.Errorf("order %d: got %+v", i, o)
		}
		r, err := scan.Spec(o.Recipe)
		if err != nil {
			t.Fatal(err)
		}
		if r.TargetTopic() != topic || r.Spec.Source.Dir.Path != "/archive" {
			t.Errorf("order %d compares %+v", i, r.Spec)
		}
	}
	if got := put.Targets[0]; got.Namespace != "kafka://h:9092" || got.Name != "orders" {
		t.Errorf("target is called %+v", got)
	}
	if diff := cmp.Diff(put.Endpoints[0].On, []string{"succeeded", "failed", "found"}); diff != "" {
		t.Errorf("hears of (-got +want):\n%s", diff)
	}
}

func TestWhatChangedInADataset(t *testing.T) {
	before := `{"a":{"b":1,"gone":"x"},"notify":[{"name":"bus","url":"u"},{"name":"pager","url":"v"}]}`
	after := `{"a":{"b":2},"new":true,"notify":[{"name":"pager","url":"v"},{"name":"bus","url":"w"}]}`
	got, err := documentChanges([]byte(before), []byte(after))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, c := range got {
		lines = append(lines, c.String())
	}
	want := []string{`~ a.b: 1 -> 2`, `- a.gone: "x"`, `+ new: true`, `~ notify.bus.url: "u" -> "w"`}
	if diff := cmp.Diff(lines, want); diff != "" {
		t.Errorf("changes (-got +want):\n%s", diff)
	}
	if same, err := documentChanges([]byte(before), []byte(before)); err != nil || len(same) != 0 {
		t.Errorf("the same document: got %v, %v", same, err)
	}
	if _, err := documentChanges([]byte("{"), []byte(after)); err == nil {
		t.Error("half a document: got no error")
	}
	if text, err := json.Marshal(got[1]); err != nil || string(text) != `{"path":"a.gone","old":"x"}` {
		t.Errorf("got %s, %v", text, err)
	}
}

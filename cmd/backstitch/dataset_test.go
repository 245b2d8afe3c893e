package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"backstitch/cluster/client"
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

// TestADatasetIsScannedByItsName: what fails weighs more than what is missing, and that more than what can not be compared.
func TestADatasetIsScannedByItsName(t *testing.T) {
	scan := func(id, state string, counts client.ScanCounts) client.Scan {
		return client.Scan{ID: id, Name: "orders.scan", Pair: "topic orders <- archive", State: state, Surveyed: true, Partitions: 2, Done: 2, Counts: counts}
	}
	same := scan("bs-same", "succeeded", client.ScanCounts{Compared: 10})
	missing := scan("bs-missing", "succeeded", client.ScanCounts{Compared: 10, Missing: 3})
	unknown := scan("bs-unknown", "succeeded", client.ScanCounts{Compared: 10, Unknown: 1})
	nothing := scan("bs-nothing", "failed", client.ScanCounts{})
	cancelled := scan("bs-cancelled", "cancelled", client.ScanCounts{Compared: 1})
	for _, c := range []struct {
		name     string
		scans    []client.Scan
		plain    int
		detailed int
	}{
		{"the same", []client.Scan{same}, client.ExitOK, client.ExitOK},
		{"something missing", []client.Scan{same, missing, unknown}, client.ExitOK, client.ExitWork},
		{"something unknown", []client.Scan{unknown, same}, client.ExitOK, client.ExitIndeterminate},
		{"nothing compared", []client.Scan{nothing, same}, client.ExitIndeterminate, client.ExitIndeterminate},
		{"one cancelled", []client.Scan{missing, cancelled, nothing}, client.ExitFailed, client.ExitFailed},
	} {
		var started client.DatasetScans
		answers := api{}
		for _, s := range c.scans {
			answers["GET /v1/scans/"+s.ID] = s
			begun := s
			begun.State = "running"
			started.Scans = append(started.Scans, client.DatasetScan{Scan: begun, Before: s.ID == "bs-missing"})
		}
		answers["POST /v1/datasets/default/orders/scans"] = started
		addr := answers.serve(t)
		for _, flags := range []struct {
			args []string
			want int
		}{{nil, client.ExitOK}, {[]string{"--wait"}, c.plain}, {[]string{"--wait", "--detailed-exitcode"}, c.detailed}} {
			stdout, stderr, got := invoke(t, nil, append([]string{"dataset", "scan", "orders", "--reason", "INC-1", "--addr", addr, "-q"}, flags.args...)...)
			if got != flags.want || strings.Contains(stdout, "It ran already") != strings.Contains(stdout, missing.ID) {
				t.Errorf("%s, %v: exit status %d, want %d\n%s%s", c.name, flags.args, got, flags.want, stdout, stderr)
			}
		}
		names := ""
		for _, s := range c.scans {
			names += s.ID + "\n"
		}
		if stdout, _, _ := invoke(t, nil, "dataset", "scan", "orders", "-o", "name", "--addr", addr, "-q"); stdout != names {
			t.Errorf("%s: names %q, want %q", c.name, stdout, names)
		}
	}
}

package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/cluster/client"
	"backstitch/cmd/backstitch/orders"
)

// TestAddressesAreEnough goes from the first look to a plan with nothing but addresses: no spec, no configuration, no node.
func TestAddressesAreEnough(t *testing.T) {
	p := newPlace(t)
	for _, kv := range siteEnv {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
	bare := func(want int, args ...string) (stdout, stderr string) {
		t.Helper()
		stdout, stderr, got := invoke(t, nil, args...)
		if got != want {
			t.Fatalf("%v: exit status: got %d, want %d\n%s%s", args, got, want, stdout, stderr)
		}
		return stdout, stderr
	}
	kafka, url, s3 := p.ports.kafkaAddr(), "s3://demo/archive", p.ports.s3URL()
	bare(0, "archive", "orders", url, "--kafka", kafka, "--s3", s3)
	loss := orders.DefaultLoss(p.set)
	if err := orders.Break(p.ctx, p.brokers(), p.set, loss); err != nil {
		t.Fatal(err)
	}
	with := func(args ...string) []string {
		return append(args, "orders", "--kafka", kafka, "--archive", url, "--s3", s3)
	}

	if stdout, _ := bare(0, with("doctor")...); !strings.Contains(stdout, "skip  BST-D200") || !strings.Contains(stdout, "ok    BST-D402") || !strings.Contains(stdout, "ok    BST-D301") {
		t.Errorf("doctor:\n%s", stdout)
	}
	if stdout, _ := bare(0, with("gaps", "heatmap")...); !strings.Contains(stdout, "MMMM") {
		t.Errorf("heatmap:\n%s", stdout)
	}
	list, _ := bare(client.ExitWork, append(with("gaps", "list"), "-o", "name", "--detailed-exitcode")...)
	id, _, _ := strings.Cut(list, "\n")
	if stdout, _ := bare(0, with("gaps", "explain", id)...); !strings.Contains(stdout, id) || !strings.Contains(stdout, "only in the reference") {
		t.Errorf("explain %s:\n%s", id, stdout)
	}
	plan := filepath.Join(t.TempDir(), "orders.plan")
	bare(0, append(with("plan"), "--out", plan)...)
	p.judgePlan(plan, loss)
	node := api{"GET /v1/cluster": client.Cluster{ID: "c-1", Leader: &client.NodeRef{Name: "node-a"}}, "POST /v1/jobs": finished("planned", "", 0)}
	if _, stderr := bare(0, "run", plan, "--detach", "--addr", node.serve(t)); !strings.Contains(stderr, "accepted") {
		t.Errorf("run: %s", stderr)
	}
}

func TestHalfACommandLineIsRefusedWithTheWholeOne(t *testing.T) {
	whole := "--kafka HOST:9092 --archive s3://BUCKET/PREFIX"
	rows := []struct {
		args []string
		says string
	}{
		{[]string{"gaps", "heatmap"}, "missing: a topic, --kafka, --archive"},
		{[]string{"gaps", "list", "orders", "--kafka", "h:9092"}, "missing: --archive"},
		{[]string{"gaps", "explain", "g-1.1", "orders", "--archive", "./a"}, "missing: --kafka"},
		{[]string{"plan", "orders"}, "missing: --kafka, --archive"},
	}
	for _, row := range rows {
		if _, stderr, status := invoke(t, nil, row.args...); status != client.ExitUsage || !strings.Contains(stderr, row.says) || !strings.Contains(stderr, whole) {
			t.Errorf("%v: got %d, %s", row.args, status, stderr)
		}
	}
	wrong := []struct {
		args []string
		says string
	}{
		{[]string{"plan", "orders", "--kafka", "localhost", "--archive", "s3://b/p"}, "--kafka HOST:9092"},
		{[]string{"plan", "orders", "--kafka", "localhost:9092", "--archive", "s3://b/p", "--s3", "localhost:9000"}, "--s3 https://HOST:9000"},
		{[]string{"plan", "orders", "--kafka", "localhost:9092", "--archive", "gs://b/p"}, "s3://BUCKET/PREFIX"},
		{[]string{"doctor", "orders"}, "--kafka is missing"},
		{[]string{"doctor", "orders", "--topic", "clicks", "--kafka", "localhost:9092"}, "two topics"},
		{[]string{"run", "orders.plan", "--kafka", "localhost:9092"}, "unknown flag: --kafka"},
	}
	for _, row := range wrong {
		if _, stderr, status := invoke(t, nil, row.args...); status != client.ExitUsage || !strings.Contains(stderr, row.says) {
			t.Errorf("%v: got %d, %s", row.args, status, stderr)
		}
	}
}

func TestAMistypedCommandIsAnsweredWithWhatItIsLike(t *testing.T) {
	for typed, meant := range map[string]string{"schem": "schema", "gasp list": "gaps", "schem --file f": "schema", "schema chek": "check", "groups aply x": "apply",
		"help schem": "schema", "help schema chek": "check"} {
		_, stderr, status := invoke(t, nil, strings.Fields(typed)...)
		if says := "did you mean " + meant + "?"; status != client.ExitUsage || !strings.Contains(stderr, says) {
			t.Errorf("%s: got %d, %s, want %q", typed, status, stderr, says)
		}
	}
	for typed, says := range map[string]string{"": "First contact", "help": "First contact", "help gaps list": "List what is missing", "help help": "A word that is no command"} {
		if stdout, _, status := invoke(t, nil, strings.Fields(typed)...); status != client.ExitOK || !strings.Contains(stdout, says) {
			t.Errorf("%q typed: got %d, %s, want %q", typed, status, stdout, says)
		}
	}
}

func TestAClusterThatWasNamedHasToAnswer(t *testing.T) {
	var got struct{ Findings []finding }
	stdout, _, status := invoke(t, nil, "doctor", "--archive", t.TempDir(), "--addr", "127.0.0.1:1", "-o", "json")
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || status != client.ExitFailed || got.Findings[0].Status != "fail" {
		t.Errorf("got %d, %s (%v), want 1 and a failed check", status, stdout, err)
	}
}

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/cluster/client"
	"backstitch/cmd/backstitch/orders"
	"backstitch/replay/gap"
)

// broken is a place whose topic was archived and has then lost records.
func broken(t *testing.T) (*place, orders.Loss, string) {
	t.Helper()
	p := newPlace(t)
	p.invoke(0, "archive", "orders", "s3://demo/archive", "--kafka", "kafka", "--s3", "s3", "-q")
	loss := orders.DefaultLoss(p.set)
	if err := orders.Break(p.ctx, p.brokers(), p.set, loss); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "orders.yaml")
	text := "apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: orders}\nspec:\n  source: {s3: {connection: s3, bucket: demo, prefix: archive}}\n" +
		"  target: {kafka: {connection: kafka, topic: orders}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p, loss, file
}

// judgePlan holds a plan to write exactly what was lost.
func (p *place) judgePlan(file string, loss orders.Loss) {
	p.t.Helper()
	ranges, err := plannedRanges(file)
	if err != nil {
		p.t.Fatal(err)
	}
	var found, wrong int64
	for part, list := range ranges {
		for _, r := range list {
			f, w := loss.Found(p.set, part, r.From, r.To)
			found, wrong = found+f, wrong+w
		}
	}
	if found != loss.Total(p.set) || wrong != 0 {
		p.t.Errorf("plan: got %d found and %d wrong, want %d and 0", found, wrong, loss.Total(p.set))
	}
}

func TestGapsFindsExactlyWhatWasLost(t *testing.T) {
	p, loss, file := broken(t)
	for _, args := range [][]string{
		{"gaps", "list", "-f", file},
		{"gaps", "list", "orders", "--kafka", "kafka", "--archive", "s3://demo/archive", "--s3", "s3"},
		{"gaps", "heatmap", "orders", "--kafka", p.ports.kafkaAddr(), "--archive", "s3://demo/archive", "--s3", "s3"},
	} {
		var rep gap.Report
		stdout, _ := p.invoke(client.ExitWork, append(args, "-o", "json", "--detailed-exitcode", "-q")...)
		if err := json.Unmarshal([]byte(stdout), &rep); err != nil {
			t.Fatal(err)
		}
		var found, wrong int64
		for _, res := range rep.Results {
			for _, r := range res.Missing {
				f, w := loss.Found(p.set, res.Partition, r.From, r.To)
				found, wrong = found+f, wrong+w
			}
		}
		if found != loss.Total(p.set) || wrong != 0 {
			t.Errorf("%v: got %d found and %d wrong, want %d and 0", args, found, wrong, loss.Total(p.set))
		}
	}
	stdout, _ := p.invoke(0, "gaps", "heatmap", "-f", file, "-q")
	if !strings.Contains(stdout, "p00") || !strings.Contains(stdout, "MMMM") {
		t.Errorf("heatmap:\n%s", stdout)
	}
	stdout, _ = p.invoke(0, "gaps", "list", "-f", file, "-q", "-o", "name")
	id, _, _ := strings.Cut(stdout, "\n")
	if stdout, _ = p.invoke(0, "gaps", "explain", id, "-f", file, "-q"); !strings.Contains(stdout, id) {
		t.Errorf("explain %s:\n%s", id, stdout)
	}
	_, stderr := p.invoke(client.ExitNotFound, "gaps", "explain", "g-000000.1", "-f", file, "-q")
	if !strings.Contains(stderr, "no finding g-000000.1") {
		t.Errorf("unknown finding: %s", stderr)
	}
}

func TestPlansAreFrozenAndRunOnlyWhileTheyAreTrue(t *testing.T) {
	p, loss, file := broken(t)
	node := api{"GET /v1/cluster": client.Cluster{ID: "c-1", Leader: &client.NodeRef{Name: "node-a"}}}
	node["POST /v1/jobs"] = func() any { return finished("succeeded", "pass", 0) }
	node["GET /v1/jobs/bs-abc"] = finished("succeeded", "pass", 0)
	addr := node.serve(t)
	plan := filepath.Join(t.TempDir(), "orders.plan")
	p.invoke(client.ExitWork, "plan", "-f", file, "-o", plan, "--addr", addr, "-q", "--detailed-exitcode")
	p.judgePlan(plan, loss)
	p.invoke(0, "run", plan, "--addr", addr, "-q")
	p.invoke(0, "run", plan, "--addr", addr, "-q", "--dry-run")

	// Without a terminal a spec wants --yes, a saved plan does not.
	if _, stderr := p.invoke(client.ExitUsage, "run", "-f", file, "--addr", addr, "-q"); !strings.Contains(stderr, "--yes") {
		t.Errorf("run -f without --yes: %s", stderr)
	}
	p.invoke(0, "run", "-f", file, "--addr", addr, "-q", "--yes")

	// Another cluster, another text, another world.
	node["GET /v1/cluster"] = client.Cluster{ID: "c-2"}
	if _, stderr := p.invoke(client.ExitConflict, "run", plan, "--addr", addr, "-q"); !strings.Contains(stderr, "BST-E1108") {
		t.Errorf("another cluster: %s", stderr)
	}
	node["GET /v1/cluster"] = client.Cluster{ID: "c-1"}
	text, err := os.ReadFile(plan)
	if err != nil {
		t.Fatal(err)
	}
	edited := filepath.Join(t.TempDir(), "edited.plan")
	if err := os.WriteFile(edited, []byte(strings.Replace(string(text), `"name": "orders"`, `"name": "other"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr := p.invoke(client.ExitUsage, "run", edited, "--addr", addr, "-q"); !strings.Contains(stderr, "BST-E1121") {
		t.Errorf("edited plan: %s", stderr)
	}
	p.invoke(client.ExitNotFound, "run", "none.plan", "--addr", addr, "-q")
	if err := orders.Break(p.ctx, p.brokers(), p.set, loss); err != nil {
		t.Fatal(err)
	}
	if _, stderr := p.invoke(client.ExitConflict, "run", plan, "--addr", addr, "-q"); !strings.Contains(stderr, "BST-E1107") {
		t.Errorf("topic recreated since the plan: %s", stderr)
	}
}

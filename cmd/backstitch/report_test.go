package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/cluster/client"
	"backstitch/cmd/backstitch/sandbox"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/recovery"
	"backstitch/replay/report"
)

// compared is one partition that passes.
func compared() fsm.Comparison {
	side := fsm.Side{Records: 10, Bytes: 100, Sum: [16]byte{1}, Chain: [16]byte{2}}
	return fsm.Comparison{Verdict: fsm.Pass, Evidence: fsm.E3, Range: partition.Range{To: 10}, Expected: side, Actual: side}
}

func proof(cs ...fsm.Comparison) client.Proof {
	p := fsm.Proof{ID: "r-abc", Job: "bs-abc", Comparisons: cs, UnixNanos: 1, By: "node-a", Index: 7}
	p.Verdict, p.Evidence = fsm.Judge(cs)
	return client.NewProof(p)
}

// book is a node that knows job bs-abc and one proof of it.
func book(p client.Proof) api {
	return api{
		"GET /v1/cluster":            client.Cluster{ID: "c-1"},
		"GET /v1/jobs/bs-abc":        finished("succeeded", p.Verdict, 0),
		"GET /v1/jobs/bs-abc/recipe": client.Work{Job: "bs-abc", PlanHash: strings.Repeat("ab", 32), Recipe: json.RawMessage(`{"version":1,"target":{"topic":"orders"}}`)},
		"GET /v1/jobs/bs-abc/proofs": client.Proofs{Proofs: []client.Proof{p}},
		"GET /v1/proofs/r-abc":       p,
	}
}

// saved is the file that report show -o json makes.
func saved(t *testing.T, addr string, want int) string {
	t.Helper()
	stdout, stderr, status := invoke(t, nil, "report", "show", "bs-abc", "-o", "json", "--addr", addr)
	if status != want {
		t.Fatalf("report show: got %d, want %d\n%s", status, want, stderr)
	}
	return write(t, []byte(stdout))
}

func write(t *testing.T, body []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.json")
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheVerdictOfAProofIsTheExitStatus(t *testing.T) {
	failed, nothing := compared(), fsm.Comparison{Verdict: fsm.Indeterminate, Detail: "nothing was compared"}
	failed.Verdict, failed.Missing, failed.Actual.Records, failed.Detail = fsm.Fail, 1, 9, "a <b> & c differ"
	for want, c := range map[int]fsm.Comparison{client.ExitOK: compared(), client.ExitDiffer: failed, client.ExitIndeterminate: nothing} {
		addr := book(proof(c)).serve(t)
		file := saved(t, addr, want)
		for _, args := range [][]string{
			{"report", "show", "bs-abc", "--addr", addr}, {"report", "show", "r-abc", "--addr", addr}, {"report", "show", file},
			{"report", "verify", file, "--addr", addr}, {"report", "verify", file, "--offline"},
		} {
			if stdout, stderr, status := invoke(t, nil, args...); status != want || !strings.Contains(stdout, "r-abc") {
				t.Errorf("%v: got %d, want %d\n%s%s", args, status, want, stdout, stderr)
			}
		}
		again, _, _ := invoke(t, nil, "report", "show", file, "-o", "json")
		if first, err := os.ReadFile(file); err != nil || again != string(first) {
			t.Errorf("a saved report is shown as\n%swant\n%s(%v)", again, first, err)
		}
	}
	none := api{"GET /v1/jobs/bs-abc/proofs": client.Proofs{}}.serve(t)
	if _, stderr, status := invoke(t, nil, "report", "show", "bs-abc", "--addr", none); status != client.ExitNotFound {
		t.Errorf("no proof yet: got %d, want %d (%s)", status, client.ExitNotFound, stderr)
	}
}

func TestAReportThatWasChangedIsRefused(t *testing.T) {
	file := saved(t, book(proof(compared())).serve(t), 0)
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := report.Decode("good", good)
	if err != nil {
		t.Fatal(err)
	}
	r.Evidence = "E4" // and the hash made to fit
	forged, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		body []byte
		want int
		code string
	}{
		{"edited", bytes.Replace(good, []byte(`"records": 10`), []byte(`"records": 11`), 1), client.ExitDiffer, report.CodeEdited},
		{"forged", forged, client.ExitDiffer, report.CodeDisagrees},
		{"no report", []byte("{}"), client.ExitUsage, report.CodeNotReport},
	} {
		for _, verb := range []string{"verify", "show"} {
			_, stderr, status := invoke(t, nil, "report", verb, write(t, row.body))
			if status != row.want || !strings.Contains(stderr, row.code) || !strings.Contains(stderr, "Next: ") {
				t.Errorf("%s, %s: got %d, %s, want %d and %s", verb, row.name, status, stderr, row.want, row.code)
			}
		}
	}
	if _, stderr, status := invoke(t, nil, "report", "verify", "none.json"); status != client.ExitNotFound {
		t.Errorf("no file: got %d, %s", status, stderr)
	}
}

func TestAReportIsComparedWithTheBook(t *testing.T) {
	node := book(proof(compared()))
	addr := node.serve(t)
	file := saved(t, addr, 0)
	verify := func(args ...string) (string, int) {
		stdout, stderr, status := invoke(t, nil, append([]string{"report", "verify", file}, args...)...)
		return stdout + stderr, status
	}
	if out, status := verify("--addr", addr); status != 0 || !strings.Contains(out, "the same proof, index 7") {
		t.Errorf("the same proof: got %d, %s", status, out)
	}
	other := compared()
	other.Expected.Bytes++
	node["GET /v1/proofs/r-abc"] = proof(other)
	if out, status := verify("--addr", addr); status != client.ExitDiffer || !strings.Contains(out, codeReport) {
		t.Errorf("another proof: got %d, %s, want %d", status, out, client.ExitDiffer)
	}
	if out, status := verify("--offline"); status != 0 || !strings.Contains(out, "not asked") {
		t.Errorf("offline: got %d, %s", status, out)
	}
	delete(node, "GET /v1/proofs/r-abc")
	if out, status := verify("--addr", addr); status != client.ExitNotFound {
		t.Errorf("no such proof: got %d, %s, want %d", status, out, client.ExitNotFound)
	}
	// A node that was named has to answer; the one that is there by default does not.
	if out, status := verify(); status != 0 || !strings.Contains(out, "no node answers") {
		t.Errorf("no node: got %d, %s", status, out)
	}
	if out, status := verify("--addr", "127.0.0.1:1"); status != client.ExitNoLeader {
		t.Errorf("a named node that does not answer: got %d, %s, want %d", status, out, client.ExitNoLeader)
	}
}

// TestTheDataAreComparedAgain: a report stands as long as both sides hold what it says, and falls with one byte.
func TestTheDataAreComparedAgain(t *testing.T) {
	p := newPlace(t)
	p.invoke(0, "archive", "orders", "s3://demo/archive", "--kafka", "kafka", "--s3", "s3", "-q")
	file := filepath.Join(t.TempDir(), "orders.plan")
	p.invoke(0, "plan", "orders", "--kafka", "kafka", "--archive", "s3://demo/archive", "--s3", "s3", "--out", file, "-q")
	plan, err := recovery.ReadFile(file, "")
	if err != nil {
		t.Fatal(err)
	}
	sub, err := submission(plan)
	if err != nil {
		t.Fatal(err)
	}
	job := "/v1/jobs/" + sub.ID
	work := client.Work{Job: sub.ID, PlanHash: sub.PlanHash, Recipe: sub.Recipe, Slices: sub.Slices}
	addr := api{
		"GET /v1/cluster": client.Cluster{ID: "c-1"}, "GET " + job: finished("succeeded", "pass", 0), "GET " + job + "/recipe": work,
		"GET " + job + "/slices": client.SliceStates{},
	}.serve(t)

	stdout, _ := p.invoke(0, "verify", sub.ID, "--addr", addr, "-q", "-o", "json")
	saved := write(t, []byte(stdout))
	for _, args := range [][]string{{"--addr", addr}, {"--offline", "--plan", file}} {
		stdout, _ = p.invoke(0, append([]string{"report", "verify", saved, "--data"}, args...)...)
		if !strings.Contains(stdout, "6,000 records of the reference: nothing differs") {
			t.Errorf("%v: got %s", args, stdout)
		}
	}
	p.invoke(client.ExitUsage, "report", "verify", saved, "--data", "--offline")
	p.invoke(client.ExitUsage, "report", "verify", saved, "--plan", file)

	other := filepath.Join(t.TempDir(), "other.plan")
	p.invoke(0, "plan", "orders", "--kafka", "kafka", "--archive", "s3://demo/archive", "--s3", "s3", "--out", other, "-q", "--partitions", "0-3")
	if _, stderr := p.invoke(client.ExitConflict, "report", "verify", saved, "--data", "--offline", "--plan", other); !strings.Contains(stderr, "another plan") {
		t.Errorf("another plan: got %s", stderr)
	}

	if _, err := (sandbox.Control{Addr: p.ports.controlAddr()}).Tamper(p.ctx, "orders", 3, 17); err != nil {
		t.Fatal(err)
	}
	stdout, _ = p.invoke(client.ExitDiffer, "report", "verify", saved, "--data", "--addr", addr)
	if !strings.Contains(stdout, "DIFFERS") || !strings.Contains(stdout, "orders/p03  verdict: was pass, is fail") || strings.Contains(stdout, "orders/p04") {
		t.Errorf("one byte changed: got %s", stdout)
	}
	p.invoke(0, "report", "verify", saved, "--addr", addr) // without --data nothing is read
}

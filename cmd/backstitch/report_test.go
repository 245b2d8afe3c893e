package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/cluster/client"
	"backstitch/fsm"
)

// proof is one that passes.
func proof() client.Proof {
	side := fsm.Side{Records: 10, Bytes: 100, Sum: [16]byte{1}, Chain: [16]byte{2}}
	return client.NewProof(fsm.Proof{
		ID: "r-abc", Job: "bs-abc", Verdict: fsm.Pass, Evidence: fsm.E3,
		Comparisons: []fsm.Comparison{{Verdict: fsm.Pass, Evidence: fsm.E3, Expected: side, Actual: side}},
	})
}

func saved(t *testing.T, p client.Proof) string {
	t.Helper()
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "proof.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestASavedProofHasToFollowFromItsNumbers(t *testing.T) {
	rows := map[string]func(*client.Proof){
		"count":     func(p *client.Proof) { p.Comparisons[0].Actual.Records-- },
		"sum":       func(p *client.Proof) { p.Comparisons[0].Actual.Sum = strings.Repeat("0", 32) },
		"short sum": func(p *client.Proof) { p.Comparisons[0].Actual.Sum = "00" },
		"missing":   func(p *client.Proof) { p.Comparisons[0].Missing = 1 },
		"evidence":  func(p *client.Proof) { p.Evidence = "E4" },
		"nothing":   func(p *client.Proof) { p.Comparisons = nil },
	}
	if stdout, stderr, status := invoke(t, nil, "report", "verify", saved(t, proof()), "--offline"); status != 0 {
		t.Fatalf("good proof: got %d, %s%s", status, stdout, stderr)
	}
	for name, spoil := range rows {
		p := proof()
		spoil(&p)
		if _, stderr, status := invoke(t, nil, "report", "verify", saved(t, p), "--offline"); status != client.ExitDiffer {
			t.Errorf("%s: got %d, want %d (%s)", name, status, client.ExitDiffer, stderr)
		}
	}
}

func TestASavedProofIsComparedWithTheBook(t *testing.T) {
	node := api{"GET /v1/proofs/r-abc": proof()}
	addr := node.serve(t)
	if _, stderr, status := invoke(t, nil, "report", "verify", saved(t, proof()), "--addr", addr); status != 0 {
		t.Errorf("the same proof: got %d, %s", status, stderr)
	}
	other := proof()
	other.Comparisons[0].Expected.Bytes++
	node["GET /v1/proofs/r-abc"] = other
	if _, _, status := invoke(t, nil, "report", "verify", saved(t, proof()), "--addr", addr); status != client.ExitDiffer {
		t.Errorf("another proof: got %d, want %d", status, client.ExitDiffer)
	}
	delete(node, "GET /v1/proofs/r-abc")
	if _, _, status := invoke(t, nil, "report", "verify", saved(t, proof()), "--addr", addr); status != client.ExitNotFound {
		t.Errorf("no such proof: got %d, want %d", status, client.ExitNotFound)
	}
}

func TestTheVerdictOfAProofIsTheExitStatus(t *testing.T) {
	for verdict, want := range map[string]int{"pass": 0, "fail": client.ExitDiffer, "indeterminate": client.ExitIndeterminate} {
		p := proof()
		p.Verdict = verdict
		addr := api{"GET /v1/jobs/bs-abc/proofs": client.Proofs{Proofs: []client.Proof{p}}}.serve(t)
		if stdout, _, status := invoke(t, nil, "report", "show", "bs-abc", "--addr", addr); status != want {
			t.Errorf("%s: got %d, want %d\n%s", verdict, status, want, stdout)
		}
	}
	addr := api{"GET /v1/jobs/bs-abc/proofs": client.Proofs{}}.serve(t)
	if _, stderr, status := invoke(t, nil, "report", "show", "bs-abc", "--addr", addr); status != client.ExitNotFound {
		t.Errorf("no proof yet: got %d, want %d (%s)", status, client.ExitNotFound, stderr)
	}
}

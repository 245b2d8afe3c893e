package main

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	p.Verdict, p.Evidence = fsm.Judge(cs, fsm.Writers{})
	return client.NewProof(p)
}

// bookKey signs for the cluster of these tests.
type bookKey struct{ ed25519.PrivateKey }

func (k bookKey) Public() ed25519.PublicKey  { return k.PrivateKey.Public().(ed25519.PublicKey) }
func (k bookKey) Sign(message []byte) []byte { return ed25519.Sign(k.PrivateKey, message) }

var testKey = bookKey{ed25519.NewKeyFromSeed(make([]byte, 32))}

// filed is the report of a proof as a node makes it. Nobody signs without a key.
func filed(t *testing.T, p client.Proof, key report.Signer) []byte {
	t.Helper()
	fact, err := p.Fact()
	if err != nil {
		t.Fatal(err)
	}
	fact.Index = p.Index
	f, err := report.New(fact, report.About{Dataset: "orders", PlanHash: [32]byte{0xab}, Cluster: "c-1"}).Seal(key, "the cluster has no proof key")
	if err != nil {
		t.Fatal(err)
	}
	return f.JSON()
}

// book is a node that knows job bs-abc and one proof of it, and signs.
func book(t *testing.T, p client.Proof) api {
	return api{
		"GET /v1/jobs/bs-abc/proofs": client.Proofs{Proofs: []client.Proof{p}}, "GET /v1/proofs/r-abc": p,
		"GET /v1/proofs/r-abc/report": filed(t, p, testKey),
		"GET /v1/cluster/proof-keys": client.ProofKeys{Keys: []client.ProofKey{
			{Key: strings.Repeat("11", 32), Until: new(time.Time)}, {Key: fmt.Sprintf("%x", testKey.Public())},
		}},
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
		addr := book(t, proof(c)).serve(t)
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
	file := saved(t, book(t, proof(compared())).serve(t), 0)
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := report.Decode("good", good)
	if err != nil {
		t.Fatal(err)
	}
	f.Report.Evidence = "E4" // and the hashes made to fit
	forged, err := f.Report.Seal(nil, "forged")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		body []byte
		want int
		code string
	}{
		{"edited", bytes.Replace(good, []byte(`"records":10`), []byte(`"records":11`), 1), client.ExitDiffer, report.CodeEdited},
		{"forged", forged.JSON(), client.ExitDiffer, report.CodeDisagrees},
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
	node := book(t, proof(compared()))
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
	node["GET /v1/proofs/r-abc/report"] = filed(t, proof(other), testKey)
	if out, status := verify("--addr", addr); status != client.ExitDiffer || !strings.Contains(out, codeReport) {
		t.Errorf("another proof: got %d, %s, want %d", status, out, client.ExitDiffer)
	}
	if out, status := verify("--offline"); status != 0 || !strings.Contains(out, "not asked") {
		t.Errorf("offline: got %d, %s", status, out)
	}
	delete(node, "GET /v1/proofs/r-abc/report")
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

// Who signed is asked of --key, else of the book; where neither is, the report says that nobody vouches.
func TestTheSignerIsChecked(t *testing.T) {
	node := book(t, proof(compared()))
	addr := node.serve(t)
	signed := saved(t, addr, 0)
	node["GET /v1/proofs/r-abc/report"] = filed(t, proof(compared()), nil)
	bare := saved(t, addr, 0)
	key, other := fmt.Sprintf("%x", testKey.Public()), strings.Repeat("22", 32)
	old := api{"GET /v1/proofs/r-abc/report": filed(t, proof(compared()), testKey), "GET /v1/cluster/proof-keys": client.ProofKeys{Keys: []client.ProofKey{
		{Key: key, Since: time.Unix(0, 0), Until: &time.Time{}}, {Key: other},
	}}}.serve(t)
	foreign := api{"GET /v1/cluster/proof-keys": client.ProofKeys{Keys: []client.ProofKey{{Key: other}}}}.serve(t)
	for _, row := range []struct {
		file string
		args []string
		want int
		text string
	}{
		{signed, []string{"--offline"}, 0, "for which nobody vouches here"},
		{signed, []string{"--offline", "--key", key}, 0, "good, by key 3b6a27bc, as --key wants"},
		{signed, []string{"--offline", "--key", strings.ToUpper(key)}, 0, "as --key wants"},
		{signed, []string{"--offline", "--key", other}, client.ExitDiffer, report.CodeSigner},
		{signed, []string{"--offline", "--key", "22"}, client.ExitUsage, "64 hexadecimal digits"},
		{signed, []string{"--addr", addr}, 0, "good, by cluster key 3b6a27bc, in force since"},
		{signed, []string{"--addr", old}, 0, "in force from 1970-01-01"},
		{signed, []string{"--addr", foreign}, client.ExitDiffer, "never spoke for this cluster"},
		{bare, []string{"--offline"}, 0, "not signed: the cluster has no proof key"},
		{bare, []string{"--offline", "--key", key}, client.ExitDiffer, report.CodeSigner},
		{bare, []string{"--offline", "-o", "json"}, 0, `"signature": "not signed: the cluster has no proof key"`},
	} {
		stdout, stderr, status := invoke(t, nil, append([]string{"report", "verify", row.file}, row.args...)...)
		if status != row.want || !strings.Contains(stdout+stderr, row.text) {
			t.Errorf("%v: got %d, want %d and %q\n%s%s", row.args, status, row.want, row.text, stdout, stderr)
		}
	}
}

// A page is exported and checked like the document that it holds.
func TestAPageIsExportedAndChecked(t *testing.T) {
	addr := book(t, proof(compared())).serve(t)
	dir := t.TempDir()
	page, text := filepath.Join(dir, "r.html"), filepath.Join(dir, "r.json")
	for _, args := range [][]string{{"bs-abc", page}, {page, text}} {
		if stdout, stderr, status := invoke(t, nil, append([]string{"report", "export", "--addr", addr}, args...)...); status != 0 || !strings.Contains(stdout, "signed by cluster key 3b6a27bc") {
			t.Fatalf("%v: got %d\n%s%s", args, status, stdout, stderr)
		}
	}
	if got, err := os.ReadFile(text); err != nil || !bytes.Equal(got, filed(t, proof(compared()), testKey)) {
		t.Errorf("by way of the page: got %s, %v, want the node's bytes", got, err)
	}
	for _, file := range []string{page, text} {
		if stdout, stderr, status := invoke(t, nil, "report", "verify", file, "--offline"); status != 0 {
			t.Errorf("%s: got %d\n%s%s", file, status, stdout, stderr)
		}
	}
	for want, args := range map[int][]string{client.ExitUsage: {"bs-abc", "r.pdf"}, client.ExitFailed: {"bs-abc", page}} {
		if _, stderr, status := invoke(t, nil, append([]string{"report", "export", "--addr", addr}, args...)...); status != want {
			t.Errorf("%v: got %d, %s, want %d", args, status, stderr, want)
		}
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

// TestAnOldReportIsTheSameProof: a file of version 1 is compared with what a newer node makes of the same proof, and of another one.
func TestAnOldReportIsTheSameProof(t *testing.T) {
	p := fsm.Proof{ID: "r-1", Job: "bs-1", Verdict: fsm.Indeterminate, Comparisons: []fsm.Comparison{{Verdict: fsm.Indeterminate}}}
	old := report.New(p, report.About{})
	told := report.About{Commands: []report.Command{{For: "the job", Run: "backstitch status bs-1"}}, Decisions: []report.Decision{{What: "priority 5", By: "ana"}}}
	now := report.New(p, told)
	if old.Version != report.Version1 || now.Version != report.Version2 {
		t.Fatalf("versions %d and %d, want 1 and 2", old.Version, now.Version)
	}
	if same, err := sameProof(old, now); err != nil || !same {
		t.Errorf("the same proof: got %t, %v", same, err)
	}
	p.Comparisons = []fsm.Comparison{{Verdict: fsm.Indeterminate, Missing: 1}}
	if same, err := sameProof(old, report.New(p, told)); err != nil || same {
		t.Errorf("another proof: got %t, %v", same, err)
	}
}

package main

import (
	"archive/tar"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"backstitch/cluster/client"
)

// unpack reads a bundle to its end.
func unpack(t *testing.T, path string) map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zip, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer zip.Close()
	texts := map[string]string{}
	for in := tar.NewReader(zip); ; {
		head, err := in.Next()
		if err == io.EOF {
			return texts
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		texts[strings.TrimPrefix(head.Name, "backstitch-debug/")] = string(text)
	}
}

// secretive is a cluster in which people have typed secrets where none belong.
func secretive(t *testing.T) (addr string) {
	t.Helper()
	running := finished("running", "", 0)
	running.FinishedAt, running.Why = nil, "paused by curl -H 'Authorization: Bearer s3cr3t-s3cr3t'"
	members := &client.Members{Members: []client.Member{{Name: "node-b"}}} // one that nobody can ask
	addr = api{
		"GET /v1/members":            members,
		"GET /v1/cluster":            client.Cluster{ID: "c1"},
		"GET /v1/jobs":               client.Jobs{Jobs: []client.Job{running, {ID: "bs-old", State: "succeeded"}}},
		"GET /v1/jobs/bs-abc":        running,
		"GET /v1/jobs/bs-old":        client.Job{ID: "bs-old", State: "succeeded"},
		"GET /v1/jobs/bs-abc/recipe": client.Work{Job: "bs-abc", Recipe: json.RawMessage(`{"source":{"password":"s3cr3t"},"target":{"password":"env:P"}}`)},
		"GET /v1/datasets":           json.RawMessage(`{"datasets":[{"name":"orders","endpoints":[{"url":"https://hooks.example/T0/s3cr3t"}]}]}`),
		"GET /v1/flows":              client.Flows{Flows: []client.Flow{{ID: "f-1", State: "running"}, {ID: "f-0", State: "failed"}}},
		"GET /v1/flows/f-1":          client.Flow{ID: "f-1", Document: json.RawMessage(`{"steps":[{"http":{"url":"https://u:s3cr3t@api.example/","headers":{"X-Api-Key":"s3cr3t"}}}]}`)},
		"GET /v1/audit":              client.AuditRecords{Records: []client.AuditRecord{{Reason: "token=s3cr3t"}}},
		"GET /healthz/live":          client.Health{OK: true},
		"GET /healthz/ready":         client.Health{OK: false, Checks: []client.Check{{Name: "leader", Reason: "none"}}},
		"GET /healthz/startup":       client.Health{OK: true},
		"GET /metrics":               []byte("backstitch_raft_term 3\n"),
		"GET /v1/node/stacks":        []byte("goroutine 1 [running]:\nmain.main()\n"),
	}.serve(t)
	members.Members = append(members.Members, client.Member{Name: "node-a", APIAddr: strings.TrimPrefix(addr, "http://")})
	return addr
}

func TestADebugBundleHasNoSecrets(t *testing.T) {
	addr, path := secretive(t), filepath.Join(t.TempDir(), "b.tar.zst")
	stdout, stderr, status := invoke(t, nil, "cluster", "debug", "--addr", addr, "--job", "bs-old", "--out", path)
	if status != client.ExitOK {
		t.Fatalf("exit status %d: %s", status, stderr)
	}
	texts := unpack(t, path)
	for name, text := range texts {
		if strings.Contains(text, "s3cr3t") {
			t.Errorf("%s has the secret: %s", name, text)
		}
	}
	for _, name := range []string{
		"README.txt", "manifest.json", "cluster/members.json", "cluster/datasets.json", "cluster/audit.json", "jobs/bs-abc/job.json", "jobs/bs-abc/recipe.json", "jobs/bs-old/job.json",
		"flows/f-1.json", "nodes/node-a/health-ready.json", "nodes/node-a/metrics.txt", "nodes/node-a/stacks.txt",
	} {
		if texts[name] == "" {
			t.Errorf("%s is not there", name)
		}
	}
	if texts["flows/f-0.json"] != "" {
		t.Error("a flow that ended is there in detail")
	}
	if recipe := texts["jobs/bs-abc/recipe.json"]; !strings.Contains(recipe, "env:P") {
		t.Errorf("a reference was taken out: %s", recipe)
	}
	for _, want := range []string{"nodes/node-b/", "does not know the address", "7 secrets taken out", "cluster/raft-peers.json"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not said: %s", want, stdout)
		}
	}
	if _, stderr, status := invoke(t, nil, "cluster", "debug", "--addr", addr, "--out", path); status != client.ExitConflict || !strings.Contains(stderr, codeFile) {
		t.Errorf("over another bundle: %d %s", status, stderr)
	}
}

func TestADebugBundleAsItIs(t *testing.T) {
	addr, path := secretive(t), filepath.Join(t.TempDir(), "b.tar.zst")
	stdout, stderr, status := invoke(t, nil, "cluster", "debug", "--addr", addr, "--redact=false", "--out", path, "-o", "json")
	if status != client.ExitOK {
		t.Fatalf("exit status %d: %s", status, stderr)
	}
	var got debugged
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || got.File != path || got.Manifest.Redacted || len(got.Manifest.Entries) < 10 {
		t.Errorf("got %v from %s", err, stdout)
	}
	if texts := unpack(t, path); !strings.Contains(texts["cluster/datasets.json"], "s3cr3t") || !strings.Contains(texts["manifest.json"], `"redacted": false`) {
		t.Error("something was taken out, or the manifest does not say that nothing was")
	}
}

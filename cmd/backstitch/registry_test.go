package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/cluster/client"
	"backstitch/replay/schema/schematest"

	"github.com/twmb/franz-go/pkg/sr"
)

// TestDoctorChecksARegistry logs in with what the file of connections says, and shows nothing of it.
func TestDoctorChecksARegistry(t *testing.T) {
	trust := schematest.NewAuthority(t)
	fake := schematest.NewTLS(t, trust.Server)
	fake.Require("Bearer hunter2")
	fake.Register("orders-value", sr.Schema{Schema: `"string"`})
	file := filepath.Join(t.TempDir(), "connections.yaml")
	text := fmt.Sprintf("connections:\n  schemas: {registry: {url: %q, token: env:TOKEN, tls: {ca: %q, cert: %q, key: %q}}}\n  store: {s3: {}}\n", fake.URL, trust.CA, trust.Cert, trust.Key)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		token, registry string
		want            int
		said            string
	}{
		{"hunter2", "schemas", 0, "ok    BST-D501 registry"},
		{"hunter3", "schemas", client.ExitFailed, "refuses the login"},
		{"", "schemas", client.ExitFailed, "TOKEN is not set"},
		{"hunter2", fake.URL, client.ExitFailed, "fail  BST-D501 registry"}, // nobody trusts it without the file's authority
		{"hunter2", "store", client.ExitFailed, `connection "store" is not registry`},
		{"hunter2", "scheme", client.ExitFailed, `no connection is named "scheme"`},
		{"hunter2", "https://ana:hunter2@registry", client.ExitFailed, "a login belongs into a connection"},
	} {
		stdout, stderr, got := invoke(t, map[string]string{"TOKEN": c.token}, "doctor", "--no-cluster", "--connections", file, "--registry", c.registry)
		if out := stdout + stderr; got != c.want || !strings.Contains(out, c.said) || strings.Contains(out, "hunter") {
			t.Errorf("--registry %s: got %d, want %d and %q, and no secret:\n%s", c.registry, got, c.want, c.said, out)
		}
	}
}

// TestScansOfTheClusterTakeNoAddressOfARegistry refuses before a node hears of it.
func TestScansOfTheClusterTakeNoAddressOfARegistry(t *testing.T) {
	dir := t.TempDir()
	for said, registry := range map[string]string{"BST-E1137": "http://registry:8081", "BST-E2017": "http://ana:hunter2@registry:8081"} {
		_, stderr, got := invoke(t, nil, "scan", "run", "orders", "--kafka", "127.0.0.1:9092", "--archive", dir, "--registry", registry, "--source-registry", registry)
		if got != client.ExitUsage || !strings.Contains(stderr, said) || strings.Contains(stderr, "hunter2") {
			t.Errorf("%s: got %d, want %d and %s, and no secret:\n%s", registry, got, client.ExitUsage, said, stderr)
		}
	}
}

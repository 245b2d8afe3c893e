package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"backstitch/cluster/client"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
)

// other is a registry that has numbers of its own, and counts what is written into it.
func other(t *testing.T) (reg *srfake.Registry, address string, written *int) {
	reg, written = srfake.NewRegistry(), new(int)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case req.URL.Path == "/schemas/types": // the fake one has none
			_, _ = w.Write([]byte(`["AVRO"]`))
			return
		case req.Method != http.MethodGet && strings.HasSuffix(req.URL.Path, "/versions"):
			*written++
		case req.Method != http.MethodGet && req.Method != http.MethodPost:
			t.Errorf("%s %s: a copy only adds versions", req.Method, req.URL.Path)
		}
		reg.Handler().ServeHTTP(w, req)
	}))
	t.Cleanup(srv.Close)
	reg.SeedSchema("taken", 1, 1, sr.Schema{Schema: `"int"`})
	reg.SeedSchema("lines", 1, 2, sr.Schema{Schema: `{"type":"record","name":"acme.Line","fields":[]}`})
	return reg, srv.URL, written
}

// A subject comes with what it refers to, whose version is another one there; what is there stays, and a second copy writes nothing.
func TestSchemaCopy(t *testing.T) {
	s := newSubjects(t)
	s.SeedSchema("orders-value", 3, 30, sr.Schema{Schema: orderV4, References: []sr.SchemaReference{{Name: "acme.Line", Subject: "lines", Version: 1}}})
	reg, address, written := other(t)
	copied := func(args ...string) (string, string, int) {
		return invoke(t, nil, append([]string{"schema", "copy", "orders-value", "--from", s.address, "--to", address}, args...)...)
	}
	stdout, stderr, got := copied("--dry-run")
	if got != 0 || !strings.Contains(stdout, "4 to be registered. Nothing was written.") || *written != 0 {
		t.Fatalf("dry run: got %d, %d written:\n%s%s", got, *written, stdout, stderr)
	}
	if _, stderr, got = copied(); got != client.ExitUsage || *written != 0 || !strings.Contains(stderr, "--yes") {
		t.Errorf("without a yes: got %d, %d written:\n%s", got, *written, stderr)
	}
	stdout, stderr, got = copied("--yes", "-o", "json")
	var out struct{ Steps []versionCopy }
	if err := json.Unmarshal([]byte(stdout), &out); got != 0 || err != nil || len(out.Steps) != 4 || *written != 4 {
		t.Fatalf("got %d, %v, %d written:\n%s%s", got, err, *written, stdout, stderr)
	}
	v3, ok := reg.GetSchema("orders-value", 3)
	if !ok || len(v3.References) != 1 || v3.References[0].Version != 2 || v3.References[0].Subject != "lines" || v3.Schema.Schema != orderV4 {
		t.Errorf("the third version is %+v", v3)
	}
	if stdout, _, got = copied("--yes"); got != 0 || *written != 4 || !strings.Contains(stdout, "All of it is there. Nothing was written.") {
		t.Errorf("a second time: got %d, %d written:\n%s", got, *written, stdout)
	}
	// Into another context and under another name.
	stdout, stderr, got = copied("--as", ":.pay:bills-value", "--yes")
	if got != 0 || *written != 8 || !reg.SubjectExists(":.pay:bills-value") || !reg.SubjectExists(":.pay:lines") {
		t.Errorf("as another subject: got %d, %d written:\n%s%s", got, *written, stdout, stderr)
	}
}

func TestSchemaCopyThatCanNotBe(t *testing.T) {
	s := newSubjects(t)
	reg, address, written := other(t)
	// The fake one checks nothing; a real one answers so.
	reg.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/versions") {
			return false
		}
		w.WriteHeader(http.StatusConflict)
		_, _ = w.Write([]byte(`{"error_code":409,"message":"incompatible"}`))
		return true
	})
	for _, c := range []struct {
		name string
		args []string
		want int
		said string
	}{
		{"no such subject", []string{"nothing", "--from", s.address, "--to", address}, client.ExitNotFound, "BST-E3312"},
		{"onto itself", []string{"lines", "--from", s.address, "--to", s.address}, client.ExitUsage, "BST-E3316"},
		{"no target", []string{"lines", "--from", s.address}, client.ExitUsage, "--to"},
		{"what the registry refuses", []string{"lines", "--from", s.address, "--to", address, "--yes"}, client.ExitFailed, "BST-E3317"},
	} {
		stdout, stderr, got := invoke(t, nil, append([]string{"schema", "copy"}, c.args...)...)
		if got != c.want || !strings.Contains(stdout+stderr, c.said) {
			t.Errorf("%s: got %d, want %d and %q:\n%s%s", c.name, got, c.want, c.said, stdout, stderr)
		}
	}
	if v, _ := reg.GetSchema("lines", 1); v.ID != 2 || *written > 1 {
		t.Errorf("what was there has changed: %+v", v)
	}
	if _, ok := reg.GetSchema("lines", 2); ok {
		t.Error("a version that the registry refuses is there")
	}
}

package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/cluster/client"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
)

const (
	orderV1 = `{"type":"record","name":"acme.Order","fields":[{"name":"id","type":"int"}]}`
	orderV2 = `{"type":"record","name":"acme.Order","fields":[{"name":"id","type":"long"}]}`
	orderV3 = `{"type":"record","name":"acme.Order","fields":[{"name":"id","type":"long"},{"name":"line","type":"acme.Line"}]}`
	orderV4 = `{"type":"record","name":"acme.Order","fields":[{"name":"id","type":"long"},{"name":"line","type":["null","acme.Line"],"default":null}]}`
	lineV1  = `{"type":"record","name":"acme.Line","fields":[{"name":"n","type":"int"}]}`
)

// subjects is a registry with two versions of an order, in no context and in one, and files with those to come.
type subjects struct {
	*srfake.Registry
	t       *testing.T
	dir     string
	address string
}

func newSubjects(t *testing.T) *subjects {
	s := &subjects{Registry: srfake.NewRegistry(), t: t, dir: t.TempDir()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /schemas/types", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`["AVRO"]`)) }) // the fake one has none
	mux.Handle("/", s.Handler())
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	s.address = srv.URL
	for _, space := range []string{"", ":.pay:"} {
		for _, v := range []struct{ subject, text string }{{"lines", lineV1}, {"orders-value", orderV1}, {"orders-value", orderV2}} {
			if _, _, err := s.RegisterSchema(space+v.subject, sr.Schema{Schema: v.text}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, text := range map[string]string{"v1.avsc": orderV1, "v2.avsc": orderV2, "v3.avsc": orderV3, "v4.avsc": orderV4} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *subjects) run(args ...string) (stdout, stderr string, status int) {
	s.t.Helper()
	for i, a := range args {
		if strings.HasSuffix(a, ".avsc") {
			args[i] = filepath.Join(s.dir, a)
		}
	}
	return invoke(s.t, nil, append(args, "--registry", s.address)...)
}

// versions is how many a subject has.
func (s *subjects) versions(subject string) int {
	n := 0
	for {
		if _, ok := s.GetSchema(subject, n+1); !ok {
			return n
		}
		n++
	}
}

const lineRef = "acme.Line=lines@1"

func TestSchemaCheckAsksTheRegistry(t *testing.T) {
	s := newSubjects(t)
	for _, c := range []struct {
		name string
		args []string
		want int
		said string
	}{
		{"the registry's mode", []string{"v4.avsc", "--reference", lineRef}, 0, "mode BACKWARD (the registry's)"},
		{"the latest only", []string{"v1.avsc"}, client.ExitIncompatible, "orders-value@2 "},
		{"another mode", []string{"v3.avsc", "--reference", lineRef, "--mode", "forward-transitive"}, client.ExitIncompatible, "orders-value@1 "},
		{"a reference that is missing", []string{"v4.avsc"}, client.ExitUsage, "BST-E3313"},
		{"a reference to nothing", []string{"v4.avsc", "--reference", "acme.Line=lines@7"}, client.ExitNotFound, "BST-E3312"},
		{"a reference that is none", []string{"v4.avsc", "--reference", "lines@1"}, client.ExitUsage, "BST-E4001"},
	} {
		stdout, stderr, got := s.run(append([]string{"schema", "check", "--subject", "orders-value"}, c.args...)...)
		if got != c.want || !strings.Contains(stdout+stderr, c.said) {
			t.Errorf("%s: got %d, want %d and %q:\n%s%s", c.name, got, c.want, c.said, stdout, stderr)
		}
	}
	if err := s.SetCompat("orders-value", sr.CompatForward); err != nil {
		t.Fatal(err)
	}
	if stdout, _, got := s.run("schema", "check", "--subject", "orders-value", "v1.avsc"); got != 0 || !strings.Contains(stdout, "mode FORWARD") {
		t.Errorf("the subject's own mode: got %d, %s", got, stdout)
	}
	if _, stderr, got := s.run("schema", "check", "--subject", "bills-value", "v1.avsc"); got != client.ExitNotFound || !strings.Contains(stderr, "BST-E3312") {
		t.Errorf("no such subject: got %d, %s", got, stderr)
	}
}

func TestSchemaHistorySaysWhatEachVersionChanged(t *testing.T) {
	s := newSubjects(t)
	for _, space := range []string{"", ":.pay:"} {
		subject := space + "orders-value"
		if _, stderr, got := s.run("schema", "register", "v4.avsc", "--subject", subject, "--reference", lineRef, "--yes"); got != 0 {
			t.Fatalf("got %d, %s", got, stderr)
		}
		stdout, stderr, got := s.run("schema", "history", subject, "-o", "json")
		var h schemaHistory
		if err := json.Unmarshal([]byte(stdout), &h); err != nil || got != 0 || len(h.Versions) != 3 {
			t.Fatalf("%s: got %d, %v, %s%s", subject, got, err, stdout, stderr)
		}
		last := h.Versions[2]
		want := []schemaReference{{"acme.Line", "lines", 1}}
		if diff := cmp.Diff(want, last.References); diff != "" || last.GUID == "" || last.Backward.Verdict != "compatible" || len(last.Changes) != 3 {
			t.Errorf("%s: got %+v, want what it refers to, a GUID, and what changed:\n%s", subject, last, diff)
		}
		if v := h.Versions[1]; v.Backward.Verdict != "compatible" || v.Forward.Verdict != "incompatible" || v.Fingerprint == h.Versions[0].Fingerprint {
			t.Errorf("%s: got %+v, want that v2 reads v1 and not the other way round", subject, v)
		}
	}
	stdout, _, _ := s.run("schema", "history", "orders-value")
	for _, line := range []string{"Subject orders-value   3 versions   mode BACKWARD", "    the first one", "    ~ acme.Order.id  int -> long",
		"    ! forward   id  the writer's long can not be read as int", "    refers to acme.Line  lines@1"} {
		if !strings.Contains(stdout, line+"\n") {
			t.Errorf("no line %q in:\n%s", line, stdout)
		}
	}
}

func TestSchemaDiffOfVersions(t *testing.T) {
	s := newSubjects(t)
	stdout, stderr, got := s.run("schema", "diff", "orders-value@1", ":.pay:orders-value@latest")
	if got != 0 || !strings.Contains(stdout, "Schema orders-value@1 -> :.pay:orders-value@2") || !strings.Contains(stdout, "~ acme.Order.id  int -> long") {
		t.Errorf("got %d, %s%s", got, stdout, stderr)
	}
}

func TestSchemaRegisterAsksChecksAndReadsBack(t *testing.T) {
	s := newSubjects(t)
	register := func(args ...string) (out string, status int) {
		stdout, stderr, got := s.run(append([]string{"schema", "register"}, args...)...)
		return stdout + stderr, got
	}
	for _, c := range []struct {
		name     string
		args     []string
		want     int
		said     string
		versions int // of orders-value, afterwards
	}{
		{"nobody to ask", []string{"v4.avsc", "--reference", lineRef}, client.ExitUsage, "BST-E4002", 2},
		{"incompatible", []string{"v3.avsc", "--reference", lineRef, "--yes"}, client.ExitIncompatible, "BST-E3310", 2},
		{"incompatible, and the registry refuses as well", []string{"v3.avsc", "--reference", lineRef, "--yes", "--allow-incompatible"}, client.ExitConflict, "BST-E3314", 2},
		{"what is there", []string{"v2.avsc", "--yes"}, 0, "Registered already; nothing was written: orders-value@2", 2},
		{"what was there before", []string{"v1.avsc", "--yes"}, 0, "Registered already; nothing was written: orders-value@1", 2},
		{"a file as reference", []string{"v4.avsc", "--reference", "acme.Line=" + filepath.Join(s.dir, "line.avsc"), "--yes"}, client.ExitUsage, "not to files", 2},
		{"the next", []string{"v4.avsc", "--reference", lineRef, "--yes"}, 0, "Checked: compatible by mode BACKWARD", 3},
	} {
		if err := os.WriteFile(filepath.Join(s.dir, "line.avsc"), []byte(lineV1), 0o600); err != nil {
			t.Fatal(err)
		}
		if c.name == "incompatible, and the registry refuses as well" {
			// The fake one checks nothing; a real one answers so.
			s.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/versions") {
					return false
				}
				w.WriteHeader(http.StatusConflict)
				_, _ = w.Write([]byte(`{"error_code":409,"message":"hunter2"}`))
				return true
			})
		}
		out, got := register(append(c.args, "--subject", "orders-value")...)
		s.ClearInterceptors()
		if got != c.want || !strings.Contains(out, c.said) || strings.Contains(out, "hunter2") {
			t.Errorf("%s: got %d, want %d and %q:\n%s", c.name, got, c.want, c.said, out)
		}
		if n := s.versions("orders-value"); n != c.versions {
			t.Errorf("%s: got %d versions, want %d", c.name, n, c.versions)
		}
	}
	if v, _ := s.GetSchema("orders-value", 3); v.Schema.Schema != orderV4 || len(v.References) != 1 {
		t.Errorf("got %+v, want what the file says and what it refers to", v)
	}
	if out, got := register("v1.avsc", "--subject", "new-value", "--yes", "-o", "name"); got != 0 || out != "new-value@1\n" {
		t.Errorf("a new subject: got %d, %s", got, out)
	}
	if err := s.SetCompat("new-value", sr.CompatNone); err != nil {
		t.Fatal(err)
	}
	if out, got := register("v2.avsc", "--subject", "new-value", "--yes"); got != 0 || !strings.Contains(out, "Checked: undecided: mode NONE asks for nothing") {
		t.Errorf("a subject of which nothing is asked: got %d, %s", got, out)
	}
	if out, got := register("v1.avsc", "--subject", ":.pay:new-value", "--yes", "-o", "name"); got != 0 || out != ":.pay:new-value@1\n" {
		t.Errorf("a new subject in a context: got %d, %s", got, out)
	}
}

func TestSchemaRegisterSeesAnotherSchemaThanItSent(t *testing.T) {
	s := newSubjects(t)
	s.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || r.URL.Path != "/subjects/new-value/versions/1" {
			return false
		}
		_ = json.NewEncoder(w).Encode(sr.SubjectSchema{Subject: "new-value", Version: 1, ID: 9, Schema: sr.Schema{Schema: orderV2}})
		return true
	})
	_, stderr, got := s.run("schema", "register", "v1.avsc", "--subject", "new-value", "--yes")
	if got != client.ExitDiffer || !strings.Contains(stderr, "BST-E3315") || !strings.Contains(stderr, "acme.Order.id says long, and was sent int") {
		t.Errorf("got %d, %s", got, stderr)
	}
}

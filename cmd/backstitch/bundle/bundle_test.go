package bundle

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// open reads a bundle to its end.
func open(t *testing.T, body []byte) (names []string, texts map[string]string) {
	t.Helper()
	zip, err := zstd.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer zip.Close()
	texts = map[string]string{}
	for in := tar.NewReader(zip); ; {
		head, err := in.Next()
		if err == io.EOF {
			return names, texts
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(head.Name, "backstitch-debug/")
		names, texts[name] = append(names, name), string(text)
	}
}

func made(t *testing.T, redact bool) (Manifest, []string, map[string]string) {
	t.Helper()
	var to bytes.Buffer
	b, err := New(&to, time.Unix(1_795_000_000, 0), "v1", "read me", redact)
	if err != nil {
		t.Fatal(err)
	}
	b.most = 1 << 10 // what is longer takes long to look through
	if err := b.Add("jobs.json", "GET /v1/jobs", []byte(`{"jobs":[{"id":"bs-a","records":9007199254740993,"webhook":"https://hooks.example/T1/s3cr3t"}]}`)); err != nil {
		t.Fatal(err)
	}
	if err := b.Add("long.txt", "", bytes.Repeat([]byte("x"), b.most+1)); err != nil {
		t.Fatal(err)
	}
	b.Missing("nodes/b/metrics.txt", "GET /metrics", errors.New(`Get "http://u:s3cr3t@b:1/metrics": no`))
	m, err := b.Close()
	if err != nil {
		t.Fatal(err)
	}
	names, texts := open(t, to.Bytes())
	return m, names, texts
}

func TestABundleSaysWhatIsInItAndWhatIsNot(t *testing.T) {
	m, names, texts := made(t, true)
	if got := strings.Join(names, " "); got != "README.txt jobs.json long.txt manifest.json" {
		t.Errorf("got %s", got)
	}
	var kept Manifest
	if err := json.Unmarshal([]byte(texts["manifest.json"]), &kept); err != nil || len(kept.Entries) != 3 || !kept.Redacted {
		t.Fatalf("manifest: %v %+v", err, kept)
	}
	if e := m.Entries[0]; e.Out != 1 || e.Cut || e.Bytes != len(texts["jobs.json"]) || len(e.SHA256) != 64 {
		t.Errorf("jobs: %+v", e)
	}
	if !strings.Contains(texts["jobs.json"], "9007199254740993") {
		t.Errorf("a number was changed: %s", texts["jobs.json"])
	}
	if e := m.Entries[1]; !e.Cut || e.Bytes != 1<<10 {
		t.Errorf("long: %+v", e)
	}
	if e := m.Entries[2]; e.Failed == "" || e.Bytes != 0 {
		t.Errorf("missing: %+v", e)
	}
	for name, text := range texts {
		if strings.Contains(text, "s3cr3t") {
			t.Errorf("%s has the secret: %s", name, text)
		}
	}
}

func TestWithoutRedactionNothingIsChanged(t *testing.T) {
	m, _, texts := made(t, false)
	if m.Redacted || !strings.Contains(texts["jobs.json"], "s3cr3t") || !strings.Contains(texts["manifest.json"], "s3cr3t") {
		t.Errorf("got %+v, %s", m, texts["jobs.json"])
	}
}

func TestWhatOpensDoorsIsTakenOut(t *testing.T) {
	for _, in := range []string{
		`{"password":"s3cr3t"}`,
		`{"a":[{"api-key":"s3cr3t"}]}`,
		`{"tokens":["s3cr3t"]}`,
		`{"headers":{"Authorization":"Bearer s3cr3t"}}`,
		`{"x":"{\"clientSecret\":\"s3cr3t\"}"}`,
		`{"document":"notify:\n  password: s3cr3t\n  name: a"}`,
		`{"document":"password: \"it is \\\"s3cr3t\\\"\""}`,
		`{"url":"https://hooks.example/services/s3cr3t"}`,
		`{"url":"https://ann:s3cr3t@example"}`,
		`{"url":"https://example/?key=s3cr3t"}`,
		`{"place":"s3://key:s3cr3t@bucket/prefix"}`,
		`{"reason":"tried with Authorization: Bearer s3cr3t-s3cr3t"}`,
		`{"reason":"curl -H 'X-Api-Key: s3cr3t' it"}`,
		`{"reason":"password is not it; passphrase = correct horse s3cr3t"}`,
		`{"key":"-----BEGIN PRIVATE KEY-----\ns3cr3t\n-----END PRIVATE KEY-----"}`,
		"{\"a\":1}\n{\"secret\":\"s3cr3t\"}\n",
		"-----BEGIN EC PRIVATE KEY-----\ns3cr3t",
		"level=info token=s3cr3t\n",
		`{"cut":"off","secret":"s3cr3t","more":"`,
	} {
		out, gone := Redact([]byte(in))
		if strings.Contains(string(out), "s3cr3t") || gone == 0 || !strings.Contains(string(out), Gone) {
			t.Errorf("%s: got %s (%d)", in, out, gone)
		}
	}
}

func TestWhatIsNoSecretStays(t *testing.T) {
	for _, in := range []string{
		`{"password":"env:KAFKA_PASSWORD","token":"file:/run/secrets/token"}`,
		`{"reason":"password: env:KAFKA_PASSWORD"}`,
		`{"name":"orders","archive":"s3://acme-archive/orders","n":12345678901234567890,"f":1e400,"t":""}`,
		`{"addr":"10.0.0.1:7420","see":"https://example"}`,
		"backstitch_raft_term{node=\"a\"} 3\n# HELP x y\n",
	} {
		out, gone := Redact([]byte(in))
		if gone != 0 {
			t.Errorf("%s: got %s", in, out)
		}
		var want, got bytes.Buffer
		if json.Compact(&want, []byte(in)) != nil {
			want.WriteString(in)
			got.Write(out)
		} else if err := json.Compact(&got, out); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(in, "orders") { // names are sorted
			if !strings.Contains(got.String(), "12345678901234567890") || !strings.Contains(got.String(), "1e400") {
				t.Errorf("numbers: %s", got.String())
			}
		} else if got.String() != want.String() {
			t.Errorf("got %s, want %s", got.String(), want.String())
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("a", `{"b":"c"}`)
	f.Add(`x"\`, "token")
	f.Fuzz(func(t *testing.T, before, name string) {
		const secret = "s3cr3t0123456789"
		for _, n := range []string{"password", "apiToken"} {
			body, err := json.Marshal(map[string]any{before: name, n: before + secret})
			if err != nil {
				t.Skip()
			}
			out, gone := Redact(body)
			if before+secret != "" && !reference(before+secret) && (gone == 0 || bytes.Contains(out, []byte(secret))) {
				t.Errorf("%s: got %s", body, out)
			}
			if again, _ := Redact(out); !json.Valid(again) {
				t.Errorf("no JSON any more: %s", again)
			}
		}
	})
}

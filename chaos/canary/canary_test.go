package canary

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/klauspost/compress/zstd"
)

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

func zipped(b []byte) []byte {
	w, _ := zstd.NewWriter(nil)
	defer w.Close()
	return w.EncodeAll(b, nil)
}

func tarred(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := w.WriteHeader(&tar.Header{Name: "in", Size: int64(len(b)), Mode: 0o600, Format: tar.FormatPAX}); err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

// TestEveryFormIsFound hides secrets in each way in which programs write bytes. Nothing is found where there is nothing.
func TestEveryFormIsFound(t *testing.T) {
	text, raw := New("text"), Of("bytes", []byte{0, 255, 7, 13, 200, 1, 2, 3, 90, 91, 92, 93, 94, 95, 96, 250})
	quoted := func(v any) string { b, _ := json.Marshal(v); return string(b) }
	for _, secret := range []Secret{text, raw} {
		v := string(secret.Value)
		ways := map[string][]byte{
			"plain":         []byte("before " + v + " after"),
			"hex":           []byte("x" + hex.EncodeToString([]byte("ab"+v))),
			"capital hex":   []byte(strings.ToUpper(hex.EncodeToString([]byte(v)))),
			"json":          []byte(quoted(map[string]any{"a": []byte(v), "b": v})),
			"a query":       []byte("https://host/?q=" + url.QueryEscape(v)),
			"a path":        []byte("https://host/" + url.PathEscape(v)),
			"quoted":        fmt.Appendf(nil, "%q", "a "+v),
			"quoted hex":    fmt.Appendf(nil, "%x", v),
			"as numbers":    fmt.Appendf(nil, "%v", []byte("a"+v)),
			"gzip":          gzipped([]byte("a" + v)),
			"zstd":          append([]byte("a header, then "), zipped([]byte("a"+v))...),
			"tar in zstd":   zipped(tarred(t, []byte(v))),
			"gzip in a tar": tarred(t, gzipped([]byte(base64.StdEncoding.EncodeToString([]byte("12"+v))))),
		}
		for shift := range 3 {
			ways[fmt.Sprintf("base64 after %d", shift)] = []byte(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("u", shift) + v + ":tail")))
			ways[fmt.Sprintf("base64 of URLs after %d", shift)] = []byte(base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("~", shift) + v + "?")))
		}
		for way, body := range ways {
			s, err := NewSearch(text, raw)
			if err != nil {
				t.Fatal(err)
			}
			s.Look(way, body)
			if got := s.All(); len(got) == 0 || got[0].Secret != secret.Name {
				t.Errorf("%s as %s: got %v, want it found", secret.Name, way, got)
			}
			s.Close()
		}
	}
	s, err := NewSearch(text, raw, New("another"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Look("other things", []byte(base64.StdEncoding.EncodeToString(New("x").Value)+hex.EncodeToString(New("y").Value)))
	if got := s.All(); len(got) > 0 {
		t.Errorf("got %v where there is none", got)
	}
	if _, err := NewSearch(Of("short", []byte("hunter2"))); err == nil {
		t.Error("a secret that stands anywhere by chance was taken")
	}
}

// TestADatabaseIsReadThroughItself: blocks are compressed, so the files alone do not show what is in them.
func TestADatabaseIsReadThroughItself(t *testing.T) {
	secret, dir := New("kept"), filepath.Join(t.TempDir(), "db")
	db, err := pebble.Open(dir, &pebble.Options{FormatMajorVersion: pebble.FormatNewest, Logger: silent{}})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 200 {
		value := bytes.Repeat([]byte("the same again and again "), 40)
		if n == 77 {
			value = zipped(secret.Value)
		}
		if err := db.Set(fmt.Appendf(nil, "key-%04d", n), value, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := NewSearch(secret)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if keys, err := s.Store("db", dir); err != nil || keys != 200 {
		t.Fatalf("got %d keys, %v, want 200", keys, err)
	}
	if got := s.Of("kept"); len(got) == 0 || !strings.HasPrefix(got[0], "db (a value)") {
		t.Errorf("got %v, want a value", got)
	}
}

func TestExemptionsAreOfOneSecretInOnePlace(t *testing.T) {
	a, b, dir := New("a"), New("b"), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "key"), append(a.Value, b.Value...), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := NewSearch(a, b)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Exempt("a", "the file of a", func(place string) bool { return place == "tree/key" })
	s.Exempt("", "nothing needs it", func(string) bool { return false })
	if err := s.Tree("tree", dir); err != nil {
		t.Fatal(err)
	}
	s.Look("log", a.Value)
	if got := fmt.Sprint(s.All()); got != "[a in log b in tree/key]" {
		t.Errorf("got %s", got)
	}
	if got := s.Unused(); len(got) != 1 || got[0] != "nothing needs it" {
		t.Errorf("unused: got %q", got)
	}
}

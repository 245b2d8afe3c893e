package hashfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var form = Form{Member: "plan", Version: 3, MaxBytes: 1000}

type document struct {
	Version int    `json:"version"`
	What    string `json:"what"`
}

const body = `{"version":2,"what":"<é>"}`

func encoded(t testing.TB) string {
	t.Helper()
	text, _, err := form.Encode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAFileIsReadAsItWasWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p")
	text, hash, err := form.Encode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	there := false
	if err := Write(path, text, func() { _, err := os.Stat(path); there = err == nil }); err != nil {
		t.Fatal(err)
	}
	if there {
		t.Error("the file had its name before it was whole")
	}
	read, err := form.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	var got document
	again, err := form.Decode(read, &got)
	if err != nil || again != hash || got != (document{2, "<é>"}) {
		t.Errorf("got %+v, hash %s, %v; want hash %s", got, again, err, hash)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("beside the file is something else: %v, %v", left, err)
	}
}

func TestWhatIsNotTheFileThatWasWritten(t *testing.T) {
	text := encoded(t)
	const malformed, edited, newer = "malformed", "edited", "newer"
	for _, row := range []struct{ name, old, new, want string }{
		{"indented in another way", "\n ", "\n\t\t ", ""},
		{"a value", "<é>", "<e>", edited},
		{"a hash", `"sha256": "`, `"sha256": "0`, edited},
		{"keys in another order", "\"version\": 2,\n  \"what\": \"<é>\"", "\"what\": \"<é>\",\n  \"version\": 2", edited},
		{"a newer version", `"version": 2`, `"version": 4`, newer},
		{"no version", `"version": 2`, `"version": 0`, malformed},
		{"another member", `"plan"`, `"receipt"`, malformed},
		{"a member more", `"sha256"`, `"more": 1, "sha256"`, malformed},
		{"more behind it", "\n}\n", "\n}\n{}", malformed},
		{"a brace too many", "\n}\n", "\n}\n}\n", malformed},
		{"no JSON", "{\n", "apiVersion: ", malformed},
	} {
		changed := strings.Replace(text, row.old, row.new, 1)
		if changed == text {
			t.Fatalf("%s: nothing was changed", row.name)
		}
		var got document
		_, err := form.Decode([]byte(changed), &got)
		var e *EditedError
		var n *NewerError
		said := ""
		switch {
		case errors.As(err, &e):
			said = edited
		case errors.As(err, &n):
			said = newer
		case err != nil:
			said = malformed
		}
		if said != row.want {
			t.Errorf("%s: got %v, want %q", row.name, err, row.want)
		}
	}
	var short struct {
		Version int `json:"version"`
	}
	if _, err := form.Decode([]byte(text), &short); err == nil {
		t.Error("a key that the document has not was let pass")
	}
}

func TestWhatAFileMayReplace(t *testing.T) {
	dir := t.TempDir()
	other := strings.Replace(encoded(t), `"plan"`, `"copy"`, 1)
	for name, row := range map[string]struct {
		text string
		want bool
	}{
		"older":   {encoded(t), true},
		"empty":   {"", true}, // as mktemp leaves it
		"short":   {"x", false},
		"spec":    {"apiVersion: backstitch.dev/v1\nkind: Recovery\n" + strings.Repeat("# a comment\n", 20), false},
		"receipt": {other, false},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(row.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := form.Replaceable(path); err != nil || got != row.want {
			t.Errorf("%s: got %t, %v, want %t", name, got, err, row.want)
		}
	}
	if ok, err := form.Replaceable(filepath.Join(dir, "nothing")); !ok || err != nil {
		t.Errorf("nothing: got %t, %v", ok, err)
	}
	if ok, _ := form.Replaceable(dir); ok {
		t.Error("a directory may be replaced")
	}
}

func TestALargeFileIsNotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(path, make([]byte, form.MaxBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := form.Read(path); err == nil || !strings.Contains(err.Error(), "1001 bytes") {
		t.Errorf("got %v, want its size", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(encoded(f)))
	f.Fuzz(func(t *testing.T, text []byte) {
		var got document
		if hash, err := form.Decode(text, &got); err == nil && (len(hash) != 64 || got.Version < 1) {
			t.Errorf("%q: hash %q, %+v", text, hash, got)
		}
	})
}

package access_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/cluster/access"
)

func TestAProofKeyIsReadBackAndSigns(t *testing.T) {
	path := filepath.Join(t.TempDir(), access.ProofFile)
	made, err := access.CreateProofKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v, want 0600", info.Mode(), err)
	}
	if _, err := access.CreateProofKey(path); !errors.Is(err, access.ErrExists) {
		t.Errorf("again: got %v, want %v", err, access.ErrExists)
	}
	key, err := access.LoadProofKey(path)
	if err != nil || !key.Public().Equal(made.Public()) {
		t.Fatalf("got key %s, %v, want %s", key, err, made)
	}
	if !ed25519.Verify(made.Public(), []byte("a"), key.Sign([]byte("a"))) {
		t.Error("its signature does not fit its public half")
	}
}

// Whatever prints a key prints the public half.
func TestAProofKeyIsNotShown(t *testing.T) {
	path := filepath.Join(t.TempDir(), access.ProofFile)
	key, err := access.CreateProofKey(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Split(string(text), "\n")[1:2], ""))
	if err != nil || len(der) < 32 {
		t.Fatal(len(der), err)
	}
	seed := der[len(der)-32:]
	var log, debug bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("key", "key", key, "in", struct{ K *access.ProofKey }{key})
	fmt.Fprintf(&debug, "%v %+v %#v %s %x %q %d %v", key, key, key, key, key, key, key, struct{ K *access.ProofKey }{key})
	encoded, err := json.Marshal(map[string]any{"key": key})
	if err != nil {
		t.Fatal(err)
	}
	for name, out := range map[string]string{"log": log.String(), "debug": debug.String(), "json": string(encoded)} {
		if !strings.Contains(out, hex.EncodeToString(key.Public())) {
			t.Errorf("%s: got %s, want the public half", name, out)
		}
		for _, form := range []string{hex.EncodeToString(seed), base64.StdEncoding.EncodeToString(seed), string(seed), strings.Trim(fmt.Sprint(seed), "[]"), fmt.Sprintf("%#v", seed)[8:80]} {
			if strings.Contains(out, form) {
				t.Errorf("%s shows the private half", name)
			}
		}
	}
}

func TestAProofKeyThatCanNotBeUsed(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good")
	if _, err := access.CreateProofKey(good); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"everybody's": {string(text), 0o604, "chmod 600"},
		"not PEM":     {"secret", 0o600, "is not PEM"},
		"no key":      {"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n", 0o600, "proof-key create"},
	} {
		path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
		if err := os.WriteFile(path, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := access.LoadProofKey(path); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

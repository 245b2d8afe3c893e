package member

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func meta(id string) Meta {
	return Meta{Cluster: "c1", ID: id, Name: "node-" + id, Instance: [16]byte{9}, RPCAddr: "127.0.0.1:7421", APIAddr: "127.0.0.1:7420",
		Role: 1, Zone: "z", Version: "1.0", MaxOp: 94, Load: 3, Expect: 3}
}

func TestMetaComesBackAndNothingElseIsAccepted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 20, 40)
		want := meta("x" + text.Draw(t, "id"))
		want.Cluster, want.Name, want.Zone = text.Draw(t, "cluster"), text.Draw(t, "name"), text.Draw(t, "zone")
		want.MaxOp, want.Load = rapid.Uint16().Draw(t, "op"), rapid.Uint16().Draw(t, "load")
		b, err := want.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeMeta(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("metadata (-got +want):\n%s", diff)
		}
		for bit := range len(b) * 8 {
			changed := bytes.Clone(b)
			changed[bit/8] ^= 1 << (bit % 8)
			if _, err := DecodeMeta(changed); err == nil {
				t.Errorf("bit %d changed: accepted", bit)
			}
		}
		if _, err := DecodeMeta(b[:len(b)-1]); err == nil {
			t.Errorf("cut short: accepted")
		}
		if _, err := DecodeMeta(append(bytes.Clone(b), 0)); err == nil {
			t.Errorf("a byte more: accepted")
		}
	})
	long := meta("a")
	long.Zone, long.Name = strings.Repeat("z", 250), strings.Repeat("n", 250)
	if _, err := long.Encode(); err == nil {
		t.Errorf("metadata beyond the limit: accepted")
	}
}

func FuzzDecodeMeta(f *testing.F) {
	b, err := meta("a").Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{1, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeMeta(b)
		if err != nil {
			return
		}
		again, err := m.Encode()
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("two encodings of one node: %v\n% x\n% x", err, b, again)
		}
	})
}

func TestKeyFiles(t *testing.T) {
	key := func(n int) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{byte(n)}, n)) }
	for name, row := range map[string]struct {
		text string
		mode os.FileMode
		keys int
	}{
		"two keys":     {"# new\n" + key(32) + "\n\n" + key(16) + "\n", 0o600, 2},
		"no key":       {"# nothing\n", 0o600, 0},
		"wrong length": {key(31) + "\n", 0o600, 0},
		"not base64":   {"!\n", 0o600, 0},
		"readable":     {key(32) + "\n", 0o644, 0},
	} {
		path := filepath.Join(t.TempDir(), "gossip.key")
		if err := os.WriteFile(path, []byte(row.text), row.mode); err != nil {
			t.Fatal(err)
		}
		keys, err := ReadKeys(path)
		if len(keys) != row.keys || (err == nil) != (row.keys > 0) {
			t.Errorf("%s: got %d keys, %v, want %d", name, len(keys), err, row.keys)
		}
		if err != nil && row.text != "" && strings.Contains(err.Error(), strings.TrimSpace(row.text)) && name != "not base64" {
			t.Errorf("%s: the error repeats the key: %v", name, err)
		}
	}
}

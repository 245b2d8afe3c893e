package member

import (
	"strings"
	"testing"

	"backstitch/storage"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// FuzzParseKeys reads files of keys. What is taken is written and read again as the same keys, and no refusal repeats a line.
func FuzzParseKeys(f *testing.F) {
	const key = "AAECAwQFBgcICQoLDA0ODw=="
	f.Add("# new\n" + key + "\n\n" + strings.Repeat("A", 43) + "=\n")
	f.Add(key + "\r\n" + key)
	f.Add(strings.Repeat(key+"\n", 20))
	f.Add("!\n")
	f.Add(strings.Repeat("A", 40))
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := ParseKeys("gossip.key", text)
		if err != nil {
			for line := range strings.Lines(text) {
				if line = strings.TrimSpace(line); len(line) >= 16 && !strings.HasPrefix(line, "#") && strings.Contains(err.Error(), line) {
					t.Errorf("the refusal repeats %q: %v", line, err)
				}
			}
			return
		}
		var lines []string
		for _, k := range keys {
			if err := k.Validate(); err != nil {
				t.Errorf("taken, and not valid: %v", err)
			}
			lines = append(lines, k.Secret())
		}
		again, err := ParseKeys("gossip.key", strings.Join(lines, "\n"))
		if err != nil || !sameKeys(keys, again) {
			t.Errorf("read again: %d keys, %v, want the same %d", len(again), err, len(keys))
		}
	})
}

// FuzzReadRing reads the ring of a data directory, sealed as it should be, whatever is in it: its keys are good ones, or there are none.
func FuzzReadRing(f *testing.F) {
	f.Add([]byte(`{"revision":7,"seed":"ab","keys":["AAECAwQFBgcICQoLDA0ODw=="]}`))
	f.Add([]byte(`{"keys":[""]}`))
	f.Add([]byte(`{"keys":["AA=="]}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		fs := vfs.NewMem()
		if err := storage.WriteFile(fs, RingFile, storage.Seal(append(body, '\n'))); err != nil {
			t.Fatal(err)
		}
		ring, _, err := readRing(fs, RingFile)
		if err == nil && len(ring.Keys) == 0 {
			t.Error("a ring without keys")
		}
		for _, k := range ring.Keys {
			if verr := k.Validate(); err == nil && verr != nil {
				t.Errorf("taken, and not valid: %v", verr)
			}
		}
	})
}

package snap_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"backstitch/storage"
)

// FuzzOpen reads a directory that is called like a snapshot, with a manifest whose checksum is right: one that a person has moved here, or another program has
// written. What comes out of it is what its manifest says, and what is refused is named; raft's own code for a part of it panics.
func FuzzOpen(f *testing.F) {
	fs := vfs.NewMem()
	id := take(f, open(f, fs), 10, random(1, 3000))
	manifest, state := file(f, fs, id, "manifest.json"), file(f, fs, id, "state.bin")
	body, err := storage.Unseal(manifest)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body, state)
	f.Add(body, state[:len(state)-1])
	f.Add(body, []byte{})
	for from, to := range map[string]string{`"format": 1`: `"format": 2`, `"bytes": 3000`: `"bytes": -1`, `"configuration": "`: `"configuration": "AAAA`, `"index": 10`: `"index": 11`} {
		if !bytes.Contains(body, []byte(from)) {
			f.Fatalf("there is no %s in\n%s", from, body)
		}
		f.Add(bytes.Replace(body, []byte(from), []byte(to), 1), state)
	}
	f.Fuzz(func(t *testing.T, body, state []byte) {
		fs := vfs.NewMem()
		s := open(t, fs)
		if err := fs.MkdirAll("snapshots/"+id, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string][]byte{"manifest.json": storage.Seal(body), "state.bin": state} {
			if err := storage.WriteFile(fs, "snapshots/"+id+"/"+name, content); err != nil {
				t.Fatal(err)
			}
		}
		damaged, err := s.Damaged()
		if err != nil {
			t.Fatal(err)
		}
		meta, r, err := s.Open(id)
		if (err != nil) != (len(damaged) == 1) {
			t.Fatalf("opened with %v, and called damaged: %v", err, damaged)
		}
		if err != nil {
			if !errors.Is(err, storage.ErrDamaged) && !errors.Is(err, storage.ErrNewer) {
				t.Fatalf("refused without a kind: %v", err)
			}
			return
		}
		defer r.Close()
		var says struct{ Index, Term uint64 }
		if err := json.Unmarshal(body, &says); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || int64(len(got)) != meta.Size || meta.ID != id || meta.Index != says.Index || meta.Term != says.Term {
			t.Fatalf("%d bytes of %+v, %v", len(got), meta, err)
		}
	})
}

func file(tb testing.TB, fs vfs.FS, id, name string) []byte {
	tb.Helper()
	body, err := storage.ReadFile(fs, "snapshots/"+id+"/"+name)
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

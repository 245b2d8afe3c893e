package archive

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/replay/kbatch"
	"backstitch/replay/klog"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// Two batches as a broker stored them; the golden object holds them unchanged.
var goldenBatches = []string{
	"0000000000000064000000440000000302b36c1e660000000000060000018bcfe5687b0000018bcfe56880ffffffffffffffffffffffffffff0000000216000000026b0276020268010c000a08010000",
	"000000000000006e000000390000000402bc6fabe20000000000000000018bcfe568c80000018bcfe568c8ffffffffffffffffffffffffffff000000010e000d00026b0100",
}

// golden builds an object from frozen inputs.
func golden(t *testing.T) ([]byte, *Footer) {
	t.Helper()
	id := klog.TopicID{0xaa, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xbb}
	b := newBuilder("orders", id, 3)
	for i, h := range goldenBatches {
		raw, err := hex.DecodeString(h)
		if err != nil {
			t.Fatal(err)
		}
		head, err := kbatch.ParseHeader(raw)
		if err != nil {
			t.Fatalf("batch %d: %v", i, err)
		}
		if err := kbatch.CheckCRC(raw, &head); err != nil {
			t.Fatalf("batch %d: %v", i, err)
		}
		b.add(&klog.Batch{Header: head, Raw: raw})
	}
	body, f := b.finish()
	return body, f
}

// The bytes are frozen: archives that were written are read for ever.
func TestGoldenObject(t *testing.T) {
	body, f := golden(t)
	path := filepath.Join("testdata", "object-v1.hex")
	text := f.Name().Key() + "\n" + hex.EncodeToString(body) + "\n"
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	key, h, _ := strings.Cut(strings.TrimSpace(string(want)), "\n")
	old, err := hex.DecodeString(h)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Verify(key, old)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f, got); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

func TestNewerVersionIsNamed(t *testing.T) {
	body, _ := golden(t)
	tail := body[len(body)-TrailerLen:]
	tail[5]++ // the version; the hash over it is made to fit, as a newer writer would
	f, err := DecodeTail(rehash(body), int64(len(body)))
	if !errors.Is(err, ErrVersion) || errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v, %v, want %v", f, err, ErrVersion)
	}
}

func TestNames(t *testing.T) {
	n := Name{Topic: "a.b-c_d", Partition: 12, First: 5, Last: 9, Records: 3, Hash: [16]byte{1}}
	const key = "a.b-c_d/00012/00000000000000000005-00000000000000000009-3-01000000000000000000000000000000.bsa"
	if got := n.Key(); got != key {
		t.Errorf("got %s, want %s", got, key)
	}
	if got, err := ParseName(key); err != nil || got != n {
		t.Errorf("got %+v, %v, want %+v", got, err, n)
	}
	for _, bad := range []string{
		"", "x", strings.Replace(key, ".bsa", "", 1), strings.Replace(key, "-3-", "-03-", 1), strings.Replace(key, "-3-", "-6-", 1),
		strings.Replace(key, "-3-", "-0-", 1), strings.Replace(key, "00012", "12", 1), strings.ToUpper(key), "x/" + key, key + ".bsa",
		strings.Replace(key, "0005-", "0010-", 1), strings.Replace(key, "-3-", "--3-", 1),
	} {
		if _, err := ParseName(bad); !errors.Is(err, ErrName) {
			t.Errorf("%q: got %v, want %v", bad, err, ErrName)
		}
	}
}

// FuzzDecodeTail also mends the hash, so that the fields behind it are reached.
func FuzzDecodeTail(f *testing.F) {
	body, err := os.ReadFile(filepath.Join("testdata", "object-v1.hex"))
	if err != nil {
		f.Fatal(err)
	}
	_, h, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	object, err := hex.DecodeString(h)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(object, true)
	f.Add(object[len(object)-TrailerLen:], false)
	f.Fuzz(func(t *testing.T, b []byte, mend bool) {
		if mend {
			b = rehash(bytes.Clone(b))
		}
		foot, err := DecodeTail(b, int64(len(b)))
		if err != nil {
			return
		}
		end := int64(HeadLen)
		for i := range foot.Entries {
			e := &foot.Entries[i]
			if e.Position != end || e.Position+int64(e.Length) > int64(len(b)) {
				t.Fatalf("entry %d lies outside: %+v", i, e)
			}
			end += int64(e.Length)
		}
		if again := appendTail(bytes.Clone(b[:end]), foot); !bytes.Equal(again[end:], b[end:]) {
			t.Fatal("what was decoded encodes to other bytes")
		}
	})
}

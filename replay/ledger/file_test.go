package ledger

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"testing"

	"backstitch/partition"
	"backstitch/replay/record"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files")

// sample is a small ledger.
func sample(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "p00000.ledger")
	d, err := newDraft(path)
	if err != nil {
		t.Fatal(err)
	}
	rec := func(o, ms int64, v string) entry {
		r := record.Record{Offset: o, TimestampMs: ms, Value: []byte(v)}
		return entry{offset: o, ms: ms, digest: record.Digest{Hash: record.Hash(&r, record.AllFields), Size: r.Size(), Bytes: r.Size() + 3}}
	}
	ours := rec(12, math.MinInt64, "refilled")
	ours.origin = []byte("orders/0/3")
	c := &contents{anchors: anchors{Comparison: `{"topic":"orders"}`, Fields: record.AllFields, Canonical: record.CanonicalVersion}}
	c.Reference.Objects = []object{{Key: "orders/0/0", ETag: "v1", Size: 99, Base: 0, Count: 13, From: 0, To: 13}}
	c.Target.Log = &logAnchor{Cluster: "c", Topic: "orders", ID: "0102", Start: -1, End: 20, Epoch: 3}
	for side, list := range [2][][]entry{{{rec(0, 1000, "a"), rec(4, 900, "b")}, {rec(10, math.MaxInt64, ""), ours}}, {nil}} {
		for i, es := range list {
			w, err := d.put(partition.Range{From: int64(10 * i), To: int64(10*i + 10)}, es)
			if err != nil {
				t.Fatal(err)
			}
			c.windows[side] = append(c.windows[side], w)
		}
	}
	if err := d.finish(c, path); err != nil {
		t.Fatal(err)
	}
	if err := d.drop(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// The bytes do not change: whoever has a ledger keeps it.
func TestTheFormatIsFrozen(t *testing.T) {
	golden := filepath.Join("testdata", "p00000-v1.hex")
	raw := sample(t)
	if *update {
		var b bytes.Buffer
		for rest := raw; len(rest) > 0; rest = rest[min(32, len(rest)):] {
			b.WriteString(hex.EncodeToString(rest[:min(32, len(rest))]) + "\n")
		}
		if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	want, err := hex.DecodeString(string(bytes.ReplaceAll(text, []byte("\n"), nil)))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(raw, want) {
		t.Errorf("the format has changed: got %x", raw)
	}
	c, err := readContents(bytes.NewReader(want), int64(len(want)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([2]int{2, 1}, [2]int{len(c.windows[0]), len(c.windows[1])}); diff != "" {
		t.Fatalf("windows (-want +got):\n%s", diff)
	}
	es, err := c.windows[0][1].load()
	if err != nil || len(es) != 2 || es[0].ms != math.MaxInt64 || es[1].ms != math.MinInt64 || string(es[1].origin) != "orders/0/3" || es[0].origin != nil {
		t.Errorf("got %+v, %v", es, err)
	}
}

func TestAnotherVersionIsNotRead(t *testing.T) {
	raw := sample(t)
	raw[9]++
	if _, err := readContents(bytes.NewReader(raw), int64(len(raw))); !errors.Is(err, errVersion) {
		t.Errorf("got %v, want %v", err, errVersion)
	}
}

// FuzzFile reads anything: it may be refused, and what is not is bounded by what is there. A footer that was not written here gets through
// the checksum in the second half.
func FuzzFile(f *testing.F) {
	raw := sample(f)
	f.Add(raw)
	f.Add(raw[:len(raw)/2])
	f.Add([]byte(magic))
	c, err := readContents(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		f.Fatal(err)
	}
	footer, err := encodeFooter(c)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(footer)
	f.Add(encode(partition.Range{From: 0, To: 10}, nil))
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, c := range []*contents{contentsOf(t, in), footerOf(t, in)} {
			if c == nil {
				continue
			}
			for side := range c.windows {
				last := int64(math.MinInt64)
				for i := range c.windows[side] {
					w := &c.windows[side][i]
					if w.Range.Empty() || w.Range.From < last || w.Records > windowRecords || w.size > int64(len(in)) {
						t.Fatalf("window %+v was taken", w)
					}
					last = w.Range.To
					if w.file == nil {
						continue
					}
					if es, err := w.load(); err == nil && int64(len(es)) != w.Records || err != nil && !errors.Is(err, ErrDamaged) {
						t.Fatalf("window %+v: %d entries, %v", w, len(es), err)
					}
				}
			}
		}
		r := partition.Range{From: 0, To: 1 << 40}
		if es, err := decode(in, r, int64(len(in)/32)); err == nil {
			if again, err := decode(encode(r, es), r, int64(len(es))); err != nil || len(again) != len(es) {
				t.Fatalf("what was read is not read back: %v", err)
			}
		}
	})
}

func contentsOf(t *testing.T, in []byte) *contents {
	c, err := readContents(bytes.NewReader(in), int64(len(in)))
	if err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, errVersion) {
		t.Fatalf("got %v, want a damaged ledger or another version", err)
	}
	return c
}

func footerOf(t *testing.T, in []byte) *contents {
	c, err := decodeFooter(in, int64(len(in)))
	if err != nil && !errors.Is(err, ErrDamaged) {
		t.Fatalf("got %v, want a damaged ledger", err)
	}
	return c
}

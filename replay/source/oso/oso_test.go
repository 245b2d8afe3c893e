package oso_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"backstitch/replay/foreign/foreigntest"
	"backstitch/replay/source"
	"backstitch/replay/source/oso"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const key = "backup-0/topics/orders/partition=0/segment-00000000000000000010.bin"

func TestNames(t *testing.T) {
	a, err := oso.New(nil, oso.DefaultConfig("orders"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		key:          "0 10",
		key + ".zst": "0 10",
		"topics/orders/partition=12/segment-00000000000000000010.bin.lz4": "12 10",
		"b/topics/other/partition=0/segment-00000000000000000010.bin":     "",
		"b/topics/orders/partition=x/segment-00000000000000000010.bin":    "",
		"b/topics/orders/partition=0/segment-x.bin":                       "",
		"b/topics/orders/partition=0/segment-1.json":                      "",
		"b/manifest.json": "",
		"b/offsets.db":    "",
	} {
		got := ""
		if n, ok := a.Layout().Parse(name); ok {
			got = fmt.Sprintf("%d %d", n.Partition, n.First)
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// A segment is all or nothing: whatever is wrong with it, none of its records comes out, and the others do.
func TestSegmentsThatDoNotFit(t *testing.T) {
	le := binary.LittleEndian
	whole := foreigntest.Segment(0, foreigntest.Numbered(10, 20))
	body := whole[:len(whole)-8]
	change := func(f func([]byte)) []byte {
		b := bytes.Clone(body)
		f(b)
		return foreigntest.Seal(b)
	}
	for name, c := range map[string]struct {
		segment []byte
		code    string
	}{
		"a flipped byte":       {bytes.Replace(whole, []byte(`{"n":15}`), []byte(`{"n":14}`), 1), source.CodeCorrupt},
		"no footer":            {body, source.CodeCorrupt},
		"half":                 {whole[:len(whole)/2], source.CodeCorrupt},
		"nothing":              {nil, source.CodeTruncated},
		"a few bytes":          {whole[:33], source.CodeCorrupt},
		"something else":       {bytes.Repeat([]byte("<html>"), 20), source.CodeForeign},
		"a newer version":      {change(func(b []byte) { b[4] = 2 }), source.CodeForeign},
		"another codec":        {change(func(b []byte) { b[5] = 9 }), source.CodeCorrupt},
		"more records":         {change(func(b []byte) { le.PutUint64(b[8:], 11) }), source.CodeCorrupt},
		"fewer records":        {change(func(b []byte) { le.PutUint64(b[8:], 9) }), source.CodeCorrupt},
		"another first offset": {change(func(b []byte) { le.PutUint64(b[16:], 11) }), source.CodeForeign},
		"another last offset":  {change(func(b []byte) { le.PutUint64(b[24:], 15) }), source.CodeForeign},
		"a long key":           {change(func(b []byte) { le.PutUint32(b[32+4+16:], 1<<30) }), source.CodeCorrupt},
		"a negative key":       {change(func(b []byte) { le.PutUint32(b[32+4+16:], 0xfffffff0) }), source.CodeCorrupt},
		"a long record":        {change(func(b []byte) { le.PutUint32(b[32:], 0xfffffff0) }), source.CodeTooLarge},
		"an lz4 bomb":          {foreigntest.Seal(append(append([]byte("KBAK"), 1, 2, 0, 0), append(make([]byte, 24), 0xff, 0xff, 0xff, 0x0f, 0)...)), source.CodeTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			files := foreigntest.OSO(0)(0, foreigntest.Numbered(0, 30), 10)
			files[key] = c.segment
			a, err := oso.New(foreigntest.Open(t, files), oso.DefaultConfig("orders"))
			l := foreigntest.Catalog(t, a, err)
			if len(l.Damaged) != 1 || l.Damaged[0].Object != key || l.Damaged[0].Code != c.code {
				t.Fatalf("got %v, want %s named with %s", l.Damaged, key, c.code)
			}
			rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
			if got := foreigntest.Offsets(rs); got != "[[0,10) [20,30)]" || len(damaged) != 1 || !strings.HasSuffix(damaged[0], "[10,20)") {
				t.Errorf("got %s, %v, want the other segments and [10,20) named", got, damaged)
			}
		})
	}
}

// What decompresses to more than a ceiling is named, and takes no memory for it.
func TestBombs(t *testing.T) {
	rs := foreigntest.Numbered(10, 11)
	rs[0].Value = make([]byte, 8<<20)
	for codec := range byte(3) {
		files := map[string][]byte{key: foreigntest.Segment(codec, rs)}
		cfg := oso.DefaultConfig("orders")
		cfg.MaxRecordBytes = 1 << 20
		a, err := oso.New(foreigntest.Open(t, files), cfg)
		if l := foreigntest.Catalog(t, a, err); len(l.Damaged) != 1 || l.Damaged[0].Code != source.CodeTooLarge {
			t.Errorf("codec %d: got %v, want %s", codec, l.Damaged, source.CodeTooLarge)
		}
	}
}

// The manifest knows what must be there; the listing alone would not miss it.
func TestASegmentThatTheManifestNamesIsGone(t *testing.T) {
	files := foreigntest.OSO(1)(0, foreigntest.Numbered(0, 30), 10)
	delete(files, key+".zst")
	a, err := oso.New(foreigntest.Open(t, files), oso.DefaultConfig("orders"))
	l := foreigntest.Catalog(t, a, err)
	if len(l.Damaged) != 1 || l.Damaged[0].Code != source.CodeGone || l.Damaged[0].Offset != 10 || l.Damaged[0].Next != 20 {
		t.Errorf("got %v, want [10,20) gone", l.Damaged)
	}
	rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
	if got := foreigntest.Offsets(rs); got != "[[0,10) [20,30)]" || fmt.Sprint(damaged) != "[BST-Q107[10,20)]" {
		t.Errorf("got %s, %v", got, damaged)
	}
	files["backup-0/manifest.json"] = []byte("{")
	a, err = oso.New(foreigntest.Open(t, files), oso.DefaultConfig("orders"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Catalog(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "manifest.json") {
		t.Errorf("half a manifest: got %v, want it named", err)
	}
}

func FuzzKey(f *testing.F) {
	f.Add(key + ".zst")
	a, err := oso.New(nil, oso.DefaultConfig("orders"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, key string) {
		n, ok := a.Layout().Parse(key)
		if ok && (n.Partition < 0 || n.First < 0 || n.Stem+n.Ext != key) {
			t.Errorf("%q: got %+v", key, n)
		}
	})
}

// FuzzSegment: the body of a segment with a checksum that fits may hold anything.
func FuzzSegment(f *testing.F) {
	for codec := range byte(3) {
		s := foreigntest.Segment(codec, foreigntest.Numbered(10, 12))
		f.Add(s[:len(s)-8])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		cfg := oso.DefaultConfig("orders")
		cfg.MaxObjectBytes, cfg.MaxRecordBytes = 8<<20, 1<<20
		a, err := oso.New(foreigntest.Open(t, map[string][]byte{key: foreigntest.Seal(body)}), cfg)
		l := foreigntest.Catalog(t, a, err)
		rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
		if len(l.Damaged) > 0 && (len(rs) > 0 || len(damaged) == 0) {
			t.Fatalf("got %d records of a segment that is not believed, damage %v", len(rs), damaged)
		}
	})
}

package confluent_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"backstitch/partition"
	"backstitch/replay/foreign"
	"backstitch/replay/foreign/drawntest"
	"backstitch/replay/foreign/foreigntest"
	"backstitch/replay/record"
	"backstitch/replay/source"
	"backstitch/replay/source/confluent"

	"github.com/klauspost/compress/gzip"
	"pgregory.net/rapid"
)

// Archives of Confluent's sink with records that are drawn: raw bytes, a line each, with and without the keys beside them.

// raw is bytes without a line break, which would make two of them: an empty line is a value of no bytes.
func raw() *rapid.Generator[[]byte] {
	return rapid.Map(drawntest.Bytes(), func(b []byte) []byte { return append([]byte{}, bytes.ReplaceAll(b, []byte{'\n'}, nil)...) })
}

// rawFiles lays records out, each line with its line break, and returns the keys in order, beside the index of the first record of each.
func rawFiles(t *rapid.T, rs []record.Record, ext string, keys bool) (files drawntest.Files, names []string, first []int) {
	files = drawntest.Files{}
	at := 0
	for _, n := range drawntest.Lengths(t, len(rs)) {
		stem := fmt.Sprintf("topics/orders/partition=3/orders+3+%010d", rs[at].Offset)
		var values, beside []byte
		for _, r := range rs[at : at+n] {
			values = append(append(values, r.Value...), '\n')
			beside = append(append(beside, r.Key...), '\n')
		}
		if strings.HasSuffix(ext, ".gz") {
			values, beside = drawntest.Gzip(t, values), drawntest.Gzip(t, beside)
		}
		files[stem+ext] = values
		if keys {
			files[stem+".keys"+ext] = beside
		}
		names, first = append(names, stem+ext), append(first, at)
		at += n
	}
	return files, names, append(first, at)
}

func rawRecords(t *rapid.T, keys bool) (rs []record.Record) {
	at := rapid.Int64Range(0, 1<<40).Draw(t, "first offset")
	for range rapid.IntRange(1, 8).Draw(t, "records") {
		r := record.Record{Offset: at, Value: raw().Draw(t, "value")}
		if keys {
			r.Key = raw().Draw(t, "key")
		}
		rs = append(rs, r)
		at++
	}
	return rs
}

func rawConfig(keys bool) confluent.Config {
	cfg := confluent.DefaultConfig("orders")
	cfg.Format, cfg.Keys = foreign.Bytes, keys
	return cfg
}

// TestRawBytesDrawn: a value comes back with its bytes, whatever format it looks like: frames of registries, carriage returns, none at all.
func TestRawBytesDrawn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.Bool().Draw(t, "keys")
		rs := rawRecords(t, keys)
		files, _, _ := rawFiles(t, rs, rapid.SampledFrom([]string{".bin", ".bin.gz"}).Draw(t, "ending"), keys)
		a, err := confluent.New(files, rawConfig(keys))
		back := drawntest.Read(t, a, err, 3)
		back.Whole(t, rs)
	})
}

// TestRawBytesDrawnAndHurt: a file that is cut, or of whose compressed bytes a bit is turned over, costs its own records and no others, by name. So
// does a file of keys. Of lines that nothing compresses one that is cut may be a shorter value, and nothing can tell.
func TestRawBytesDrawnAndHurt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.Bool().Draw(t, "keys")
		rs := rawRecords(t, keys)
		files, names, first := rawFiles(t, rs, ".bin.gz", keys)
		i := rapid.IntRange(0, len(names)-1).Draw(t, "file")
		name := names[i]
		if keys && rapid.Bool().Draw(t, "of keys") {
			name = strings.Replace(name, ".bin", ".keys.bin", 1)
		}
		body := bytes.Clone(files[name])
		flip := rapid.Bool().Draw(t, "flip")
		if flip {
			drawntest.Flip(t, body, 0)
		} else {
			body = body[:rapid.IntRange(0, len(body)-1).Draw(t, "length")]
		}
		files[name] = body
		a, err := confluent.New(files, rawConfig(keys))
		back := drawntest.Read(t, a, err, 3)
		if flip && back.LooksCut() {
			return
		}
		back.Hurt(t, rs, func(o partition.Offset) bool { return rs[first[i]].Offset <= o && o <= rs[first[i+1]-1].Offset })
	})
}

// TestKeysAreNotBelievedBeforeTheirChecksum: a file of keys reads well up to its end, where a checksum says that one of them is another. None of them is
// handed over, and the object is not called changed, which would end the read.
func TestKeysAreNotBelievedBeforeTheirChecksum(t *testing.T) {
	var zipped bytes.Buffer
	w, err := gzip.NewWriterLevel(&zipped, gzip.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("one\ntwo\nten\n")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	files := drawntest.Files{
		"topics/orders/partition=3/orders+3+0000000000.bin":         []byte("1\n2\n10\n"),
		"topics/orders/partition=3/orders+3+0000000000.keys.bin.gz": bytes.Replace(zipped.Bytes(), []byte("ten"), []byte("tin"), 1),
	}
	a, err := confluent.New(files, rawConfig(true))
	l := foreigntest.Catalog(t, a, err)
	rs, damaged := foreigntest.Read(t, a, 3, l.Objects[3])
	if want := "[" + source.CodeBadCompanion + "[0,3)]"; len(rs) > 0 || fmt.Sprint(damaged) != want {
		t.Errorf("got %v and %v, want %s", rs, damaged, want)
	}
}

package framed

import (
	"bytes"
	"compress/zlib"
	"errors"
	"testing"

	"backstitch/replay/source"
	"backstitch/replay/transform"
)

// TestDecompressionIsBounded: what would grow beyond the bound is refused as soon as it does, and one that is as large as it may be is read. A
// value's own size says nothing: a kilobyte of zlib can be a megabyte.
func TestDecompressionIsBounded(t *testing.T) {
	squeeze := func(n int) *named {
		var out bytes.Buffer
		w := zlib.NewWriter(&out)
		if _, err := w.Write(make([]byte, n)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return &named{payload: out.Bytes(), deflated: true}
	}
	const most = 100 << 10
	f := inflater{most: most}
	for range 2 {
		_, err := f.payload(squeeze(10 * most))
		var refused *transform.Refused
		if !errors.As(err, &refused) || refused.Code != source.CodeInflated || f.out.Len() > most+1 {
			t.Errorf("got %v and %d bytes, want %s and %d", err, f.out.Len(), source.CodeInflated, most+1)
		}
		if got, err := f.payload(squeeze(most)); err != nil || len(got) != most {
			t.Errorf("got %d bytes, %v, want %d", len(got), err, most)
		}
	}
	if got := new(inflater).limit(); got != MaxBytes {
		t.Errorf("who says nothing reads %d bytes, want %d", got, MaxBytes)
	}
}

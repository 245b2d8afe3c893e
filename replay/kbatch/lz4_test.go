package kbatch

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"backstitch/replay/record"

	"github.com/pierrec/lz4/v4"
)

// lz4Frame compresses text as one frame.
func lz4Frame(t testing.TB, text []byte, opts ...lz4.Option) []byte {
	t.Helper()
	var out bytes.Buffer
	w := lz4.NewWriter(&out)
	if err := w.Apply(opts...); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// lz4Texts are incompressible, repetitive, empty, and longer than a block.
func lz4Texts() map[string][]byte {
	rng := rand.New(rand.NewPCG(5, 6))
	noise := make([]byte, 100_000)
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	return map[string][]byte{
		"empty": {}, "short": []byte("abc"), "noise": noise, "repeated": bytes.Repeat([]byte("order shipped "), 20_000),
		"zeros": make([]byte, 300_000), "mixed": append(bytes.Repeat([]byte("a"), 70_000), noise...),
	}
}

// TestLZ4FramesDecodeAsTheLibraryDecodesThem covers each kind of frame that a producer can be told to write.
func TestLZ4FramesDecodeAsTheLibraryDecodesThem(t *testing.T) {
	for name, text := range lz4Texts() {
		for kind, opts := range map[string][]lz4.Option{
			"franz-go":   nil,
			"java":       {lz4.BlockSizeOption(lz4.Block64Kb), lz4.ChecksumOption(false)},
			"block sums": {lz4.BlockSizeOption(lz4.Block256Kb), lz4.BlockChecksumOption(true)},
			"sized":      {lz4.SizeOption(uint64(len(text)))},
		} {
			frame := lz4Frame(t, text, opts...)
			c := newCodecs(1 << 20)
			out := record.NewBuffer(16)
			done, err := c.lz4Blocks(out, frame)
			if !done || err != nil || !bytes.Equal(out.B, text) {
				t.Errorf("%s, %s: got %d bytes, done %v, %v; want the %d that were written", kind, name, len(out.B), done, err, len(text))
			}
			for range 3 { // with the ratio of the one before
				got, err := c.decompress(CodecLZ4, frame)
				if err != nil || !bytes.Equal(got.B, text) {
					t.Fatalf("%s, %s: got %v, want the text", kind, name, err)
				}
				got.Done()
			}
		}
	}
}

// TestOtherLZ4FramesAreLeftToTheLibrary is about frames in a row, and about what is cut short.
func TestOtherLZ4FramesAreLeftToTheLibrary(t *testing.T) {
	text := bytes.Repeat([]byte("order shipped "), 20_000)
	frame := lz4Frame(t, text, lz4.BlockSizeOption(lz4.Block64Kb))
	c := newCodecs(1 << 20)
	out := record.NewBuffer(16)
	for name, src := range map[string][]byte{"two frames": append(bytes.Clone(frame), frame...), "cut short": frame[:len(frame)-9], "only magic": frame[:4]} {
		if done, err := c.lz4Blocks(out, src); done || err != nil || len(out.B) != 0 {
			t.Errorf("%s: got done %v, %v and %d bytes, want it left alone", name, done, err, len(out.B))
		}
	}
	if _, err := c.decompress(CodecLZ4, frame[:len(frame)-9]); !errors.Is(err, ErrCorrupt) {
		t.Errorf("cut short: got %v, want %v", err, ErrCorrupt)
	}
	small := newCodecs(1000)
	if _, err := small.decompress(CodecLZ4, frame); !errors.Is(err, ErrTooLarge) {
		t.Errorf("beyond the ceiling: got %v, want %v", err, ErrTooLarge)
	}
}

// FuzzLZ4 compares with the library: whatever it takes comes out the same, and nothing comes out of what it refuses for more than a
// checksum.
func FuzzLZ4(f *testing.F) {
	for _, text := range lz4Texts() {
		f.Add(lz4Frame(f, text))
		f.Add(lz4Frame(f, text, lz4.BlockSizeOption(lz4.Block64Kb), lz4.BlockChecksumOption(true), lz4.SizeOption(uint64(len(text)))))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		c := newCodecs(1 << 20)
		out := record.NewBuffer(16)
		done, err := c.lz4Blocks(out, src)
		if err != nil && !errors.Is(err, ErrTooLarge) {
			t.Fatalf("got %v, want only a refusal of size", err)
		}
		want, werr := io.ReadAll(io.LimitReader(lz4.NewReader(bytes.NewReader(src)), 1<<20))
		switch {
		case werr == nil && done && !bytes.Equal(out.B, want):
			t.Fatalf("got %d bytes, the library has %d others", len(out.B), len(want))
		case werr != nil && done && !bytes.HasPrefix(out.B, want):
			t.Fatalf("got %d bytes, the library has %d others before %v", len(out.B), len(want), werr)
		}
	})
}

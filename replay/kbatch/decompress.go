package kbatch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"backstitch/replay/record"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Codec numbers as in a batch's attributes.
const (
	CodecNone   = 0
	CodecGzip   = 1
	CodecSnappy = 2
	CodecLZ4    = 3
	CodecZstd   = 4
)

// codecs decompresses into pooled buffers and never beyond its ceiling. A claimed size is checked before it is allocated.
type codecs struct {
	ceiling int
	ratios  [8]atomic.Int32 // by codec: how many times as large the last batch became
	gzips   sync.Pool
	lz4s    sync.Pool
	zstds   sync.Pool
}

func newCodecs(ceiling int) *codecs {
	return &codecs{
		ceiling: ceiling,
		gzips:   sync.Pool{New: func() any { return new(gzip.Reader) }},
		lz4s:    sync.Pool{New: func() any { return lz4.NewReader(nil) }},
		zstds: sync.Pool{New: func() any {
			// Concurrency 1 starts no goroutine, so a decoder that the pool drops leaks nothing.
			// The frame's checksum is over what the batch's CRC, or the hash that an archive keeps of it, covers already, as with LZ4.
			d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(uint64(ceiling)),
				zstd.IgnoreChecksum(true))
			if err != nil {
				panic("kbatch: zstd options: " + err.Error())
			}
			return d
		}},
	}
}

func (c *codecs) decompress(codec int, src []byte) (*record.Buffer, error) {
	out := record.NewBuffer(min(c.ratio(codec)*len(src), c.ceiling))
	if err := c.into(out, codec, src); err != nil {
		out.Done()
		return nil, err
	}
	if len(src) > 0 {
		c.ratios[codec].Store(int32(min(len(out.B)/len(src), maxRatio)))
	}
	return out, nil
}

// Batches of one topic compress alike, so a buffer that would have done for the last one does for the next, and is not outgrown and
// thrown away. One batch of another kind must not make all later buffers large.
const (
	minRatio = 4
	maxRatio = 16
)

func (c *codecs) ratio(codec int) int {
	return min(max(int(c.ratios[codec].Load())+1, minRatio), maxRatio)
}

func (c *codecs) into(out *record.Buffer, codec int, src []byte) (err error) {
	switch codec {
	case CodecGzip:
		z := c.gzips.Get().(*gzip.Reader)
		defer c.gzips.Put(z)
		if err := z.Reset(bytes.NewReader(src)); err != nil {
			return fmt.Errorf("%w: gzip: %w", ErrCorrupt, err)
		}
		return c.readAll(out, z, "gzip")
	case CodecLZ4:
		if done, err := c.lz4Blocks(out, src); done || err != nil {
			return err
		}
		z := c.lz4s.Get().(*lz4.Reader)
		defer c.lz4s.Put(z)
		z.Reset(bytes.NewReader(src))
		return c.readAll(out, z, "lz4")
	case CodecZstd:
		z := c.zstds.Get().(*zstd.Decoder)
		defer c.zstds.Put(z)
		out.B, err = z.DecodeAll(src, out.B)
		switch {
		case errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded):
			return fmt.Errorf("%w of %d bytes", ErrTooLarge, c.ceiling)
		case err != nil:
			return fmt.Errorf("%w: zstd: %w", ErrCorrupt, err)
		}
		return nil
	case CodecSnappy:
		return c.snappy(out, src)
	}
	return fmt.Errorf("%w: compression codec %d", ErrCorrupt, codec)
}

func (c *codecs) readAll(out *record.Buffer, z io.Reader, name string) error {
	buf := bytes.NewBuffer(out.B)
	n, err := buf.ReadFrom(io.LimitReader(z, int64(c.ceiling)+1))
	out.B = buf.Bytes()
	switch {
	case n > int64(c.ceiling):
		return fmt.Errorf("%w of %d bytes", ErrTooLarge, c.ceiling)
	case err != nil:
		return fmt.Errorf("%w: %s: %w", ErrCorrupt, name, err)
	}
	return nil
}

// xerialMagic begins the framing that the Java client puts around snappy blocks: 8 bytes magic, 8 bytes versions, then
// blocks of a big-endian length and a snappy block.
var xerialMagic = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

func (c *codecs) snappy(out *record.Buffer, src []byte) error {
	if len(src) < 16 || !bytes.HasPrefix(src, xerialMagic) {
		return c.snappyBlock(out, src)
	}
	for src = src[16:]; len(src) > 0; {
		if len(src) < 4 {
			return fmt.Errorf("%w: snappy framing", ErrCorrupt)
		}
		n := int64(binary.BigEndian.Uint32(src))
		src = src[4:]
		if n > int64(len(src)) {
			return fmt.Errorf("%w: snappy framing", ErrCorrupt)
		}
		if err := c.snappyBlock(out, src[:n]); err != nil {
			return err
		}
		src = src[n:]
	}
	return nil
}

// maxSnappyRatio is above what the format can reach: a three-byte copy makes at most 64 bytes.
const maxSnappyRatio = 64

func (c *codecs) snappyBlock(out *record.Buffer, src []byte) error {
	n, err := s2.DecodedLen(src)
	switch {
	case err != nil:
		return fmt.Errorf("%w: snappy: %w", ErrCorrupt, err)
	case n > c.ceiling-len(out.B):
		return fmt.Errorf("%w of %d bytes", ErrTooLarge, c.ceiling)
	case n > maxSnappyRatio*len(src):
		return fmt.Errorf("%w: snappy block of %d bytes claims %d", ErrCorrupt, len(src), n)
	}
	at := len(out.B)
	if cap(out.B)-at < n {
		out.B = append(make([]byte, 0, 2*cap(out.B)+n), out.B...)
	}
	if _, err := s2.Decode(out.B[at:at+n], src); err != nil {
		return fmt.Errorf("%w: snappy: %w", ErrCorrupt, err)
	}
	out.B = out.B[:at+n]
	return nil
}

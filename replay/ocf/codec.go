package ocf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// The compressions of the specification, by their names in a header.
const (
	Null      = "null"
	Deflate   = "deflate" // without a checksum
	Snappy    = "snappy"  // with the CRC-32 of what it holds behind it
	Zstandard = "zstandard"
)

// ErrCodec says that blocks are compressed with something that is not read, like bzip2 and xz.
var ErrCodec = errors.New("compression is not read")

func checkCodec(name string) error {
	switch name {
	case "", Null, Deflate, Snappy, Zstandard:
		return nil
	}
	return fmt.Errorf("%.40q: %w (null, deflate, snappy and zstandard are)", name, ErrCodec)
}

// Codecs are decompressors that are used again. Its zero value is ready. It is used by one goroutine at a time.
type Codecs struct {
	inflate io.ReadCloser
	zs      *zstd.Decoder
	limit   int // of zs
}

// Close gives them up.
func (c *Codecs) Close() {
	if c.zs != nil {
		c.zs.Close()
	}
}

// open appends what b decompresses to, limit bytes at most.
func (c *Codecs) open(dst []byte, codec string, b []byte, limit int) ([]byte, error) {
	switch codec {
	case Deflate:
		return c.deflate(dst, b, limit)
	case Snappy:
		return unsnappy(dst, b, limit)
	case Zstandard:
		return c.zstandard(dst, b, limit)
	}
	return append(dst, b...), nil
}

func tooLarge(limit int) error {
	return fmt.Errorf("a block decompresses to more than %d bytes: %w", limit, ErrLimit)
}

func (c *Codecs) deflate(dst, b []byte, limit int) ([]byte, error) {
	src := bytes.NewReader(b)
	if c.inflate == nil {
		c.inflate = flate.NewReader(src)
	} else if err := c.inflate.(flate.Resetter).Reset(src, nil); err != nil {
		return nil, err
	}
	out := bytes.NewBuffer(dst)
	n, err := out.ReadFrom(io.LimitReader(c.inflate, int64(limit)+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("deflate: %w", err)
	case n > int64(limit):
		return nil, tooLarge(limit)
	case src.Len() > 0:
		return nil, fmt.Errorf("deflate: %d bytes follow its end", src.Len())
	}
	return out.Bytes(), nil
}

func unsnappy(dst, b []byte, limit int) ([]byte, error) {
	if len(b) < crc32.Size {
		return nil, errors.New("snappy: no checksum")
	}
	body, sum := b[:len(b)-crc32.Size], binary.BigEndian.Uint32(b[len(b)-crc32.Size:])
	n, err := s2.DecodedLen(body)
	switch {
	case err != nil:
		return nil, fmt.Errorf("snappy: %w", err)
	case n > limit:
		return nil, tooLarge(limit)
	case n > maxSnappyGrowth*len(body)+64:
		return nil, errors.New("snappy: its length is more than it can hold")
	}
	begun := len(dst)
	dst = slices.Grow(dst, n)[:begun+n]
	if _, err := s2.Decode(dst[begun:], body); err != nil {
		return nil, fmt.Errorf("snappy: %w", err)
	}
	if got := crc32.ChecksumIEEE(dst[begun:]); got != sum {
		return nil, fmt.Errorf("snappy: its checksum is %08x, it says %08x", got, sum)
	}
	return dst, nil
}

// maxSnappyGrowth is more than snappy makes of a byte: a copy of 64 bytes takes two.
const maxSnappyGrowth = 64

func (c *Codecs) zstandard(dst, b []byte, limit int) ([]byte, error) {
	if c.zs == nil || c.limit != limit {
		c.Close()
		zs, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(uint64(max(limit, zstd.MinWindowSize))))
		if err != nil {
			return nil, fmt.Errorf("zstandard: %w", err)
		}
		c.zs, c.limit = zs, limit
	}
	begun := len(dst)
	out, err := c.zs.DecodeAll(b, dst)
	switch {
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return nil, fmt.Errorf("zstandard: a block needs a window of more than %d bytes to be decompressed: %w", limit, ErrLimit)
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), err == nil && len(out)-begun > limit:
		return nil, tooLarge(limit)
	case err != nil:
		return nil, fmt.Errorf("zstandard: %w", err)
	}
	return out, nil
}

package parquetfile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// Codecs are decompressors that are used again. Its zero value is ready. It is used by one goroutine at a time.
type Codecs struct {
	gz *gzip.Reader
	zs *zstd.Decoder
	br *brotli.Reader
}

// Close gives them up.
func (c *Codecs) Close() {
	if c.zs != nil {
		c.zs.Close()
	}
}

func checkCodec(c format.CompressionCodec) error {
	switch c {
	case format.Uncompressed, format.Snappy, format.Gzip, format.Zstd, format.Lz4Raw, format.Lz4, format.Brotli:
		return nil
	}
	return fmt.Errorf("%s: %w (none, snappy, gzip, zstd, brotli, LZ4 and LZ4_RAW are)", c, ErrCodec)
}

// zstdWindow is the largest window of a zstd page.
const zstdWindow = 64 << 20

// inflate appends what b decompresses to, which must be size bytes. The caller has seen that there may be that many.
func (c *Codecs) inflate(dst []byte, codec format.CompressionCodec, b []byte, size int) (out []byte, err error) {
	begun := len(dst)
	switch codec {
	case format.Uncompressed:
		out = append(dst, b...)
	case format.Snappy:
		if n, err := s2.DecodedLen(b); err != nil {
			return dst, fmt.Errorf("snappy: %w: %w", ErrCorrupt, err)
		} else if n != size {
			return dst, wrongSize(n, size)
		}
		dst = slices.Grow(dst, size)[:begun+size]
		if _, err := s2.Decode(dst[begun:], b); err != nil {
			return dst[:begun], fmt.Errorf("snappy: %w: %w", ErrCorrupt, err)
		}
		out = dst
	case format.Lz4Raw:
		dst = slices.Grow(dst, size)[:begun+size]
		n, err := lz4.UncompressBlock(b, dst[begun:])
		if err != nil {
			return dst[:begun], fmt.Errorf("lz4: %w: %w", ErrCorrupt, err)
		}
		out = dst[:begun+n]
	case format.Lz4:
		out, err = oldLZ4(dst, b, size)
	default:
		out, err = c.stream(dst, codec, b, size)
	}
	if err == nil && len(out)-begun != size {
		err = wrongSize(len(out)-begun, size)
	}
	return out, err
}

// oldLZ4 decompresses what the codec LZ4 stands for, which its specification gives up because writers did not agree: Hadoop's blocks, each
// with both of its lengths in front, or one bare block. What has the form of the former to the last byte is that.
func oldLZ4(dst, b []byte, size int) ([]byte, error) {
	begun := len(dst)
	dst = slices.Grow(dst, size)
	if out, ok := hadoopLZ4(dst, b, size); ok {
		return out, nil
	}
	out := dst[:begun+size]
	n, err := lz4.UncompressBlock(b, out[begun:])
	if err != nil {
		return dst, fmt.Errorf("lz4: %w: %w", ErrCorrupt, err)
	}
	return out[:begun+n], nil
}

// hadoopLZ4 reports whether b is blocks of Hadoop that become size bytes. A block may come in several pieces.
func hadoopLZ4(dst, b []byte, size int) ([]byte, bool) {
	end := len(dst) + size
	for len(b) > 0 {
		if len(b) < 8 {
			return dst, false
		}
		left := int64(binary.BigEndian.Uint32(b))
		if b = b[4:]; left > int64(end-len(dst)) {
			return dst, false
		}
		for left > 0 {
			if len(b) < 4 {
				return dst, false
			}
			packed := int64(binary.BigEndian.Uint32(b))
			if b = b[4:]; packed > int64(len(b)) {
				return dst, false
			}
			at := len(dst)
			n, err := lz4.UncompressBlock(b[:packed], dst[at:at+int(left)])
			if err != nil || n == 0 {
				return dst, false
			}
			dst, b, left = dst[:at+n], b[packed:], left-int64(n)
		}
	}
	return dst, len(dst) == end
}

func wrongSize(got, want int) error {
	return fmt.Errorf("it decompresses to %d bytes or more, its header says %d: %w", got, want, ErrCorrupt)
}

// stream decompresses what does not say how long it becomes, or can not be believed.
func (c *Codecs) stream(dst []byte, codec format.CompressionCodec, b []byte, size int) ([]byte, error) {
	var r io.Reader
	if codec == format.Brotli {
		if c.br == nil {
			c.br = new(brotli.Reader)
		}
		if err := c.br.Reset(bytes.NewReader(b)); err != nil {
			return dst, fmt.Errorf("brotli: %w: %w", ErrCorrupt, err)
		}
		r = c.br
	} else if codec == format.Gzip {
		if c.gz == nil {
			c.gz = new(gzip.Reader)
		}
		if err := c.gz.Reset(bytes.NewReader(b)); err != nil {
			return dst, fmt.Errorf("gzip: %w: %w", ErrCorrupt, err)
		}
		r = c.gz
	} else {
		if c.zs == nil {
			zs, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
			if err != nil {
				return dst, fmt.Errorf("zstd: %w", err)
			}
			c.zs = zs
		}
		if err := c.zs.Reset(bytes.NewReader(b)); err != nil {
			return dst, fmt.Errorf("zstd: %w: %w", ErrCorrupt, err)
		}
		r = c.zs
	}
	// It is not believed that there are size bytes: room is made as they come.
	for begun := len(dst); ; {
		room := min(max(64<<10, len(dst)-begun), begun+size+1-len(dst))
		if room <= 0 {
			return dst, nil // one too many, which is the caller's to say
		}
		at := len(dst)
		dst = slices.Grow(dst, room)[:at+room]
		n, err := io.ReadFull(r, dst[at:])
		dst = dst[:at+n]
		switch {
		case err == nil:
		case err == io.EOF, err == io.ErrUnexpectedEOF && n < room && c.ended(r):
			return dst, nil
		default:
			return dst, fmt.Errorf("%s: %w: %w", codec, ErrCorrupt, err)
		}
	}
}

// ended reports whether r is at its end, and not in the middle of something: io.ReadFull calls both by one name.
func (c *Codecs) ended(r io.Reader) bool {
	var one [1]byte
	n, err := r.Read(one[:])
	return n == 0 && err == io.EOF
}

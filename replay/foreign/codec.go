package foreign

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"backstitch/replay/ocf"
	"backstitch/replay/parquetfile"
	"backstitch/replay/record"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// What a stream is compressed with is said by its name. Snappy has two framings, that of Google and that of the Java library
// which Kafka Connect uses; the first byte tells them apart.

// codecs are decompressors that are used again. Its zero value is ready.
type codecs struct {
	gz  gzip.Reader
	zs  *zstd.Decoder
	raw []byte // compressed bytes of a zstd object
	// text is what the last one became. A pool may be empty where the next is decoded, and new memory costs more than hashing what is in it.
	text *record.Buffer
	// How many times as large a zstd object became that did not say so: the next one will do about the same. 0 before the first.
	times int64
	avro  ocf.Codecs // of blocks

	parquet parquetfile.Codecs // of pages
}

func (c *codecs) close() {
	if c.zs != nil {
		c.zs.Close()
	}
	c.avro.Close()
	c.parquet.Close()
	if c.text != nil {
		c.text.Done()
	}
}

// room returns a buffer with room for n bytes: that of the object before, if nobody reads that any more.
func (c *codecs) room(n int) *record.Buffer {
	if c.text != nil && c.text.Alone() && cap(c.text.B) >= n {
		c.text.B = c.text.B[:0]
		return c.text.Use()
	}
	if c.text != nil {
		c.text.Done()
	}
	c.text = record.NewBuffer(n)
	return c.text.Use()
}

// zstdMemory is the least window that a zstd stream is given.
const zstdMemory = 8 << 20

func (c *codecs) zstd(whole int64) (*zstd.Decoder, error) {
	if c.zs != nil {
		return c.zs, nil
	}
	// Concurrency 1: the reader has its own goroutine already, and this one would need closing on every path.
	zs, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(uint64(max(whole, zstdMemory))))
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	c.zs = zs
	return zs, nil
}

// decompress returns a reader of what r holds under codec.
func (c *codecs) decompress(r io.Reader, codec string) (io.Reader, error) {
	switch codec {
	case "":
		return r, nil
	case ".gz":
		if err := c.gz.Reset(r); err != nil {
			return nil, err
		}
		return &c.gz, nil
	case ".zst":
		zs, err := c.zstd(0)
		if err != nil {
			return nil, err
		}
		if err := zs.Reset(r); err != nil {
			return nil, err
		}
		return zs, nil
	case ".snappy":
		return snappy(r)
	case ".lz4":
		return lz4.NewReader(r), nil
	}
	return nil, fmt.Errorf("compression %q is not known", codec)
}

// leastTimes is what a zstd object is taken to grow by as long as none was seen.
const leastTimes = 4

// whole decodes a zstd object at once if it is likely to fit, and otherwise returns a reader of all of it. Its header may say how large it
// becomes; what was compressed as a stream does not, and is most of what there is.
func (c *codecs) whole(b io.Reader, size, limit int64) (*record.Buffer, io.Reader, error) {
	zs, err := c.zstd(limit)
	if err != nil {
		return nil, nil, err
	}
	if size > limit {
		return nil, b, nil
	}
	if int64(cap(c.raw)) < size {
		c.raw = make([]byte, size)
	}
	c.raw = c.raw[:size]
	if _, err := io.ReadFull(b, c.raw); err != nil {
		return nil, nil, err
	}
	var h zstd.Header
	if err := h.Decode(c.raw); err != nil {
		return nil, nil, err
	}
	room := max(c.times, leastTimes) * size
	if h.HasFCS {
		room = int64(min(h.FrameContentSize, math.MaxInt64))
	}
	if room > limit {
		return nil, bytes.NewReader(c.raw), nil
	}
	buf := c.room(int(room) + 16)
	buf.B, err = zs.DecodeAll(c.raw, buf.B)
	larger := errors.Is(err, zstd.ErrDecoderSizeExceeded) || int64(len(buf.B)) > limit
	if err == nil && !larger {
		c.times = int64(len(buf.B))/size + 1
		return buf, nil, nil
	}
	buf.Done()
	if larger {
		c.times = limit/size + 1 // those like it are not tried again
	}
	// It may be too large to hold, and what comes before damage is worth having: the stream reader gets to see it.
	return nil, bytes.NewReader(c.raw), nil
}

// xerialMagic begins a stream of the Java library.
var xerialMagic = []byte("\x82SNAPPY\x00")

// maxSnappyBlock bounds one block of either framing; the Java library writes 32 KiB, Google's has 64 KiB.
const maxSnappyBlock = 4 << 20

func snappy(r io.Reader) (io.Reader, error) {
	in := bufio.NewReader(r)
	head, err := in.Peek(len(xerialMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if !bytes.Equal(head, xerialMagic) {
		return s2.NewReader(in, s2.ReaderMaxBlockSize(maxSnappyBlock)), nil
	}
	if _, err := in.Discard(len(xerialMagic) + 8); err != nil { // two versions behind the magic
		return nil, err
	}
	return &xerial{r: in}, nil
}

// xerial reads blocks that have their compressed length in front.
type xerial struct {
	r     *bufio.Reader
	raw   []byte
	block []byte
	rest  []byte
}

func (x *xerial) Read(p []byte) (int, error) {
	for len(x.rest) == 0 {
		var head [4]byte
		if _, err := io.ReadFull(x.r, head[:]); err != nil {
			return 0, err // io.EOF between blocks
		}
		n := binary.BigEndian.Uint32(head[:])
		if n > maxSnappyBlock {
			return 0, fmt.Errorf("snappy block of %d bytes", n)
		}
		if uint32(cap(x.raw)) < n {
			x.raw = make([]byte, n)
		}
		x.raw = x.raw[:n]
		if _, err := io.ReadFull(x.r, x.raw); err != nil {
			return 0, io.ErrUnexpectedEOF
		}
		size, err := s2.DecodedLen(x.raw)
		if err != nil {
			return 0, err
		}
		if size > maxSnappyBlock {
			return 0, fmt.Errorf("snappy block of %d bytes, decompressed", size)
		}
		if x.block, err = s2.Decode(x.block[:cap(x.block)], x.raw); err != nil {
			return 0, err
		}
		x.rest = x.block
	}
	n := copy(p, x.rest)
	x.rest = x.rest[n:]
	return n, nil
}

package snap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/zeebo/xxh3"

	"backstitch/storage"
)

// state.bin is a row of chunks: length u32, CRC32C u32 over number, length and payload, payload. The number of the chunk is
// part of the checksum without being stored, so that a chunk in the wrong place is found. Big endian.
const (
	chunkHead = 8
	chunkSize = 256 << 10
)

func chunkSum(number uint64, payload []byte) uint32 {
	var head [12]byte
	binary.BigEndian.PutUint64(head[:], number)
	binary.BigEndian.PutUint32(head[8:], uint32(len(payload)))
	return storage.Checksum(head[:], payload)
}

// chunkWriter cuts what is written into chunks and sums up all of it.
type chunkWriter struct {
	w      io.Writer
	buf    []byte
	number uint64
	size   int64
	hash   *xxh3.Hasher
}

func newChunkWriter(w io.Writer) *chunkWriter {
	return &chunkWriter{w: w, buf: make([]byte, chunkHead, chunkHead+chunkSize), hash: xxh3.New()}
}

func (c *chunkWriter) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		n := min(len(p), cap(c.buf)-len(c.buf))
		c.buf, p = append(c.buf, p[:n]...), p[n:]
		if len(c.buf) == cap(c.buf) {
			if err := c.flush(); err != nil {
				return 0, err
			}
		}
	}
	return written, nil
}

func (c *chunkWriter) flush() error {
	payload := c.buf[chunkHead:]
	if len(payload) == 0 {
		return nil
	}
	binary.BigEndian.PutUint32(c.buf, uint32(len(payload)))
	binary.BigEndian.PutUint32(c.buf[4:], chunkSum(c.number, payload))
	_, _ = c.hash.Write(payload) // a hash never fails
	c.number++
	c.size += int64(len(payload))
	_, err := c.w.Write(c.buf) // may scribble over buf, which is not read again
	c.buf = c.buf[:chunkHead]
	return err
}

func (c *chunkWriter) sum() string { return hexSum(c.hash) }

func hexSum(h *xxh3.Hasher) string {
	s := h.Sum128().Bytes()
	return fmt.Sprintf("%x", s[:])
}

// chunkReader gives the payloads back and fails at the first chunk that is not what was written. At the end it fails unless
// size and sum are those of the manifest.
type chunkReader struct {
	r      io.Reader
	want   manifest
	chunk  []byte // payload not yet served
	buf    []byte
	number uint64
	size   int64
	hash   *xxh3.Hasher
	err    error
}

func newChunkReader(r io.Reader, want manifest) *chunkReader {
	return &chunkReader{r: r, want: want, buf: make([]byte, chunkSize), hash: xxh3.New()}
}

func (c *chunkReader) Read(p []byte) (int, error) {
	for len(c.chunk) == 0 {
		if c.err != nil {
			return 0, c.err
		}
		c.err = c.next()
	}
	n := copy(p, c.chunk)
	c.chunk = c.chunk[n:]
	return n, nil
}

func (c *chunkReader) next() error {
	var head [chunkHead]byte
	switch _, err := io.ReadFull(c.r, head[:]); {
	case errors.Is(err, io.EOF):
		return c.end()
	case err != nil:
		return c.damaged(err)
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 || n > chunkSize {
		return c.damaged(fmt.Errorf("its length is %d", n))
	}
	payload := c.buf[:n]
	if _, err := io.ReadFull(c.r, payload); err != nil {
		return c.damaged(err)
	}
	if got, want := chunkSum(c.number, payload), binary.BigEndian.Uint32(head[4:]); got != want {
		return c.damaged(fmt.Errorf("checksum is %08x, want %08x", got, want))
	}
	_, _ = c.hash.Write(payload)
	c.number, c.size, c.chunk = c.number+1, c.size+int64(n), payload
	return nil
}

func (c *chunkReader) end() error {
	if c.size != c.want.Bytes || hexSum(c.hash) != c.want.XXH3 {
		return storage.Damaged("snapshot "+c.want.ID, fmt.Errorf("state has %d bytes and sum %s, want %d and %s",
			c.size, hexSum(c.hash), c.want.Bytes, c.want.XXH3))
	}
	return io.EOF
}

func (c *chunkReader) damaged(cause error) error {
	return storage.Damaged(fmt.Sprintf("snapshot %s chunk %d", c.want.ID, c.number), cause)
}

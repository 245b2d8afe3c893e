package ocf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// blockBytes is where a block that is written is full, before it is compressed.
const blockBytes = 64 << 10

// Writer makes one object in memory. The same datums, codec and marker make the same bytes. It is used by one goroutine.
type Writer struct {
	out    []byte
	codec  string
	marker [MarkerLen]byte
	block  []byte
	count  int64
	pack   packer
}

// NewWriter begins an object: ErrCodec. schema is its JSON and is not looked at. The marker should be one that datums do not hold: a reader
// that has to look for it takes the first that it finds.
func NewWriter(schema, codec string, marker [MarkerLen]byte) (*Writer, error) {
	if codec == "" {
		codec = Null
	}
	if err := checkCodec(codec); err != nil {
		return nil, err
	}
	w := &Writer{codec: codec, marker: marker}
	w.out = append(w.out, magic...)
	w.out = AppendLong(w.out, 2)
	for _, s := range []string{"avro.codec", codec, "avro.schema", schema} {
		w.out = AppendBytes(w.out, []byte(s))
	}
	w.out = AppendLong(w.out, 0)
	w.out = append(w.out, marker[:]...)
	return w, nil
}

// Datum adds a record that is already in its binary form.
func (w *Writer) Datum(datum []byte) error {
	w.block = append(w.block, datum...)
	if w.count++; len(w.block) >= blockBytes {
		return w.flush()
	}
	return nil
}

// Size is about how long the object is so far, in bytes.
func (w *Writer) Size() int { return len(w.out) + len(w.block) }

func (w *Writer) flush() error {
	if w.count == 0 {
		return nil
	}
	stored, err := w.pack.pack(w.codec, w.block)
	if err != nil {
		return fmt.Errorf("compress a block: %w", err)
	}
	w.out = AppendBytes(AppendLong(w.out, w.count), stored)
	w.out = append(w.out, w.marker[:]...)
	w.block, w.count = w.block[:0], 0
	return nil
}

// Close returns the object.
func (w *Writer) Close() ([]byte, error) {
	if err := w.flush(); err != nil {
		return nil, err
	}
	return w.out, nil
}

// packer compresses blocks.
type packer struct {
	out bytes.Buffer
	zs  *zstd.Encoder
	fl  *flate.Writer
}

func (p *packer) pack(codec string, b []byte) (_ []byte, err error) {
	switch codec {
	case Deflate:
		p.out.Reset()
		if p.fl == nil {
			if p.fl, err = flate.NewWriter(&p.out, flate.DefaultCompression); err != nil {
				return nil, err
			}
		} else {
			p.fl.Reset(&p.out)
		}
		if _, err := io.Copy(p.fl, bytes.NewReader(b)); err != nil {
			return nil, err
		}
		err := p.fl.Close()
		return p.out.Bytes(), err
	case Snappy:
		return binary.BigEndian.AppendUint32(s2.EncodeSnappy(nil, b), crc32.ChecksumIEEE(b)), nil
	case Zstandard:
		if p.zs == nil {
			if p.zs, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true), zstd.WithLowerEncoderMem(true)); err != nil {
				return nil, err
			}
		}
		return p.zs.EncodeAll(b, nil), nil
	}
	return b, nil
}

// AppendLong appends an int or a long, or the number of a union's branch.
func AppendLong(dst []byte, v int64) []byte { return binary.AppendVarint(dst, v) }

// AppendBytes appends bytes or a string.
func AppendBytes(dst, b []byte) []byte { return append(AppendLong(dst, int64(len(b))), b...) }

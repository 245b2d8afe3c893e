package confluent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"backstitch/replay/bucket"
	"backstitch/replay/record"
	"backstitch/replay/source"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Opening one object as a stream of lines. The trap: an object that is cut short and a connection that breaks off look the
// same to a decompressor. body tells them apart, because only it knows how many bytes were to come. The first is damage and
// stays; the second is worth a retry and must never reach a quarantine list.

// errBroken is a transport that failed in the middle of an object.
var errBroken = errors.New("connection broke off")

// body counts what comes from the store.
type body struct {
	io.ReadCloser
	left int64
	fail error
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	switch {
	case err == io.EOF && b.left > 0:
		b.fail = fmt.Errorf("%w: %d bytes were to come: %w", errBroken, b.left, io.ErrUnexpectedEOF)
	case err != nil && err != io.EOF:
		b.fail = fmt.Errorf("%w: %w", errBroken, err)
	default:
		return n, err
	}
	return n, b.fail
}

// opener opens objects one after the other, reusing decompressors. It is used by one goroutine.
type opener struct {
	b   bucket.Bucket
	cfg *Config
	gz  gzip.Reader
	zs  *zstd.Decoder
	raw []byte // compressed bytes of a zstd object
}

func (o *opener) close() {
	if o.zs != nil {
		o.zs.Close()
	}
}

// stream is one open object.
type stream struct {
	*lines
	body    *body
	onClose func() // nil, or what else ends with it
}

func (s *stream) close() {
	s.lines.close()
	s.body.Close() //nolint:errcheck // it was only read
	if s.onClose != nil {
		s.onClose()
	}
}

// open opens key, whose format and compression its extension tells. The error may be a damage that damage classifies.
func (o *opener) open(ctx context.Context, key, etag, ext string) (*stream, error) {
	r, in, err := o.b.Get(ctx, key, etag)
	switch {
	case errors.Is(err, bucket.ErrNotFound):
		return nil, fmt.Errorf("%w: %w", source.ErrGone, err)
	case errors.Is(err, bucket.ErrChanged):
		return nil, fmt.Errorf("%w: %w", source.ErrChanged, err)
	case err != nil:
		return nil, err
	}
	base, codec := codecOf(ext)
	s := &stream{body: &body{ReadCloser: r, left: in.Size}}
	skip := base != "."+string(Bytes)
	if s.lines, err = o.decompress(s.body, in.Size, codec, skip); err != nil {
		if s.body.fail != nil {
			err = s.body.fail
		}
		return nil, errors.Join(err, r.Close())
	}
	return s, nil
}

func (o *opener) decompress(b *body, size int64, codec string, skip bool) (*lines, error) {
	var src io.Reader = b
	switch codec {
	case ".gz":
		if err := o.gz.Reset(b); err != nil {
			return nil, asDamage(err)
		}
		src = &o.gz
	case ".zst":
		if o.zs == nil {
			// Concurrency 1: the reader has its own goroutine already, and this one would need closing on every path.
			zs, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(uint64(max(o.cfg.WholeBytes, 8<<20))))
			if err != nil {
				return nil, fmt.Errorf("zstd: %w", err)
			}
			o.zs = zs
		}
		whole, rest, err := o.whole(b, size)
		if err != nil {
			return nil, asDamage(err)
		}
		if whole != nil {
			return wholeLines(whole, o.cfg.MaxRecordBytes, skip), nil
		}
		if err := o.zs.Reset(rest); err != nil {
			return nil, asDamage(err)
		}
		src = o.zs
	}
	return newLines(&bounded{r: src, left: o.cfg.MaxObjectBytes, body: b}, o.cfg.MaxRecordBytes, skip), nil
}

// whole decodes a zstd object at once if its header says that it fits, and otherwise returns a reader of all of it.
func (o *opener) whole(b *body, size int64) (*record.Buffer, io.Reader, error) {
	if size > o.cfg.WholeBytes {
		return nil, b, nil
	}
	if int64(cap(o.raw)) < size {
		o.raw = make([]byte, size)
	}
	o.raw = o.raw[:size]
	if _, err := io.ReadFull(b, o.raw); err != nil {
		return nil, nil, err
	}
	var h zstd.Header
	if err := h.Decode(o.raw); err != nil {
		return nil, nil, err
	}
	if !h.HasFCS || h.FrameContentSize > uint64(o.cfg.WholeBytes) {
		return nil, bytes.NewReader(o.raw), nil
	}
	buf := record.NewBuffer(int(h.FrameContentSize) + 16)
	var err error
	if buf.B, err = o.zs.DecodeAll(o.raw, buf.B); err != nil {
		buf.Done()
		// Several frames may together be too large to hold, and what comes before damage is worth having: the stream reader
		// gets to see it.
		return nil, bytes.NewReader(o.raw), nil
	}
	return buf, nil, nil
}

// bounded ends a stream with an error beyond its ceiling, and blames the transport where it was the transport.
type bounded struct {
	r    io.Reader
	left int64
	body *body
}

func (r *bounded) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if r.left -= int64(n); r.left < 0 {
		return 0, &damageError{code: source.CodeTooLarge, err: errors.New("object decompresses to more than the ceiling")}
	}
	switch {
	case r.body.fail != nil:
		err = r.body.fail
	case err != nil && err != io.EOF:
		err = asDamage(err)
	}
	return n, err
}

// damageError is damage before it has a position.
type damageError struct {
	code string
	err  error
}

func (e *damageError) Error() string { return e.err.Error() }
func (e *damageError) Unwrap() error { return e.err }

// asDamage gives a decompressor's error a code.
func asDamage(err error) error {
	if errors.Is(err, errBroken) {
		return err
	}
	code := source.CodeCorrupt
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		code = source.CodeTruncated
		err = io.ErrUnexpectedEOF
	}
	return &damageError{code: code, err: err}
}

package objects

import (
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Compression of whole objects, for formats of text. Each is the stream that readers know by its ending: snappy is that of its framing
// format, which has lengths and checksums, and lz4 a frame. Avro and Parquet compress inside.

// codecEndings are what the name of an object says of its compression.
var codecEndings = map[string]string{"none": "", "gzip": ".gz", "zstd": ".zst", "snappy": ".snappy", "lz4": ".lz4"}

// maxDecoded bounds what is made of an object, or of one of its blocks, when it is read back. What was written was smaller than a buffer of records.
const maxDecoded = 1 << 30

// maxSnappyBlock is what the framing format allows in a chunk, in bytes.
const maxSnappyBlock = 64 << 10

// compressText returns text in memory of its own.
func compressText(codec string, text []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := compressor(codec, &out)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, fmt.Errorf("compress with %s: %w", codec, err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compress with %s: %w", codec, err)
	}
	return out.Bytes(), nil
}

func compressor(codec string, to io.Writer) (io.WriteCloser, error) {
	switch codec {
	case "gzip":
		return gzip.NewWriter(to), nil
	case "zstd":
		return zstd.NewWriter(to, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true))
	case "snappy":
		return s2.NewWriter(to, s2.WriterSnappyCompat(), s2.WriterConcurrency(1)), nil
	case "lz4":
		return lz4.NewWriter(to), nil
	}
	return nil, fmt.Errorf("compression %q is not known", codec)
}

// decompressText returns what compressText was given, of limit bytes at most.
func decompressText(codec string, body []byte, limit int64) ([]byte, error) {
	var from io.Reader
	in := bytes.NewReader(body)
	switch codec {
	case "none":
		return body, nil
	case "gzip":
		r, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		from = r
	case "zstd":
		r, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(64<<20))
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
		defer r.Close()
		from = r
	case "snappy":
		from = s2.NewReader(in, s2.ReaderMaxBlockSize(maxSnappyBlock))
	case "lz4":
		from = lz4.NewReader(in)
	default:
		return nil, fmt.Errorf("compression %q is not known", codec)
	}
	text, err := io.ReadAll(io.LimitReader(from, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", codec, err)
	case int64(len(text)) > limit:
		return nil, fmt.Errorf("%s: it becomes more than %d bytes", codec, limit)
	}
	return text, nil
}

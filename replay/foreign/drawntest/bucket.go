package drawntest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"

	"backstitch/replay/bucket"
)

// Files are objects by key. As a bucket they are in memory, so that a test may make thousands of them.
type Files map[string][]byte

func (f Files) info(key string) bucket.Info {
	return bucket.Info{Key: key, ETag: fmt.Sprintf("%08x", crc32.ChecksumIEEE(f[key])), Size: int64(len(f[key]))}
}

// List is bucket.Bucket's.
func (f Files) List(ctx context.Context, prefix string) iter.Seq2[bucket.Info, error] {
	return func(yield func(bucket.Info, error) bool) {
		for _, key := range slices.Sorted(maps.Keys(f)) {
			if strings.HasPrefix(key, prefix) && !yield(f.info(key), ctx.Err()) {
				return
			}
		}
	}
}

func (f Files) find(key, etag string) (bucket.Info, error) {
	if _, there := f[key]; !there {
		return bucket.Info{}, fmt.Errorf("%w: %s", bucket.ErrNotFound, key)
	}
	in := f.info(key)
	if etag != "" && etag != in.ETag {
		return in, fmt.Errorf("%w: %s", bucket.ErrChanged, key)
	}
	return in, nil
}

// Get is bucket.Bucket's.
func (f Files) Get(_ context.Context, key, etag string) (io.ReadCloser, bucket.Info, error) {
	in, err := f.find(key, etag)
	if err != nil {
		return nil, in, err
	}
	return io.NopCloser(bytes.NewReader(f[key])), in, nil
}

// GetRange is bucket.Bucket's.
func (f Files) GetRange(_ context.Context, key, etag string, off, length int64) ([]byte, error) {
	if _, err := f.find(key, etag); err != nil {
		return nil, err
	}
	body := f[key]
	if off < 0 {
		off = max(int64(len(body))+off, 0)
	}
	if off+length > int64(len(body)) {
		return nil, io.ErrUnexpectedEOF
	}
	return bytes.Clone(body[off : off+length]), nil
}

// PutNew is bucket.Bucket's: nobody writes here.
func (f Files) PutNew(context.Context, string, []byte) (bucket.Info, error) {
	return bucket.Info{}, errors.New("files that were drawn are only read")
}

// URL is bucket.Bucket's.
func (f Files) URL() string { return "memory" }

package objects_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"

	"backstitch/replay/bucket"
)

// memory is a bucket with versions and checksums that says of each object what a test wants it to say.
type memory struct {
	bucket.Bucket // nil: what is not below is never called
	url           string
	keys          map[string][]*version // newest first
	cutAfter      string                // the listing breaks off behind this key, if it is there
	silent        bool                  // no request for an object is answered
}

type version struct {
	id, body  string
	deleted   bool
	checksums []bucket.Checksum
	md5       bool
	broken    error // what Describe and Open say
}

func newMemory(url string) *memory { return &memory{url: url, keys: map[string][]*version{}} }

// put makes v the current version of key.
func (m *memory) put(key string, v version) {
	v.id = fmt.Sprintf("v%d", len(m.keys[key])+1)
	m.keys[key] = append([]*version{&v}, m.keys[key]...)
}

func (v *version) etag() string {
	sum := md5.Sum([]byte(v.body))
	return hex.EncodeToString(sum[:])
}

func (v *version) info(key string) bucket.Info {
	return bucket.Info{Key: key, ETag: v.etag(), Size: int64(len(v.body))}
}

func (m *memory) URL() string { return m.url }

func (m *memory) Versions(context.Context, string) iter.Seq2[bucket.Version, error] {
	return func(yield func(bucket.Version, error) bool) {
		for _, key := range slices.Sorted(maps.Keys(m.keys)) {
			if m.cutAfter != "" && key > m.cutAfter {
				yield(bucket.Version{}, fmt.Errorf("list %s: %w", m.url, bucket.ErrDenied))
				return
			}
			for i, v := range m.keys[key] {
				out := bucket.Version{Info: v.info(key), ID: v.id, Latest: i == 0, Deleted: v.deleted}
				if v.deleted {
					out.Info = bucket.Info{Key: key}
				}
				if !yield(out, nil) {
					return
				}
			}
		}
	}
}

func (m *memory) Objects(ctx context.Context, prefix string) iter.Seq2[bucket.Info, error] {
	return func(yield func(bucket.Info, error) bool) {
		for v, err := range m.Versions(ctx, prefix) {
			if err == nil && (v.Deleted || !v.Latest) {
				continue
			}
			if !yield(v.Info, err) {
				return
			}
		}
	}
}

func (m *memory) find(key, id string) (*version, error) {
	if m.silent {
		return nil, fmt.Errorf("%s: 503 slow down", key)
	}
	for _, v := range m.keys[key] {
		if id == "" || v.id == id {
			return v, v.broken
		}
	}
	return nil, bucket.ErrNotFound
}

func (m *memory) Describe(_ context.Context, key, id string) (bucket.Description, error) {
	v, err := m.find(key, id)
	if err != nil {
		return bucket.Description{}, err
	}
	d := bucket.Description{Info: v.info(key), Checksums: v.checksums}
	if v.md5 {
		d.MD5 = d.ETag
	}
	return d, nil
}

func (m *memory) Open(_ context.Context, key, id, _ string) (io.ReadCloser, error) {
	v, err := m.find(key, id)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(strings.NewReader(v.body)), nil
}

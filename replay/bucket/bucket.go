// Package bucket is the little that backstitch needs of an object store: list, read, write once. Backends are s3 and dir.
package bucket

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"
)

// Info is one object as a listing shows it.
type Info struct {
	Key      string
	ETag     string // quotes removed; dir: "size-mtimeNanos"
	Size     int64
	Modified time.Time
}

// Bucket is one prefix of one store; keys are relative to it. It is safe for concurrent use.
type Bucket interface {
	// List streams the objects under prefix in key order, never holding the whole listing.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
	// Get reads a whole object. A non-empty etag must still match: ErrChanged. No such key: ErrNotFound.
	Get(ctx context.Context, key, etag string) (io.ReadCloser, Info, error)
	// GetRange reads length bytes from off; a negative off counts from the end.
	GetRange(ctx context.Context, key, etag string, off, length int64) ([]byte, error)
	// PutNew writes an object that must not exist yet: ErrExists. It is atomic: a reader sees nothing or all of it. An
	// ambiguous reply is resolved by reading back.
	PutNew(ctx context.Context, key string, body []byte) (Info, error)
	// URL is the location as a person writes it: s3://bucket/prefix or a path.
	URL() string
}

var (
	ErrNotFound = errors.New("no such object")
	ErrChanged  = errors.New("object changed")
	ErrExists   = errors.New("object exists already")
	// ErrNotConditional says that the store accepted a second conditional write of one key and so can not publish safely.
	ErrNotConditional = errors.New("store ignores If-None-Match")
)

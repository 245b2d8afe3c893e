// Package bucket is the little that backstitch needs of an object store: list, read, write once. Backends are s3 and dir,
// and replay/connect opens the one that an address names. replay/buckettest holds the suite that both pass.
//
// Invariants:
//   - Nothing is ever overwritten or deleted. PutNew is the only write.
//   - An object appears whole or not at all.
//   - An object that was read under an ETag is the one that was listed under it.
package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
	"unicode/utf8"
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

// Filler is a Bucket that reads into memory of its caller's, who reads much and would leave all of it to the garbage collector.
type Filler interface {
	// Fill reads len(buf) bytes from off into buf, and is GetRange otherwise.
	Fill(ctx context.Context, key, etag string, off int64, buf []byte) error
}

// Fill reads len(buf) bytes from off into buf, from any bucket.
func Fill(ctx context.Context, b Bucket, key, etag string, off int64, buf []byte) error {
	if f, ok := b.(Filler); ok {
		return f.Fill(ctx, key, etag, off, buf)
	}
	piece, err := b.GetRange(ctx, key, etag, off, int64(len(buf)))
	copy(buf, piece)
	return err
}

// Tagger is a Bucket whose objects have tags.
type Tagger interface {
	// Tags returns the tags of an object, none when it has none.
	Tags(ctx context.Context, key string) (map[string]string, error)
}

// Browser is a Bucket that can tell directories without listing what lies below them. Both backends are.
type Browser interface {
	// Directories streams those right below dir, as keys that end in a slash, in order. dir is "" or ends in a slash.
	Directories(ctx context.Context, dir string) iter.Seq2[string, error]
}

// Dated is a Bucket whose listing is older than what it holds, such as one by an inventory. What it does not list may be there,
// and what it lists may be gone or another.
type Dated interface {
	// Live lists what is there now.
	Live() Bucket
}

var (
	ErrNotFound = errors.New("no such object")
	ErrChanged  = errors.New("object changed")
	ErrExists   = errors.New("object exists already")
	ErrBadKey   = errors.New("not a key")
	// ErrNoBucket says that the bucket or directory itself is not there; an empty one is not an error.
	ErrNoBucket = errors.New("no such bucket")
	// ErrBroken says that an answer ended before its length. It says nothing about the object: asking again may help.
	ErrBroken = errors.New("connection broke off")
	// ErrNotConditional says that the store accepted a second conditional write of one key and so can not publish safely.
	ErrNotConditional = errors.New("store ignores If-None-Match")
)

// CheckKey refuses keys that could leave the bucket's prefix or that do not survive a file system: empty, absolute, with
// empty, "." or ".." elements, with a backslash, NUL or control characters, or longer than S3's 1024 bytes.
func CheckKey(key string) error {
	if key == "" || len(key) > 1024 || !utf8.ValidString(key) {
		return fmt.Errorf("key %.40q: want 1 to 1024 bytes of UTF-8: %w", key, ErrBadKey)
	}
	for elem := range strings.SplitSeq(key, "/") {
		if elem == "" || elem == "." || elem == ".." {
			return fmt.Errorf("key %q: element %q: %w", key, elem, ErrBadKey)
		}
	}
	for _, c := range key {
		if c < 0x20 || c == 0x7f || c == '\\' {
			return fmt.Errorf("key %q: character %q: %w", key, c, ErrBadKey)
		}
	}
	return nil
}

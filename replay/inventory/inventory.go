// Package inventory is a bucket that is listed by an S3 Inventory and read as it is now. A bucket of many million objects is
// listed by its inventory in minutes, and by LIST in hours.
//
// Invariants:
//   - A manifest is believed only under its checksum, and a data file only under that of the manifest.
//   - An inventory is no moment: it is hours old, and its files were not written at one time. So this is a bucket.Dated, and
//     whoever finds something missing looks at Live before saying so.
//   - What the inventory lacks and a comparison needs (the ETag), and formats that are not read, are refused by name.
//   - A directory that the inventory lacks as a whole is looked for (Complete), or it is said which were not asked.
//   - Noncurrent versions and delete markers are not listed, as LIST does not.
//
// What is not here: who asks for an inventory (replay/recovery/reach), what keys mean (replay/foreign).
//
// Reading order: inventory.go, complete.go, manifest.go, rows.go.
package inventory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"backstitch/replay/bucket"
)

// ErrInventory says that an inventory can not be used; the text says why.
var ErrInventory = errors.New("inventory can not be used")

// Config says what the inventory is of.
type Config struct {
	Bucket string // name of the source bucket, "" to believe the manifest
	Prefix string // what keys of Live are relative to, "" or ending in a slash
	// MaxKeys bounds the objects under Prefix, which are held: about 200 bytes each. 0 is DefaultMaxKeys.
	MaxKeys int
}

// DefaultMaxKeys take about a gigabyte.
const DefaultMaxKeys = 5_000_000

// Bucket is listed by an inventory. It satisfies bucket.Bucket and bucket.Dated.
type Bucket struct {
	bucket.Bucket
	m     *manifest
	infos []bucket.Info // by key
	max   int           // of them

	lacked []string // directories that Complete has added
	unseen *string
}

var _ bucket.Dated = (*Bucket)(nil)

// Open reads the newest inventory in at, the place of one inventory configuration (DESTINATION/SOURCE-BUCKET/CONFIG-ID), of what
// live holds.
func Open(ctx context.Context, live, at bucket.Bucket, cfg Config) (*Bucket, error) {
	if cfg.MaxKeys == 0 {
		cfg.MaxKeys = DefaultMaxKeys
	}
	m, err := newest(ctx, at)
	if err != nil {
		return nil, fmt.Errorf("inventory in %s: %w", at.URL(), err)
	}
	if cfg.Bucket != "" && m.SourceBucket != cfg.Bucket {
		return nil, fmt.Errorf("inventory in %s: it is of bucket %s, not of %s: %w", at.URL(), m.SourceBucket, cfg.Bucket, ErrInventory)
	}
	b := &Bucket{Bucket: live, m: m, max: cfg.MaxKeys}
	for _, f := range m.Files {
		if err := b.read(ctx, at, f, cfg); err != nil {
			return nil, fmt.Errorf("inventory in %s: %w", at.URL(), err)
		}
	}
	slices.SortFunc(b.infos, func(x, y bucket.Info) int { return strings.Compare(x.Key, y.Key) })
	return b, nil
}

// Date is when the inventory was begun, as its directory says.
func (b *Bucket) Date() string { return b.m.date }

// Time is Date.
func (b *Bucket) Time() time.Time { return b.m.time }

// Live is the bucket as it is now.
func (b *Bucket) Live() bucket.Bucket { return b.Bucket }

// Tags asks the bucket as it is now.
func (b *Bucket) Tags(ctx context.Context, key string) (map[string]string, error) {
	if t, ok := b.Bucket.(bucket.Tagger); ok {
		return t.Tags(ctx, key)
	}
	return nil, nil
}

// List lists what the inventory knows.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[bucket.Info, error] {
	return func(yield func(bucket.Info, error) bool) {
		for in := range b.under(prefix) {
			if err := ctx.Err(); err != nil {
				yield(bucket.Info{}, err)
				return
			}
			if !yield(in, nil) {
				return
			}
		}
	}
}

// all reads a small object whole.
func all(ctx context.Context, b bucket.Bucket, key, etag string, most int64) ([]byte, error) {
	r, _, err := b.Get(ctx, key, etag)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(r, most+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	if int64(len(text)) > most {
		return nil, fmt.Errorf("%s has more than %d bytes: %w", key, most, ErrInventory)
	}
	return text, nil
}

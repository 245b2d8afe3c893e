package throttle

import (
	"context"
	"io"

	"backstitch/replay/bucket"
)

// Bucket paces what is read of b's objects, as they are stored. Listings are not paced.
func (l *Limiter) Bucket(b bucket.Bucket) bucket.Bucket {
	if l == nil {
		return b
	}
	paced := pacedBucket{b, l}
	if tags, ok := b.(bucket.Tagger); ok {
		return &pacedTagged{paced, tags}
	}
	return &paced
}

type pacedBucket struct {
	bucket.Bucket
	l *Limiter
}

func (b *pacedBucket) Get(ctx context.Context, key, etag string) (io.ReadCloser, bucket.Info, error) {
	body, info, err := b.Bucket.Get(ctx, key, etag)
	if err != nil {
		return body, info, err
	}
	return &pacedBody{body, ctx, b.l}, info, nil
}

func (b *pacedBucket) GetRange(ctx context.Context, key, etag string, off, length int64) ([]byte, error) {
	piece, err := b.Bucket.GetRange(ctx, key, etag, off, length)
	if err != nil {
		return piece, err
	}
	return piece, b.l.Wait(ctx, int64(len(piece)))
}

// Fill is GetRange into memory of the caller's.
func (b *pacedBucket) Fill(ctx context.Context, key, etag string, off int64, buf []byte) error {
	if err := bucket.Fill(ctx, b.Bucket, key, etag, off, buf); err != nil {
		return err
	}
	return b.l.Wait(ctx, int64(len(buf)))
}

// pacedTagged keeps the upgrade that archives of other programs look for.
type pacedTagged struct {
	pacedBucket
	bucket.Tagger
}

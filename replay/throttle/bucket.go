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

// pacedTagged keeps the upgrade that archives of other programs look for.
type pacedTagged struct {
	pacedBucket
	bucket.Tagger
}

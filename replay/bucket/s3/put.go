package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"backstitch/replay/bucket"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/uuid"
)

// Writing once. The trap is the reply that never comes: the first attempt wrote the object, its answer was lost, the second
// attempt is told 412. Taking that 412 for "somebody else wrote it" would report a conflict with ourselves. So the library
// does not retry here, this file does, and it knows whether an earlier attempt may have gone through.

const (
	maxPutAttempts = 5
	maxPutBackoff  = 2 * time.Second
)

// PutNew writes an object that must not exist yet.
func (b *Bucket) PutNew(ctx context.Context, key string, body []byte) (bucket.Info, error) {
	if err := bucket.CheckKey(key); err != nil {
		return bucket.Info{}, err
	}
	backoff := retry.NewExponentialJitterBackoff(maxPutBackoff)
	maybeWritten := false
	for attempt := 1; ; attempt++ {
		out, err := b.putIfAbsent(ctx, key, body)
		if err == nil {
			return bucket.Info{Key: key, ETag: unquote(out.ETag), Size: int64(len(body))}, nil
		}
		switch status := httpStatus(err); {
		case status == http.StatusPreconditionFailed && !maybeWritten:
			return bucket.Info{}, fmt.Errorf("%s in %s: %w", key, b.URL(), bucket.ErrExists)
		case refused(status):
			return bucket.Info{}, b.wrap("write", key, err)
		}
		maybeWritten = true
		in, same, rerr := b.readBack(ctx, key, body)
		switch {
		case rerr == nil && same:
			return in, nil
		case rerr == nil:
			return bucket.Info{}, fmt.Errorf("%s in %s: %w", key, b.URL(), bucket.ErrExists)
		case !errors.Is(rerr, bucket.ErrNotFound):
			return bucket.Info{}, fmt.Errorf("write %s in %s: outcome unknown: %w", key, b.URL(), errors.Join(err, rerr))
		case attempt == maxPutAttempts:
			return bucket.Info{}, b.wrap("write", key, err)
		}
		if err := pause(ctx, backoff, attempt, err); err != nil {
			return bucket.Info{}, b.wrap("write", key, err)
		}
	}
}

// refused reports whether an answer says for certain that nothing was written and that asking again will not help. 409 is a
// race with another conditional write of the key, which may be our own attempt before.
func refused(status int) bool {
	switch status {
	case http.StatusConflict, http.StatusPreconditionFailed, http.StatusTooManyRequests, http.StatusRequestTimeout:
		return false
	}
	return status >= 400 && status < 500
}

func pause(ctx context.Context, backoff *retry.ExponentialJitterBackoff, attempt int, cause error) error {
	d, err := backoff.BackoffDelay(attempt-1, cause)
	if err != nil {
		return err
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return errors.Join(ctx.Err(), cause)
	case <-t.C:
		return nil
	}
}

func (b *Bucket) putIfAbsent(ctx context.Context, key string, body []byte) (*s3.PutObjectOutput, error) {
	in := &s3.PutObjectInput{
		Bucket: &b.name, Key: aws.String(b.prefix + key), Body: bytes.NewReader(body), ContentLength: aws.Int64(int64(len(body))),
		IfNoneMatch: aws.String("*"),
	}
	return b.cl.PutObject(ctx, in, func(o *s3.Options) { o.Retryer = aws.NopRetryer{} })
}

// readBack reports whether the object is there and holds exactly body.
func (b *Bucket) readBack(ctx context.Context, key string, body []byte) (bucket.Info, bool, error) {
	r, in, err := b.Get(ctx, key, "")
	if err != nil {
		return bucket.Info{}, false, err
	}
	if in.Size != int64(len(body)) {
		return in, false, r.Close()
	}
	got, err := io.ReadAll(io.LimitReader(r, int64(len(body))+1))
	if err := errors.Join(err, r.Close()); err != nil {
		return bucket.Info{}, false, b.wrap("read back", key, err)
	}
	return in, bytes.Equal(got, body), nil
}

// Probe writes an object of its own twice and wants the second write refused: bucket.ErrNotConditional if it is not. The
// object stays behind under ".backstitch-probe/", because this package does not delete.
func (b *Bucket) Probe(ctx context.Context) error {
	key := ".backstitch-probe/" + uuid.NewString()
	if _, err := b.putIfAbsent(ctx, key, []byte("first")); err != nil {
		return b.wrap("probe", key, err)
	}
	_, err := b.putIfAbsent(ctx, key, []byte("second"))
	switch {
	case err == nil:
		return fmt.Errorf("probe %s in %s: %w", key, b.URL(), bucket.ErrNotConditional)
	case httpStatus(err) != http.StatusPreconditionFailed:
		return b.wrap("probe", key, err)
	}
	return nil
}

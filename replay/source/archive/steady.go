package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"backstitch/partition"
	format "backstitch/replay/archive"
	"backstitch/replay/bucket"
	"backstitch/replay/record"

	"github.com/zeebo/xxh3"
)

// What is damaged in the store is damaged in the same way each time it is read. Bytes that were altered on their way are not, and a
// healthy record must not be set aside for them. So nothing is called damaged that was read once.

// reads is how often something is read, at most, until it is right or comes out the same twice.
const reads = 5

// errUnsteady says that the store gave other bytes each time. It may pass.
var errUnsteady = errors.New("each read gave other bytes, and none was right")

// steady reads a part of an object until check takes it, and returns it. An error of check is returned when the same bytes came twice
// in a row. before is what was read already and was not taken, nil for nothing.
func steady(ctx context.Context, b bucket.Bucket, key, etag string, at, length int64, before []byte, check func([]byte) error) (*record.Buffer, error) {
	var refused *record.Buffer // that before lies in
	defer func() {
		if refused != nil {
			refused.Done()
		}
	}()
	for range reads {
		buf := record.NewBuffer(int(length))
		buf.B = buf.B[:length]
		err := bucket.Fill(ctx, b, key, etag, at, buf.B)
		if err != nil {
			buf.Done()
			return nil, err
		}
		if err = check(buf.B); err == nil {
			return buf, nil
		}
		same := bytes.Equal(buf.B, before)
		if refused != nil {
			refused.Done()
		}
		if refused, before = buf, buf.B; same {
			return nil, err
		}
	}
	return nil, fmt.Errorf("bytes [%d,%d) of %s in %s: %w", at, at+length, key, b.URL(), errUnsteady)
}

// readFooter is format.ReadFooter, and believes that it is corrupt when it has read that twice.
func readFooter(ctx context.Context, b bucket.Bucket, o partition.Object) (*format.Footer, error) {
	var before xxh3.Uint128
	for try := range reads {
		seen := &witness{Bucket: b}
		f, err := format.ReadFooter(ctx, seen, o.Key, o.ETag, o.Size)
		if !errors.Is(err, format.ErrCorrupt) {
			return f, err
		}
		if sum := seen.sum.Sum128(); try > 0 && sum == before {
			return nil, err
		} else {
			before = sum
		}
	}
	return nil, fmt.Errorf("footer of %s in %s: %w", o.Key, b.URL(), errUnsteady)
}

// witness remembers what was read.
type witness struct {
	bucket.Bucket
	sum xxh3.Hasher
}

func (w *witness) GetRange(ctx context.Context, key, etag string, off, length int64) ([]byte, error) {
	raw, err := w.Bucket.GetRange(ctx, key, etag, off, length)
	_, _ = w.sum.Write(raw) // never fails
	return raw, err
}

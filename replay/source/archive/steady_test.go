package archive_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"backstitch/partition"
	"backstitch/replay/bucket"
	"backstitch/replay/source"
	"backstitch/replay/source/archive"
)

// bad is a bucket some of whose answers have other bytes than the object.
type bad struct {
	bucket.Bucket
	spoil func(read int, raw []byte)

	mu    sync.Mutex // a reader reads ahead while it reads again
	reads int
}

func (b *bad) GetRange(ctx context.Context, key, etag string, off, length int64) ([]byte, error) {
	raw, err := b.Bucket.GetRange(ctx, key, etag, off, length)
	if err == nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.spoil(b.reads, raw)
		b.reads++
	}
	return raw, err
}

// readAll counts the records that come out, and those that are called damaged.
func readAll(t *testing.T, b bucket.Bucket, objects []partition.Object) (records, damaged int64, err error) {
	t.Helper()
	s, err := archive.New(b, archive.Config{Topic: "t"})
	if err != nil {
		t.Fatal(err)
	}
	slice := partition.Slice{Ranges: partition.Ranges{{From: 0, To: 10}}, Objects: objects}
	r, err := s.Open(t.Context(), slice, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		batch, err := r.Next(t.Context())
		var d *source.DamagedError
		switch {
		case errors.Is(err, io.EOF):
			return records, damaged, nil
		case errors.As(err, &d):
			damaged += d.Next - d.Offset
		case err != nil:
			return records, damaged, err
		default:
			records += int64(len(batch.Records))
			batch.Release()
		}
	}
}

func TestWhatIsAlteredOnItsWayIsReadAgainAndWhatIsDamagedIsNamed(t *testing.T) {
	good := fill(t)
	objects := catalog(t, good, archive.Filter{})
	healthy := &bad{Bucket: good, spoil: func(int, []byte) {}}
	if n, d, err := readAll(t, healthy, objects); n != 10 || d != 0 || err != nil {
		t.Fatalf("healthy: %d records, %d damaged, %v", n, d, err)
	}
	// The way is bad at one of the reads, whichever it is: a footer's, a run's with the head, a run's in a batch.
	for nth := range healthy.reads {
		for _, place := range []float64{0, 0.3, 0.99} {
			t.Run(fmt.Sprint(nth, place), func(t *testing.T) {
				b := &bad{Bucket: good, spoil: func(read int, raw []byte) {
					if read == nth {
						raw[int(place*float64(len(raw)))] ^= 0x10
					}
				}}
				if n, d, err := readAll(t, b, objects); n != 10 || d != 0 || err != nil {
					t.Errorf("altered once: %d records, %d damaged, %v, want all 10 and no damage", n, d, err)
				}
			})
		}
	}
	always := &bad{Bucket: good, spoil: func(_ int, raw []byte) { raw[len(raw)/3] ^= 0x10 }}
	if n, d, err := readAll(t, always, objects); n+d != 10 || d == 0 || err != nil {
		t.Errorf("damaged: %d records, %d damaged, %v, want every one in one of them", n, d, err)
	}
	never := &bad{Bucket: good, spoil: func(read int, raw []byte) { raw[len(raw)/3] ^= byte(read + 1) }}
	if n, d, err := readAll(t, never, objects); d != 0 || err == nil {
		t.Errorf("other bytes each time: %d records, %d damaged, %v, want an error and no damage", n, d, err)
	}
}

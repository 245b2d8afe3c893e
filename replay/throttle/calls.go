package throttle

import (
	"context"
	"io"
	"iter"
	"time"

	"backstitch/replay/bucket"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Calls of a target's protocol are counted where they are made: before a call of an object store, which waits for its turn; after the
// writing of a request of Kafka, whose client sends what it has when it likes, so that the next batch waits.

// pageObjects is how many objects one call of a listing returns.
const pageObjects = 1000

// Calls paces the calls of b. Tags and other upgrades of b are lost: targets need none.
func (m *Meter) Calls(b bucket.Bucket) bucket.Bucket {
	if m == nil {
		return b
	}
	return &callingBucket{b, m}
}

type callingBucket struct {
	bucket.Bucket
	m *Meter
}

func (b *callingBucket) List(ctx context.Context, prefix string) iter.Seq2[bucket.Info, error] {
	return func(yield func(bucket.Info, error) bool) {
		if err := b.m.Call(ctx); err != nil {
			yield(bucket.Info{}, err)
			return
		}
		n := 0
		for info, err := range b.Bucket.List(ctx, prefix) {
			if n++; n%pageObjects == 0 {
				b.m.Called(1)
			}
			if !yield(info, err) {
				return
			}
		}
	}
}

func (b *callingBucket) Get(ctx context.Context, key, etag string) (io.ReadCloser, bucket.Info, error) {
	if err := b.m.Call(ctx); err != nil {
		return nil, bucket.Info{}, err
	}
	return b.Bucket.Get(ctx, key, etag)
}

func (b *callingBucket) GetRange(ctx context.Context, key, etag string, off, length int64) ([]byte, error) {
	if err := b.m.Call(ctx); err != nil {
		return nil, err
	}
	return b.Bucket.GetRange(ctx, key, etag, off, length)
}

func (b *callingBucket) Fill(ctx context.Context, key, etag string, off int64, buf []byte) error {
	if err := b.m.Call(ctx); err != nil {
		return err
	}
	return bucket.Fill(ctx, b.Bucket, key, etag, off, buf)
}

func (b *callingBucket) PutNew(ctx context.Context, key string, body []byte) (bucket.Info, error) {
	if err := b.m.Call(ctx); err != nil {
		return bucket.Info{}, err
	}
	return b.Bucket.PutNew(ctx, key, body)
}

// Hook counts the produce and fetch requests of a client of Kafka, and notes how long its produce requests take; nil for a nil Meter.
func (m *Meter) Hook() kgo.Hook {
	if m == nil {
		return nil
	}
	return callsHook{m}
}

type callsHook struct{ m *Meter }

// Keys of the protocol, see https://kafka.apache.org/protocol.html#protocol_api_keys.
const (
	keyProduce = 0
	keyFetch   = 1
)

// OnBrokerWrite is called when a request was written.
func (h callsHook) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	if err == nil && (key == keyProduce || key == keyFetch) {
		h.m.Called(1)
	}
}

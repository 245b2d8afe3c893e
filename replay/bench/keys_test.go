package bench

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"path"
	"runtime"
	"strings"
	"testing"
	"time"

	"backstitch/partition"
	format "backstitch/replay/archive"
	"backstitch/replay/bucket"
	"backstitch/replay/layout"
	"backstitch/replay/source/archive"
)

var manyKeys = flag.Int64("bench.keys", 1_000_000, "objects of the archives that are listed")

// keyParts is how many partitions they are of.
const keyParts = 100

// keyBucket is a bucket of so many keys that nobody could write them: it makes each when it is asked for. Every object holds body.
type keyBucket struct {
	bucket.Bucket
	dir  func(part int32) string          // ascending
	file func(part int32, i int64) string // of the ith object of a partition
	body []byte
}

func (b *keyBucket) URL() string { return "s3://many/" }

func (b *keyBucket) List(ctx context.Context, prefix string) iter.Seq2[bucket.Info, error] {
	return func(yield func(bucket.Info, error) bool) {
		for part := range int32(keyParts) {
			dir := b.dir(part)
			if !strings.HasPrefix(dir, prefix) {
				continue
			}
			for i := range *manyKeys / keyParts {
				if !yield(b.info(dir+b.file(part, i)), ctx.Err()) {
					return
				}
			}
		}
	}
}

// etag is as long as that of a store.
func (b *keyBucket) info(key string) bucket.Info {
	return bucket.Info{Key: key, ETag: fmt.Sprintf("%032x", rand.Uint64()), Size: int64(len(b.body)), Modified: time.Unix(1_795_132_800, 0)}
}

func (b *keyBucket) Get(_ context.Context, key, etag string) (io.ReadCloser, bucket.Info, error) {
	return io.NopCloser(bytes.NewReader(b.body)), bucket.Info{Key: key, ETag: etag, Size: int64(len(b.body))}, nil
}

// BenchmarkListing lists archives of very many objects, ours and one whose objects have to be read to be counted, and says what it takes
// per object: time, and memory at its peak and while everything is held.
func BenchmarkListing(b *testing.B) {
	for name, list := range map[string]func(ctx context.Context) (map[int32][]partition.Object, error){
		"ours": func(ctx context.Context) (map[int32][]partition.Object, error) {
			return archive.Catalog(ctx, &keyBucket{
				dir: func(part int32) string { return format.Prefix("orders", part) },
				file: func(part int32, i int64) string {
					return path.Base(format.Name{Topic: "orders", Partition: part, First: i * 1000, Last: i*1000 + 999, Records: 1000}.Key())
				},
			}, "orders", archive.Filter{})
		},
		"confluent": func(ctx context.Context) (map[int32][]partition.Object, error) {
			a, err := layout.Open(&keyBucket{
				dir:  func(part int32) string { return fmt.Sprintf("topics/orders/partition=%d/", 100+part) },
				file: func(part int32, i int64) string { return fmt.Sprintf("orders+%d+%010d.json", 100+part, i*10) },
				body: bytes.Repeat([]byte("{\"a\":1}\n"), 10),
			}, layout.Options{Layout: "confluent", Topic: "orders", Format: "json"})
			if err != nil {
				return nil, err
			}
			l, err := a.Catalog(ctx, nil)
			if err != nil {
				return nil, err
			}
			return l.Objects, nil
		},
	} {
		b.Run(name, func(b *testing.B) {
			var held, most int64
			for range b.N {
				before := heap()
				resetPeak()
				objects, err := list(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				most, held = peak(), heap()-before
				var n int64
				for _, list := range objects {
					n += int64(len(list))
				}
				if n != *manyKeys {
					b.Fatalf("got %d objects, want %d", n, *manyKeys)
				}
				runtime.KeepAlive(objects)
			}
			b.ReportMetric(float64(most)/float64(*manyKeys), "peak-B/object")
			b.ReportMetric(float64(held)/float64(*manyKeys), "held-B/object")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(*manyKeys), "ns/object")
		})
	}
}

// heap is what is reachable.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

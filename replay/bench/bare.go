package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	format "backstitch/replay/archive"
	"backstitch/replay/bucket"
	"backstitch/replay/kbatch"

	"backstitch/partition"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
)

// What reading costs when nothing is done with what was read: the measure of a scan. Neither checks, hashes or remembers anything.

// Consume polls a whole topic with a consumer of franz-go, with its defaults, and returns how many records it was given.
func Consume(ctx context.Context, t Topic) (int64, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(t.Broker), kgo.ConsumeTopics(t.Name), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	var n int64
	for n < t.Records {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return n, err
		}
		fetches.EachRecord(func(*kgo.Record) { n++ })
	}
	return n, nil
}

// Inflate gets objects whole and decompresses what is in them, lanes partitions at a time, and returns how many bytes came out.
func Inflate(ctx context.Context, b bucket.Bucket, codec string, objects map[int32][]partition.Object, lanes int) (int64, error) {
	var n atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(lanes)
	for _, list := range objects {
		g.Go(func() error {
			in := inflaters.Get().(*inflater)
			defer inflaters.Put(in)
			for _, o := range list {
				got, err := in.object(ctx, b, codec, o)
				if err != nil {
					return fmt.Errorf("%s: %w", o.Key, err)
				}
				n.Add(got)
			}
			return nil
		})
	}
	err := g.Wait()
	return n.Load(), err
}

// inflater is the memory of one lane.
type inflater struct {
	raw, out []byte
	gz       *gzip.Reader
	lz       *lz4.Reader
	zs       *zstd.Decoder
}

var inflaters = sync.Pool{New: func() any { return new(inflater) }}

// object reads one object. codec is that of whole files, like json.gz, or "batches" for an archive of record batches, each of which
// says its own.
func (in *inflater) object(ctx context.Context, b bucket.Bucket, codec string, o partition.Object) (int64, error) {
	body, _, err := b.Get(ctx, o.Key, o.ETag)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	if in.raw, err = readInto(in.raw, body); err != nil {
		return 0, err
	}
	switch codec {
	case "json.gz":
		return in.inflate(kbatch.CodecGzip, in.raw)
	case "json.zst":
		return in.inflate(kbatch.CodecZstd, in.raw)
	case "json.snappy": // files are framed, and batches are not
		return io.Copy(io.Discard, s2.NewReader(bytes.NewReader(in.raw)))
	case "json.lz4":
		return io.Copy(io.Discard, lz4.NewReader(bytes.NewReader(in.raw)))
	case "json":
		return int64(len(in.raw)), nil
	}
	var n int64
	for rest := in.raw[format.HeadLen:]; len(rest) > kbatch.HeaderLen && rest[16] == 2; {
		h, err := kbatch.ParseHeader(rest)
		if err != nil {
			break // the footer
		}
		got, err := in.inflate(h.Codec(), rest[kbatch.HeaderLen:h.Length])
		if err != nil {
			return n, err
		}
		n += got
		rest = rest[h.Length:]
	}
	return n, nil
}

func (in *inflater) inflate(codec int, src []byte) (_ int64, err error) {
	var r io.Reader
	switch codec {
	case kbatch.CodecNone:
		return int64(len(src)), nil
	case kbatch.CodecZstd:
		if in.zs == nil {
			if in.zs, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1)); err != nil {
				return 0, err
			}
		}
		in.out, err = in.zs.DecodeAll(src, in.out[:0])
		return int64(len(in.out)), err
	case kbatch.CodecGzip:
		if in.gz == nil {
			in.gz = new(gzip.Reader)
		}
		err, r = in.gz.Reset(bytes.NewReader(src)), in.gz
	case kbatch.CodecLZ4:
		if in.lz == nil {
			in.lz = lz4.NewReader(nil)
		}
		in.lz.Reset(bytes.NewReader(src))
		r = in.lz
	default:
		return 0, fmt.Errorf("codec %d is not measured", codec)
	}
	if err == nil {
		in.out, err = readInto(in.out, r)
	}
	return int64(len(in.out)), err
}

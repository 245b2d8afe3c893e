package bubble

import (
	"context"
	"fmt"
	"strings"

	"backstitch/chaos/check"
	"backstitch/chaos/fakes"
	"backstitch/partition"
	s3bucket "backstitch/replay/bucket/s3"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/sink"
	"backstitch/replay/sink/objects"
)

// shelf is an object store as the target of the jobs, in the runs whose plan says so.
type shelf struct{ *fakes.Store }

const (
	shelfBucket     = "shelf"
	shelfConnection = "shelf"
)

var shelfTarget = recovery.Target{Kind: "s3", Connection: shelfConnection, Path: "s3://" + shelfBucket, Topic: target}

func newShelf(seed uint64) (*shelf, error) {
	s, err := fakes.NewStore(fakes.StoreConfig{Seed: seed, Buckets: []string{shelfBucket}})
	if err != nil {
		return nil, err
	}
	return &shelf{s}, nil
}

// produce puts there what survived, as a job of long ago left it.
func (s *shelf) produce(ctx context.Context, t *truth) error {
	cl, err := s.Connection("setup").Client(ctx, fakes.Env)
	if err != nil {
		return err
	}
	to, err := objects.New(s3bucket.New(cl, shelfBucket, ""), objects.Config{Topic: target})
	if err != nil {
		return err
	}
	for n, p := range t.parts {
		slice := partition.Slice{ID: partition.SliceID{Job: "bs-before"}, Kind: partition.SliceFill, Partition: int32(n),
			Ranges: partition.Ranges{{From: 0, To: partition.Offset(len(p.all))}}}
		w, progress, err := to.Open(ctx, slice, 1)
		if err != nil {
			return err
		}
		batch := &record.Batch{Partition: int32(n), Next: partition.Offset(len(p.all))}
		for i, e := range p.all {
			if p.lost.Contains(partition.Offset(i)) {
				continue
			}
			r := record.Record{Offset: partition.Offset(i), TimestampMs: e.TimestampMs, Key: e.Key, Value: e.Value}
			for _, h := range e.Headers {
				r.Headers = append(r.Headers, record.Header{Key: h.Key, Value: h.Value})
			}
			batch.Records = append(batch.Records, r)
		}
		if err := write(ctx, w, batch, progress); err != nil {
			return fmt.Errorf("partition %d: %w", n, err)
		}
	}
	return nil
}

func write(ctx context.Context, w sink.Writer, batch *record.Batch, p sink.Progress) error {
	if len(batch.Records) > 0 {
		p.Records = int64(len(batch.Records))
		if err := w.Write(ctx, batch); err != nil {
			return err
		}
	}
	if err := w.Commit(ctx, p); err != nil {
		return err
	}
	return w.Close()
}

// Keys and Object show the judge what lies there, whatever clients are told.
func (s *shelf) Keys(_ context.Context, prefix string) (keys []string, err error) {
	all, err := s.Store.Keys(shelfBucket)
	for _, key := range all {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	return keys, err
}

func (s *shelf) Object(_ context.Context, key string) ([]byte, error) {
	body, ok, err := s.Bytes(shelfBucket, key)
	if err == nil && !ok {
		err = fmt.Errorf("there is no %s", key)
	}
	return body, err
}

var _ check.Objects = (*shelf)(nil)

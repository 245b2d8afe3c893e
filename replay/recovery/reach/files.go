package reach

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"backstitch/replay/archive"
	"backstitch/replay/bucket"
	"backstitch/replay/connect"
	"backstitch/replay/recovery"
	"backstitch/replay/sink"
	"backstitch/replay/sink/objects"
)

// files opens a target of files, in a directory or an object store.
func (c *Clients) files(ctx context.Context, t recovery.Target) (recovery.End, error) {
	store, err := c.store(t.Connection, t.Endpoint, t.Region)
	if err != nil {
		return nil, err
	}
	b, err := connect.Bucket(ctx, t.Path, store, c.cfg.Env)
	if errors.Is(err, bucket.ErrNoBucket) {
		return nil, fmt.Errorf("%w: directory %s", recovery.ErrNoTarget, t.Path)
	}
	if err != nil {
		return nil, err
	}
	s, err := objects.New(b, objects.Config{Topic: t.Topic, SourceTopic: t.Topic})
	if err != nil {
		return nil, err
	}
	if err := connect.PingBucket(ctx, b); err != nil {
		_ = s.Close() // nothing was written
		return nil, err
	}
	return &filesEnd{Targets: s, b: b, target: t}, nil
}

// filesEnd is a target of files. It has every partition that anybody asks for; one that nobody wrote yet is empty.
type filesEnd struct {
	sink.Targets
	b      bucket.Bucket
	target recovery.Target
}

// OffsetsAt knows nothing of times.
func (e *filesEnd) OffsetsAt(context.Context, int64) (map[int32]int64, error) { return nil, nil }

// Describe lists the partitions that were written.
func (e *filesEnd) Describe(ctx context.Context) (recovery.State, error) {
	s := recovery.State{Kind: e.target.Kind, Topic: e.target.Topic, Path: e.target.Path}
	for in, err := range e.b.List(ctx, e.target.Topic+"/") {
		if err != nil {
			return s, fmt.Errorf("list %s: %w", e.target.Path, err)
		}
		if strings.HasSuffix(in.Key, archive.Suffix) {
			return s, e.swapped(in.Key)
		}
		dir, _, nested := strings.Cut(strings.TrimPrefix(in.Key, e.target.Topic+"/"), "/")
		n, err := strconv.ParseInt(dir, 10, 32)
		if err != nil || !nested || n < 0 {
			continue
		}
		if last := len(s.Partitions) - 1; last >= 0 && s.Partitions[last].Partition == int32(n) {
			continue // keys come in order
		}
		s.Partitions = append(s.Partitions, recovery.PartitionState{Partition: int32(n)})
	}
	for i := range s.Partitions {
		p := &s.Partitions[i]
		var err error
		if p.LogStart, p.LSO, err = e.Bounds(ctx, p.Partition); err != nil {
			return s, err
		}
	}
	return s, nil
}

// swapped refuses a place that holds segments of an archive. An archive is where records come from; a plan that writes into one has
// source and target swapped.
func (e *filesEnd) swapped(segment string) error {
	return &recovery.Error{
		Code: recovery.CodeSwapped, Title: "source and target are swapped: the target " + e.target.Path + " is an archive", Exit: exitUsage,
		Why:  "It holds " + segment + ". Recovered records do not go into the archive of what they are compared with.",
		Hint: "exchange spec.source and spec.target, or name another place",
	}
}

// exitUsage is the exit status of an invalid spec.
const exitUsage = 2

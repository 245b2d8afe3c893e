package bench

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"backstitch/partition"
	"backstitch/replay/engine"
	kafkasink "backstitch/replay/sink/kafka"
	"backstitch/replay/source/confluent"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
)

// Engine runs the load the way a worker does: one slice per partition.
func Engine(ctx context.Context, load Load) (int64, error) {
	src, err := confluent.New(load.Bucket, confluent.DefaultConfig(topicName))
	if err != nil {
		return 0, err
	}
	defer src.Close()
	cfg := kafkasink.DefaultConfig()
	cfg.Client = []kgo.Opt{kgo.SeedBrokers(load.Broker)}
	cfg.Cluster, cfg.Topic, cfg.SourceTopic, cfg.OriginHeaders, cfg.Undated, cfg.Now = "bench", load.Topic, topicName, load.Origin, true, time.Now
	to, err := kafkasink.New(cfg)
	if err != nil {
		return 0, err
	}
	defer to.Close()
	limits := engine.DefaultConfig()
	limits.CommitRecords, limits.CommitEvery = load.Commit.Records, load.Commit.Every
	limits.CommitBytes = 1 << 40 // the pipe has no such limit
	var n atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(load.Lanes)
	for part, objects := range load.Objects {
		g.Go(func() error {
			e, err := engine.New(engine.Task{Slice: slice(load, part, objects), Epoch: 1}, engine.Ends{Source: src, Sink: to, Topic: topicName, Now: time.Now}, limits)
			if err != nil {
				return err
			}
			if err := e.Run(ctx); err != nil {
				return err
			}
			c, _ := e.Checkpoint()
			n.Add(c.Records)
			return nil
		})
	}
	err = g.Wait()
	return n.Load(), err
}

func slice(load Load, part int32, objects []partition.Object) partition.Slice {
	last := objects[len(objects)-1]
	return partition.Slice{
		ID:   partition.SliceID{Job: partition.JobID(fmt.Sprint("bs-", load.Serial)), N: uint32(part)},
		Kind: partition.SliceFill, Partition: part, Objects: objects,
		Ranges: partition.Ranges{{From: objects[0].Base, To: last.Base + last.Count}},
	}
}

package orders

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
)

// Fill makes the topic and writes every record, in order.
func Fill(ctx context.Context, brokers []string, s Set) error {
	return write(ctx, brokers, s, func(int64) bool { return true }, func(int32, int64) bool { return false })
}

// Break makes the topic anew from what survives. A broker has no way to lose single records; to a reader this is the same.
func Break(ctx context.Context, brokers []string, s Set, l Loss) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return err
	}
	_, err = kadm.NewClient(cl).DeleteTopic(ctx, Topic)
	cl.Close()
	if err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
		return fmt.Errorf("delete topic: %w", err)
	}
	return write(ctx, brokers, s, func(n int64) bool { return !l.Lost(s, n) }, l.Doubled)
}

func write(ctx context.Context, brokers []string, s Set, keep func(n int64) bool, twice func(partition int32, offset int64) bool) error {
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...), kgo.DefaultProduceTopic(Topic), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		// Uncompressed, so that the sandbox can change a byte in place.
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MaxBufferedRecords(100_000), kgo.ProducerBatchMaxBytes(512<<10),
	)
	if err != nil {
		return err
	}
	defer cl.Close()
	keepForever := "-1"
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, Partitions, 1, map[string]*string{"retention.ms": &keepForever}, Topic); err != nil {
		return fmt.Errorf("make topic: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	for partition := range int32(Partitions) {
		group.Go(func() error { return writePartition(ctx, cl, s, partition, keep, twice) })
	}
	return group.Wait()
}

// writePartition writes one partition in order. A doubled run follows the run itself.
func writePartition(ctx context.Context, cl *kgo.Client, s Set, partition int32, keep func(int64) bool, twice func(int32, int64) bool) error {
	failed := make(chan error, 1)
	produce := func(offset int64) {
		n := s.Number(partition, offset)
		r := &kgo.Record{Partition: partition, Timestamp: s.Time(n), Key: s.Key(n), Value: s.Value(n)}
		cl.Produce(ctx, r, func(_ *kgo.Record, err error) {
			if err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
	}
	run := int64(0)
	for offset := range s.Count(partition) {
		if keep(s.Number(partition, offset)) {
			produce(offset)
		}
		if twice(partition, offset) {
			run++
		} else if run > 0 {
			for again := offset - run; again < offset; again++ {
				produce(again)
			}
			run = 0
		}
	}
	if err := cl.Flush(ctx); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return fmt.Errorf("write partition %d: %w", partition, err)
	default:
		return nil
	}
}

package feedback

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"backstitch/replay/klog"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// askTimes is how often a look asks each broker, and askEvery how far apart: half of the time between two looks, so that a broker that
	// is busy for a moment only is seen as often as it is busy.
	askTimes = 20
	askEvery = 50 * time.Millisecond
)

// took asks each broker that leads a partition of topic where one of them ends, and times it. Such a question waits where requests of
// producers and consumers wait, for the network threads and handlers of the broker, and is as large whatever the job writes: so it can be
// held against what it took before, which produce requests can not.
func took(ctx context.Context, cl *kgo.Client, topic string, now func() time.Time) map[string]Measure {
	leads, err := leaders(ctx, cl, topic)
	if err != nil {
		return map[string]Measure{"": {Err: klog.Denied(fmt.Errorf("leaders of topic %s: %w", topic, err))}}
	}
	out := map[string]Measure{}
	var mu sync.Mutex
	var group sync.WaitGroup
	for broker, part := range leads {
		group.Go(func() {
			n, err := ask(ctx, cl.Broker(int(broker)), topic, part, now)
			if err != nil {
				err = klog.Denied(fmt.Errorf("end of %s/%d from broker %d: %w", topic, part, broker, err))
			}
			mu.Lock()
			defer mu.Unlock()
			out[strconv.Itoa(int(broker))] = Measure{N: int64(n), Err: err}
		})
	}
	group.Wait()
	return out
}

// leaders are the brokers that lead topic, each with the first partition that it leads.
func leaders(ctx context.Context, cl *kgo.Client, topic string) (map[int32]int32, error) {
	t, err := described(ctx, cl, topic)
	if err != nil {
		return nil, err
	}
	out := map[int32]int32{}
	for _, p := range t.Partitions {
		if first, ok := out[p.Leader]; p.Leader >= 0 && (!ok || p.Partition < first) {
			out[p.Leader] = p.Partition
		}
	}
	return out, nil
}

// ask returns in what time nine of ten answers came. The last one of the look before may have been long ago, and the connection with it: the
// first answer does not count.
func ask(ctx context.Context, b *kgo.Broker, topic string, part int32, now func() time.Time) (time.Duration, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	t := kmsg.NewListOffsetsRequestTopic()
	p := kmsg.NewListOffsetsRequestTopicPartition()
	t.Topic, p.Partition, p.Timestamp = topic, part, -1
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	var all []time.Duration
	for range askTimes {
		began := now()
		resp, err := b.RetriableRequest(ctx, req)
		if err != nil {
			return 0, err
		}
		all = append(all, now().Sub(began))
		for _, t := range resp.(*kmsg.ListOffsetsResponse).Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return 0, err
				}
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	all = all[1:]
	slices.Sort(all)
	return all[(len(all)*9+9)/10-1], nil
}

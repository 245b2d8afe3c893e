package klog

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// EpochEnd is where the log of a leader epoch ends, as its leader of now has it.
type EpochEnd struct {
	Epoch int32 // the newest that is not above the one asked for; -1 when there is none
	End   int64 // the offset after its last, -1 when there is none
}

// EpochEnds asks the leader of a partition where each of the epochs ends. A log that was cut off at an election ends earlier than
// what was read of that epoch before.
func EpochEnds(ctx context.Context, cl *kgo.Client, t *Topic, part int32, epochs []int32) (map[int32]EpochEnd, error) {
	mark, ok := t.Partitions[part]
	if !ok {
		return nil, fmt.Errorf("topic %s has no partition %d: %w", t.Name, part, ErrUnknownTopic)
	}
	out := make(map[int32]EpochEnd, len(epochs))
	for _, epoch := range epochs { // a request may name a partition once
		req := kmsg.NewPtrOffsetForLeaderEpochRequest()
		req.ReplicaID = -1
		rt := kmsg.NewOffsetForLeaderEpochRequestTopic()
		rt.Topic = t.Name
		rp := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
		rp.Partition, rp.CurrentLeaderEpoch, rp.LeaderEpoch = part, -1, epoch
		rt.Partitions = append(rt.Partitions, rp)
		req.Topics = append(req.Topics, rt)
		kresp, err := cl.Broker(int(mark.Leader)).RetriableRequest(ctx, req)
		if err != nil {
			return nil, fmt.Errorf("end of epoch %d of %s/%d: %w", epoch, t.Name, part, broken(err))
		}
		resp := kresp.(*kmsg.OffsetForLeaderEpochResponse)
		if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
			return nil, fmt.Errorf("end of epoch %d of %s/%d: %d topics in the answer, want 1", epoch, t.Name, part, len(resp.Topics))
		}
		got := resp.Topics[0].Partitions[0]
		if err := kerr.ErrorForCode(got.ErrorCode); err != nil {
			return nil, Denied(fmt.Errorf("end of epoch %d of %s/%d: %w", epoch, t.Name, part, err))
		}
		out[epoch] = EpochEnd{Epoch: got.LeaderEpoch, End: got.EndOffset}
	}
	return out, nil
}

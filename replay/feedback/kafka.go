package feedback

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"backstitch/replay/kgroup"
	"backstitch/replay/klog"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// KafkaLook sees how far groups are behind, in all topics that they have commits in, and how many replicas of topic are out of sync; "" does
// not look at replicas. cluster names the Kafka. It asks: one request for the commits of each group, one or two to each broker for where
// topics end, one for the replicas.
func KafkaLook(cl *kgo.Client, cluster string, groups []string, topic string) *Look {
	groups = slices.Clone(groups)
	slices.Sort(groups)
	if len(groups) == 0 && topic == "" {
		return nil
	}
	return &Look{
		Key: strings.Join(append([]string{cluster, topic}, groups...), "\x00"),
		Do: func(ctx context.Context) Reading {
			r := Reading{Lags: lags(ctx, cl, groups), Apart: map[string]Measure{}}
			if topic != "" {
				r.Apart[topic] = apart(ctx, cl, topic)
			}
			return r
		},
	}
}

// lags adds up what each group has not read yet. What is not committed by a transaction nobody can read, so it is no lag.
func lags(ctx context.Context, cl *kgo.Client, groups []string) map[string]Measure {
	out := map[string]Measure{}
	commits := map[string][]kgroup.Commit{}
	var topics []string
	for _, g := range groups {
		all, err := kgroup.Commits(ctx, cl, g)
		if err != nil {
			out[g] = Measure{Err: err}
			continue
		}
		commits[g] = all
		for _, c := range all {
			topics = append(topics, c.Topic)
		}
	}
	if slices.Sort(topics); len(topics) == 0 {
		for g := range commits {
			out[g] = Measure{}
		}
		return out
	}
	ends, err := kadm.NewClient(cl).ListCommittedOffsets(ctx, slices.Compact(topics)...)
	for g, all := range commits {
		if err != nil {
			out[g] = Measure{Err: klog.Denied(fmt.Errorf("ends of the topics of group %s: %w", g, err))}
			continue
		}
		out[g] = lag(g, all, ends)
	}
	return out
}

func lag(group string, commits []kgroup.Commit, ends kadm.ListedOffsets) (m Measure) {
	for _, c := range commits {
		end, ok := ends.Lookup(c.Topic, c.Partition)
		switch {
		case !ok || errors.Is(end.Err, kerr.UnknownTopicOrPartition):
			continue // the topic was deleted, and the commit is left
		case end.Err != nil:
			return Measure{Err: klog.Denied(fmt.Errorf("end of %s/%d for group %s: %w", c.Topic, c.Partition, group, end.Err))}
		}
		m.N += max(end.Offset-c.Offset, 0)
	}
	return m
}

// apart counts replicas of a topic that are out of sync. The brokers are asked past what the client remembers of them.
func apart(ctx context.Context, cl *kgo.Client, topic string) (m Measure) {
	req := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = kmsg.StringPtr(topic)
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, cl)
	if err == nil && len(resp.Topics) != 1 {
		err = kerr.UnknownTopicOrPartition
	}
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].ErrorCode)
	}
	if err != nil {
		return Measure{Err: klog.Denied(fmt.Errorf("replicas of topic %s: %w", topic, err))}
	}
	for _, p := range resp.Topics[0].Partitions {
		m.N += int64(max(len(p.Replicas)-len(p.ISR), 0))
	}
	return m
}

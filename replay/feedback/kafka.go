package feedback

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"backstitch/replay/kgroup"
	"backstitch/replay/klog"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Spared are those in a Kafka who are not to suffer.
type Spared struct {
	Groups   []string // in all topics that they have commits in
	Replicas bool     // of the target's topic
	Brokers  bool     // that lead its partitions
}

// KafkaLook sees how far groups are behind, how many replicas of topic are out of sync, and how long its brokers take to answer; nil
// where nobody is spared. cluster names the Kafka. It asks: one request for the commits of each group, one or two to each broker for where
// topics end, one for the replicas, and askTimes small ones to each broker.
func KafkaLook(cl *kgo.Client, cluster, topic string, who Spared) *Look {
	groups := slices.Clone(who.Groups)
	slices.Sort(groups)
	if len(groups) == 0 && !who.Replicas && !who.Brokers {
		return nil
	}
	return &Look{
		Key: strings.Join(append([]string{cluster, topic, fmt.Sprint(who.Replicas, who.Brokers)}, groups...), "\x00"),
		Do: func(ctx context.Context, now func() time.Time) Reading {
			r := Reading{Apart: map[string]Measure{}}
			var group sync.WaitGroup
			if who.Brokers {
				group.Go(func() { r.Took = took(ctx, cl, topic, now) })
			}
			r.Lags = lags(ctx, cl, groups)
			if who.Replicas {
				r.Apart[topic] = apart(ctx, cl, topic)
			}
			group.Wait()
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

// described is topic as the brokers know it now, past what the client remembers of it.
func described(ctx context.Context, cl *kgo.Client, topic string) (*kmsg.MetadataResponseTopic, error) {
	req := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = kmsg.StringPtr(topic)
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, cl)
	switch {
	case err != nil:
		return nil, err
	case len(resp.Topics) != 1:
		return nil, kerr.UnknownTopicOrPartition
	}
	return &resp.Topics[0], kerr.ErrorForCode(resp.Topics[0].ErrorCode)
}

// apart counts replicas of a topic that are out of sync.
func apart(ctx context.Context, cl *kgo.Client, topic string) (m Measure) {
	t, err := described(ctx, cl, topic)
	if err != nil {
		return Measure{Err: klog.Denied(fmt.Errorf("replicas of topic %s: %w", topic, err))}
	}
	for _, p := range t.Partitions {
		m.N += int64(max(len(p.Replicas)-len(p.ISR), 0))
	}
	return m
}

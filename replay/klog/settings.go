package klog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ErrDenied says that the principal may not ask for this. What it would have said is not known then.
var ErrDenied = errors.New("not allowed to see it")

// Settings are the configuration of a topic by Kafka's names, and which of it was set for this topic. A principal that may not
// see it gets ErrDenied.
func Settings(ctx context.Context, cl *kgo.Client, topic string) (values map[string]string, overridden []string, err error) {
	configs, err := kadm.NewClient(cl).DescribeTopicConfigs(ctx, topic)
	if err == nil && len(configs) == 1 {
		err = configs[0].Err
	}
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return nil, nil, fmt.Errorf("settings of topic %s: %w", topic, ErrUnknownTopic)
	}
	if err != nil || len(configs) != 1 {
		return nil, nil, Denied(fmt.Errorf("settings of topic %s: %w", topic, broken(err)))
	}
	values = map[string]string{}
	for _, c := range configs[0].Configs {
		if c.Value == nil {
			continue
		}
		values[c.Key] = *c.Value
		if c.Source == kmsg.ConfigSourceDynamicTopicConfig {
			overridden = append(overridden, c.Key)
		}
	}
	slices.Sort(overridden)
	return values, overridden, nil
}

// Sizes are the bytes that the leaders of a topic's partitions keep on disk. Partitions that nobody tells about are left out.
func Sizes(ctx context.Context, cl *kgo.Client, t *Topic) (map[int32]int64, error) {
	set := kadm.TopicsSet{}
	set.Add(t.Name, t.Numbers()...)
	dirs, err := kadm.NewClient(cl).DescribeAllLogDirs(ctx, set)
	out := map[int32]int64{}
	var refused error
	dirs.Each(func(d kadm.DescribedLogDir) {
		if d.Err != nil {
			refused = d.Err
			return
		}
		d.Topics.Each(func(p kadm.DescribedLogDirPartition) {
			if w, ok := t.Partitions[p.Partition]; ok && p.Topic == t.Name && w.Leader == d.Broker && !p.IsFuture {
				out[p.Partition] = p.Size
			}
		})
	})
	switch {
	case len(out) > 0:
		return out, nil
	case err != nil:
		return nil, Denied(fmt.Errorf("sizes of topic %s: %w", t.Name, broken(err)))
	case refused != nil:
		return nil, Denied(fmt.Errorf("sizes of topic %s: %w", t.Name, refused))
	}
	return out, nil
}

// Denied marks an error that says that a principal may not ask for this with ErrDenied, and leaves every other as it is.
func Denied(err error) error {
	for _, kind := range []error{kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed, kerr.GroupAuthorizationFailed} {
		if errors.Is(err, kind) {
			return fmt.Errorf("%w: %w", ErrDenied, err)
		}
	}
	var auth *kadm.AuthError
	if errors.As(err, &auth) {
		return fmt.Errorf("%w: %w", ErrDenied, err)
	}
	return err
}

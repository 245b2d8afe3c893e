package reach

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"backstitch/replay/kgroup"
	"backstitch/replay/klog"
	"backstitch/replay/recovery"
	"backstitch/replay/repartition"
	"backstitch/replay/sink"
	kafkasink "backstitch/replay/sink/kafka"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Target opens the target that t names, for reading.
func (c *Clients) Target(ctx context.Context, t recovery.Target) (recovery.End, error) {
	if t.Files() {
		return c.files(ctx, t)
	}
	cl, err := c.kafka(ctx, t.Connection, t.Brokers)
	if err != nil {
		return nil, err
	}
	topic, err := klog.Watermarks(ctx, cl, t.Topic)
	if err != nil {
		cl.Close()
		if errors.Is(err, klog.ErrUnknownTopic) {
			return nil, fmt.Errorf("%w: %w", recovery.ErrNoTarget, err)
		}
		return nil, err
	}
	cfg := kafkasink.DefaultConfig()
	cfg.Topic, cfg.SourceTopic, cfg.Cluster = t.Topic, t.Topic, "reader"
	cfg.Client = cl.Opts()
	if t.Reshape != nil && len(topic.Partitions) > 0 {
		cfg.Rule = &repartition.Rule{Partitions: int32(len(topic.Partitions))} // all of them are read at a time
	}
	targets, err := kafkasink.New(cfg)
	if err != nil {
		cl.Close()
		return nil, err
	}
	return &kafkaEnd{logs: targets, cl: cl, topic: t.Topic}, nil
}

// logs are the partitions of a topic, one by one and all at once.
type logs interface {
	sink.Targets
	sink.Whole
}

var _ recovery.Grouped = (*kafkaEnd)(nil)

type kafkaEnd struct {
	logs
	cl    *kgo.Client
	topic string
}

// Close closes both clients.
func (e *kafkaEnd) Close() error {
	e.cl.Close()
	return e.logs.Close()
}

// OffsetsAt asks the brokers.
func (e *kafkaEnd) OffsetsAt(ctx context.Context, ms int64) (map[int32]int64, error) {
	return klog.OffsetsAt(ctx, e.cl, e.topic, ms)
}

// MissingGroups asks the brokers for all groups.
func (e *kafkaEnd) MissingGroups(ctx context.Context, names []string) (out []string, err error) {
	all, err := kgroup.List(ctx, e.cl)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if !slices.ContainsFunc(all, func(g kgroup.Group) bool { return g.Name == name && g.State != "Dead" }) {
			out = append(out, name)
		}
	}
	return out, nil
}

// Describe asks for identity, watermarks and the settings that decide about records.
func (e *kafkaEnd) Describe(ctx context.Context) (recovery.State, error) {
	t, err := klog.Watermarks(ctx, e.cl, e.topic)
	if errors.Is(err, klog.ErrUnknownTopic) {
		return recovery.State{}, fmt.Errorf("%w: %w", recovery.ErrNoTarget, err)
	}
	if err != nil {
		return recovery.State{}, err
	}
	s := recovery.State{Kind: "kafka", Topic: e.topic, TopicID: t.ID.String()}
	for _, n := range t.Numbers() {
		w := t.Partitions[n]
		s.Partitions = append(s.Partitions, recovery.PartitionState{Partition: n, LogStart: w.LogStart, LSO: w.LSO, LeaderEpoch: w.LeaderEpoch})
	}
	if err := e.identity(ctx, &s); err != nil {
		return s, err
	}
	e.settings(ctx, &s.Limits)
	return s, nil
}

// writeBit is the bit of the operation WRITE in a set of authorized operations.
const writeBit = 1 << 4

// identity asks for the cluster's id and for what we may do to the topic.
func (e *kafkaEnd) identity(ctx context.Context, s *recovery.State) error {
	req := kmsg.NewPtrMetadataRequest()
	rt := kmsg.NewMetadataRequestTopic()
	rt.Topic = kmsg.StringPtr(e.topic)
	req.Topics = append(req.Topics, rt)
	req.IncludeTopicAuthorizedOperations = true
	resp, err := req.RequestWith(ctx, e.cl)
	if err != nil {
		return fmt.Errorf("describe topic %s: %w", e.topic, err)
	}
	if resp.ClusterID != nil {
		s.ClusterID = *resp.ClusterID
	}
	if len(resp.Topics) == 1 {
		switch ops := resp.Topics[0].AuthorizedOperations; {
		case ops == math.MinInt32 || ops == 0: // the broker did not say
		case ops&writeBit != 0:
			s.Limits.Write = "yes"
		default:
			s.Limits.Write = "no"
		}
	}
	return nil
}

// settings asks for the topic's configuration. A principal that may not see it gets a plan all the same; its checks say that
// they do not know.
func (e *kafkaEnd) settings(ctx context.Context, l *recovery.Limits) {
	configs, err := kadm.NewClient(e.cl).DescribeTopicConfigs(ctx, e.topic)
	if err != nil || len(configs) != 1 || configs[0].Err != nil {
		return
	}
	for _, c := range configs[0].Configs {
		if c.Value == nil {
			continue
		}
		n, err := strconv.ParseInt(*c.Value, 10, 64)
		number := func(to *int64) {
			if err == nil && n > 0 && n != math.MaxInt64 {
				*to = n
			}
		}
		switch c.Key {
		case "cleanup.policy":
			l.CleanupPolicy = *c.Value
		case "message.timestamp.type":
			l.TimestampType = *c.Value
		case "retention.ms":
			number(&l.RetentionMs)
		case "retention.bytes":
			number(&l.RetentionBytes)
		case "max.message.bytes":
			number(&l.MaxMessageBytes)
		case "message.timestamp.before.max.ms":
			number(&l.TimestampBeforeMs)
		case "message.timestamp.after.max.ms":
			number(&l.TimestampAfterMs)
		}
	}
}

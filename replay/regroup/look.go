package regroup

import (
	"context"
	"errors"
	"fmt"

	"backstitch/replay/kgroup"
	"backstitch/replay/klog"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// End is a topic and a way to its cluster.
type End struct {
	Kafka  string // how people call the cluster
	Client *kgo.Client
	Topic  string
}

// Seen is what a plan is made from: the group and both topics, before any record was read. What changes afterwards makes the plan stale,
// and applying it looks for just that.
type Seen struct {
	Group string
	From  Place
	To    Place

	active string // the state of a group that has members, "" for none
	stands map[int32]Commit
	before map[int32]Commit
	log    *klog.Topic // of From
}

// Look describes. Both ends may be one.
func Look(ctx context.Context, group string, from, to End) (*Seen, error) {
	if _, err := kgroup.Find(ctx, from.Client, group); err != nil {
		return nil, err
	}
	s := &Seen{Group: group}
	var err error
	if s.From, s.log, err = place(ctx, from); err != nil {
		return nil, err
	}
	if s.To, _, err = place(ctx, to); err != nil {
		return nil, err
	}
	for _, end := range []End{from, to} {
		state, err := members(ctx, end.Client, group)
		if err != nil {
			return nil, err
		}
		if state != "" {
			s.active = state
		}
	}
	if s.stands, err = commits(ctx, from.Client, group, from.Topic); err != nil {
		return nil, err
	}
	if s.before, err = commits(ctx, to.Client, group, to.Topic); err != nil {
		return nil, err
	}
	if len(s.stands) == 0 {
		return nil, &Error{Code: CodeNoPosition, Title: fmt.Sprintf("group %s has no position in topic %s", group, from.Topic), Exit: exitNotFound,
			Why:  "Kafka forgets positions of a group without members after offsets.retention.minutes, and those of a topic that is deleted.",
			Hint: "backstitch gaps group " + group + " --kafka " + from.Kafka}
	}
	return s, nil
}

// place identifies a topic.
func place(ctx context.Context, e End) (Place, *klog.Topic, error) {
	t, err := klog.Watermarks(ctx, e.Client, e.Topic)
	if err != nil {
		return Place{}, nil, err
	}
	cluster, err := clusterID(ctx, e.Client)
	return Place{Kafka: e.Kafka, Cluster: cluster, Topic: e.Topic, TopicID: t.ID.String()}, t, err
}

func clusterID(ctx context.Context, cl *kgo.Client) (string, error) {
	meta, err := kadm.NewClient(cl).BrokerMetadata(ctx)
	if err != nil {
		return "", fmt.Errorf("ask for the cluster's id: %w", err)
	}
	return meta.Cluster, nil
}

// members returns the state of a group that has members, and "" for one that has none or that is not there.
func members(ctx context.Context, cl *kgo.Client, group string) (string, error) {
	g, err := kgroup.Find(ctx, cl, group)
	switch {
	case errors.Is(err, kgroup.ErrNoGroup):
		return "", nil
	case err != nil:
		return "", err
	case g.State == "Empty":
		return "", nil
	case g.State == "":
		return "Unknown", nil // brokers before 2.6 do not say
	}
	return g.State, nil
}

// commits returns where a group stands in a topic, by partition. What an open transaction is about to commit is waited for: a position
// that it replaces a moment later would be none.
func commits(ctx context.Context, cl *kgo.Client, group, topic string) (map[int32]Commit, error) {
	all, err := kadm.NewClient(cl).FetchOffsets(kadm.RequireStable(ctx), group)
	if errors.Is(err, kerr.GroupIDNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, klog.Denied(fmt.Errorf("positions of group %s: %w", group, err))
	}
	out := map[int32]Commit{}
	for part, o := range all[topic] {
		if o.Err != nil {
			return nil, klog.Denied(fmt.Errorf("position of group %s in %s/%d: %w", group, topic, part, o.Err))
		}
		if o.At >= 0 {
			out[part] = Commit{Offset: o.At, LeaderEpoch: o.LeaderEpoch, Metadata: o.Metadata}
		}
	}
	return out, nil
}

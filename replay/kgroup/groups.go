package kgroup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"backstitch/replay/klog"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ErrNoGroup says that the cluster has no such group, or does not show it to this principal.
var ErrNoGroup = errors.New("no such consumer group")

// Group is one consumer group as the cluster has it now.
type Group struct {
	Name  string
	State string // as Kafka spells it: Stable, Empty, ...
}

// List returns the groups of the cluster, sorted by name. Brokers that do not answer make it an error.
func List(ctx context.Context, cl *kgo.Client) ([]Group, error) {
	listed, err := kadm.NewClient(cl).ListGroups(ctx)
	if err != nil {
		return nil, klog.Denied(fmt.Errorf("list consumer groups: %w", err))
	}
	var out []Group
	for _, g := range listed.Sorted() {
		out = append(out, Group{Name: g.Group, State: g.State})
	}
	return out, nil
}

// Find returns one group. A group that is dead is not there.
func Find(ctx context.Context, cl *kgo.Client, name string) (Group, error) {
	all, err := List(ctx, cl)
	if err != nil {
		return Group{}, err
	}
	for _, g := range all {
		if g.Name == name && g.State != "Dead" {
			return g, nil
		}
	}
	return Group{}, fmt.Errorf("group %s: %w", name, ErrNoGroup)
}

// Commit is where a group stands in one partition.
type Commit struct {
	Topic       string
	Partition   int32
	Offset      int64        // the next that it reads
	LeaderEpoch int32        // of the record before it, -1 for not known
	TopicID     klog.TopicID // zero when the commit does not say
	AtMs        int64        // when it was committed; 0 for not known
}

// Commits returns where a group stands now, by topic and partition. Partitions without a commit are left out.
func Commits(ctx context.Context, cl *kgo.Client, group string) ([]Commit, error) {
	offs, err := kadm.NewClient(cl).FetchOffsets(ctx, group)
	if errors.Is(err, kerr.GroupIDNotFound) {
		return nil, fmt.Errorf("group %s: %w", group, ErrNoGroup)
	}
	if err != nil {
		return nil, klog.Denied(fmt.Errorf("commits of group %s: %w", group, err))
	}
	var out []Commit
	for _, o := range offs.Sorted() {
		if o.Err != nil {
			return nil, klog.Denied(fmt.Errorf("commit of group %s in %s/%d: %w", group, o.Topic, o.Partition, o.Err))
		}
		if o.At >= 0 {
			out = append(out, Commit{Topic: o.Topic, Partition: o.Partition, Offset: o.At, LeaderEpoch: o.LeaderEpoch})
		}
	}
	slices.SortFunc(out, func(a, b Commit) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return out, nil
}

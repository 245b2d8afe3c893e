package observe

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"backstitch/replay/kgroup"
	"backstitch/replay/klog"
	"backstitch/replay/sentinel"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Observer takes samples.
type Observer struct {
	Client *kgo.Client
	Now    func() time.Time
	// Topic and Group narrow what is looked at; "" for all of them.
	Topic, Group string
}

// Sample asks the cluster.
func (o *Observer) Sample(ctx context.Context) (sentinel.Sample, error) {
	// Commits first, ends after: a group that reads meanwhile seems to lag and never to be ahead of the log.
	groups, err := o.groups(ctx)
	if err != nil {
		return sentinel.Sample{}, err
	}
	s := sentinel.Sample{Topics: map[string]sentinel.TopicSample{}, Groups: groups}
	names := map[string]bool{}
	for _, g := range groups {
		for _, c := range g.Commits {
			names[c.Topic] = true
		}
	}
	if o.Topic != "" {
		names[o.Topic] = true // its settings are of interest also when nobody reads it
	}
	marks := map[string]*klog.Topic{}
	now := o.Now().UnixMilli()
	for _, name := range slices.Sorted(maps.Keys(names)) {
		t, err := klog.Watermarks(ctx, o.Client, name)
		if errors.Is(err, klog.ErrUnknownTopic) && name != o.Topic {
			continue // groups keep commits of topics that were deleted
		}
		if err != nil {
			return s, err
		}
		marks[name] = t
		if s.Topics[name], err = o.topic(ctx, t, now, &s); err != nil {
			return s, err
		}
	}
	for name, g := range groups {
		if err := o.ages(ctx, g.Commits, marks, now); err != nil {
			return s, fmt.Errorf("age of what group %s has not read: %w", name, err)
		}
	}
	s.AtMs = now
	return s, nil
}

func (o *Observer) groups(ctx context.Context) (map[string]sentinel.GroupSample, error) {
	all, err := kgroup.List(ctx, o.Client)
	if err != nil {
		return nil, err
	}
	out := map[string]sentinel.GroupSample{}
	for _, g := range all {
		if o.Group != "" && g.Name != o.Group {
			continue
		}
		commits, err := kgroup.Commits(ctx, o.Client, g.Name)
		if errors.Is(err, kgroup.ErrNoGroup) {
			continue // gone since it was listed
		}
		if err != nil {
			return nil, err
		}
		sample := sentinel.GroupSample{State: g.State}
		for _, c := range commits {
			if o.Topic == "" || c.Topic == o.Topic {
				sample.Commits = append(sample.Commits, sentinel.Commit{Topic: c.Topic, Partition: c.Partition, Offset: c.Offset, UnreadMs: sentinel.NoTime})
			}
		}
		if len(sample.Commits) > 0 {
			out[g.Name] = sample
		}
	}
	if o.Group != "" && !slices.ContainsFunc(all, func(g kgroup.Group) bool { return g.Name == o.Group }) {
		return nil, fmt.Errorf("group %s: %w", o.Group, kgroup.ErrNoGroup)
	}
	return out, nil
}

// topic asks what there is and what its settings are.
func (o *Observer) topic(ctx context.Context, t *klog.Topic, now int64, s *sentinel.Sample) (sentinel.TopicSample, error) {
	out := sentinel.TopicSample{Partitions: map[int32]sentinel.PartitionSample{}}
	if t.ID != (klog.TopicID{}) {
		out.ID = t.ID.String()
	}
	values, overridden, err := klog.Settings(ctx, o.Client, t.Name)
	switch {
	case errors.Is(err, klog.ErrDenied):
		s.NotChecked = append(s.NotChecked, "settings of topic "+t.Name+": this principal may not see them (DescribeConfigs)")
	case err != nil:
		return out, err
	default:
		if out.Retention, err = sentinel.ParseRetention(values); err != nil {
			return out, fmt.Errorf("settings of topic %s: %w", t.Name, err)
		}
		out.Retention.Overridden = overridden
	}
	var sizes map[int32]int64
	if r := out.Retention; r.Deletes() && r.Bytes != sentinel.Unlimited {
		if sizes, err = klog.Sizes(ctx, o.Client, t); err != nil && !errors.Is(err, klog.ErrDenied) {
			return out, err
		}
	}
	oldest, expired := map[int32]int64{}, map[int32]int64{}
	for n := range t.Partitions {
		oldest[n] = 0
		if r := out.Retention; r.Deletes() && r.Ms != sentinel.Unlimited {
			expired[n] = max(0, now-r.Ms)
		}
	}
	first, err := klog.At(ctx, o.Client, t.Name, oldest)
	if err != nil {
		return out, err
	}
	stays, err := klog.At(ctx, o.Client, t.Name, expired)
	if err != nil {
		return out, err
	}
	for n, w := range t.Partitions {
		p := sentinel.PartitionSample{LogStart: w.LogStart, End: w.LSO, Bytes: sentinel.Unlimited, OldestMs: sentinel.NoTime, ExpiredTo: w.LogStart}
		if f := first[n]; f.Offset >= 0 {
			p.OldestMs = f.TimestampMs
		}
		if size, ok := sizes[n]; ok {
			p.Bytes = size
		}
		if k, ok := stays[n]; ok {
			p.ExpiredTo = w.LSO
			if k.Offset >= 0 {
				p.ExpiredTo = max(k.Offset, w.LogStart)
			}
		}
		out.Partitions[n] = p
	}
	return out, nil
}

// ages fills in how old the oldest unread record of each commit is.
func (o *Observer) ages(ctx context.Context, commits []sentinel.Commit, marks map[string]*klog.Topic, now int64) error {
	byTopic := map[string]map[int32]int64{}
	for _, c := range commits {
		t := marks[c.Topic]
		if t == nil {
			continue
		}
		w, ok := t.Partitions[c.Partition]
		if !ok || c.Offset < w.LogStart || c.Offset >= w.LSO {
			continue // lost already, or nothing unread
		}
		if byTopic[c.Topic] == nil {
			byTopic[c.Topic] = map[int32]int64{}
		}
		byTopic[c.Topic][c.Partition] = c.Offset
	}
	for topic, offsets := range byTopic {
		newest, err := klog.NewestUpTo(ctx, o.Client, topic, offsets, now)
		if err != nil {
			return err
		}
		for i, c := range commits {
			if ms, ok := newest[c.Partition]; ok && c.Topic == topic && offsets[c.Partition] == c.Offset {
				commits[i].UnreadMs = ms
			}
		}
	}
	return nil
}

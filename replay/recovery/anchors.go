package recovery

import (
	"context"
	"encoding/json"
	"fmt"

	"backstitch/replay/gap"
)

// DescribedLog is an upgrade of Reference for one that is a topic.
type DescribedLog interface {
	Describe(ctx context.Context) (State, error)
	EpochTarget
}

// compareBy compares the two ends in the way that the caller has asked for.
func (b *builder) compareBy(ctx context.Context, ref Reference, end End, in gap.Input) (*gap.Report, error) {
	// What may be lacking is counted where it is read, and so are repetitions; a ledger reads only what is new.
	if b.opt.Compare == nil || b.tally != nil || b.repeats != nil || in.Rendered != "" || b.writers != nil || b.names != nil {
		return gap.Scan(ctx, in, b.opt.Scan)
	}
	a, err := b.anchors(ref, end)
	if err != nil {
		return nil, err
	}
	return b.opt.Compare(ctx, in, b.opt.Scan, a)
}

// anchors are what vouches for records of the two ends that were read before.
func (b *builder) anchors(ref Reference, end End) (gap.Anchors, error) {
	from := b.recipe.Source
	from.FromMs, from.ToMs, from.Inventory = 0, 0, "" // a range and a way of listing make no other records
	from.Transform = from.Transform.pinned()
	text, err := json.Marshal(struct {
		Source Source `json:"source"`
		Kind   string `json:"kind"`
		ID     string `json:"clusterId,omitempty"`
		Topic  string `json:"topic"`
		Path   string `json:"path,omitempty"`
		// The source has its registry; a comparison by schema shares nothing with one by bytes.
		Registry string `json:"registry,omitempty"`
	}{from, b.state.Kind, b.state.ClusterID, b.state.Topic, b.state.Path, b.recipe.Target.Registry})
	if err != nil {
		return gap.Anchors{}, fmt.Errorf("name the two ends: %w", err)
	}
	a := gap.Anchors{Comparison: string(text), Reference: logOf(ref), Target: logOf(end)}
	if p, ok := ref.(Positioned); ok {
		a.Span = p.Span
	}
	return a, nil
}

// logOf is an end as a log, nil when it is none.
func logOf(end any) gap.Log {
	l, ok := end.(DescribedLog)
	if !ok {
		return nil
	}
	return log{l}
}

type log struct{ DescribedLog }

// State is Describe in the words of a scan.
func (l log) State(ctx context.Context) (gap.LogState, error) {
	s, err := l.Describe(ctx)
	if err != nil {
		return gap.LogState{}, err
	}
	out := gap.LogState{Cluster: s.ClusterID, Topic: s.Topic, ID: s.TopicID, CleanupPolicy: s.Limits.CleanupPolicy, Partitions: map[int32]gap.LogPart{}}
	for _, p := range s.Partitions {
		out.Partitions[p.Partition] = gap.LogPart{Start: p.LogStart, End: p.LSO, Epoch: p.LeaderEpoch}
	}
	return out, nil
}

package recovery

import (
	"context"
	"errors"
	"fmt"

	"backstitch/partition"
)

// CheckFresh compares what p froze with what is there now. What moved comes back in one *StaleError: it is all there is to know
// before a person decides. Growth of the target is not staleness; workers look for what appeared since.
func CheckFresh(ctx context.Context, p *Plan, clients Clients) error {
	hash, err := p.Hash()
	if err != nil {
		return err
	}
	stale := &StaleError{Plan: short(hash)}
	if err := stale.target(ctx, p, clients); err != nil {
		return err
	}
	if err := stale.objects(ctx, p, clients); err != nil {
		return err
	}
	if err := stale.names(ctx, p, clients); err != nil {
		return err
	}
	if len(stale.Moved) > 0 {
		return stale
	}
	return nil
}

func (e *StaleError) add(format string, args ...any) {
	e.Moved = append(e.Moved, fmt.Sprintf(format, args...))
}

func (e *StaleError) target(ctx context.Context, p *Plan, clients Clients) error {
	was := &p.Target
	// The target is asked for without the id that the plan saw, so that a recreated one is seen and not refused.
	at := p.Recipe.Target
	at.ClusterID, at.TopicID = "", ""
	end, err := clients.Target(ctx, at)
	if errors.Is(err, ErrNoTarget) {
		e.add("The target %s is gone.", targetName(p.Recipe.Target))
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the target again: %w", err)
	}
	defer end.Close()
	now, err := end.Describe(ctx)
	if errors.Is(err, ErrNoTarget) {
		e.add("The target %s is gone.", targetName(p.Recipe.Target))
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the target again: %w", err)
	}
	switch {
	case now.ClusterID != was.ClusterID:
		e.add("The brokers are of Kafka cluster %q, the plan saw %q.", now.ClusterID, was.ClusterID)
	case now.TopicID != was.TopicID:
		e.add("Topic %s was recreated: its id is %s, the plan saw %s.", was.Topic, now.TopicID, was.TopicID)
	case len(now.Partitions) != len(was.Partitions) && !at.Files():
		e.add("%s has %d partitions, the plan saw %d.", was.Topic, len(now.Partitions), len(was.Partitions))
	}
	if len(e.Moved) > 0 {
		return nil
	}
	if shape := at.Reshape; shape != nil {
		return e.alone(ctx, p, end, &now)
	}
	for _, s := range p.Slices {
		if s.Kind != partition.SliceVerify.String() {
			continue
		}
		n, ok := now.Partition(s.Partition)
		switch {
		case !ok && !at.Files():
			e.add("%s/p%02d is gone.", was.Topic, s.Partition)
		case n.LSO < s.TargetTo:
			e.add("%s/p%02d ends at offset %d, the plan saw %d: records were lost since.", was.Topic, s.Partition, n.LSO, s.TargetTo)
		case n.LogStart > s.TargetFrom:
			e.add("%s/p%02d begins at offset %d, the plan saw %d: retention deleted records that the plan counts on.", was.Topic, s.Partition, n.LogStart, s.TargetFrom)
		}
	}
	return nil
}

// maxNamed is how many objects a StaleError names.
const maxNamed = 10

func (e *StaleError) objects(ctx context.Context, p *Plan, clients Clients) error {
	seen := map[string]bool{}
	var objects []partition.Object
	for _, s := range p.Slices {
		for _, o := range s.Objects {
			if !seen[o.Key] {
				seen[o.Key] = true
				objects = append(objects, partition.Object(o))
			}
		}
	}
	if len(objects) == 0 {
		return nil
	}
	ref, err := clients.Reference(ctx, p.Recipe.Source)
	if errors.Is(err, ErrNoReference) {
		e.add("The reference %s is gone.", sourceName(p.Recipe.Source))
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the reference again: %w", err)
	}
	defer ref.Close()
	moved, err := ref.Check(ctx, objects)
	if err != nil {
		return fmt.Errorf("look at the reference again: %w", err)
	}
	for i, m := range moved {
		if i == maxNamed {
			e.add("And %d more objects.", len(moved)-maxNamed)
			break
		}
		e.add("%s", m)
	}
	return nil
}

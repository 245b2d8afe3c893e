package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"backstitch/cluster/client"
	"backstitch/replay/gap"
	"backstitch/replay/offsetmap"
	"backstitch/replay/regroup"
)

// kafkaGroups moves consumer groups for publish and rollback. It satisfies publish.Groups. Both topics are in one Kafka, that of the job's target.
type kafkaGroups struct {
	app     *app
	cmd     *cobra.Command
	logs    mapping
	choice  string
	missing bool

	cl    *kgo.Client
	plans []*regroup.Plan
	notes []string
}

func (g *kafkaGroups) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	g.where().flags(f)
	f.StringVar(&g.logs.about.kafka, "kafka", "", "named connection or `host:port,...` of the brokers; without it those that the job wrote to")
}

func (g *kafkaGroups) where() *places { return &g.logs.about.where }

// about takes from a job what was not typed.
func (g *kafkaGroups) about(cmd *cobra.Command, w written) error {
	g.cmd = cmd
	r := w.work.recipe
	if g.logs.about.kafka == "" {
		if g.logs.about.kafka = r.Target.Brokers; r.Target.Connection != "" {
			g.logs.about.kafka = r.Target.Connection
		}
	}
	if g.logs.by == "" {
		g.logs.by = string(offsetmap.ByContent)
		if r.Source.Transform != nil && r.Write.OriginHeaders {
			g.logs.by = string(offsetmap.ByHeaders)
		}
	}
	if _, err := offsetmap.ParseBy(g.logs.by); err != nil {
		return usage(cmd, fmt.Errorf("--by %w", err))
	}
	if _, err := g.logs.ignored(); err != nil {
		return usage(cmd, err)
	}
	if g.choice == "" {
		g.choice = string(offsetmap.Replay)
	}
	if _, err := offsetmap.ParseChoice(g.choice); err != nil {
		return usage(cmd, fmt.Errorf("--choice %w", err))
	}
	return nil
}

func (g *kafkaGroups) close() {
	if g.cl != nil {
		g.cl.Close()
	}
}

// Plan looks at all groups before it reads the records of both topics, once.
func (g *kafkaGroups) Plan(ctx context.Context, groups []string, from, to string) ([]client.GroupMove, error) {
	cl, err := g.dial(ctx)
	if err != nil {
		return nil, err
	}
	var seen []*regroup.Seen
	for _, name := range groups {
		s, err := regroup.Look(ctx, name, regroup.End{Kafka: g.logs.about.kafka, Client: cl, Topic: from}, regroup.End{Kafka: g.logs.about.kafka, Client: cl, Topic: to})
		if err != nil {
			return nil, err
		}
		seen = append(seen, s)
	}
	g.logs.from, g.logs.to = from, to
	m, err := g.logs.build(g.app, g.cmd, nil)
	if err != nil {
		return nil, err
	}
	choice, _ := offsetmap.ParseChoice(g.choice) // about has seen to it
	var out []client.GroupMove
	for i, s := range seen {
		p := s.Plan(m, regroup.Options{Choice: choice, Missing: g.missing, NowMs: time.Now().UnixMilli()})
		if err := p.Whole(); err != nil {
			return nil, err
		}
		text, err := p.Encode()
		if err != nil {
			return nil, err
		}
		g.plans = append(g.plans, p)
		for _, n := range p.Notes {
			g.notes = append(g.notes, fmt.Sprintf("%s: group %s: %s", n.Code, p.Group, n.Text))
		}
		out = append(out, client.GroupMove{Group: groups[i], Plan: text})
	}
	return out, nil
}

// show prints what Plan has made.
func (g *kafkaGroups) show(w io.Writer) error {
	for _, p := range g.plans {
		if err := p.WriteParts(w); err != nil {
			return err
		}
	}
	return nil
}

// follow decodes a plan and reaches its Kafka.
func (g *kafkaGroups) follow(ctx context.Context, plan []byte) (*regroup.Plan, regroup.Access, error) {
	p, err := regroup.DecodePlan(plan)
	if err != nil {
		return nil, regroup.Access{}, err
	}
	cl, err := g.dial(ctx)
	return p, regroup.Access{From: cl, To: cl}, err
}

// Movable refuses a plan that could not be followed now.
func (g *kafkaGroups) Movable(ctx context.Context, plan []byte) error {
	p, a, err := g.follow(ctx, plan)
	if err != nil {
		return err
	}
	_, err = p.Refuse(ctx, a)
	return err
}

// Move moves a group, or finds it moved.
func (g *kafkaGroups) Move(ctx context.Context, plan []byte) error {
	p, a, err := g.follow(ctx, plan)
	if err != nil {
		return err
	}
	_, err = p.Move(ctx, a)
	return err
}

// Returnable refuses a group that has members.
func (g *kafkaGroups) Returnable(ctx context.Context, plan []byte) error {
	p, a, err := g.follow(ctx, plan)
	if err != nil {
		return err
	}
	return p.Inactive(ctx, a)
}

// Return puts a group back.
func (g *kafkaGroups) Return(ctx context.Context, plan []byte) (notes []string, err error) {
	p, a, err := g.follow(ctx, plan)
	if err != nil {
		return nil, err
	}
	r, err := p.Back(ctx, a)
	if r != nil && len(r.Restored) > 0 {
		notes = append(notes, fmt.Sprintf("Kafka had forgotten %s of group %s in %s: put back as they were", gap.Plural(int64(len(r.Restored)), "position"), p.Group, p.From.Topic))
	}
	if r != nil {
		for _, part := range r.Left {
			notes = append(notes, fmt.Sprintf("%s: group %s has gone on there since; its position stays, and it is back where it stood in %s", gap.Name(p.To.Topic, part), p.Group, p.From.Topic))
		}
	}
	return notes, err
}

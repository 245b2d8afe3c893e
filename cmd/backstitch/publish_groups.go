package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"backstitch/cluster/client"
	"backstitch/cmd/backstitch/publish"
	"backstitch/replay/gap"
	"backstitch/replay/offsetmap"
	"backstitch/replay/regroup"
)

// kafkaGroups moves consumer groups for publish and rollback. It satisfies publish.Groups. The topic that readers leave may be in another Kafka than
// the one that the job wrote: positions are read there and set here, and each side is held against the cluster that the book names.
type kafkaGroups struct {
	app     *app
	cmd     *cobra.Command
	logs    mapping // from the old topic to the job's; its names of clusters are those that are dialled
	typed   struct{ kafka, from string }
	choice  string
	missing bool

	clients map[string]*kgo.Client // by the name of their Kafka
	plans   []*regroup.Plan
	notes   []string
}

func (g *kafkaGroups) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	g.where().flags(f)
	f.StringVar(&g.typed.kafka, "kafka", "", "named connection or `host:port,...` of the brokers that the job wrote to; without it those that its plan names")
	f.StringVar(&g.typed.from, "from-kafka", "", "named connection or `host:port,...` of the brokers that readers come from, where that is another Kafka; without it those of --kafka")
}

func (g *kafkaGroups) where() *places { return &g.logs.about.where }

// about takes from a job what was not typed.
func (g *kafkaGroups) about(cmd *cobra.Command, w written) error {
	g.cmd = cmd
	r := w.work.recipe
	g.logs.toKafka = cmp.Or(g.typed.kafka, r.Target.Connection, r.Target.Brokers)
	g.logs.about.kafka = cmp.Or(g.typed.from, g.logs.toKafka)
	if g.logs.by == "" {
		g.logs.by = string(offsetmap.ByContent)
		if (r.Source.Transform != nil || r.Target.Reshape != nil) && r.Write.OriginHeaders {
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
	for _, cl := range g.clients {
		cl.Close()
	}
}

// Plan looks at all groups before it reads the records of both topics, once.
func (g *kafkaGroups) Plan(ctx context.Context, groups []string, from, to publish.Place) ([]client.GroupMove, error) {
	a, err := g.access(ctx, g.logs.about.kafka, g.logs.toKafka)
	if err != nil {
		return nil, err
	}
	if err := ofCluster(ctx, a.From, from.Cluster(), from.Topic, "--from-kafka"); err != nil {
		return nil, err
	}
	if err := ofCluster(ctx, a.To, to.Cluster(), to.Topic, "--kafka"); err != nil {
		return nil, err
	}
	var seen []*regroup.Seen
	for _, name := range groups {
		s, err := regroup.Look(ctx, name, regroup.End{Kafka: g.logs.about.kafka, Client: a.From, Topic: from.Topic}, regroup.End{Kafka: g.logs.toKafka, Client: a.To, Topic: to.Topic})
		if err != nil {
			return nil, err
		}
		seen = append(seen, s)
	}
	g.logs.from, g.logs.to = from.Topic, to.Topic
	m, err := g.logs.build(g.app, g.cmd, nil)
	if err != nil {
		return nil, err
	}
	choice, _ := offsetmap.ParseChoice(g.choice) // about has seen to it
	var out []client.GroupMove
	for i, s := range seen {
		p, err := g.logs.plan(g.app, g.cmd, s, m, regroup.Options{Choice: choice, Missing: g.missing, NowMs: time.Now().UnixMilli()})
		if err != nil {
			return nil, err
		}
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

// follow decodes a plan and reaches both of its clusters, by the names that were typed or else by those that the plan was made with.
func (g *kafkaGroups) follow(ctx context.Context, plan []byte) (*regroup.Plan, regroup.Access, error) {
	p, err := regroup.DecodePlan(plan)
	if err != nil {
		return nil, regroup.Access{}, err
	}
	from, to := p.From.Kafka, cmp.Or(g.typed.kafka, p.To.Kafka)
	if p.From.Kafka == p.To.Kafka {
		from = to
	}
	a, err := g.access(ctx, cmp.Or(g.typed.from, from), to)
	if err != nil {
		return nil, a, err
	}
	if err := ofCluster(ctx, a.From, p.From.Cluster, p.From.Topic, "--from-kafka"); err != nil {
		return nil, a, err
	}
	return p, a, ofCluster(ctx, a.To, p.To.Cluster, p.To.Topic, "--kafka")
}

// access reaches two clusters, or one that both names name.
func (g *kafkaGroups) access(ctx context.Context, from, to string) (a regroup.Access, err error) {
	if a.From, err = g.dial(ctx, from); err == nil {
		a.To, err = g.dial(ctx, to)
	}
	return a, err
}

// ofCluster refuses a Kafka that is another one than the book says a topic is in: a topic of the same name there is not the same.
func ofCluster(ctx context.Context, cl *kgo.Client, want, topic, flag string) error {
	is, err := clusterOf(ctx, cl)
	if err != nil || is == want {
		return err
	}
	return &failure{Code: publish.CodeOtherKafka, Title: fmt.Sprintf("topic %s is in another Kafka than the one that was asked", topic), Exit: client.ExitConflict,
		Detail: fmt.Sprintf("It is in cluster %s, and this is %s. Nothing was written.", dash(want), dash(is)), Next: fmt.Sprintf("name the other one: %s HOST:9092", flag)}
}

func clusterOf(ctx context.Context, cl *kgo.Client) (string, error) {
	meta, err := kadm.NewClient(cl).BrokerMetadata(ctx)
	if err != nil {
		return "", fmt.Errorf("ask for the id of the Kafka cluster: %w", err)
	}
	return meta.Cluster, nil
}

// dial reaches a Kafka, once.
func (g *kafkaGroups) dial(ctx context.Context, name string) (*kgo.Client, error) {
	if cl := g.clients[name]; cl != nil {
		return cl, nil
	}
	k, err := g.where().kafka(name)
	if err != nil {
		return nil, err
	}
	cl, err := g.where().dial(ctx, k)
	if err != nil {
		return nil, err
	}
	if g.clients == nil {
		g.clients = map[string]*kgo.Client{}
	}
	g.clients[name] = cl
	return cl, nil
}

// unused refuses a Kafka that is named and of which nothing is asked: to says whether one is of the job's, from of that which readers leave.
func (g *kafkaGroups) unused(cmd *cobra.Command, to, from bool) error {
	switch {
	case g.typed.kafka != "" && !to:
		return usage(cmd, errors.New("--kafka is where the job wrote to, and nothing is asked of a Kafka here: it wrote into files, or no group moves"))
	case g.typed.from != "" && !from:
		return usage(cmd, errors.New("--from-kafka is where groups come from, and none moves"))
	}
	return nil
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

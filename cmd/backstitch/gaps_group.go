package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/replay/gap"
	"backstitch/replay/gap/group"
	"backstitch/replay/recovery"
)

// groupGaps is `gaps group`.
type groupGaps struct {
	app      *app
	about    subject // of which no spec and no range is taken
	topic    string
	reset    string
	all      bool
	detailed bool
}

func newGapsGroup(a *app) *cobra.Command {
	g := &groupGaps{app: a}
	cmd := &cobra.Command{
		Use:   "group GROUP",
		Short: "Show what a consumer group never saw",
		Long: `Show what a consumer group never saw: what retention took before it read it, and what it jumped over, also long ago, when its lag
reads 0 again. What counts is where the group stands, and the history of its commits in __consumer_offsets, as far as Kafka still has
it and this principal may read it. A range is called missing only where reading is ruled out; what may have been a jump is listed as
not decided, with what would decide it: an archive of the topic knows how old the records were, and --reset where the consumers begin
when their position is gone.

No group is joined, no agent is needed, and nothing is written anywhere.`,
		Example: `  backstitch gaps group billing --kafka localhost:9092
  backstitch gaps group billing --kafka localhost:9092 --topic orders --archive s3://acme-archive/orders --reset latest`,
		Args: cobra.ExactArgs(1),
		RunE: g.run,
	}
	g.flags(cmd)
	f := cmd.Flags()
	f.BoolVarP(&g.all, "all", "a", false, "also partitions in which nothing was found")
	f.BoolVar(&g.detailed, "detailed-exitcode", false, "exit with 8 when something was never seen or is at risk, and with 5 when nothing is and something can not be decided")
	return cmd
}

// flags are what it takes to look.
func (g *groupGaps) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	g.about.where.flags(f)
	f.StringVar(&g.about.kafka, "kafka", "", "named connection or `host:port,...` of the brokers")
	f.StringVar(&g.topic, "topic", "", "only this `topic`; without it all that the group has commits in")
	f.StringVar(&g.about.url, "archive", "", "`URL` of an archive of --topic: s3://BUCKET/PREFIX or a directory")
	f.StringVar(&g.about.s3, "s3", "", "named connection or `endpoint` of the archive's object store; without it AWS, with the environment's credentials")
	f.StringVar(&g.about.layout, "layout", defaultLayout, "`layout` of the archive, as in gaps heatmap")
	f.StringVar(&g.reset, "reset", "", "auto.offset.reset of the group's consumers: `latest` or earliest; Kafka does not know it")
}

func (g *groupGaps) look(cmd *cobra.Command, name string) (*group.Report, error) {
	if err := required(cmd, "kafka"); err != nil {
		return nil, err
	}
	reset, err := group.ParseReset(g.reset)
	if err != nil {
		return nil, usage(cmd, fmt.Errorf("--reset %w", err))
	}
	if g.about.url != "" && g.topic == "" {
		return nil, usage(cmd, errors.New("--archive without --topic: of which topic is it?"))
	}
	in := group.Input{Group: name, Topic: g.topic, Reset: reset, NowMs: time.Now().UnixMilli()}
	if g.about.url != "" {
		archive, done, err := g.archive(cmd)
		if err != nil {
			return nil, err
		}
		defer done()
		in.Archive = archive
	}
	if in.Client, err = g.about.where.reach(cmd.Context(), g.app, g.about.kafka); err != nil {
		return nil, err
	}
	defer in.Client.Close()
	return group.Look(cmd.Context(), in)
}

func (g *groupGaps) run(cmd *cobra.Command, args []string) error {
	rep, err := g.look(cmd, args[0])
	if err != nil {
		return err
	}
	gap.NameRunbooks(rep.Findings)
	if err := g.app.print(answer{value: rep, rows: anys(rep.Findings), names: ids(rep.Findings), text: func(w io.Writer) error {
		return rep.WriteText(w, group.RenderOptions{All: g.all, About: g.again()})
	}}); err != nil || !g.detailed {
		return err
	}
	lost, _ := rep.Lost()
	return detailedStatus(lost > 0 || gap.OfKind(rep.Findings, gap.AtRisk) > 0, rep.Unknown())
}

// archive opens the copy that the flags name.
func (g *groupGaps) archive(cmd *cobra.Command) (*group.Archive, func(), error) {
	r, err := g.about.load(g.app, cmd, []string{g.topic})
	if err != nil {
		return nil, nil, err
	}
	recipe, _, err := recovery.NewRecipe(r.WithDefaults())
	if err != nil {
		return nil, nil, err
	}
	return openArchive(cmd.Context(), &g.about.where, recipe.Source)
}

// openArchive opens a copy of a topic and lists what it has. The caller calls done in the end.
func openArchive(ctx context.Context, where *places, s recovery.Source) (*group.Archive, func(), error) {
	ref, err := where.clients().Reference(ctx, s)
	if err == nil {
		out := &group.Archive{Name: "archive " + s.URL, Source: ref}
		if out.Extents, err = ref.Extents(ctx, nil, 0); err == nil {
			out.TopicID, err = ref.TopicID(ctx)
		}
		if err == nil {
			return out, func() { ref.Close() }, nil
		}
		ref.Close()
	}
	return nil, nil, noArchive(err, s)
}

// noArchive says which flags to look at when err is that there is no archive.
func noArchive(err error, s recovery.Source) error {
	if s.URL == "" || !errors.Is(err, recovery.ErrNoReference) {
		return err
	}
	return &failure{
		Code: recovery.CodeNoReference, Title: "there is no archive of topic " + s.Topic + " at " + s.URL, Detail: err.Error(), Exit: client.ExitNotFound, Err: err,
		Next: "check --archive and --layout",
	}
}

// again names the same places on another command line.
func (g *groupGaps) again() string {
	var words []string
	for _, f := range []struct{ flag, value string }{
		{"--kafka", g.about.kafka}, {"--topic", g.topic}, {"--archive", g.about.url}, {"--s3", g.about.s3}, {"--reset", g.reset},
	} {
		if f.value != "" {
			words = append(words, f.flag, quoted(f.value))
		}
	}
	if g.about.layout != defaultLayout {
		words = append(words, "--layout", g.about.layout)
	}
	return strings.TrimSpace(strings.Join(words, " ") + " " + g.about.where.again())
}

func ids(fs []gap.Finding) []string {
	var out []string
	for _, f := range fs {
		out = append(out, f.ID)
	}
	return out
}

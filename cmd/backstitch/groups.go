package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"backstitch/replay/klog"
	"backstitch/replay/offsetmap"
	"backstitch/replay/regroup"
)

func newGroups(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "groups", Short: "Move a consumer group to the right place in another topic, or back in time"}
	cmd.AddCommand(newGroupsPlan(a), newGroupsApply(a), newGroupsUndo(a))
	return cmd
}

// groupsPlan is `groups plan`.
type groupsPlan struct {
	app     *app
	logs    mapping
	choice  string
	missing bool
	time    string
}

func newGroupsPlan(a *app) *cobra.Command {
	g := &groupsPlan{app: a}
	cmd := &cobra.Command{
		Use:   "plan GROUP --from TOPIC {--to TOPIC | --to-time TIME}",
		Short: "Find where a group has to go on in another topic, and what that means",
		Long: `Find where a consumer group has to go on: in the topic that its own was copied, restored or reprocessed into, or back in time.
Records of both topics are compared by content, so that each position is that of a record and not of a number. The plan says per
partition where the group stands, where it will, how many records it will see again, and what can not be told. A partition in which
records that the group has not seen would be left out is not moved.

  --choice replay   goes on at the first record that the group is not known to have seen (the default: nothing is left out)
  --choice resume   passes over what only the other topic has and lies before what the group has seen, and counts it

To a topic that a job has written into another number of partitions a group goes with --by headers, and all of it or not at all.

With --to-time the group goes back in its own topic, never forward.

Nothing is written but the plan. groups apply does exactly what it says, or refuses because something moved. -o takes a format or the
name of the file to save to; --out always takes the file.`,
		Example: `  backstitch groups plan billing --from orders --to orders-v2 --kafka localhost:9092 -o billing.plan
  backstitch groups plan billing --from orders --to orders --kafka old:9092 --to-kafka new:9092 --choice resume -o billing.plan
  backstitch groups plan billing --from orders --to-time 2026-11-20T02:00:00Z --kafka localhost:9092 -o billing.plan`,
		Args:        cobra.ExactArgs(1),
		Annotations: map[string]string{outFileKey: "yes"},
		RunE:        g.run,
	}
	g.logs.topicFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&g.choice, "choice", string(offsetmap.Replay), "`how` to choose where the order differs or something is in one topic only: replay or resume")
	f.BoolVar(&g.missing, "allow-missing", false, "move the group also where the topic lacks records that it has not seen")
	f.StringVar(&g.time, "to-time", "", "`time` to go back to, in the topic --from: RFC 3339, or like -6h")
	f.StringVar(&a.outFile, "out", "", "`file` to save the plan to")
	return cmd
}

func (g *groupsPlan) run(cmd *cobra.Command, args []string) error {
	plan := g.move
	if g.time != "" {
		plan = g.rewind
	}
	p, err := plan(cmd, args[0])
	if err != nil {
		return err
	}
	if err := p.Check(); err != nil {
		return err
	}
	a, hash := g.app, ""
	if a.outFile != "" {
		if hash, err = p.WriteFile(a.outFile); err != nil {
			return err
		}
	}
	err = a.print(answer{
		value: struct {
			Hash string        `json:"sha256,omitempty"`
			File string        `json:"file,omitempty"`
			Plan *regroup.Plan `json:"plan"`
		}{hash, a.outFile, p},
		rows: anys(p.Parts),
		text: func(w io.Writer) error {
			return p.WriteText(w, regroup.RenderOptions{File: a.outFile, Hash: hash, With: g.logs.about.where.again()})
		},
	})
	if err != nil {
		return err
	}
	return p.Partly()
}

// move makes a plan from one topic to another.
func (g *groupsPlan) move(cmd *cobra.Command, group string) (*regroup.Plan, error) {
	if err := g.logs.check(g.app, cmd); err != nil {
		return nil, err
	}
	choice, err := offsetmap.ParseChoice(g.choice)
	if err != nil {
		return nil, usage(cmd, fmt.Errorf("--choice %w", err))
	}
	from, to, done, err := g.dial(cmd)
	if err != nil {
		return nil, err
	}
	defer done()
	// The group is looked at before the records are: what it commits meanwhile is not in the plan, and makes it stale.
	seen, err := regroup.Look(cmd.Context(), group,
		regroup.End{Kafka: g.logs.about.kafka, Client: from, Topic: g.logs.from}, regroup.End{Kafka: g.logs.target(), Client: to, Topic: g.logs.to})
	if err != nil {
		return nil, err
	}
	m, err := g.logs.build(g.app, cmd, nil)
	if err != nil {
		return nil, err
	}
	return g.logs.plan(g.app, cmd, seen, m, regroup.Options{Choice: choice, Missing: g.missing, NowMs: time.Now().UnixMilli()})
}

// plan makes a plan for a group that was looked at before m was built.
func (m *mapping) plan(a *app, cmd *cobra.Command, seen *regroup.Seen, built *offsetmap.Map, opt regroup.Options) (*regroup.Plan, error) {
	out, err := m.across(a, cmd, built, offsetmap.Question{Stands: seen.Stands(), Choice: opt.Choice})
	switch {
	case err != nil:
		return nil, err
	case out == nil:
		return seen.Plan(built, opt), nil
	case len(m.about.parts) > 0:
		return nil, usage(cmd, fmt.Errorf("--partitions: %s has the records of %s in other partitions, and where a group goes on in one of them hangs on all of its own", m.to, m.from))
	}
	return seen.PlanAcross(out, opt), nil
}

// rewind makes a plan back in time.
func (g *groupsPlan) rewind(cmd *cobra.Command, group string) (*regroup.Plan, error) {
	for _, name := range []string{"to", "to-kafka", "by", "ignore", "choice", "allow-missing", "partitions"} {
		if cmd.Flags().Changed(name) {
			return nil, usage(cmd, fmt.Errorf("--%s and --to-time exclude each other: back in time nothing is compared", name))
		}
	}
	if err := required(cmd, "from", "kafka"); err != nil {
		return nil, err
	}
	now := time.Now()
	at, err := parseTime(g.time, now)
	if err == nil && at.IsZero() {
		err = errors.New("want a time")
	}
	if err != nil {
		return nil, usage(cmd, fmt.Errorf("--to-time %q: %w", g.time, err))
	}
	if err := g.logs.about.where.load(g.app); err != nil {
		return nil, err
	}
	from, _, done, err := g.dial(cmd)
	if err != nil {
		return nil, err
	}
	defer done()
	end := regroup.End{Kafka: g.logs.about.kafka, Client: from, Topic: g.logs.from}
	seen, err := regroup.Look(cmd.Context(), group, end, end)
	if err != nil {
		return nil, err
	}
	offsets, err := klog.OffsetsAt(cmd.Context(), from, g.logs.from, at.UnixMilli())
	if err != nil {
		return nil, err
	}
	return seen.Rewind(at.UnixMilli(), offsets, now.UnixMilli()), nil
}

// dial reaches both clusters; they may be one.
func (g *groupsPlan) dial(cmd *cobra.Command) (from, to *kgo.Client, done func(), err error) {
	return g.logs.about.where.both(cmd, g.logs.about.kafka, g.logs.target())
}

// both reaches two clusters, or one that both names name. The caller calls done in the end.
func (p *places) both(cmd *cobra.Command, kafka, other string) (from, to *kgo.Client, done func(), err error) {
	k, err := p.kafka(kafka)
	if err != nil {
		return nil, nil, nil, err
	}
	if from, err = p.dial(cmd.Context(), k); err != nil {
		return nil, nil, nil, err
	}
	if other == kafka {
		return from, from, from.Close, nil
	}
	if k, err = p.kafka(other); err == nil {
		to, err = p.dial(cmd.Context(), k)
	}
	if err != nil {
		from.Close()
		return nil, nil, nil, err
	}
	return from, to, func() { from.Close(); to.Close() }, nil
}

// groupsDoor is how apply and undo reach the clusters that their file names.
type groupsDoor struct {
	where   places
	kafka   string
	toKafka string
	dryRun  bool
}

func (d *groupsDoor) flags(cmd *cobra.Command, what string) {
	f := cmd.Flags()
	d.where.flags(f)
	f.StringVar(&d.kafka, "kafka", "", "named connection or `host:port,...` of the brokers; without it those that the "+what+" names")
	f.BoolVar(&d.dryRun, "dry-run", false, "look at everything, and write nothing")
}

func newGroupsApply(a *app) *cobra.Command {
	var d groupsDoor
	receipt := ""
	cmd := changes(&cobra.Command{
		Use:   "apply FILE",
		Short: "Move a group as a plan says",
		Long: `Move a consumer group as a plan says. It is refused, and nothing is written, when the group has members, when one of its positions
is not what the plan saw, when a topic was deleted and made anew, on another cluster, and when the log does not have a new position
any more. Every position is read back; what was there before is kept in a receipt next to the plan, from before the first write on.

It asks before it writes, or wants --yes. Running it again goes on with what is left. groups undo RECEIPT takes it back.`,
		Example: "  backstitch groups apply billing.plan\n  backstitch groups apply billing.plan --dry-run",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if receipt == "" {
				receipt = args[0] + ".receipt"
			}
			return a.applyGroups(cmd, &d, args[0], receipt)
		},
	})
	d.flags(cmd, "plan")
	cmd.Flags().StringVar(&d.toKafka, "to-kafka", "", "named connection or `host:port,...` of the brokers of the topic to move to")
	cmd.Flags().StringVar(&receipt, "receipt", "", "`file` for the receipt; without it FILE.receipt")
	return cmd
}

// groupMoved is what apply and undo print as data.
type groupMoved struct {
	Group   string           `json:"group"`
	To      regroup.Place    `json:"to"`
	Receipt string           `json:"receipt"`
	Results []regroup.Result `json:"results"`
}

func (a *app) applyGroups(cmd *cobra.Command, d *groupsDoor, file, receipt string) error {
	p, hash, err := regroup.ReadPlan(file)
	if err != nil {
		return err
	}
	if err := d.where.load(a); err != nil {
		return err
	}
	d.over(&p.From, &p.To)
	from, to, done, err := d.where.both(cmd, p.From.Kafka, p.To.Kafka)
	if err != nil {
		return err
	}
	defer done()
	access := regroup.Access{From: from, To: to}
	made, err := p.Refuse(cmd.Context(), access)
	if err != nil {
		return err
	}
	moves, cannot := p.Count()
	if d.dryRun {
		if err := a.printGroupsPlan(p, hash); err != nil {
			return err
		}
		a.say("==> %d of %d positions are to be written, %d are there already. Nothing was written.", moves-made, moves, made)
		return nil
	}
	if left := moves - made; left > 0 {
		if a.interactive() && !a.yes {
			if err := p.WriteParts(a.stderr); err != nil {
				return err
			}
		}
		question := fmt.Sprintf("Move %d position(s) of group %s in %s? %d can not be moved.", left, p.Group, p.To.Topic, cannot)
		if err := a.confirm(question, "--yes, or --dry-run to look only"); err != nil {
			return err
		}
	}
	r, err := p.Apply(cmd.Context(), access, hash, receipt, time.Now().UnixMilli())
	if r == nil {
		return err
	}
	if err := errors.Join(a.printGroupMoved(groupMoved{p.Group, p.To, receipt, r.Results}, "Undo: backstitch groups undo "+quoted(receipt)), err); err != nil {
		return err
	}
	return p.Partly()
}

// over puts what was typed over what the plan names.
func (d *groupsDoor) over(from, to *regroup.Place) {
	if d.kafka != "" {
		if to.Kafka == from.Kafka {
			to.Kafka = d.kafka
		}
		from.Kafka = d.kafka
	}
	if d.toKafka != "" {
		to.Kafka = d.toKafka
	}
}

func (a *app) printGroupsPlan(p *regroup.Plan, hash string) error {
	return a.print(answer{
		value: struct {
			Hash string        `json:"sha256"`
			Plan *regroup.Plan `json:"plan"`
		}{hash, p},
		rows: anys(p.Parts),
		text: func(w io.Writer) error { return p.WriteParts(w) },
	})
}

func (a *app) printGroupMoved(out groupMoved, next string) error {
	return a.print(answer{value: out, rows: anys(out.Results), text: func(w io.Writer) error {
		if err := regroup.WriteResults(w, out.Group, out.To, out.Results); err != nil {
			return err
		}
		_, err := fmt.Fprintf(w, "Receipt: %s\n%s\n", out.Receipt, next)
		return err
	}})
}

func newGroupsUndo(a *app) *cobra.Command {
	var d groupsDoor
	cmd := changes(&cobra.Command{
		Use:   "undo RECEIPT",
		Short: "Put a group back where it was before a plan was applied",
		Long: `Put a consumer group back where it was before groups apply: each position with what was written beside it, and none where there was
none. It is refused, and nothing is written, when the group has members, when it has moved on since, when the topic was deleted and
made anew, and on another cluster. Every position is read back. It asks before it writes, or wants --yes.`,
		Example: "  backstitch groups undo billing.plan.receipt",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.undoGroups(cmd, &d, args[0])
		},
	})
	d.flags(cmd, "receipt")
	return cmd
}

func (a *app) undoGroups(cmd *cobra.Command, d *groupsDoor, file string) error {
	r, err := regroup.ReadReceipt(file)
	if err != nil {
		return err
	}
	if err := d.where.load(a); err != nil {
		return err
	}
	if d.kafka != "" {
		r.To.Kafka = d.kafka
	}
	k, err := d.where.kafka(r.To.Kafka)
	if err != nil {
		return err
	}
	cl, err := d.where.dial(cmd.Context(), k)
	if err != nil {
		return err
	}
	defer cl.Close()
	undone, err := r.Refuse(cmd.Context(), cl)
	if err != nil {
		return err
	}
	left := len(r.Results) - undone
	if d.dryRun {
		a.say("==> %d of %d positions are to be put back, %d are as they were. Nothing was written.", left, len(r.Results), undone)
		return nil
	}
	if left > 0 {
		if err := a.confirm(fmt.Sprintf("Put back %d position(s) of group %s in %s?", left, r.Group, r.To.Topic), "--yes, or --dry-run to look only"); err != nil {
			return err
		}
	}
	results, err := r.Undo(cmd.Context(), cl)
	if results == nil {
		return err
	}
	return errors.Join(a.printGroupMoved(groupMoved{r.Group, r.To, file, results}, "The plan may be applied again."), err)
}

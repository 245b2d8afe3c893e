package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/cmd/backstitch/publish"
	"backstitch/fsm"
	"backstitch/replay/klog"
	"backstitch/replay/offsetmap"
)

// publishing is `publish`.
type publishing struct {
	app    *app
	groups kafkaGroups
	alias  string
	from   string
	move   []string
	dryRun bool
	reason string
}

func newPublish(a *app) *cobra.Command {
	p := &publishing{app: a}
	p.groups.app = a
	cmd := changes(&cobra.Command{
		Use:   "publish JOB --as ALIAS",
		Short: "Send readers to what a job has written and proved",
		Long: `Send the readers of an alias to what a job has written: a topic, a directory or a prefix. It is refused unless the job's newest proof
passes and its target is still the one that was proved. The alias keeps where its readers were before, and backstitch rollback JOB sends
them back.

--groups moves consumer groups along, by content as groups plan does: each goes on at the record at which it stands now. Their consumers
have to be stopped. Where the old topic is in another Kafka, --from-kafka names that: positions are read there and set here. First the groups
get their positions in the new topic, then the alias changes, so no reader begins at a place by chance.
How they move is noted in the cluster before anything is written: if this command dies, the same command finishes it, on any machine, and
backstitch rollback JOB takes back exactly what was done.

It asks before it writes, or wants --yes. Consumers ask backstitch alias show ALIAS, or GET /v1/aliases/ALIAS, and are started again.

Exit status: 0 published, or it was before, 2 --groups without a place to come from, 3 or 5 a group can not go whole, 10 no such job,
11 no passing proof, another target, another Kafka, a group with members or one that has moved, or another publication is not finished.`,
		Example: `  backstitch publish bs-7f3k2m --as orders --from orders --groups billing,fraud-rt --connections agent.yaml
  backstitch publish bs-7f3k2m --as orders --from orders --from-kafka old:9092 --groups billing
  backstitch publish bs-7f3k2m --as orders --dry-run`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeJobs,
		RunE:              a.asking(p.run),
	})
	p.groups.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&p.alias, "as", "", "`name` that readers ask for")
	f.StringVar(&p.from, "from", "", "`place` where readers are until now, for a new alias: a topic, dir:PATH/TOPIC or s3://BUCKET/PREFIX/TOPIC; without it they were nowhere")
	f.StringSliceVar(&p.move, "groups", nil, "consumer `groups` that go along")
	f.StringVar(&p.groups.logs.by, "by", "", "`what` tells that two records are one, for --groups: content or headers; without it headers for a job that changed records and says where they came from")
	f.StringSliceVar(&p.groups.logs.ignore, "ignore", nil, "`parts` of records to leave out when contents are compared: keys, headers, timestamps")
	f.StringVar(&p.groups.choice, "choice", string(offsetmap.Replay), "`how` to choose where the order differs or something is in one topic only: replay or resume")
	f.BoolVar(&p.groups.missing, "allow-missing", false, "move groups also where the new topic lacks records that they have not seen")
	f.BoolVar(&p.dryRun, "dry-run", false, "look at everything, and write nothing")
	f.StringVar(&p.reason, "reason", "", "`why`, for the audit trail and the history of the alias")
	return cmd
}

func (p *publishing) run(cmd *cobra.Command, args []string, c *client.Client) error {
	if err := required(cmd, "as"); err != nil {
		return err
	}
	if why := fsm.InvalidAliasName(p.alias); why != "" {
		return usage(cmd, errors.New("--as: "+why))
	}
	for _, name := range []string{"by", "ignore", "choice", "allow-missing"} {
		if len(p.move) == 0 && cmd.Flags().Changed(name) {
			return usage(cmd, fmt.Errorf("--%s is about how groups move, and --groups names none", name))
		}
	}
	ctx := cmd.Context()
	if err := p.groups.where().load(p.app); err != nil {
		return err
	}
	w, err := lookUp(ctx, c, args[0])
	if err != nil {
		return err
	}
	if err := p.groups.about(cmd, w); err != nil {
		return err
	}
	defer p.groups.close()
	from, err := p.origin(cmd, w)
	if err != nil {
		return err
	}
	pub, err := publish.Look(ctx, c, &p.groups, publish.Order{Job: w.job, Alias: p.alias, Place: w.place, From: from, Groups: p.move, Reason: p.reason})
	if err != nil {
		return err
	}
	if err := p.groups.unused(cmd, !w.work.recipe.Target.Files(), len(pub.Groups) > 0 || strings.HasPrefix(from.Name, "kafka:")); err != nil {
		return err
	}
	if !pub.Done {
		if err := p.groups.same(ctx, w); err != nil {
			return err
		}
	}
	notes := p.notes(w)
	if p.dryRun || pub.Done {
		return p.print(pub, nil, notes)
	}
	if p.app.interactive() && !p.app.yes {
		if err := publicationText(p.app.stderr, pub, notes); err != nil {
			return err
		}
		if err := p.groups.show(p.app.stderr); err != nil {
			return err
		}
	}
	here, there := publish.Between(pub.From, pub.To)
	if err := p.app.confirm(fmt.Sprintf("Send the readers of %s from %s to %s?", pub.Alias, here, there), "--yes, or --dry-run to look only"); err != nil {
		return err
	}
	alias, err := pub.Do(ctx, c, &p.groups)
	if err != nil {
		return err
	}
	return p.print(pub, &alias, notes)
}

// origin is where readers are until now, as it was typed.
func (p *publishing) origin(cmd *cobra.Command, w written) (publish.Place, error) {
	if p.from == "" {
		return publish.Place{}, nil
	}
	cut := strings.LastIndexByte(p.from, '/')
	topic := p.from[cut+1:]
	switch {
	case topic == "":
		return publish.Place{}, usage(cmd, fmt.Errorf("--from %q does not end in the name of a topic", p.from))
	case strings.HasPrefix(p.from, "s3://"):
		return publish.Place{Name: p.from, Topic: topic}, nil
	case strings.HasPrefix(p.from, "dir:") && cut > 0:
		return publish.Place{Name: p.from[:cut], Topic: topic}, nil
	case cut >= 0 || w.work.recipe.Target.Files():
		return publish.Place{}, usage(cmd, fmt.Errorf("--from %q: want dir:PATH/TOPIC or s3://BUCKET/PREFIX/TOPIC, or a topic of the Kafka that the job wrote to", p.from))
	}
	cluster, err := p.groups.exists(cmd.Context(), topic)
	return publish.Place{Name: "kafka:" + cluster + "/" + topic, Topic: topic}, err
}

// notes are what somebody should know before.
func (p *publishing) notes(w written) []string {
	var out []string
	if err := succeeded(w.job, &w.work.recipe); w.job.State == "succeeded" && err != nil {
		out = append(out, "BST-P235: "+err.Error())
	}
	return append(out, p.groups.notes...)
}

func (p *publishing) print(pub *publish.Publication, alias *client.Alias, notes []string) error {
	out := struct {
		*publish.Publication
		Published bool     `json:"published"`
		Version   uint32   `json:"version,omitempty"`
		Notes     []string `json:"notes,omitempty"`
	}{Publication: pub, Published: alias != nil || pub.Done, Notes: notes}
	if alias != nil {
		out.Version = alias.Version
	}
	return p.app.print(answer{value: out, names: []string{pub.Alias}, text: func(w io.Writer) error {
		if err := publicationText(w, pub, notes); err != nil {
			return err
		}
		switch {
		case alias == nil && pub.Done:
			_, err := fmt.Fprintf(w, "It is published already. Undo: backstitch rollback %s\n", pub.Job)
			return err
		case alias == nil:
			if err := p.groups.show(w); err != nil {
				return err
			}
			_, err := fmt.Fprintln(w, "Nothing was written.")
			return err
		}
		_, err := fmt.Fprintf(w, "Readers of %s go to %s, version %d. Start consumers again; what was before is kept.\nUndo: backstitch rollback %s\n", pub.Alias, pub.To, alias.Version, pub.Job)
		return err
	}})
}

func publicationText(w io.Writer, pub *publish.Publication, notes []string) error {
	from, to := publish.Between(pub.From, pub.To)
	fmt.Fprintf(w, "Alias %s   %s -> %s   by the proof of job %s\n", pub.Alias, from, to, pub.Job)
	if len(pub.Groups) > 0 {
		fmt.Fprintf(w, "  groups  %s\n", strings.Join(pub.Groups, ", "))
	}
	if pub.Staged {
		fmt.Fprintln(w, "  It was begun before, and goes on as it was noted then.")
	}
	for _, n := range notes {
		fmt.Fprintln(w, "Note "+strings.ReplaceAll(n, "\n", "\n  "))
	}
	return nil
}

// written is a job and where it wrote.
type written struct {
	job   client.Job
	work  jobWork
	place publish.Place
	parts []int32
}

// lookUp asks the book for a job and takes from its locks where it wrote.
func lookUp(ctx context.Context, c *client.Client, id string) (w written, err error) {
	if w.job, _, err = c.Job(ctx, id, client.Blocking{}); err != nil {
		return w, err
	}
	if w.work, err = fetchWork(ctx, c, w.job.ID); err != nil {
		return w, err
	}
	place, ok := fsm.PlaceOfLocks(w.job.Locks)
	if !ok {
		return w, &failure{Code: publish.CodeOtherPlace, Title: "job " + w.job.ID + " wrote nothing, or into several places", Exit: client.ExitConflict,
			Detail: "It is to do with " + dash(strings.Join(w.job.Locks, ", ")) + ".", Next: "backstitch status " + w.job.ID}
	}
	w.place = publish.Place{Name: place, Topic: w.work.recipe.Target.Topic}
	for _, lock := range w.job.Locks {
		var part int32
		if _, err := fmt.Sscan(strings.TrimPrefix(lock, place+"/"), &part); err != nil {
			return w, fmt.Errorf("lock %s of job %s: %w", lock, w.job.ID, err)
		}
		w.parts = append(w.parts, part)
	}
	return w, nil
}

// same makes sure that the topic is the one that was proved.
func (g *kafkaGroups) same(ctx context.Context, w written) error {
	t := w.work.recipe.Target
	if t.Kind != "kafka" {
		return nil
	}
	cl, err := g.dial(ctx, g.logs.toKafka)
	if err != nil {
		return err
	}
	id, err := klog.ID(ctx, cl, t.Topic)
	if err != nil {
		return err
	}
	if id.String() != t.TopicID {
		return &failure{Code: publish.CodeOtherPlace, Title: "topic " + t.Topic + " was deleted and made anew", Exit: client.ExitConflict,
			Detail: fmt.Sprintf("The proof of job %s is about id %s, and it has %s now. Or this is another Kafka.", w.job.ID, t.TopicID, id), Next: "a new plan: backstitch plan -f SPEC -o FILE.plan"}
	}
	return nil
}

// exists makes sure that there is a topic where readers come from, and returns the cluster that it is in.
func (g *kafkaGroups) exists(ctx context.Context, topic string) (cluster string, err error) {
	cl, err := g.dial(ctx, g.logs.about.kafka)
	if err != nil {
		return "", err
	}
	if _, err := klog.ID(ctx, cl, topic); err != nil {
		return "", err
	}
	return clusterOf(ctx, cl)
}

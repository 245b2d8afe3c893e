package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"backstitch/cluster/client"
	"backstitch/cmd/backstitch/sandbox"
	"backstitch/replay/report"
	"backstitch/replay/spec"
	"backstitch/replay/synth"
	"backstitch/replay/synth/replica"
)

// rehearsalChaos are the stories that a rehearsal can tell: children of this process are killed and started again.
var rehearsalChaos = []string{"kill-leader", "kill-owner"}

// rehearsing is one rehearsal on its way.
type rehearsing struct {
	app   *app
	site  *site
	spec  *spec.Recovery // for the sandbox
	g     *synth.Generator
	fates *synth.Planter
	bytes int64 // about what one record takes
	out   rehearsal
	job   string
	names rehearsedNames // where the target's names of schemas are others
	// changes is what becomes of records on their way into the target, nil for nothing; kept until the judge is done.
	changes replica.Change
	close   func()
}

func newRehearse(a *app) *cobra.Command {
	var where places
	var plant planting
	from := like{where: &where}
	file, dir, chaos := "", "", ""
	records, seed, nodes := recordCount(100_000), uint64(1), 3
	sla := time.Duration(0)
	cmd := changes(&cobra.Command{
		Use:   "rehearse -f SPEC",
		Short: "Run a whole job in a sandbox, against records that only look like yours",
		Long: `Make a replica of what a profile describes in a sandbox on loopback (a Kafka, an S3 and agents, as dev starts them), lose some of it
on purpose, and do what the spec says there: find, plan, run, prove. Then a reader counts what is in the topic. Nothing of where the
spec reads and writes is connected to; --like-kafka and --like-registry alone are read, before the sandbox starts. Where the spec names schema
registries the sandbox has them, with the schemas of the profile; steps of a transform are done to the replica as to the real records.

The reference is an archive in the sandbox whatever the spec's is. What is lost is what --lose, --dup and --corrupt say, or else the spec's range,
where it lies within one day, or else six busy hours of every second partition.

Exit status 0 means: something was lost, exactly that was found and brought back, the proof passed, and --sla held at the real size.`,
		Example: `  backstitch rehearse -f orders.yaml --like orders.profile.json
  backstitch rehearse -f orders.yaml --like orders.profile.json --records 1M --chaos kill-leader --sla 30m`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := required(cmd, "file", "like"); err != nil {
				return err
			}
			if err := errors.Join(plant.parse(), checkNodes(nodes, chaos)); err != nil {
				return usage(cmd, err)
			}
			if sla < 0 {
				return usage(cmd, fmt.Errorf("--sla %s: want a positive time", sla))
			}
			data, err := readSpecFile(file)
			if err != nil {
				return err
			}
			original, err := spec.Parse(file, data, spec.Options{ReadFile: os.ReadFile})
			if err != nil {
				return err
			}
			if goal := original.Spec.SLA; goal != nil && !cmd.Flags().Changed("sla") {
				if sla, err = goal.RecoverWithin.Parse(); err != nil {
					return err
				}
			}
			r := rehearsing{app: a, close: func() {}}
			defer func() { r.close() }()
			if r.spec, err = rehearsed(original); err != nil {
				return err
			}
			from.schemas.likely = outputSubjects(original)
			p, err := from.profile(cmd.Context(), a)
			if err != nil {
				return err
			}
			registries, names, err := registriesOf(original, r.spec, p)
			if err != nil {
				return err
			}
			r.names = names
			if len(plant.loss.Windows) == 0 && plant.loss.Corrupt == 0 {
				if plant.loss.Windows, err = lossOf(original, p); err != nil {
					return err
				}
			}
			if r.g, r.fates, err = replicaOf(cmd, p, int64(records), seed, &plant); err != nil {
				return err
			}
			r.bytes = max(1, int64((p.Values.Bytes.Bytes()+p.KeyBytes.Bytes())/float64(p.Records)))
			planted := r.fates.Planted()
			if planted.Missing() == 0 {
				return usage(cmd, errors.New("nothing would be lost, and so nothing shown: give --lose times in which the profile has records"))
			}
			r.out = rehearsal{
				Spec: file, Topic: r.spec.Spec.Target.Kafka.Topic, Seed: seed, Nodes: nodes, Records: planted.Records, Real: p.Records,
				Lost: planted.Missing(), Chaos: chaos, SLAMs: sla.Milliseconds(),
			}
			if chaos != "" {
				inPieces(r.spec, planted.Missing())
			}
			keep := dir != ""
			if !keep {
				if dir, err = os.MkdirTemp("", "backstitch-rehearsal-"); err != nil {
					return err
				}
				defer os.RemoveAll(dir)
			}
			ports, err := freePorts(nodes)
			if err != nil {
				return err
			}
			if r.site, err = newSite(dir, ports, registries); err != nil {
				return err
			}
			defer r.site.stop(5 * time.Second)
			if err := r.run(cmd.Context()); err != nil {
				if cmd.Context().Err() != nil {
					return interrupted()
				}
				if chaos != "" {
					return err // a node that has ended is what the story is about
				}
				return r.site.blame(cmd.Context(), err)
			}
			r.out.judge()
			if err := a.print(answer{value: r.out, names: []string{r.job}, text: r.out.text}); err != nil {
				return err
			}
			return r.out.err()
		},
	})
	f := cmd.Flags()
	where.flags(f)
	from.flags(f)
	plant.flags(f)
	f.StringVarP(&file, "file", "f", "", "`file` of the job spec; required")
	f.Var(&records, "records", "`number` of records of the replica, also as 250k or 1M")
	f.Uint64Var(&seed, "seed", seed, "`number` that decides everything that is drawn")
	f.IntVar(&nodes, "nodes", nodes, "`number` of agents: 1, 3 or 5")
	f.StringVar(&chaos, "chaos", "", "`story` to tell in the middle of the repair: kill-leader or kill-owner")
	f.DurationVar(&sla, "sla", 0, "`time` that the recovery may take at the real size; without it what the spec's sla says")
	f.StringVar(&dir, "dir", "", "`directory` to keep logs, spec and plan in; without it nothing stays")
	return cmd
}

// rehearsalStepTime bounds each step, for each million records begun.
const rehearsalStepTime = 5 * time.Minute

func (r *rehearsing) run(ctx context.Context) error {
	var before sandbox.Requests
	control := sandbox.Control{Addr: r.site.ports.controlAddr()}
	for _, s := range []struct {
		name    string
		do      func(context.Context) error
		records int64
		counts  bool
	}{
		{"start", r.site.start, 0, false},
		{"replica", r.make, r.out.Records, false},
		{"find", r.find, r.out.Records, true},
		{"plan", r.plan, r.out.Records, true},
		{"run", r.repair, r.out.Lost, true},
		{"prove", r.prove, r.out.Records, true},
		{"judge", r.judge, r.out.Records, false},
	} {
		r.app.say("==> %s", s.name)
		if s.name == "find" {
			var err error
			if before, err = control.Requests(ctx); err != nil {
				return err
			}
		}
		began := time.Now()
		bounded, cancel := context.WithTimeout(ctx, rehearsalStepTime*time.Duration(1+r.out.Records/1_000_000))
		err := s.do(bounded)
		cancel()
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		r.out.Phases = append(r.out.Phases, rehearsalPhase{s.name, time.Since(began).Milliseconds(), s.records, s.counts})
		if s.name == "prove" {
			after, err := control.Requests(ctx)
			if err != nil {
				return err
			}
			r.out.Store = after.Minus(before)
		}
	}
	return nil
}

// kafka is a client of the sandbox's broker.
func (r *rehearsing) kafka() (*kgo.Client, error) {
	return kgo.NewClient(append(replica.ClientOptions(), kgo.SeedBrokers(r.site.ports.kafkaAddr()))...)
}

// make writes the replica whole, archives it, and makes the topic anew from what survives.
func (r *rehearsing) make(ctx context.Context) error {
	cl, err := r.kafka()
	if err != nil {
		return err
	}
	defer cl.Close()
	id, err := replica.Make(ctx, cl, r.out.Topic, r.g, nil, nil)
	if err != nil {
		return err
	}
	url := "s3://" + siteBucket + "/" + rehearsalPrefix
	if _, err := r.command(ctx, "archive", r.out.Topic, url, "--kafka", "kafka", "--s3", "s3", "-q"); err != nil {
		return err
	}
	if err := replica.Remove(ctx, cl, r.out.Topic, id); err != nil {
		return err
	}
	if r.changes, r.close, err = r.change(ctx); err != nil {
		return err
	}
	if _, err := replica.Make(ctx, cl, r.out.Topic, r.g, r.fates, r.changes); err != nil {
		return err
	}
	text, err := specText(r.spec)
	if err != nil {
		return err
	}
	return os.WriteFile(r.specFile(), text, 0o600)
}

func (r *rehearsing) specFile() string { return filepath.Join(r.site.dir, "rehearsal.yaml") }
func (r *rehearsing) planFile() string { return filepath.Join(r.site.dir, "rehearsal.plan") }

func (r *rehearsing) find(ctx context.Context) error {
	_, err := r.command(ctx, "gaps", "list", "-f", r.specFile(), "-o", "json", "-q")
	return err
}

// plan makes the plan and scores it against what was planted.
func (r *rehearsing) plan(ctx context.Context) error {
	if _, err := r.command(ctx, "plan", "-f", r.specFile(), "--out", r.planFile(), "-q"); err != nil {
		return err
	}
	ranges, err := plannedRanges(r.planFile())
	if err != nil {
		return err
	}
	for number, list := range ranges {
		for _, said := range list {
			found, wrong := r.fates.Score(number, said)
			r.out.Found, r.out.False = r.out.Found+found, r.out.False+wrong
		}
	}
	return nil
}

// repair runs the plan, tells the story of chaos meanwhile, and waits for the end.
func (r *rehearsing) repair(ctx context.Context) error {
	c, err := client.New(client.Config{Addresses: r.site.addresses(), Retry: 30 * time.Second})
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan runEnd, 1)
	go func() {
		out, status := r.site.command(ctx, "run", r.planFile(), "--yes", "-o", "json", "-q")
		ended <- runEnd{out, status}
	}()
	end, err := r.hurt(ctx, c, ended)
	if end == nil {
		if err != nil {
			cancel()
		}
		e := <-ended // run ends with ctx
		end = &e
	}
	cancel()
	if err != nil {
		return err
	}
	if end.status != client.ExitOK {
		return r.unexpected("run", end.status, end.output)
	}
	jobs, _, err := c.Jobs(context.WithoutCancel(ctx), client.Blocking{})
	if err != nil {
		return err
	}
	if len(jobs) != 1 {
		return fmt.Errorf("the sandbox has %d jobs, want 1", len(jobs))
	}
	r.job = jobs[0].ID
	r.out.Written, r.out.Bytes = jobs[0].Progress.Written, jobs[0].Progress.Bytes
	return nil
}

// hurt kills the node that the story names and starts it again. It returns the end of run when that came first, and slows the broker
// down meanwhile: a repair of this size would be over before anybody could be hit.
func (r *rehearsing) hurt(ctx context.Context, c *client.Client, ended chan runEnd) (*runEnd, error) {
	if r.out.Chaos == "" {
		return nil, nil
	}
	d := &demo{app: r.app, site: r.site}
	mark := killMark{killBusiestAt, d.busiest, "the owner of most slices"}
	if r.out.Chaos == "kill-leader" {
		mark = killMark{killBusiestAt, d.leader, "the leader"}
	}
	control := sandbox.Control{Addr: r.site.ports.controlAddr()}
	if err := control.Pace(ctx, max(1, r.out.Lost*r.bytes/repairSeconds)); err != nil {
		return nil, err
	}
	d.quiet = true
	_, end, err := d.kills(ctx, c, ended, []killMark{mark})
	r.out.Kills, r.out.FailoverMs = d.result.Kills, d.result.FailoverMs
	if err != nil {
		return end, err
	}
	return end, control.Pace(ctx, 0)
}

func (r *rehearsing) prove(ctx context.Context) error {
	out, status := r.site.command(ctx, "verify", r.job, "-o", "json", "-q")
	if status != client.ExitOK && status != client.ExitDiffer {
		return r.unexpected("verify", status, out)
	}
	file, err := report.Decode("the proof", []byte(out.stdout))
	if err != nil {
		return err
	}
	r.out.Proof, r.out.Evidence = file.Report.Verdict, file.Report.Evidence
	return nil
}

func (r *rehearsing) judge(ctx context.Context) error {
	cl, err := r.kafka()
	if err != nil {
		return err
	}
	defer cl.Close()
	v, err := replica.Judge(ctx, cl, r.out.Topic, r.g, r.fates, r.changes)
	if err != nil {
		return err
	}
	r.out.Judged = &v
	return nil
}

// command runs a command that has to succeed.
func (r *rehearsing) command(ctx context.Context, args ...string) (output, error) {
	out, status := r.site.command(ctx, args...)
	if status != client.ExitOK {
		return out, r.unexpected(args[0], status, out)
	}
	return out, nil
}

func (r *rehearsing) unexpected(command string, status int, out output) error {
	return &failure{
		Code: codeRehearsal, Title: fmt.Sprintf("backstitch %s: exit status %d", command, status), Exit: client.ExitFailed,
		Detail: strings.TrimSpace(out.stderr), Next: "backstitch rehearse ... --dir DIR     keeps the logs",
	}
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/replay/gap"
	"backstitch/replay/sentinel"
	"backstitch/replay/sentinel/observe"
)

// forecaster looks at a Kafka a few times and says what will be lost. It writes nothing anywhere.
type forecaster struct {
	app      *app
	where    places
	kafka    string
	group    string
	samples  int
	every    time.Duration
	within   time.Duration
	watch    bool
	all      bool
	baseline string
	expect   map[string]string
	detailed bool
}

// watched is how many samples a watch looks back.
const watched = 30

func newForecast(a *app) *cobra.Command {
	f := &forecaster{app: a}
	cmd := &cobra.Command{
		Use:   "forecast [TOPIC]",
		Short: "Say which consumer groups will lose records to retention, and when",
		Long: `Set what consumer groups have yet to read against what retention takes away, and print from when to when loss can begin, the
nearest first. Kafka deletes whole segments, so a time to loss is a range. Settings of retention that are not what they were
(--baseline) or should be (--expect) are named, with what they endanger.

Groups, topics and settings are described from here; no agent is needed, no record is read, no group is joined, and nothing is
written anywhere. How fast a group reads takes two samples, --every apart.`,
		Example: `  backstitch forecast --kafka localhost:9092
  backstitch forecast orders --kafka localhost:9092 --samples 6 --every 10s
  backstitch forecast --group billing --kafka localhost:9092 --watch
  backstitch forecast orders --kafka localhost:9092 --expect retention.ms=604800000 --detailed-exitcode
  backstitch forecast orders --kafka localhost:9092 -o json > monday.json; backstitch forecast orders --kafka localhost:9092 --baseline monday.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: f.run,
	}
	fl := cmd.Flags()
	f.where.flags(fl)
	fl.StringVar(&f.kafka, "kafka", "", "named connection or `host:port,...` of the brokers")
	fl.StringVar(&f.group, "group", "", "only this consumer `group`")
	fl.IntVar(&f.samples, "samples", 2, "how `many` times to look before anything is foretold")
	fl.DurationVar(&f.every, "every", 10*time.Second, "`duration` between two looks")
	fl.DurationVar(&f.within, "within", sentinel.DefaultConfig().Within, "a loss that is nearer than this `duration`, and than half of the retention, is a finding")
	fl.BoolVar(&f.watch, "watch", false, "go on looking, and print each time, until Ctrl-C or --timeout")
	fl.BoolVarP(&f.all, "all", "a", false, "also groups that nothing threatens")
	fl.StringVar(&f.baseline, "baseline", "", "`file` with an earlier forecast (-o json): name the settings that changed since")
	fl.StringToStringVar(&f.expect, "expect", nil, "`setting=value` that each topic should have, in Kafka's names and units; may be repeated")
	fl.BoolVar(&f.detailed, "detailed-exitcode", false, "exit with 8 when something is at risk or lost, and with 5 when nothing is and something can not be told")
	return cmd
}

func (f *forecaster) run(cmd *cobra.Command, args []string) error {
	if err := required(cmd, "kafka"); err != nil {
		return err
	}
	if f.samples < 1 || f.every <= 0 || f.within <= 0 {
		return usage(cmd, errors.New("--samples, --every and --within must be positive"))
	}
	if _, err := sentinel.Declared(f.expect, nil); err != nil {
		return usage(cmd, fmt.Errorf("--expect: %w", err))
	}
	before, err := readBaseline(f.baseline)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	cl, err := f.where.reach(ctx, f.app, f.kafka)
	if err != nil {
		return err
	}
	defer cl.Close()
	o := &observe.Observer{Client: cl, Now: time.Now, Group: f.group}
	if len(args) == 1 {
		o.Topic = args[0]
	}
	var samples []sentinel.Sample
	for {
		s, err := o.Sample(ctx)
		if err != nil {
			return err
		}
		samples = append(samples, s)
		if len(samples) >= f.samples {
			rep, err := f.tell(samples, before, args)
			if err != nil {
				return err
			}
			if !f.watch {
				return f.status(rep)
			}
		}
		if before == nil {
			before = s.Topics // what changes while we look is a drift too
		}
		samples = samples[max(0, len(samples)-max(f.samples, watched)):]
		if err := rest(ctx, f.every); err != nil {
			return err
		}
	}
}

// rest waits, or says why it did not.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// tell prints what the samples come to.
func (f *forecaster) tell(samples []sentinel.Sample, before map[string]sentinel.TopicSample, args []string) (*sentinel.Report, error) {
	rep, err := sentinel.Forecast(samples, sentinel.Config{Within: f.within})
	if err != nil {
		return nil, err
	}
	declared, err := sentinel.Declared(f.expect, rep.Sample.Topics)
	if err != nil {
		return nil, err
	}
	drift := declared
	for _, d := range sentinel.Compare(before, rep.Sample.Topics) {
		if !slices.ContainsFunc(declared, func(e sentinel.Drift) bool { return e.Topic == d.Topic && e.Setting == d.Setting }) {
			drift = append(drift, d)
		}
	}
	rep.AddDrift(drift)
	gap.NameRunbooks(rep.Findings)
	return rep, f.app.print(answer{value: rep, rows: anys(rep.Outlooks), names: ids(rep.Findings), text: func(w io.Writer) error {
		return rep.WriteText(w, sentinel.RenderOptions{All: f.all, About: f.again()})
	}})
}

// again names the same brokers on another command line.
func (f *forecaster) again() string {
	return strings.TrimSpace("--kafka " + quoted(f.kafka) + " " + f.where.again())
}

func (f *forecaster) status(rep *sentinel.Report) error {
	if !f.detailed {
		return nil
	}
	found := slices.ContainsFunc(rep.Findings, func(g gap.Finding) bool { return g.Kind == gap.AtRisk || g.Kind == gap.Missing })
	return detailedStatus(found || len(rep.Drift) > 0, rep.Count(sentinel.Unknown)+len(rep.NotChecked))
}

// readBaseline returns the topics of an earlier forecast; nil for none.
func readBaseline(file string) (map[string]sentinel.TopicSample, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	exit := client.ExitNotFound
	var rep sentinel.Report
	if err == nil {
		exit = client.ExitUsage
		err = json.Unmarshal(text, &rep)
	}
	if err == nil && rep.AtMs == 0 {
		err = errors.New("it has no sample")
	}
	if err != nil {
		return nil, &failure{
			Code: codeFile, Title: file + " is not a forecast", Detail: err.Error(), Exit: exit, Err: err,
			Next: "backstitch forecast --kafka HOST:9092 -o json > " + file,
		}
	}
	return rep.Sample.Topics, nil
}

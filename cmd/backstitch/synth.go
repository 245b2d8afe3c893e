package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"backstitch/cluster/client"
	"backstitch/replay/synth"
	"backstitch/replay/synth/replica"
)

func newSynth(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "synth", Short: "Learn what a topic looks like, and make one that looks alike without its data"}
	cmd.AddCommand(newSynthLearn(a), newSynthGenerate(a))
	return cmd
}

func newSynthLearn(a *app) *cobra.Command {
	var where places
	var opt synth.Options
	var schemas schemaFlags
	kafka, span, file := "", "", ""
	cmd := &cobra.Command{
		Use:   "learn TOPIC",
		Short: "Write a profile of a topic: counts, sizes and times, and none of its content",
		Long: `Read a topic and write down what it looks like: records of each partition by the hour of the day, how often keys come again, sizes of
keys, values and headers, how well values compress. No byte of a key, a value or a header's value is in the profile. With --keep-shape it also
has the names and types of members of values in JSON. With --registry, values that name a schema are learnt from as what it says, and the
profile has their schemas, whole. A profile is a JSON file to read before it is passed on.`,
		Example: "  backstitch synth learn orders --kafka prod --connections agent.yaml --out orders.profile.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := required(cmd, "kafka"); err != nil {
				return err
			}
			var r replica.Range
			if span != "" {
				t, err := parseRange(span, time.Now())
				if err != nil {
					return usage(cmd, err)
				}
				r = replica.Range{FromMs: t.fromMs, ToMs: t.toMs}
				a.say("==> range %s", t)
			}
			p, err := a.learn(cmd.Context(), &where, kafka, args[0], r, opt, &schemas)
			if err != nil {
				return err
			}
			if file != "" {
				body, err := p.Encode()
				if err != nil {
					return err
				}
				if err := writeFile(file, body); err != nil {
					return err
				}
			}
			return a.print(answer{value: p, rows: anys(p.Partitions), names: args, text: func(w io.Writer) error {
				return writeProfile(w, p, args[0], file)
			}})
		},
	}
	f := cmd.Flags()
	where.flags(f)
	f.StringVar(&kafka, "kafka", "", "named connection or `host:port,...` of the brokers; required")
	f.StringVar(&span, "range", "", "`@FROM:TO` in record time, like @-48h:-24h; without it everything")
	f.BoolVar(&opt.KeepNames, "keep-names", false, "keep the names of headers; without it their number and lengths")
	f.BoolVar(&opt.KeepShape, "keep-shape", false, "keep the names and types of members of values in JSON, of those that come again")
	schemas.flags(f, "")
	f.StringArrayVar(&schemas.subjects, "subject", nil, "`name` of a subject whose schemas the profile is to have as well; again for more")
	f.StringVar(&file, "out", "", "`file` to write the profile to")
	return cmd
}

func (a *app) learn(ctx context.Context, where *places, kafka, topic string, r replica.Range, opt synth.Options, from *schemaFlags) (*synth.Profile, error) {
	cl, err := where.reach(ctx, a, kafka)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	schemas, err := from.open(ctx, where, topic)
	if err != nil {
		return nil, err
	}
	if schemas != nil && schemas.Registry != nil {
		defer schemas.Registry.Close()
	}
	p, err := replica.Learn(ctx, cl, topic, r, opt, schemas)
	if errors.Is(err, replica.ErrNoSchema) || errors.Is(err, synth.ErrKind) {
		return nil, from.explain(topic, err)
	}
	if errors.Is(err, synth.ErrNothing) {
		return nil, &failure{
			Code: codeNothingToLearn, Title: fmt.Sprintf("topic %s has no record to learn from", topic), Err: err, Exit: client.ExitNotFound,
			Detail: "A profile of nothing would make a replica of nothing.", Next: "give another --range, or none",
		}
	}
	if errors.Is(err, synth.ErrSpan) {
		return nil, &failure{
			Code: codeNothingToLearn, Title: fmt.Sprintf("the times of topic %s can not be learnt", topic), Detail: err.Error(), Err: err,
			Next: "leave out records with wrong times: backstitch synth learn " + quoted(topic) + " --kafka " + quoted(kafka) + " --range @-48h:end", Exit: client.ExitFailed,
		}
	}
	return p, err
}

func writeProfile(w io.Writer, p *synth.Profile, topic, file string) error {
	v := &p.Values
	fmt.Fprintf(w, "Topic       %s: %s records in %d partition(s), %s to %s\n", topic, count(p.Records), len(p.Partitions),
		p.From.Format(time.RFC3339), p.To.Format(time.RFC3339))
	var null, distinct int64
	for i := range p.Partitions {
		null, distinct = null+p.Partitions[i].NullKeys, distinct+p.Partitions[i].Distinct
	}
	fmt.Fprintf(w, "Keys        about %s distinct, %s null; %s\n", count(distinct), count(null), sizesText(p.KeyBytes))
	fmt.Fprintf(w, "Values      %s, %s null; %s; compress to %.0f %%\n", v.Format, count(v.Null), sizesText(v.Bytes), 100*v.Compressed)
	if v.Shape != nil {
		fmt.Fprintf(w, "Shape       %d members of %s objects, %s members without a shape\n", len(v.Shape.Members), count(v.Shape.Count), count(v.Shape.Other))
	}
	for i := range p.Schemas {
		s := &p.Schemas[i]
		name, err := s.Name()
		if err != nil {
			return err
		}
		var named []string
		for _, f := range s.Framings {
			named = append(named, count(f.Count)+" "+f.In)
		}
		fmt.Fprintf(w, "Schema      %s, %s: %s", name.Text(), s.Kind, dash(strings.Join(named, ", ")))
		if s.Subject != "" {
			fmt.Fprintf(w, "; %s@%d", s.Subject, s.Version)
		}
		if s.Broken > 0 {
			fmt.Fprintf(w, "; %s more do not read", count(s.Broken))
		}
		fmt.Fprintln(w)
	}
	_, err := fmt.Fprintf(w, "Headers     %s\n", count(p.Headers.NameBytes.Count()))
	if err == nil && file != "" {
		_, err = fmt.Fprintf(w, "Profile     %s\nNext: backstitch synth generate TOPIC --like %s --kafka HOST:9092\n", file, quoted(file))
	}
	return err
}

func sizesText(s synth.Sizes) string {
	return fmt.Sprintf("bytes: half up to %d, 99 %% up to %d", s.Quantile(0.5), s.Quantile(0.99))
}

// like is where a profile comes from: a file, or a topic to learn from.
type like struct {
	from    string
	kafka   string
	schemas schemaFlags
	where   *places
}

func (l *like) flags(f *pflag.FlagSet) {
	f.StringVar(&l.from, "like", "", "`file` of a profile, or topic to learn from; required")
	f.StringVar(&l.kafka, "like-kafka", "", "named connection or `host:port,...` of the brokers of the topic of --like")
	l.schemas.flags(f, "like-")
}

// profile reads or learns it. A file is meant where there is one or no broker is named.
func (l *like) profile(ctx context.Context, a *app) (*synth.Profile, error) {
	if l.kafka != "" {
		return a.learn(ctx, l.where, l.kafka, l.from, replica.Range{}, synth.Options{}, &l.schemas)
	}
	if l.schemas.registry != "" || len(l.schemas.glue) > 0 {
		return nil, l.schemas.wrong("--like-registry and --like-glue are for a topic to learn from, and --like-kafka is not given: a profile has its schemas")
	}
	bad := func(err error) error {
		return &failure{
			Code: codeProfile, Title: fmt.Sprintf("%s is no profile to work with", l.from), Detail: err.Error(), Err: err, Exit: client.ExitUsage,
			Next: "backstitch synth learn TOPIC --kafka HOST:9092 --out FILE     or --like TOPIC --like-kafka HOST:9092",
		}
	}
	f, err := os.Open(l.from)
	if err != nil {
		return nil, bad(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxProfile+1))
	if err != nil {
		return nil, bad(err)
	}
	if len(data) > maxProfile {
		return nil, bad(fmt.Errorf("it is longer than %s", bytesText(maxProfile)))
	}
	p, err := synth.Decode(data)
	if err != nil {
		return nil, bad(err)
	}
	return p, nil
}

// maxProfile bounds the file of a profile: ten thousand partitions take less.
const maxProfile = 16 << 20

// planting is what a replica is to lack, from flags.
type planting struct {
	loss  synth.Loss
	lose  []string
	twice string
}

func (p *planting) flags(f *pflag.FlagSet) {
	f.StringArrayVar(&p.lose, "lose", nil, "`p07:02:00-05:00`: times of the day, UTC, that a partition loses; all: for every partition; again for more")
	f.StringVar(&p.twice, "dup", "", "`share` of the other records to write twice, like 0.1%")
	f.Int64Var(&p.loss.Corrupt, "corrupt", 0, "`number` of records of which one byte is changed")
}

func (p *planting) parse() error {
	for _, s := range p.lose {
		w, err := synth.ParseWindow(s)
		if err != nil {
			return fmt.Errorf("--lose %w", err)
		}
		p.loss.Windows = append(p.loss.Windows, w)
	}
	if p.twice != "" {
		digits, percent := strings.CutSuffix(p.twice, "%")
		share, err := strconv.ParseFloat(digits, 64)
		if err != nil || !percent || !(share >= 0 && share <= 100) {
			return fmt.Errorf("--dup %q: want a percentage, like 0.1%%", p.twice)
		}
		p.loss.Doubled = share / 100
	}
	return nil
}

// replicaOf makes the generator and the planter of a replica. What does not fit together is the command line's fault, also a --lose that
// no record is lost by: who plants something else wants to know.
func replicaOf(cmd *cobra.Command, p *synth.Profile, records int64, seed uint64, plant *planting) (*synth.Generator, *synth.Planter, error) {
	g, err := synth.NewGenerator(p, records, seed)
	if errors.Is(err, synth.ErrKind) { // of a profile that somebody has changed
		return nil, nil, &failure{Code: codeSchemaKind, Title: "no values of a schema of the profile can be made", Detail: err.Error(), Err: err, Exit: client.ExitUsage,
			Next: "learn again: backstitch synth learn TOPIC --registry REGISTRY"}
	}
	if err != nil {
		return nil, nil, usage(cmd, fmt.Errorf("--records: %w", err))
	}
	fates, err := synth.NewPlanter(g, plant.loss)
	if err != nil {
		return nil, nil, usage(cmd, err)
	}
	for i, s := range plant.lose {
		if !fates.Hits(plant.loss.Windows[i]) {
			return nil, nil, usage(cmd, fmt.Errorf("--lose %s: the replica has no record then", s))
		}
	}
	return g, fates, nil
}

// recordCount is a flag like 250000, 250k or 1M.
type recordCount int64

func (n *recordCount) String() string { return fmt.Sprint(int64(*n)) }
func (n *recordCount) Type() string   { return "number" }

func (n *recordCount) Set(s string) error {
	digits, factor := s, int64(1)
	for suffix, by := range map[string]int64{"k": 1_000, "M": 1_000_000} {
		if d, ok := strings.CutSuffix(s, suffix); ok {
			digits, factor = d, by
		}
	}
	v, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || v < 1 || v > synth.MaxRecords/factor {
		return fmt.Errorf("%q: want a number from 1 to %d, like 250000, 250k or 1M", s, int64(synth.MaxRecords))
	}
	*n = recordCount(v * factor)
	return nil
}

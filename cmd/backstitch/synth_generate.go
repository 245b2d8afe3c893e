package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"backstitch/cluster/client"
	"backstitch/replay/archive"
	"backstitch/replay/bucket"
	"backstitch/replay/connect"
	"backstitch/replay/klog"
	"backstitch/replay/synth"
	"backstitch/replay/synth/replica"
)

// generated is what synth generate prints.
type generated struct {
	Topic     string `json:"topic"`
	Archive   string `json:"archive,omitempty"`
	Seed      uint64 `json:"seed"`
	Records   int64  `json:"records"` // of the complete replica
	Written   int64  `json:"written"` // to the topic
	Lost      int64  `json:"lost"`
	Doubled   int64  `json:"doubled"`
	Corrupted int64  `json:"corrupted"`
	File      string `json:"planted"`
}

func newSynthGenerate(a *app) *cobra.Command {
	var where places
	var plant planting
	from := like{where: &where}
	kafka, s3, url, file := "", "", "", ""
	records, seed := recordCount(100_000), uint64(1)
	cmd := changes(&cobra.Command{
		Use:   "generate TOPIC",
		Short: "Make a topic that looks like another one, an archive of it, and lose some of it on purpose",
		Long: `Make TOPIC with records that look like those of a profile, and with --archive copy it whole into an archive. Then what --lose, --dup
and --corrupt say happens to the topic, and what that was exactly, by offset in the archive, goes into the file of --out. TOPIC must not
exist. The same profile, seed and number of records make the same records.

The topic is made twice: once whole, for the archive, and then, under another id, from what survives. A broker has no way to lose
single records.`,
		Example: `  backstitch synth generate orders-like --like orders.profile.json --records 1M --seed 7 --kafka localhost:9092 --out planted.json \
    --archive ./archive --lose p07:02:00-05:00 --dup 0.1% --corrupt 12`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := required(cmd, "like", "kafka", "out"); err != nil {
				return err
			}
			if err := plant.parse(); err != nil {
				return usage(cmd, err)
			}
			p, err := from.profile(cmd.Context(), a)
			if err != nil {
				return err
			}
			g, fates, err := replicaOf(cmd, p, int64(records), seed, &plant)
			if err != nil {
				return err
			}
			if err := where.load(a); err != nil {
				return err
			}
			where.more = append(where.more, replica.ClientOptions()...)
			k, err := where.kafka(kafka)
			if err != nil {
				return err
			}
			cl, err := where.dial(cmd.Context(), k)
			if err != nil {
				return err
			}
			defer cl.Close()
			m := making{cl: cl, topic: args[0], g: g, fates: fates}
			if url != "" {
				s, err := where.s3(s3)
				if err != nil {
					return err
				}
				if m.archive, err = where.bucket(cmd.Context(), url, s, true); err != nil {
					return err
				}
				if err := connect.ProbeBucket(cmd.Context(), m.archive); err != nil {
					return err
				}
			}
			planted, err := m.run(cmd.Context(), file)
			if err != nil {
				return err
			}
			out := generated{args[0], url, seed, planted.Records, planted.Records - planted.Lost + planted.Doubled, planted.Lost, planted.Doubled,
				planted.Corrupted, file}
			return a.print(answer{value: out, names: args, text: func(w io.Writer) error {
				fmt.Fprintf(w, "Wrote %s records to %s, seed %d: of %s, %s lost, %s twice, %s corrupt.\n", count(out.Written), out.Topic, out.Seed,
					count(out.Records), count(out.Lost), count(out.Doubled), count(out.Corrupted))
				if url != "" {
					fmt.Fprintf(w, "The archive at %s has all of them.\n", url)
				}
				_, err := fmt.Fprintf(w, "What was lost is in %s.\n", file)
				return err
			}})
		},
	})
	f := cmd.Flags()
	where.flags(f)
	from.flags(f)
	plant.flags(f)
	f.StringVar(&kafka, "kafka", "", "named connection or `host:port,...` of the brokers to write to; required")
	f.StringVar(&url, "archive", "", "`URL` of an archive to make, s3://BUCKET/PREFIX or a directory")
	f.StringVar(&s3, "s3", "", "named connection or `endpoint` of the object store of --archive; without it AWS, with the environment's credentials")
	f.Var(&records, "records", "`number` of records, also as 250k or 1M")
	f.Uint64Var(&seed, "seed", seed, "`number` that decides everything that is drawn")
	f.StringVar(&file, "out", "", "`file` to write down what was lost; required")
	return cmd
}

// making is one replica on its way.
type making struct {
	cl      *kgo.Client
	topic   string
	g       *synth.Generator
	fates   *synth.Planter
	archive bucket.Bucket // nil for none
}

// run refuses a topic that exists, writes the list of what is lost to file, and then everything else. Where it fails, what it made in
// Kafka and the list are gone again; objects of the archive stay.
func (m *making) run(ctx context.Context, file string) (*synth.Planted, error) {
	there, err := replica.Exists(ctx, m.cl, m.topic)
	if err == nil && there {
		err = fmt.Errorf("%s: %w", m.topic, replica.ErrExists)
	}
	if err != nil {
		return nil, m.explain(err)
	}
	planted := m.fates.Planted()
	body, err := json.MarshalIndent(planted, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := writeFile(file, append(body, '\n')); err != nil {
		return nil, err
	}
	if m.archive != nil {
		err = m.whole(ctx)
	}
	if err == nil {
		err = m.lacking(ctx)
	}
	if err != nil {
		os.Remove(file)
		return nil, m.explain(err)
	}
	return planted, nil
}

// whole makes the topic whole, archives it and removes it.
func (m *making) whole(ctx context.Context) error {
	id, err := replica.Make(ctx, m.cl, m.topic, m.g, nil, nil)
	if err == nil {
		_, err = archive.Copy(ctx, m.cl, m.archive, archive.Options{Topic: m.topic})
	}
	return m.remove(ctx, id, err)
}

// lacking makes the topic from what survives.
func (m *making) lacking(ctx context.Context) error {
	id, err := replica.Make(ctx, m.cl, m.topic, m.g, m.fates, nil)
	if err != nil {
		return m.remove(ctx, id, err)
	}
	return nil
}

// remove removes the topic if this command has made it, also when ctx is over.
func (m *making) remove(ctx context.Context, id klog.TopicID, why error) error {
	if id == (klog.TopicID{}) {
		return why
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return errors.Join(why, replica.Remove(ctx, m.cl, m.topic, id))
}

func (m *making) explain(err error) error {
	if !errors.Is(err, replica.ErrExists) {
		return err
	}
	return &failure{
		Code: codeTopicExists, Title: fmt.Sprintf("topic %s exists", m.topic), Exit: client.ExitUsage, Err: err,
		Detail: "A replica is written into a topic of its own, never into one that may hold real records.", Next: "name a topic that does not exist",
	}
}

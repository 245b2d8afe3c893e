package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"backstitch/partition"
	"backstitch/replay/archive"
	"backstitch/replay/connect"
)

type archivedPartition struct {
	Partition int32           `json:"partition"`
	Range     partition.Range `json:"range"`
	Records   int64           `json:"records"`
	Bytes     int64           `json:"bytes"`
	Objects   int64           `json:"objects"`
	Present   int64           `json:"present"`
}

type archived struct {
	Topic      string              `json:"topic"`
	TopicID    string              `json:"topicId"`
	To         string              `json:"to"`
	Records    int64               `json:"records"`
	Bytes      int64               `json:"bytes"`
	Objects    int64               `json:"objects"`
	Present    int64               `json:"present"`
	Partitions []archivedPartition `json:"partitions"`
}

func newArchive(a *app) *cobra.Command {
	var where places
	var opt archive.Options
	var parts partitionList
	kafka, s3, span := "", "", ""
	cmd := changes(&cobra.Command{
		Use:   "archive TOPIC URL",
		Short: "Copy a topic, byte for byte, into an archive to recover from",
		Long: `Copy committed records of a topic into backstitch's own archive layout, as the broker stores them: compressed, with their
checksums. URL is s3://BUCKET/PREFIX or a directory. What the archive has already is left alone, so the command may be run
again, after a failure or each night.`,
		Example: `  backstitch archive orders s3://acme-archive/orders --kafka prod --s3 archive --connections agent.yaml
  backstitch archive orders ./archive --kafka localhost:9092 --range @-24h:end`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := required(cmd, "kafka"); err != nil {
				return err
			}
			if span != "" {
				r, err := parseRange(span, time.Now())
				if err != nil {
					return usage(cmd, err)
				}
				opt.FromMs, opt.ToMs = r.fromMs, r.toMs
				a.say("==> range %s", r)
			}
			opt.Topic, opt.Partitions = args[0], parts
			if err := where.load(a); err != nil {
				return err
			}
			k, err := where.kafka(kafka)
			if err != nil {
				return err
			}
			s, err := where.s3(s3)
			if err != nil {
				return err
			}
			out, err := a.archive(cmd.Context(), &where, k, s, args[1], opt)
			if err != nil {
				return err
			}
			return a.print(answer{value: out, rows: anys(out.Partitions), names: []string{out.To}, text: func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "Archived %s records of %s (%s) in %s object(s) at %s; %s object(s) were there already.\n",
					count(out.Records), out.Topic, bytesText(out.Bytes), count(out.Objects), out.To, count(out.Present))
				return err
			}})
		},
	})
	f := cmd.Flags()
	where.flags(f)
	f.StringVar(&kafka, "kafka", "", "named connection or `host:port,...` of the brokers; required")
	f.StringVar(&s3, "s3", "", "named connection or `endpoint` of the object store; without it AWS, with the environment's credentials")
	f.StringVar(&span, "range", "", "`@FROM:TO` in record time, like @-48h:-24h; without it everything")
	f.Var(&parts, "partitions", "`list` of partitions, like 0-7,12; without it all")
	f.IntVar(&opt.Parallel, "parallel", 4, "`number` of partitions at a time")
	return cmd
}

func (a *app) archive(ctx context.Context, where *places, k connect.Kafka, s connect.S3, url string, opt archive.Options) (archived, error) {
	out := archived{Topic: opt.Topic, To: url, Partitions: []archivedPartition{}}
	cl, err := where.dial(ctx, k)
	if err != nil {
		return out, err
	}
	defer cl.Close()
	b, err := where.bucket(ctx, url, s, true)
	if err != nil {
		return out, err
	}
	if err := connect.ProbeBucket(ctx, b); err != nil {
		return out, err
	}
	last := time.Now()
	opt.Progress = func(p archive.Progress) {
		if time.Since(last) >= 10*time.Second {
			last = time.Now()
			a.say("%s archive partition=%d next=%d to=%d", stamp(last), p.Partition, p.Next, p.To)
		}
	}
	copied, err := archive.Copy(ctx, cl, b, opt)
	if err != nil {
		return out, err
	}
	out.TopicID = copied.TopicID.String()
	for _, p := range copied.Partitions {
		out.Partitions = append(out.Partitions, archivedPartition{p.Partition, p.Range, p.Records, p.Bytes, p.Objects, p.Present})
		out.Records += p.Records
		out.Bytes += p.Bytes
		out.Objects += p.Objects
		out.Present += p.Present
	}
	return out, nil
}

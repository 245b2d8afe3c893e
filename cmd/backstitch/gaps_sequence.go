package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"backstitch/replay/gap"
	"backstitch/replay/gap/sequence"
)

// sequenceGaps is `gaps sequence`.
type sequenceGaps struct {
	app      *app
	where    places
	kafka    string
	source   []string
	sequence string
	debezium bool
	ends     string
	span     string
	grace    time.Duration
	detailed bool
}

func newGapsSequence(a *app) *cobra.Command {
	s := &sequenceGaps{app: a}
	cmd := &cobra.Command{
		Use:   "sequence TOPIC",
		Short: "Find what producers sent and the topic does not have, by their own running numbers",
		Long: `Find what producers sent and the topic does not have, or has twice, when its records say who sent them and the how manieth they
are. That sees losses that happened before the topic had them, and a few sources among many that have gone silent while the total
looks as ever.

PATH is key, header:NAME, or a JSON pointer into the value, like /meta/host. A source that starts again at 0 or 1 begins anew; if its
records name that life (a boot id), give it as a second --source. Every record is read once, nothing is written anywhere.

Debezium's change events name their transaction and number its events for each table, where the connector writes metadata of
transactions (provide.transaction.metadata): --debezium knows where. With --transactions it also knows how many there are.`,
		Example: `  backstitch gaps sequence clicks --kafka localhost:9092 --source /meta/host --sequence /meta/sequence
  backstitch gaps sequence orders --kafka localhost:9092 --source key --sequence header:seq --range @-24h:end
  backstitch gaps sequence shop.public.orders --kafka localhost:9092 --debezium --transactions shop.transaction`,
		Args: cobra.ExactArgs(1),
		RunE: s.run,
	}
	s.flags(cmd)
	cmd.Flags().BoolVar(&s.detailed, "detailed-exitcode", false, "exit with 8 when a number is missing or a source is silent, and with 5 when none is and something can not be told")
	return cmd
}

// flags are what it takes to look.
func (s *sequenceGaps) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	s.where.flags(f)
	f.StringVar(&s.kafka, "kafka", "", "named connection or `host:port,...` of the brokers")
	f.StringArrayVar(&s.source, "source", nil, "`PATH` to who sent a record; may be repeated, then all of them together name it")
	f.StringVar(&s.sequence, "sequence", "", "`PATH` to its running number")
	f.BoolVar(&s.debezium, "debezium", false, "the records are change events of Debezium, in JSON: look for what transactions lack")
	f.StringVar(&s.ends, "transactions", "", "`topic` in which the connector says where transactions begin and end, like shop.transaction; with --debezium")
	f.StringVar(&s.span, "range", "", "`@FROM:TO` in record time, like @-48h:-24h; without it everything")
	f.DurationVar(&s.grace, "grace", sequence.DefaultGrace, "`duration` that a record may be on its way; what is missing next to younger ones is not called so yet")
}

func (s *sequenceGaps) look(cmd *cobra.Command, topic string) (*sequence.Report, error) {
	a := s.app
	cfg, err := s.paths(cmd)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	in := sequence.Input{Topic: topic, NowMs: now.UnixMilli(), Grace: s.grace, Progress: a.reading("scan")}
	if s.span != "" {
		span, err := parseRange(s.span, now)
		if err != nil {
			return nil, usage(cmd, err)
		}
		in.FromMs, in.ToMs = span.fromMs, span.toMs
	}
	if in.Client, err = s.where.reach(cmd.Context(), a, s.kafka); err != nil {
		return nil, err
	}
	defer in.Client.Close()
	if s.debezium {
		return sequence.ScanDebezium(cmd.Context(), in, sequence.Debezium{Boundaries: s.ends, MemoryBytes: sequence.DefaultMemory})
	}
	return sequence.Scan(cmd.Context(), in, cfg)
}

// paths are where sources and numbers lie, of records whose form nobody knows but who asks.
func (s *sequenceGaps) paths(cmd *cobra.Command) (cfg sequence.Config, err error) {
	cfg.MemoryBytes = sequence.DefaultMemory
	if err := required(cmd, "kafka"); err != nil {
		return cfg, err
	}
	if s.debezium {
		if len(s.source) > 0 || s.sequence != "" {
			return cfg, usage(cmd, errors.New("--debezium knows where sources and numbers lie: leave --source and --sequence out"))
		}
		return cfg, nil
	}
	if s.ends != "" {
		return cfg, usage(cmd, errors.New("--transactions goes with --debezium"))
	}
	if err := required(cmd, "sequence"); err != nil {
		return cfg, err
	}
	if len(s.source) == 0 {
		return cfg, usage(cmd, errors.New("--source is missing"))
	}
	for _, text := range s.source {
		p, err := sequence.ParsePath(text)
		if err != nil {
			return cfg, usage(cmd, fmt.Errorf("--source %w", err))
		}
		cfg.Source = append(cfg.Source, p)
	}
	if cfg.Sequence, err = sequence.ParsePath(s.sequence); err != nil {
		return cfg, usage(cmd, fmt.Errorf("--sequence %w", err))
	}
	return cfg, nil
}

func (s *sequenceGaps) run(cmd *cobra.Command, args []string) error {
	rep, err := s.look(cmd, args[0])
	if err != nil {
		return err
	}
	gap.NameRunbooks(rep.Findings)
	if err := s.app.print(answer{value: rep, rows: anys(rep.Findings), names: ids(rep.Findings), text: rep.WriteText}); err != nil || !s.detailed {
		return err
	}
	unknown := rep.Unknown()
	if rep.Sources == 0 {
		unknown++ // nothing compared is never a pass
	}
	return detailedStatus(rep.Missing > 0 || rep.Silent() > 0, unknown)
}

package main

import (
	"time"

	"github.com/spf13/cobra"

	"backstitch/replay/gap"
	"backstitch/replay/gap/deadletter"
)

// deadLetters is `gaps dead-letters`.
type deadLetters struct {
	app      *app
	where    places
	kafka    string
	detailed bool
}

func newGapsDeadLetters(a *app) *cobra.Command {
	d := &deadLetters{app: a}
	cmd := &cobra.Command{
		Use:   "dead-letters TOPIC",
		Short: "Read a dead-letter topic of Kafka Connect as a list of known losses",
		Long: `Read a dead-letter topic of Kafka Connect as a list of known losses: which records of which topics a connector dropped
(errors.tolerance=all), and for what reason, from the headers __connect.errors.*. The same record twice counts once. Whether somebody
has written them since is not looked at. Nothing is written anywhere.`,
		Example: "  backstitch gaps dead-letters dlq-s3-sink --kafka localhost:9092\n  backstitch gaps dead-letters dlq-s3-sink --kafka localhost:9092 -o jsonl",
		Args:    cobra.ExactArgs(1),
		RunE:    d.run,
	}
	d.flags(cmd)
	cmd.Flags().BoolVar(&d.detailed, "detailed-exitcode", false, "exit with 8 when a record was dropped, and with 5 when none is known and a letter does not say where it is from")
	return cmd
}

// flags are what it takes to look.
func (d *deadLetters) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	d.where.flags(f)
	f.StringVar(&d.kafka, "kafka", "", "named connection or `host:port,...` of the brokers")
}

func (d *deadLetters) look(cmd *cobra.Command, topic string) (*deadletter.Report, error) {
	if err := required(cmd, "kafka"); err != nil {
		return nil, err
	}
	cl, err := d.where.reach(cmd.Context(), d.app, d.kafka)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	return deadletter.Scan(cmd.Context(), deadletter.Input{
		Client: cl, Topic: topic, NowMs: time.Now().UnixMilli(), MaxKinds: deadletter.DefaultMaxKinds, Progress: d.app.reading("scan"),
	})
}

func (d *deadLetters) run(cmd *cobra.Command, args []string) error {
	rep, err := d.look(cmd, args[0])
	if err != nil {
		return err
	}
	gap.NameRunbooks(rep.Findings)
	if err := d.app.print(answer{value: rep, rows: anys(rep.Findings), names: ids(rep.Findings), text: rep.WriteText}); err != nil || !d.detailed {
		return err
	}
	return detailedStatus(rep.Lost > 0, rep.Unknown())
}

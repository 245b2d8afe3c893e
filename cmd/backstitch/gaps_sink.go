package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/replay/gap"
	"backstitch/replay/gap/delivered"
	"backstitch/replay/recovery"
	"backstitch/replay/spec"
)

// sinkGrace is how long sinks hold records back as they are set up mostly.
const sinkGrace = time.Hour

// sinkGaps is `gaps sink`.
type sinkGaps struct {
	app      *app
	about    subject
	grace    time.Duration
	detailed bool
}

func newGapsSink(a *app) *cobra.Command {
	s := &sinkGaps{app: a}
	cmd := &cobra.Command{
		Use:   "sink [TOPIC]",
		Short: "Compare a topic with the archive that a sink makes of it, and show what the sink left out",
		Long: `Compare a topic with an archive of it the other way round: which committed records of the topic are in no object. Nothing is
written anywhere. Loss is shown by content; holes of transactions, aborted batches and compaction are no loss, nor is a record that
lies under another name of its partition.

A record is due when the archive has a later one of its partition, or when it is older than the archive's newest record of any
partition by more than --grace. What retention has taken from the topic can not be compared; the output says so.`,
		Example: `  backstitch gaps sink orders --kafka localhost:9092 --archive s3://acme-archive/orders
  backstitch gaps sink orders --kafka localhost:9092 --archive s3://lab --layout confluent --detailed-exitcode -o jsonl
  backstitch gaps sink -f orders.yaml --grace 15m`,
		Args: cobra.MaximumNArgs(1),
		RunE: s.run,
	}
	s.flags(cmd)
	cmd.Flags().BoolVar(&s.detailed, "detailed-exitcode", false, "exit with 8 when something is missing, and with 5 when nothing is and something can not be compared")
	return cmd
}

// flags are what it takes to look.
func (s *sinkGaps) flags(cmd *cobra.Command) {
	s.about.flags(cmd)
	cmd.Flags().DurationVar(&s.grace, "grace", sinkGrace, "how long the sink may hold a record back, by the times of records; `duration` like 15m")
}

func (s *sinkGaps) look(cmd *cobra.Command, args []string) (*delivered.Report, error) {
	r, err := s.about.load(s.app, cmd, args)
	if err != nil {
		return nil, err
	}
	return s.app.scanSink(cmd.Context(), &s.about.where, r, s.grace)
}

func (s *sinkGaps) run(cmd *cobra.Command, args []string) error {
	rep, err := s.look(cmd, args)
	if err != nil {
		return err
	}
	gap.NameRunbooks(rep.Findings)
	err = s.app.print(answer{value: rep, rows: anys(rep.Findings), names: ids(rep.Findings), text: func(w io.Writer) error { return delivered.WriteText(w, rep) }})
	if err != nil {
		return err
	}
	return sinkStatus(rep, s.detailed)
}

func (a *app) scanSink(ctx context.Context, where *places, r *spec.Recovery, grace time.Duration) (*delivered.Report, error) {
	dir, remove, err := scratch()
	if err != nil {
		return nil, err
	}
	defer remove()
	return recovery.ScanSink(ctx, r, grace, where.clients(), recovery.Options{Now: time.Now, Scan: a.scanning(dir)})
}

// sinkStatus never takes a comparison of nothing for a pass.
func sinkStatus(rep *delivered.Report, detailed bool) error {
	if rep.Records() == 0 {
		return &failure{
			Code: codeNothingDue, Title: "no record of " + rep.Topic + " was compared", Exit: client.ExitIndeterminate,
			Detail: "The topic is empty, or nothing of it is due in the archive yet.",
			Next:   "check the topic and the archive's prefix; a shorter --grace makes more records due",
		}
	}
	if detailed {
		return detailedStatus(rep.Missing() > 0, rep.Unknown())
	}
	return nil
}

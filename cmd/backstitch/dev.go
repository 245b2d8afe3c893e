package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"backstitch/chaos/process"
	"backstitch/cluster/client"
)

func newDev(a *app) *cobra.Command {
	dir, sample := "", int64(0)
	ports := sitePorts{kafka: 9092, s3: 9000, control: 9001}
	first := 7420
	cmd := changes(&cobra.Command{
		Use:   "dev",
		Short: "Run three nodes, a Kafka and an S3 on this machine until Ctrl-C",
		Long: `Run a whole installation on loopback: three agents and a sandbox with a Kafka and an S3 server, five processes of this
program. Without --dir everything is removed at the end. The S3 server keeps its objects in memory in either case.

With --orders there is something to repair: so many orders are written and archived, then some are lost, and the commands that find
them and bring them back are shown.`,
		Example: "  backstitch dev\n  backstitch dev --orders 100000\n  backstitch dev --dir ./dev     then, elsewhere: backstitch status",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("orders") {
				if err := checkOrders("orders", sample); err != nil {
					return usage(cmd, err)
				}
			}
			keep := dir != ""
			if !keep {
				var err error
				if dir, err = os.MkdirTemp("", "backstitch-dev-"); err != nil {
					return err
				}
				defer os.RemoveAll(dir)
			}
			ports.nodes = []int{first, first + 10, first + 20}
			s, err := newSite(dir, ports, nil)
			if err != nil {
				return err
			}
			defer s.stop(10 * time.Second)
			if err := s.start(cmd.Context()); err != nil {
				return err
			}
			lost := int64(0)
			if sample > 0 {
				if lost, err = s.loseOrders(cmd.Context(), sample); err != nil {
					return s.blame(cmd.Context(), err)
				}
			}
			if err := a.devUp(s, sample, lost); err != nil {
				return err
			}
			return s.watch(cmd.Context())
		},
	})
	f := cmd.Flags()
	f.Int64Var(&sample, "orders", 0, "`number` of orders to write, archive and partly lose")
	f.StringVar(&dir, "dir", "", "`directory` to keep everything in, for the next time")
	f.IntVar(&first, "api-port", first, "`port` of the first node's API; the next nodes' are 10 and 20 higher")
	f.IntVar(&ports.kafka, "kafka-port", ports.kafka, "`port` of the Kafka")
	f.IntVar(&ports.s3, "s3-port", ports.s3, "`port` of the S3")
	f.IntVar(&ports.control, "control-port", ports.control, "`port` of the sandbox's own door")
	return cmd
}

// devUp says what runs where, and what there is to repair: lost of so many orders.
func (a *app) devUp(s *site, written, lost int64) error {
	if a.output != "text" {
		return json.NewEncoder(a.stdout).Encode(struct {
			Nodes       []string `json:"nodes"`
			Kafka       string   `json:"kafka"`
			S3          string   `json:"s3"`
			Bucket      string   `json:"bucket"`
			Connections string   `json:"connections"`
			Dir         string   `json:"dir"`
			Orders      int64    `json:"orders,omitempty"`
			Lost        int64    `json:"lost,omitempty"`
		}{s.addresses(), s.ports.kafkaAddr(), s.ports.s3URL(), siteBucket, s.connectionsFile(), s.dir, written, lost})
	}
	fmt.Fprintf(a.stdout, "Nodes        %s  %s  %s\nWeb page     http://%s/ui/\nKafka        %s\nS3           %s   bucket %s\nConnections  %s\nLogs         %s/*.log\n",
		s.nodes[0].api, s.nodes[1].api, s.nodes[2].api, s.nodes[0].api, s.ports.kafkaAddr(), s.ports.s3URL(), siteBucket, s.connectionsFile(), s.dir)
	try := fmt.Sprintf("Try: backstitch cluster status --addr %s\n", s.nodes[0].api)
	if written > 0 {
		try = s.ordersStory(written, lost)
	}
	_, err := fmt.Fprint(a.stdout, try, "Ctrl-C ends it.\n")
	return err
}

// watch returns when ctx ends, or when a process ends that should not.
func (s *site) watch(ctx context.Context) error {
	procs := []*process.Process{s.sandbox}
	for _, n := range s.nodes {
		procs = append(procs, n.proc)
	}
	group, any := errgroup.WithContext(ctx)
	for _, p := range procs {
		group.Go(func() error {
			select {
			case <-any.Done():
				return nil
			case <-p.Done():
				return &failure{
					Code: codeSandbox, Title: p.Name() + " has ended by itself", Detail: tail(s.log(p.Name()), 5),
					Next: "read its log before it is removed: backstitch dev --dir DIR", Exit: client.ExitFailed,
				}
			}
		})
	}
	return group.Wait()
}

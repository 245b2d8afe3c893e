package main

import (
	"log/slog"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/cmd/backstitch/sandbox"
)

// newSandbox is the child process behind dev and demo. It is hidden because nobody else has a use for a Kafka that forgets.
func newSandbox(a *app) *cobra.Command {
	var cfg sandbox.Config
	registries := ""
	cmd := &cobra.Command{
		Use:     "sandbox",
		Short:   "Run a Kafka and an S3 on loopback, for trying things out",
		Hidden:  true,
		Args:    cobra.NoArgs,
		Example: "  backstitch sandbox --dir /tmp/sandbox --kafka-port 9092 --s3-port 9000 --control-port 9001 --bucket demo",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if cfg.Registries, err = sandbox.ReadRegistries(registries); err != nil {
				return usage(cmd, err)
			}
			s, err := sandbox.New(cfg, slog.New(slog.NewTextHandler(a.stderr, nil)))
			if err != nil {
				return usage(cmd, err)
			}
			if err := s.Run(cmd.Context()); err != nil {
				return &failure{Code: codeSandbox, Title: "the sandbox has ended", Detail: err.Error(),
					Next: "give it ports that are free", Exit: client.ExitFailed, Err: err}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&cfg.Dir, "dir", "", "`directory` of the broker's log")
	f.IntVar(&cfg.KafkaPort, "kafka-port", 0, "`port` of the broker")
	f.IntVar(&cfg.S3Port, "s3-port", 0, "`port` of the object store")
	f.IntVar(&cfg.ControlPort, "control-port", 0, "`port` of the demo's door")
	f.StringVar(&registries, "registries", "", "`file` with the schemas of registries, by name")
	f.IntVar(&cfg.RegistryPort, "registry-port", 0, "`port` of these registries")
	f.StringSliceVar(&cfg.Buckets, "bucket", nil, "`name` of a bucket to make at start")
	return changes(cmd)
}

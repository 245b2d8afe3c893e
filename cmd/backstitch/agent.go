package main

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"

	"github.com/spf13/cobra"

	"backstitch/cluster"
	"backstitch/cluster/client"
	"backstitch/cmd/backstitch/config"
	"backstitch/storage"
	"backstitch/storage/failpoint"
)

func newAgent(a *app) *cobra.Command {
	return changes(agentConfig(&cobra.Command{
		Use:   "agent",
		Short: "Run one node of the cluster",
		Long: `Run one node: it votes, holds the book of record, serves the API and works on slices. SIGTERM or Ctrl-C lets running slices
reach a checkpoint, hands leadership over and ends; the node stays a member. To leave for good: backstitch cluster leave.

Exit status: 0 asked to end, 2 configuration, 20 damaged data and nobody to get it from, 21 data of a newer version, 22 disk
full, 23 the disk failed, 24 this replica can not go on, 25 another process has this node's id, name or directory.`,
		Example: `  backstitch agent --data-dir /var/lib/backstitch
  backstitch agent --data-dir /var/lib/backstitch --bootstrap-expect 0 --retry-join node-a:7422`,
	}, func(ctx context.Context, cfg config.Agent) error {
		log := a.agentLogger(cfg.Log)
		if a.getenv("GOMEMLIMIT") == "" {
			debug.SetMemoryLimit(int64(cfg.Worker.Memory) + beside)
		}
		failpoint.Reach(failpoint.AgentStarting)
		err := a.runAgent(ctx, cfg, log)
		if err == nil {
			failpoint.Reach(failpoint.AgentStopped)
			log.Info("agent has ended")
			return nil
		}
		log.Error("agent has to end", "err", err)
		return agentFailure(err)
	}))
}

// beside is what an agent takes besides records in flight: the book with its caches and memtables, objects that are being
// read, and connections. Above the sum the garbage collector works harder instead of letting the process grow; work is never
// refused for it.
const beside = 144 << 20

// agentLogger logs to stderr as the configuration says.
func (a *app) agentLogger(cfg config.Log) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(cfg.Level)) // Validate knows the words
	if a.verbose {
		level = slog.LevelDebug
	}
	opt := &slog.HandlerOptions{Level: level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(a.stderr, opt))
	}
	return slog.New(slog.NewTextHandler(a.stderr, opt))
}

// agentFailure gives an agent's end its code and its exit status.
func agentFailure(err error) error {
	f := explain(err)
	if errors.Is(err, cluster.ErrConfig) {
		f.Exit = client.ExitUsage
		return f
	}
	if status := cluster.ExitStatus(err); status > 1 {
		f.Exit = status
	}
	if f.Next == "" {
		switch {
		case errors.Is(err, storage.ErrFull):
			f.Next = "free space on this node's disk and start it again; nothing acknowledged is lost"
		case errors.Is(err, storage.ErrNewer):
			f.Next = "start the program version that wrote the data"
		case errors.Is(err, storage.ErrLocked):
			f.Next = "another agent runs on this directory: stop it, or give this one its own --data-dir"
		case errors.Is(err, storage.ErrDisk):
			f.Next = "look at the disk; after a restart the node brings itself up to date"
		}
	}
	return f
}

package main

import (
	"fmt"
	"log/slog"

	"github.com/coreos/go-systemd/v22/daemon"

	"backstitch/cluster"
	"backstitch/cmd/backstitch/supervise"
)

// supervisor is the part that tells systemd how the node is. There is none where nobody asked for it: NOTIFY_SOCKET says who listens,
// WATCHDOG_USEC how often he wants to hear that the node is alive.
func (a *app) supervisor(node *cluster.Node, log *slog.Logger) ([]part, error) {
	if a.getenv("NOTIFY_SOCKET") == "" {
		return nil, nil
	}
	watchdog, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return nil, fmt.Errorf("WATCHDOG_USEC: %w", err)
	}
	teller := &supervise.Teller{Node: node, Watchdog: watchdog, Log: log, Notify: func(message string) error {
		_, err := daemon.SdNotify(false, message)
		return err
	}}
	return []part{{"supervisor", teller.Run}}, nil
}

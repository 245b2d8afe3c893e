// Package supervise tells the supervisor of a process, systemd or one with its protocol, how the node is: that it is ready, what it waits
// for, that it is alive, and that it ends.
//
// Invariants:
//   - Ready means that the data are open. It does not wait for others: three nodes that start one after the other would wait for ever.
//   - The watchdog is fed by what the node applies. A node that has entries to apply and gets nowhere is not fed; one with nothing to
//     apply is, also one without a leader, for starting it again would not help.
//
// Not here: when a supervisor starts a node again (deploy/systemd), and probes over HTTP (cluster/admin).
package supervise

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"backstitch/cluster"
)

// What the supervisor is told, as sd_notify(3) has it.
const (
	Ready    = "READY=1"
	Alive    = "WATCHDOG=1"
	Stopping = "STOPPING=1"
	status   = "STATUS="
)

// every is the longest time between two looks.
const every = time.Second

// Node is what is told about; *cluster.Node is one.
type Node interface {
	Health() cluster.Health
	Pulse() cluster.Pulse
}

// Teller tells a supervisor about a node.
type Teller struct {
	Node Node
	// Notify sends one message.
	Notify func(message string) error
	// Watchdog is how long the supervisor waits for a sign of life, 0 when it wants none. There are at least three looks in it.
	Watchdog time.Duration
	Log      *slog.Logger

	ready  bool
	said   string // the last status
	before cluster.Pulse
	stuck  bool
}

// Run tells until ctx ends, and then that the node ends. It does not fail: a node works without its supervisor.
func (t *Teller) Run(ctx context.Context) error {
	pause := every
	if t.Watchdog > 0 {
		pause = min(pause, t.Watchdog/3)
	}
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		t.look()
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.tell(Stopping)
			return nil
		}
	}
}

// look looks once and tells what there is to tell. What was not heard is told again at the next look.
func (t *Teller) look() {
	health, pulse := t.Node.Health(), t.Node.Pulse()
	stuck := pulse.StuckSince(t.before)
	if stuck && !t.stuck {
		t.Log.Warn("the book does not get on with what it has to apply; the watchdog is not fed", "applied", pulse.Applied, "committed", pulse.Committed)
	}
	t.before, t.stuck = pulse, stuck
	if pulse.Opened && !t.ready {
		t.ready = t.tell(Ready)
	}
	if now := line(health); now != t.said && t.tell(status+now) {
		t.said = now
	}
	if t.Watchdog > 0 && !stuck && cluster.OK(health.Live) {
		t.tell(Alive)
	}
}

func (t *Teller) tell(message string) bool {
	if err := t.Notify(message); err != nil {
		t.Log.Debug("the supervisor does not hear", "message", message, "err", err)
		return false
	}
	return true
}

// line is the first reason against serving. A message of the protocol is lines of assignments, so an error of several lines becomes one.
func line(h cluster.Health) string {
	for _, c := range h.Ready {
		if !c.OK {
			return strings.Join(strings.FieldsFunc(c.Name+": "+c.Reason, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
		}
	}
	return "serves"
}

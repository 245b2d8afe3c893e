package cluster

import (
	"fmt"

	"github.com/hashicorp/raft"
)

// Check is one reason for or against health.
type Check struct {
	Name   string
	OK     bool
	Reason string
}

// Health is what probes ask for. Live says that the process is worth keeping; ready that this node can serve; startup that it
// has read its data and runs Raft. A node that waits for a quorum is live, or an orchestrator would restart the last ones that
// could still vote.
type Health struct{ Live, Ready, Startup []Check }

// OK reports whether all checks passed.
func OK(checks []Check) bool {
	for _, c := range checks {
		if !c.OK {
			return false
		}
	}
	return true
}

// Health asks nobody else and does not block.
func (n *Node) Health() Health {
	life := n.state.Load()
	phase := string(life.Phase) + ": " + life.Reason
	if closed(n.opened) && life.Phase != PhaseServing && life.Phase != PhaseStopped {
		if trouble := n.gossip.Trouble(); trouble != "" {
			phase += " (retry join: " + trouble + ")"
		}
	}
	started := closed(n.started)
	live := []Check{{Name: "process", OK: life.Phase != PhaseStopped, Reason: phase}}
	startup := []Check{{Name: "data", OK: closed(n.opened), Reason: phase}, {Name: "raft", OK: started, Reason: phase}}
	if n.readable() {
		book := Check{Name: "book", OK: true, Reason: "applies"}
		if err := n.stores.machine.Err(); err != nil {
			book = Check{Name: "book", Reason: err.Error()}
		}
		disk := Check{Name: "disk", OK: true, Reason: "writes"}
		if err := n.stores.db.Err(); err != nil {
			disk = Check{Name: "disk", Reason: err.Error()}
		}
		live = append(live, book, disk)
	}
	ready := append([]Check{{Name: "member", OK: life.Phase == PhaseServing, Reason: phase}}, live[1:]...)
	if !started {
		return Health{Live: live, Startup: startup, Ready: append(ready, Check{Name: "leader", Reason: "raft has not started"})}
	}
	leads := Check{Name: "leader", OK: n.leaderID() != "", Reason: "known"}
	if !leads.OK {
		leads.Reason = "nobody leads"
	}
	lag := n.raft.LastIndex() - min(n.raft.LastIndex(), n.raft.AppliedIndex())
	behind := Check{Name: "lag", OK: lag <= n.cfg.ApplyLagLimit, Reason: fmt.Sprintf("%d entries behind, %d are allowed", lag, n.cfg.ApplyLagLimit)}
	running := Check{Name: "running", OK: n.raft.State() != raft.Shutdown, Reason: "raft is " + n.raft.State().String()}
	return Health{Live: live, Startup: startup, Ready: append(ready, leads, behind, running)}
}

// Pulse is what a watchdog looks at twice: whether this node gets on with what it has to apply.
type Pulse struct {
	Opened             bool   // its data are open
	Turns              uint64 // of the book: odd while entries are applied, see fsm.Machine.Turns
	Applied, Committed uint64 // last entry that Raft handed to the book, and last one that it may hand over
}

// StuckSince reports whether a node that had pulse before has something to apply and has got nowhere with it. A node with nothing to
// apply is not stuck, however long: one without a leader must not be restarted.
func (p Pulse) StuckSince(before Pulse) bool {
	same := p.Turns%2 == 1 && p.Turns == before.Turns
	behind := p.Applied < p.Committed && p.Applied == before.Applied && before.Applied < before.Committed
	return same || behind
}

// Pulse asks nobody else and does not block. Before Raft runs there is nothing to apply.
func (n *Node) Pulse() Pulse {
	if !n.readable() {
		return Pulse{}
	}
	p := Pulse{Opened: true, Turns: n.stores.machine.Turns()}
	if closed(n.started) {
		p.Applied, p.Committed = n.raft.AppliedIndex(), n.raft.CommitIndex()
	}
	return p
}

package sim

import (
	"fmt"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/worker"
)

// node is one process. What happens on it goes through do, so that a stopped process does it later and a dead one never.
type node struct {
	w  *World
	i  int
	id partition.NodeID

	life     uint64 // counts starts; what an earlier life planned does not happen
	up       bool
	holds    int // how many faults keep it down
	pauses   int // how many faults keep it stopped
	deferred []func()
	resumed  time.Duration // when it last went on after a pause
	skew     time.Duration // of the wall clock
	frozen   int           // how many faults keep the wall clock still
	froze    time.Duration // when

	applied  uint64
	believes int // who leads, -1 when it does not know

	office *office // while it thinks that it leads

	cfg      worker.Config
	table    *worker.Table
	runs     map[worker.Lease]*run
	renewed  time.Duration // when the last renewal that succeeded was sent
	renewing bool
	seen     []fsm.Work
}

func newNode(w *World, i int) *node {
	id := partition.NodeID(fmt.Sprintf("node-%c", 'a'+i))
	return &node{w: w, i: i, id: id, believes: -1, cfg: workerConfig(id)}
}

// do plans f on this node.
func (n *node) do(d time.Duration, f func()) {
	life := n.life
	n.w.after(d, func() { n.deliver(life, f) })
}

// deliver lets f happen now, when the process goes on, or never.
func (n *node) deliver(life uint64, f func()) {
	switch {
	case !n.up || n.life != life:
	case n.pauses > 0:
		n.deferred = append(n.deferred, f)
	default:
		f()
	}
}

// awake says that the process runs.
func (n *node) awake() bool { return n.up && n.pauses == 0 }

// mono is the monotonic clock. It goes on while the process is stopped.
func (n *node) mono() time.Time { return time.Unix(0, 0).Add(n.w.now) }

// wall is the clock on the wall.
func (n *node) wall() time.Time {
	now := n.w.now
	if n.frozen > 0 {
		now = n.froze
	}
	return epoch.Add(now + n.skew)
}

// boot starts the process.
func (n *node) boot() {
	n.life++
	n.up, n.believes, n.office, n.deferred = true, -1, nil, nil
	n.table, n.runs = worker.NewTable(n.cfg.Lanes, n.cfg.ScanLanes, n.cfg.LeaseTime, n.mono()), map[worker.Lease]*run{}
	n.renewed, n.renewing, n.seen = n.w.now, false, nil
	n.w.note("starts", n.i, int64(n.applied))
	n.do(n.w.between(0, n.cfg.CheckpointEvery), n.tickRenew)
	n.do(n.w.between(0, guardEvery), n.tickGuard)
	n.do(time.Millisecond, n.reassign)
}

// crash ends the process. What it had in flight stays with whoever has it.
func (n *node) crash() {
	n.w.note("dies", n.i)
	n.up, n.office, n.deferred = false, nil, nil
	if n.w.raft.leader == n.i {
		n.w.raft.leader = -1
	}
	n.dropRuns()
}

// dropRuns throws runs away as the end of a process does: without a word to anybody.
func (n *node) dropRuns() {
	for _, r := range n.ordered() {
		r.drop()
	}
	n.runs = nil
}

// ordered are the runs in the order of their leases.
func (n *node) ordered() []*run {
	out := make([]*run, 0, len(n.runs))
	for _, r := range n.runs {
		out = append(out, r)
	}
	sortRuns(out)
	return out
}

// pause and resume are SIGSTOP and SIGCONT.
func (n *node) pause() {
	n.pauses++
	n.w.note("is stopped", n.i)
}

func (n *node) resume() {
	if n.pauses--; n.pauses > 0 || !n.up {
		return
	}
	n.w.note("goes on", n.i, int64(len(n.deferred)))
	n.resumed = n.w.now
	// What waited happens in any order: the kernel wakes threads as it likes.
	todo := n.deferred
	n.deferred = nil
	n.w.r.Shuffle(len(todo), func(i, j int) { todo[i], todo[j] = todo[j], todo[i] })
	for _, f := range todo {
		n.do(n.w.between(0, 2*time.Millisecond), f)
	}
}

// apply brings the replica up to index.
func (n *node) apply(index uint64) {
	if index <= n.applied {
		return
	}
	leases := false
	for _, e := range n.w.book.log[n.applied:index] {
		switch e.cmd.(type) {
		case fsm.SaveCheckpoints, fsm.CompareDigest, fsm.RecordProof, fsm.SubmitJob, fsm.AddSlices:
		default:
			leases = true
		}
	}
	n.applied = index
	if leases {
		n.do(n.w.between(0, 3*time.Millisecond), n.reassign)
	}
}

package sim

import (
	"context"
	"time"

	"backstitch/cluster/leader"
	"backstitch/fsm"
	"backstitch/partition"
)

// Raft as it promises to be: one order, an election when a quorum has not heard of its leader, and a deposed leader that does
// not know it yet.

const (
	raftTick   = 50 * time.Millisecond
	leaderTick = 200 * time.Millisecond
	minTurn    = 50 * time.Millisecond
	resigns    = 500 * time.Millisecond // a leader without a quorum for so long knows that it is none
	goneAfter  = 2400 * time.Millisecond
)

type raftState struct {
	leader  int // -1 while there is none
	term    uint64
	healthy time.Duration // when the leader last had a quorum
	timeout time.Duration // of this election
	limbo   []proposal    // what deposed leaders have in their logs
}

type proposal struct {
	env fsm.Envelope
	cmd fsm.Command
}

// office is what a node has while it thinks that it leads.
type office struct {
	term   uint64
	loop   *leader.Loop
	began  time.Duration
	heard  []time.Duration
	quorum time.Duration // when it last had one
	turned uint64        // index that the last turn read
	turn   time.Duration // when that was
}

// leads says whether n leads and has a quorum.
func (n *node) leads() bool {
	return n.w.raft.leader == n.i && n.office != nil && n.office.term == n.w.raft.term && n.w.quorum(n)
}

// quorum says whether n reaches a majority, both ways.
func (w *World) quorum(n *node) bool {
	if !n.awake() {
		return false
	}
	count := 0
	for _, m := range w.nodes {
		if m == n || m.awake() && w.hurt.linked(n.i, m.i) && w.hurt.linked(m.i, n.i) {
			count++
		}
	}
	return count > len(w.nodes)/2
}

// commit puts a command into the log, on behalf of node by; -1 is the world itself. It is false when the book has stopped.
func (w *World) commit(by int, env fsm.Envelope, cmd fsm.Command) (fsm.Result, bool) {
	e, err := w.book.commit(max(w.raft.term, 1), env, cmd)
	if err != nil {
		w.violate(RuleSameBook, "%v", err)
		return fsm.Result{}, false
	}
	w.note(fsm.OpName(cmd.Op()), by, int64(e.log.Index), int64(e.result.Code), int64(len(e.result.Refused)))
	w.rules.applied(e)
	if by >= 0 {
		w.nodes[by].apply(e.log.Index)
	}
	return e.result, true
}

func (w *World) tickRaft() {
	w.after(raftTick, w.tickRaft)
	s := &w.raft
	if s.leader >= 0 && w.quorum(w.nodes[s.leader]) {
		s.healthy = w.now
	} else if w.now-s.healthy > s.timeout {
		w.election()
	}
	for _, n := range w.nodes {
		if !n.awake() {
			continue
		}
		w.follow(n)
		if n.office != nil {
			w.doubt(n)
		}
	}
}

// follow lets a node hear of the leader and of what it has committed.
func (w *World) follow(n *node) {
	lead := w.raft.leader
	if lead < 0 || !w.nodes[lead].awake() || !w.hurt.linked(lead, n.i) {
		return
	}
	if w.hurt.passes(lead, n.i) {
		n.believes = lead
		if w.r.IntN(4) > 0 {
			n.apply(w.book.head())
		}
	}
}

// doubt ends the office of a leader that has to know that it is none.
func (w *World) doubt(n *node) {
	o := n.office
	if w.quorum(n) && o.term == w.raft.term {
		o.quorum = w.now
		return
	}
	told := o.term != w.raft.term && w.raft.leader >= 0 && w.raft.leader != n.i && w.hurt.linked(w.raft.leader, n.i)
	if told && w.r.IntN(3) > 0 || w.now-o.quorum > resigns && w.now-n.resumed > raftTick {
		w.note("leads no more", n.i, int64(o.term))
		n.office = nil
		if w.raft.leader == n.i {
			w.raft.leader = -1
		}
	}
}

// election makes somebody leader, if a quorum is there.
func (w *World) election() {
	var can []int
	for _, n := range w.nodes {
		if w.quorum(n) && w.raft.leader != n.i {
			can = append(can, n.i)
		}
	}
	if len(can) == 0 {
		return
	}
	w.elect(can[w.r.IntN(len(can))])
}

func (w *World) elect(i int) {
	s, n := &w.raft, w.nodes[i]
	s.leader, s.healthy, s.timeout = i, w.now, w.between(500*time.Millisecond, time.Second)
	s.term++
	w.events.Elections++
	w.note("leads", i, int64(s.term))
	n.believes = i
	n.office = &office{term: s.term, began: w.now, quorum: w.now, heard: make([]time.Duration, len(w.nodes))}
	for k := range n.office.heard {
		n.office.heard[k] = w.now
	}
	n.apply(w.book.head())
	// Entries of the leaders before, as far as they are in this one's log. The rest is gone.
	limbo := s.limbo
	s.limbo = nil
	for _, p := range limbo {
		if w.r.IntN(2) == 0 {
			w.events.Late++
			w.commit(i, p.env, p.cmd)
		}
	}
	loop, err := leader.New(leader.Config{
		Self: n.id, Book: replica{n}, Proposer: proposer{n}, Rumours: gossip{n}, Limits: w.limits, Tick: leaderTick, MinTurn: minTurn,
		Clock: n.mono, Wall: n.wall, Logger: w.log,
	})
	if err != nil {
		w.must(err)
		return
	}
	n.office.loop = loop
	o := n.office
	n.do(w.between(0, minTurn), func() { n.turn(o) })
}

// turn lets the leader decide once, and again as long as it thinks that it leads.
func (n *node) turn(o *office) {
	if n.office != o {
		return
	}
	w := n.w
	n.do(w.between(minTurn, 2*minTurn), func() { n.turn(o) })
	if n.applied == o.turned && w.now-o.turn < leaderTick {
		return
	}
	seen, err := o.loop.Turn(context.Background())
	o.turned, o.turn = seen, w.now
	w.must(err)
}

// proposer commits what the leader decides.
type proposer struct{ n *node }

func (p proposer) Propose(_ context.Context, env fsm.Envelope, cmd fsm.Command) (fsm.Result, error) {
	n, w := p.n, p.n.w
	if !n.leads() {
		if w.r.IntN(2) == 0 {
			w.raft.limbo = append(w.raft.limbo, proposal{env, cmd})
		}
		w.note("decides in vain", n.i, int64(cmd.Op()))
		return fsm.Result{}, errUnknown
	}
	res, ok := w.commit(n.i, env, cmd)
	if !ok {
		return res, errUnknown
	}
	return res, nil
}

// gossip is what the leader has heard of others.
type gossip struct{ n *node }

func (g gossip) Rumours() map[partition.NodeID]leader.Rumour {
	n, w := g.n, g.n.w
	out := make(map[partition.NodeID]leader.Rumour, len(w.nodes))
	for _, m := range w.nodes {
		out[m.id] = leader.Rumour{
			GossipAlive: m == n || !w.hurt.silent(n.i, m.i, goneAfter) && !w.hurt.slandered(m.i),
			Silence:     w.now - n.office.heard[m.i],
			Refused:     m != n && !m.up && w.now-w.hurt.downAt[m.i] > 100*time.Millisecond && w.hurt.linked(n.i, m.i),
		}
	}
	return out
}

package sim

import (
	"errors"
	"time"

	"backstitch/fsm"
)

// How a node gets a command into the log: it asks whoever it takes for the leader, again and again, as long as asking again is
// harmless. The answer may be lost, so "it failed" is one of two things.

var (
	errNoLeader = errors.New("nobody leads")
	errUnknown  = errors.New("outcome unknown")
)

const (
	oneTry   = time.Second
	firstNap = 10 * time.Millisecond
	lastNap  = 40 * time.Millisecond
)

// call is one command on its way.
type call struct {
	n       *node
	env     fsm.Envelope
	cmd     fsm.Command // nil for a renewal without progress
	renews  bool
	again   bool // a second attempt is harmless
	until   time.Duration
	try     int
	nap     time.Duration
	unknown bool
	over    bool
	done    func(fsm.Result, error)
}

// propose sends cmd. done is told once, on n; never when n dies before.
func (n *node) propose(c call, within time.Duration, done func(fsm.Result, error)) {
	c.n, c.until, c.nap, c.done = n, n.w.now+within, firstNap, done
	(&c).attempt()
}

func (c *call) attempt() {
	n, w := c.n, c.n.w
	if c.over {
		return
	}
	if w.now >= c.until {
		c.fail()
		return
	}
	if n.believes < 0 {
		c.rest()
		return
	}
	c.try++
	try := c.try
	to := w.nodes[n.believes]
	w.send(n, to, func() { to.handle(c, try) })
	n.do(min(oneTry, c.until-w.now), func() {
		if c.over || c.try != try {
			return
		}
		c.unknown = true
		if !c.again {
			c.fail()
			return
		}
		c.attempt()
	})
}

// rest waits before the next attempt.
func (c *call) rest() {
	c.try++
	c.nap = min(2*c.nap, lastNap)
	c.n.do(c.nap, c.attempt)
}

func (c *call) fail() {
	c.over = true
	err := errNoLeader
	if c.unknown {
		err = errUnknown
		c.n.w.events.Unknown++
	}
	c.done(fsm.Result{}, err)
}

// refused is the answer of a node that does not lead: nothing was done.
func (c *call) refused(try int) {
	if !c.over && c.try == try {
		c.rest()
	}
}

// answered is the leader's answer. Whoever proposed waits until it has applied the command itself.
func (c *call) answered(res fsm.Result) {
	if c.over {
		return
	}
	if !c.renews && c.n.applied < res.Index {
		if c.n.w.now >= c.until {
			c.unknown = true
			c.fail()
			return
		}
		c.n.do(10*time.Millisecond, func() { c.answered(res) })
		return
	}
	c.over = true
	c.done(res, nil)
}

// handle is the other end of a call.
func (n *node) handle(c *call, try int) {
	w := n.w
	from := c.n
	if n.office == nil {
		w.send(n, from, func() { c.refused(try) })
		return
	}
	if c.renews {
		n.office.heard[from.i] = w.now
	}
	w.after(w.between(500*time.Microsecond, 3*time.Millisecond), func() {
		switch {
		case !n.leads():
			// It thinks that it leads. Nothing is committed by it; what it wrote into its log may be found there by the next one.
			if c.cmd != nil && n.up && w.r.IntN(2) == 0 {
				w.raft.limbo = append(w.raft.limbo, proposal{c.env, c.cmd})
			}
		case c.cmd == nil:
			w.send(n, from, func() { c.answered(fsm.Result{}) })
		default:
			if res, ok := w.commit(n.i, c.env, c.cmd); ok {
				w.send(n, from, func() { c.answered(res) })
			}
		}
	})
}

// send delivers f to another node, as the network pleases.
func (w *World) send(from, to *node, f func()) {
	life := to.life
	if from == to {
		w.after(0, func() { to.deliver(life, f) })
		return
	}
	copies := 1
	if !w.hurt.passes(from.i, to.i) {
		return
	}
	if w.hurt.doubles(from.i, to.i) {
		copies = 2
	}
	for range copies {
		d := w.between(300*time.Microsecond, 3*time.Millisecond) + w.hurt.delay(from.i, to.i)
		w.after(d, func() { to.deliver(life, f) })
	}
}

package cluster

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// This file waits for what was handed to Raft. Raft leaves its queues as they are when it is shut down, and whoever waits for
// something in them waits for ever: a command that is committed and not yet applied, or one that came a moment too late. So a
// node that stops first hands over nothing more, and then lets Raft answer what it has; only then it shuts Raft down.

// handed counts what Raft has not answered. The zero value is ready.
type handed struct {
	mu     sync.Mutex
	open   int
	closed bool
	idle   chan struct{} // closed when the last is answered after closed is set; made by drain
}

// enter must be called before something is handed over. It reports false when the node stops.
func (h *handed) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.open++
	return true
}

// leave says that it was answered.
func (h *handed) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open--
	if h.closed && h.open == 0 {
		close(h.idle)
	}
}

// drain lets nothing more in and waits until all is answered, but not longer than limit: Raft answers within its lease even
// when it has lost its quorum, and a disk that hangs it can not outwait.
func (h *handed) drain(limit time.Duration) bool {
	h.mu.Lock()
	h.closed, h.idle = true, make(chan struct{})
	if h.open == 0 {
		close(h.idle)
	}
	h.mu.Unlock()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-h.idle:
		return true
	case <-timer.C:
		return false
	}
}

// ask hands one thing to Raft and waits for its answer.
func (n *Node) ask(hand func() raft.Future) error {
	if !n.handed.enter() {
		return raft.ErrRaftShutdown
	}
	defer n.handed.leave()
	return hand().Error()
}

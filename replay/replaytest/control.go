package replaytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"backstitch/fsm"
	"backstitch/partition"
)

// Control is a control plane in memory: the book's rules for leases, and faults on request. Node gives the view of one node,
// which is a worker.Control.
type Control struct {
	mu      sync.Mutex
	changed chan struct{} // closed and replaced at each change
	index   uint64
	slots   map[partition.SliceID]*Slot
	cut     map[partition.NodeID]bool
	behind  map[partition.NodeID]bool // the next assignment is read from an old book
	renewed map[partition.NodeID]int
	refuse  fsm.Code // of a Finish
}

// Slot is one slice as the book has it.
type Slot struct {
	Work       fsm.Work
	Owner      partition.NodeID // "" when nobody has it
	Done       bool
	Finished   fsm.FinishSlice
	Ledger     fsm.SaveLedger // the newest
	Failures   []fsm.FailSlice
	Checkpoint fsm.Checkpoint
}

// NewControl makes an empty one.
func NewControl() *Control {
	return &Control{
		changed: make(chan struct{}), slots: make(map[partition.SliceID]*Slot),
		cut: make(map[partition.NodeID]bool), behind: make(map[partition.NodeID]bool), renewed: make(map[partition.NodeID]int),
	}
}

// ErrCut is what a node gets that cannot reach the others.
var ErrCut = errors.New("no contact with the cluster")

func (c *Control) bump() {
	c.index++
	close(c.changed)
	c.changed = make(chan struct{})
}

// Grant gives slice to node under the next epoch.
func (c *Control) Grant(node partition.NodeID, slice partition.Slice, recipe []byte) partition.Epoch {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.slots[slice.ID]
	if s == nil {
		s = &Slot{Work: fsm.Work{Slice: slice, Recipe: recipe}}
		if !slice.Kind.Reads() {
			s.Work.Scopes = []fsm.Scope{fsm.ScopeJob(slice.ID.Job)}
		}
		c.slots[slice.ID] = s
	}
	s.Owner = node
	s.Work.Epoch++
	s.Work.Yield = false
	s.Work.Seen = s.Checkpoint
	s.Work.Quarantined = c.quarantined(slice)
	c.bump()
	return s.Work.Epoch
}

// quarantined is what the slices of a verify slice's lane have set aside.
func (c *Control) quarantined(slice partition.Slice) partition.Ranges {
	var out partition.Ranges
	for _, s := range c.slots {
		if slice.Kind != partition.SliceVerify || s.Work.Slice.Lane() != slice.Lane() {
			continue
		}
		for _, q := range s.Finished.Quarantine {
			out = append(out, partition.Range{From: q.Offset, To: q.Offset + 1})
		}
	}
	return partition.Normalize(out)
}

// Cut takes node's contact away, or gives it back.
func (c *Control) Cut(node partition.NodeID, cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut[node] = cut
	c.bump()
}

// Behind makes the next assignment that node reads come from an old book, which knows the leases and no progress.
func (c *Control) Behind(node partition.NodeID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.behind[node] = true
}

// Refuse makes every later Finish of a lease that is held answer code; OK lets them pass again.
func (c *Control) Refuse(code fsm.Code) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuse = code
}

// Slot returns a copy of what the book has about id.
func (c *Control) Slot(id partition.SliceID) Slot {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.slots[id]; s != nil {
		return *s
	}
	return Slot{}
}

// Renewals counts how often node renewed.
func (c *Control) Renewals(node partition.NodeID) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.renewed[node]
}

// Wait blocks until done says so of the book, looking at each change.
func (c *Control) Wait(ctx context.Context, done func(slot func(partition.SliceID) Slot) bool) error {
	for {
		c.mu.Lock()
		changed := c.changed
		ok := done(func(id partition.SliceID) Slot {
			if s := c.slots[id]; s != nil {
				return *s
			}
			return Slot{}
		})
		c.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Node is the control plane as one node sees it.
func (c *Control) Node(id partition.NodeID) *NodeControl { return &NodeControl{c: c, id: id} }

// NodeControl satisfies worker.Control, worker.LedgerKeeper, worker.QuarantineKeeper, worker.Releaser and worker.Yielder.
type NodeControl struct {
	c    *Control
	id   partition.NodeID
	told []lease // guarded by c.mu: what was returned last
}

type lease struct {
	slice partition.SliceID
	epoch partition.Epoch
	yield bool
}

// Assignment waits until the leases differ from those that it returned as of index after; 0 is answered at once.
func (n *NodeControl) Assignment(ctx context.Context, after uint64) (fsm.Assignment, error) {
	for {
		n.c.mu.Lock()
		changed := n.c.changed
		if n.c.index > after && !n.c.cut[n.id] {
			a, leases := n.read()
			if after == 0 || !slices.Equal(leases, n.told) {
				n.told = leases
				n.c.behind[n.id] = false
				n.c.mu.Unlock()
				return a, nil
			}
		}
		n.c.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return fsm.Assignment{}, ctx.Err()
		}
	}
}

// read returns what the book says of this node's leases, and their names.
func (n *NodeControl) read() (a fsm.Assignment, leases []lease) {
	a.Index = n.c.index
	for _, s := range n.c.slots {
		if s.Owner != n.id || s.Done {
			continue
		}
		w := s.Work
		w.Seen = s.Checkpoint
		if n.c.behind[n.id] {
			w.Seen = fsm.Checkpoint{}
		}
		a.Work = append(a.Work, w)
	}
	slices.SortFunc(a.Work, func(x, y fsm.Work) int { return x.Slice.ID.Compare(y.Slice.ID) })
	for _, w := range a.Work {
		leases = append(leases, lease{w.Slice.ID, w.Epoch, w.Yield})
	}
	return a, leases
}

// mine returns the slot of a lease that node still has, or why it has not.
func (n *NodeControl) mine(id partition.SliceID, epoch partition.Epoch) (*Slot, fsm.Code) {
	s := n.c.slots[id]
	switch {
	case s == nil:
		return nil, fsm.UnknownSlice
	case s.Work.Epoch != epoch:
		return nil, fsm.StaleEpoch
	case s.Owner != n.id || s.Done:
		return nil, fsm.WrongState
	}
	return s, fsm.OK
}

// Checkpoint saves entries and renews.
func (n *NodeControl) Checkpoint(_ context.Context, entries []fsm.SliceCheckpoint) ([]fsm.Refusal, error) {
	n.c.mu.Lock()
	defer n.c.mu.Unlock()
	if n.c.cut[n.id] {
		return nil, ErrCut
	}
	n.c.renewed[n.id]++
	var refused []fsm.Refusal
	for _, e := range entries {
		s, code := n.mine(e.Slice, e.Checkpoint.Epoch)
		if code == fsm.OK && e.Checkpoint.Cursor < s.Checkpoint.Cursor {
			code = fsm.WrongState
		}
		if code != fsm.OK {
			refused = append(refused, fsm.Refusal{Slice: e.Slice, Code: code})
			continue
		}
		s.Checkpoint = e.Checkpoint
	}
	return refused, nil
}

// Finish ends a lease with success.
func (n *NodeControl) Finish(_ context.Context, cmd fsm.FinishSlice) (fsm.Result, error) {
	n.c.mu.Lock()
	defer n.c.mu.Unlock()
	if n.c.cut[n.id] {
		return fsm.Result{}, ErrCut
	}
	s, code := n.mine(cmd.Slice, cmd.Epoch)
	if code == fsm.OK {
		code = n.c.refuse
	}
	if code == fsm.OK {
		s.Done, s.Finished, s.Checkpoint = true, cmd, cmd.Checkpoint
		n.c.bump()
	}
	return fsm.Result{Code: code, Index: n.c.index}, nil
}

// FinishSliceWithin ends a lease with success if what all slices have set aside is no more than the limit.
func (n *NodeControl) FinishSliceWithin(ctx context.Context, cmd fsm.FinishSliceWithin) (fsm.Result, error) {
	n.c.mu.Lock()
	sum := cmd.Finish.Checkpoint.Quarantined
	for id, s := range n.c.slots {
		if id.Job == cmd.Finish.Slice.Job && id != cmd.Finish.Slice && s.Done {
			sum += s.Finished.Checkpoint.Quarantined
		}
	}
	n.c.mu.Unlock()
	if sum > cmd.MaxQuarantine {
		return fsm.Result{Code: fsm.TooManyAside, Object: fmt.Sprintf("%d of at most %d", sum, cmd.MaxQuarantine)}, nil
	}
	return n.Finish(ctx, cmd.Finish)
}

// SaveLedger keeps the numbers per window.
func (n *NodeControl) SaveLedger(_ context.Context, cmd fsm.SaveLedger) (fsm.Result, error) {
	n.c.mu.Lock()
	defer n.c.mu.Unlock()
	if n.c.cut[n.id] {
		return fsm.Result{}, ErrCut
	}
	s, code := n.mine(cmd.Slice, cmd.Epoch)
	if code == fsm.OK {
		s.Ledger = cmd
	}
	return fsm.Result{Code: code, Index: n.c.index}, nil
}

// Fail ends a lease without.
func (n *NodeControl) Fail(_ context.Context, cmd fsm.FailSlice) (fsm.Result, error) {
	n.c.mu.Lock()
	defer n.c.mu.Unlock()
	if n.c.cut[n.id] {
		return fsm.Result{}, ErrCut
	}
	s, code := n.mine(cmd.Slice, cmd.Epoch)
	if code == fsm.OK {
		s.Owner = ""
		s.Failures = append(s.Failures, cmd)
		n.c.bump()
	}
	return fsm.Result{Code: code, Index: n.c.index}, nil
}

// Ask marks a lease as one to give back, as the leader does.
func (c *Control) Ask(id partition.SliceID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slots[id].Work.Yield = true
	c.bump()
}

// Yield takes leases back that were asked for.
func (n *NodeControl) Yield(ctx context.Context, leases []fsm.Lease) error {
	return n.Release(ctx, leases)
}

// Release takes leases back.
func (n *NodeControl) Release(_ context.Context, leases []fsm.Lease) error {
	n.c.mu.Lock()
	defer n.c.mu.Unlock()
	if n.c.cut[n.id] {
		return ErrCut
	}
	for _, l := range leases {
		if s, code := n.mine(l.Slice, l.Epoch); code == fsm.OK {
			s.Owner = ""
		}
	}
	n.c.bump()
	return nil
}

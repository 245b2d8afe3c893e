package vitals

import (
	"maps"
	"sync"

	"backstitch/partition"
)

// missed is after how many questions in a row without an answer an offset is forgotten. What its disk was stays: that is what a node which comes back
// most likely has.
const missed = 3

// Table keeps what a node has heard last.
type Table struct {
	mu    sync.Mutex
	own   Disk
	peers map[partition.NodeID]*peer
}

type peer struct {
	offset *Offset // nil when it is not known
	disk   Disk
	silent int
}

// NewTable makes an empty one.
func NewTable() *Table { return &Table{peers: map[partition.NodeID]*peer{}} }

// Read notes a look at this node's own disk.
func (t *Table) Read(d Disk) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.own = d
}

// Own is the newest look at this node's own disk.
func (t *Table) Own() Disk {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.own
}

// Heard notes an answer. o is nil when it told nothing of the clock.
func (t *Table) Heard(id partition.NodeID, o *Offset, d Disk) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.peers[id]
	if p == nil {
		p = &peer{}
		t.peers[id] = p
	}
	p.disk, p.silent = d, 0
	if o != nil {
		next := *o
		if p.offset != nil {
			next = p.offset.better(next)
		}
		p.offset = &next
	}
}

// Silent notes that there was no answer.
func (t *Table) Silent(id partition.NodeID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.peers[id]; p != nil {
		if p.silent++; p.silent >= missed {
			p.offset = nil
		}
	}
}

// Keep forgets everybody else.
func (t *Table) Keep(ids []partition.NodeID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	known := make(map[partition.NodeID]bool, len(ids))
	for _, id := range ids {
		known[id] = true
	}
	maps.DeleteFunc(t.peers, func(id partition.NodeID, _ *peer) bool { return !known[id] })
}

// Offsets are those of the other nodes' clocks that are known.
func (t *Table) Offsets() map[partition.NodeID]Offset {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := map[partition.NodeID]Offset{}
	for id, p := range t.peers {
		if p.offset != nil {
			out[id] = *p.offset
		}
	}
	return out
}

// Disks are those of all nodes that have told, and of this one, which is self.
func (t *Table) Disks(self partition.NodeID) map[partition.NodeID]Disk {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := map[partition.NodeID]Disk{self: t.own}
	for id, p := range t.peers {
		out[id] = p.disk
	}
	return out
}

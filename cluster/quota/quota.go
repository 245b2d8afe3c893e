package quota

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/share"
)

// Divider divides the budgets of a cluster for one term of office. It is safe for concurrent use.
type Divider struct {
	lease time.Duration
	learn time.Time // until then nothing is raised

	mu    sync.Mutex
	nodes map[partition.NodeID]*holder
}

// holder is what one process may spend, and wants.
type holder struct {
	boot  [16]byte
	seq   uint64
	until time.Time // then it can not have any share of these any more
	scope map[string]held
	paces []share.Pace
}

type held struct {
	has   share.Share // the most that it may have
	wants share.Share
	lanes uint32
}

// Request is what comes with one renewal.
type Request struct {
	Node partition.NodeID
	Boot [16]byte // of the process
	Seq  uint64   // rises with each request of the process
	// Wants are for the scopes that the node works in; those without a budget are not answered.
	Wants []share.Want
	// Paces are what holds its jobs back beside budgets.
	Paces []share.Pace
}

// New begins a term. A share is good for the lease time from the renewal on.
func New(lease time.Duration, now time.Time) *Divider {
	return &Divider{lease: lease, learn: now.Add(lease), nodes: map[partition.NodeID]*holder{}}
}

// Renew answers a request that arrived at now. Budgets are those of the book, by scope; gone says which processes are certainly gone. It
// is not answered, ok is false, when a later request of the process was.
func (d *Divider) Renew(now time.Time, r Request, budgets []fsm.Budget, gone func(partition.NodeID) bool) (out []share.Grant, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.nodes[r.Node]
	if h != nil && h.boot == r.Boot && r.Seq <= h.seq {
		return nil, false
	}
	for id, other := range d.nodes {
		if id != r.Node && (!now.Before(other.until) || gone(id)) {
			delete(d.nodes, id)
		}
	}
	next := &holder{boot: r.Boot, seq: r.Seq, until: now.Add(d.lease), scope: make(map[string]held, len(r.Wants)), paces: r.Paces}
	d.nodes[r.Node] = next
	for _, w := range r.Wants {
		i, ok := slices.BinarySearchFunc(budgets, w.Scope, func(b fsm.Budget, s string) int { return cmp.Compare(string(b.Scope), s) })
		if !ok {
			continue
		}
		next.scope[w.Scope] = held{has: w.Has, wants: w.Wants, lanes: w.Lanes}
		g := d.grant(now, r.Node, w, share.Whole(budgets[i].Rate))
		// Until it says otherwise it may have either: the answer can get lost.
		next.scope[w.Scope] = held{has: w.Has.Max(g), wants: w.Wants, lanes: w.Lanes}
		out = append(out, share.Grant{Scope: w.Scope, Share: g})
	}
	return out, true
}

// grant is what node may spend of whole from now on.
func (d *Divider) grant(now time.Time, node partition.NodeID, w share.Want, whole share.Share) (out share.Share) {
	for unit := range whole {
		if whole[unit] == share.More {
			out[unit] = share.More
			continue
		}
		free, claims, own := whole[unit], []share.Claim(nil), 0
		for _, id := range d.sorted() {
			h, ok := d.nodes[id].scope[w.Scope]
			if !ok {
				continue
			}
			if id == node {
				own = len(claims)
			} else {
				free -= min(h.has[unit], whole[unit])
			}
			claims = append(claims, share.Claim{Wants: h.wants[unit], Weight: int64(h.lanes)})
		}
		fair := share.Divide(whole[unit], claims)[own]
		if now.Before(d.learn) {
			fair = w.Has[unit]
		}
		out[unit] = max(0, min(fair, free))
	}
	return out
}

// Holding is what one node has, or may have, and wants of one scope.
type Holding struct {
	Node partition.NodeID
	Want share.Want
}

// Holdings returns those that have not lapsed, by scope and node.
func (d *Divider) Holdings(now time.Time) []Holding {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []Holding
	for _, id := range d.sorted() {
		h := d.nodes[id]
		if !now.Before(h.until) {
			continue
		}
		for scope, s := range h.scope {
			out = append(out, Holding{id, share.Want{Scope: scope, Has: s.has, Wants: s.wants, Lanes: s.lanes}})
		}
	}
	slices.SortFunc(out, func(a, b Holding) int {
		return cmp.Or(cmp.Compare(a.Want.Scope, b.Want.Scope), cmp.Compare(a.Node, b.Node))
	})
	return out
}

func (d *Divider) sorted() []partition.NodeID {
	ids := make([]partition.NodeID, 0, len(d.nodes))
	for id := range d.nodes {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

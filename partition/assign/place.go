package assign

import (
	"cmp"
	"math"
	"slices"

	"github.com/zeebo/xxh3"

	"backstitch/partition"
)

// This file holds the bounds. The trap in it: an item may be larger than every bound (few partitions, many nodes), so a
// bound is a preference, and what happens when nothing fits decides whether work is spread or piled up.

// node is an eligible member with what it owns so far.
type node struct {
	partition.Member
	zone  *zone
	seed  uint64 // hash of the id
	load  float64
	bound float64
	items uint64
	slots uint64
}

// zone is the sum of its members.
type zone struct{ load, weight, bound float64 }

type placer struct {
	nodes []*node // by id
	byID  map[partition.NodeID]*node
	slack float64 // 1 + SlackPercent/100
}

func newPlacer(members []partition.Member, total float64, o Options) *placer {
	p := &placer{byID: map[partition.NodeID]*node{}, slack: 1 + float64(o.SlackPercent)/100}
	zones := map[string]*zone{}
	var weight float64
	for _, m := range members {
		if !m.Eligible || m.Weight == 0 || p.byID[m.ID] != nil {
			continue
		}
		z := zones[m.Zone]
		if z == nil {
			z = &zone{}
			zones[m.Zone] = z
		}
		n := &node{Member: m, zone: z, seed: xxh3.HashString(string(m.ID)), slots: math.MaxUint64}
		if o.SlotsPerWeight > 0 {
			n.slots = uint64(o.SlotsPerWeight) * uint64(m.Weight)
		}
		z.weight += float64(m.Weight)
		weight += float64(m.Weight)
		p.nodes, p.byID[m.ID] = append(p.nodes, n), n
	}
	slices.SortFunc(p.nodes, func(a, b *node) int { return cmp.Compare(a.ID, b.ID) })
	for _, n := range p.nodes {
		n.bound = math.Ceil(p.slack * total * float64(n.Weight) / weight)
		n.zone.bound = math.Ceil(p.slack * total * n.zone.weight / weight)
	}
	return p
}

func (n *node) add(it Item) {
	n.load += float64(it.Weight)
	n.zone.load += float64(it.Weight)
	n.items++
}

// fits reports whether it would leave both the member and its zone within their bounds.
func (n *node) fits(it Item) bool {
	w := float64(it.Weight)
	return n.load+w <= n.bound && n.zone.load+w <= n.zone.bound
}

// score is the rendezvous preference: with it, the share of keys that likes a member best is proportional to its weight,
// and no other key changes its mind when a member comes or goes.
func (n *node) score(it Item) float64 {
	u := (float64(xxh3.HashStringSeed(it.Key, n.seed)>>11) + 0.5) / (1 << 53) // in (0,1)
	return -float64(n.Weight) / math.Log(u)
}

func (p *placer) pinned(it Item) *node {
	if !it.Pinned {
		return nil
	}
	return p.byID[it.Current]
}

// sticky returns the current owner if it may keep the item. An item that is larger than the bound may stay as the only one
// of its member: nobody else would be less loaded by it.
func (p *placer) sticky(it Item) *node {
	n := p.byID[it.Current]
	if n == nil || n.items >= n.slots || slices.Contains(it.Avoid, n.ID) || slices.Contains(it.Never, n.ID) {
		return nil
	}
	if n.fits(it) || n.load == 0 && n.zone.load == 0 {
		return n
	}
	return nil
}

// place finds an owner for an item that did not stay.
func (p *placer) place(it Item) *node {
	if n := p.among(it, func(n *node) bool { return !slices.Contains(it.Avoid, n.ID) }); n != nil {
		return n
	}
	return p.among(it, func(*node) bool { return true })
}

func (p *placer) among(it Item, allowed func(*node) bool) *node {
	var best, least *node
	var bestScore float64
	for _, n := range p.nodes {
		if n.items >= n.slots || slices.Contains(it.Never, n.ID) || !allowed(n) {
			continue
		}
		if n.fits(it) {
			if s := n.score(it); best == nil || s > bestScore {
				best, bestScore = n, s
			}
		}
		if least == nil || p.lighter(n, least, it) {
			least = n
		}
	}
	switch cur := p.byID[it.Current]; {
	case best != nil:
		return best
	case least == nil:
		return nil
	case cur != nil && cur.items < cur.slots && !slices.Contains(it.Never, cur.ID) && allowed(cur) && p.tolerable(cur, least, it):
		return cur
	}
	return least
}

// tolerable reports whether moving it from cur to least would gain less than the slack. Without this, two members that are
// about equally loaded swap items for ever.
func (p *placer) tolerable(cur, least *node, it Item) bool {
	w, fair := float64(it.Weight), least.load*float64(cur.Weight)/float64(least.Weight)
	return cur.load+w <= p.slack*(fair+w)
}

// lighter orders members for an item that fits nowhere: the emptier zone, then the emptier member, then preference.
func (p *placer) lighter(a, b *node, it Item) bool {
	if a.zone != b.zone {
		if za, zb := a.zone.load/a.zone.weight, b.zone.load/b.zone.weight; za != zb {
			return za < zb
		}
	}
	if ra, rb := a.load/float64(a.Weight), b.load/float64(b.Weight); ra != rb {
		return ra < rb
	}
	return a.score(it) > b.score(it)
}

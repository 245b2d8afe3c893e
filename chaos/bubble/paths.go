package bubble

import (
	"sync"
	"time"

	"backstitch/chaos/fault"
	"backstitch/cluster/clustertest"
)

// paths says what happens between two hosts while faults of the network are at work. The network asks it for each piece of traffic.
type paths struct {
	mu     sync.Mutex
	active map[int]*networkFault
}

// networkFault is one fault of the network, or what a pause does to it.
type networkFault struct {
	fault.Fault
	began time.Time
	hit   map[string]bool // hosts that it is aimed at
	side  map[string]int  // for a bridge: 1 and 2 do not see each other
	hits  int64
}

func (p *paths) add(i int, f *networkFault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.active[i] = f
}

// remove returns how much traffic the fault has met.
func (p *paths) remove(i int) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.active[i]
	delete(p.active, i)
	if f == nil {
		return 0
	}
	return f.hits
}

// flaps says whether something comes and goes.
func (p *paths) flaps() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.active {
		if f.Kind == fault.Flap {
			return true
		}
	}
	return false
}

// between adds up what all faults do to what one host sends another.
func (p *paths) between(from, to string, gossip bool) clustertest.Path {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out clustertest.Path
	for _, f := range p.active {
		one := f.between(from, to, gossip)
		if one != (clustertest.Path{}) {
			f.hits++
		}
		out.Cut = out.Cut || one.Cut
		out.Loss, out.Duplicate, out.Reorder = max(out.Loss, one.Loss), max(out.Duplicate, one.Duplicate), max(out.Reorder, one.Reorder)
		out.Delay, out.Jitter = out.Delay+one.Delay, out.Jitter+one.Jitter
	}
	return out
}

func (f *networkFault) between(from, to string, gossip bool) clustertest.Path {
	apart, touched := f.hit[from] != f.hit[to], f.hit[from] || f.hit[to]
	switch f.Kind {
	case fault.Partition:
		return clustertest.Path{Cut: apart}
	case fault.Pause: // the hosts of several paused processes do not see each other either
		return clustertest.Path{Cut: touched}
	case fault.Bridge:
		return clustertest.Path{Cut: f.side[from]+f.side[to] == 3}
	case fault.OneWay:
		return clustertest.Path{Cut: apart && f.hit[from] == (f.What == "out")}
	case fault.Flap:
		return clustertest.Path{Cut: apart && time.Since(f.began)%f.Every < f.Every/2}
	case fault.GossipCut:
		return clustertest.Path{Cut: touched && gossip}
	case fault.RaftCut:
		return clustertest.Path{Cut: touched && !gossip}
	}
	if !touched {
		return clustertest.Path{}
	}
	switch f.Kind {
	case fault.Loss:
		return clustertest.Path{Loss: f.Percent}
	case fault.Delay:
		return clustertest.Path{Delay: f.Delay, Jitter: f.Jitter, Loss: f.Percent}
	case fault.Reorder:
		return clustertest.Path{Reorder: f.Percent}
	case fault.Duplicate:
		if gossip { // a connection drops what comes twice
			return clustertest.Path{Duplicate: f.Percent}
		}
	}
	return clustertest.Path{}
}

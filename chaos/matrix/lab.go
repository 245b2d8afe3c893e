//go:build linux

package matrix

import (
	"fmt"
	"net/netip"

	"backstitch/chaos/netns"
	"backstitch/chaos/process"
	"backstitch/chaos/proxy"
	"backstitch/chaos/rule"
	"backstitch/chaos/testbed"
)

// Lab is the network of a run: namespaces and a switch, or, where nobody may make them, relays on loopback.
type Lab interface {
	Host(name string, doors ...proxy.Door) (Host, error)
	Addr(party string) netip.Addr
	Apply(rule.Match, rule.Effect) (*rule.Rule, error)
	Close() error

	// Pool lists the first addresses that the network gives out.
	Pool(n int) []string
}

// Host is where processes of a party run.
type Host interface {
	Addr() netip.Addr   // that everybody knows
	Behind() netip.Addr // that its processes listen on, when that is another one; invalid when it is not
	Also(party string, doors ...proxy.Door) (netip.Addr, error)
	Move(party string) (netip.Addr, error)
	Start(process.Spec) (*process.Process, error)
}

// Doors that relays need to know of. An agent's API has none: nobody uses it but the operator, who is never cut off.
var (
	agentDoors  = []proxy.Door{{Proto: rule.TCP, Port: testbed.RaftPort}, {Proto: rule.TCP, Port: testbed.GossipPort}, {Proto: rule.UDP, Port: testbed.GossipPort}}
	brokerDoors = []proxy.Door{{Proto: rule.TCP, Port: brokerPort}}
	storeDoors  = []proxy.Door{{Proto: rule.TCP, Port: storePort}}
)

const (
	brokerPort  = 9092
	storePort   = 9000
	controlPort = 9001
)

// newLab makes the network.
func newLab(seed uint64, relays bool) (Lab, error) {
	if relays {
		l := proxy.New(seed)
		return relayed{l}, nil
	}
	l, err := netns.New(seed)
	if err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	return spaces{l}, nil
}

// spaces is a lab of namespaces.
type spaces struct{ *netns.Lab }

func (s spaces) Host(name string, _ ...proxy.Door) (Host, error) {
	h, err := s.Lab.Host(name)
	if err != nil {
		return nil, err
	}
	return space{h}, nil
}

func (s spaces) Pool(n int) []string { return pool(s.Addr(netns.Operator), n) }

func pool(first netip.Addr, n int) (out []string) {
	for a := first; len(out) < n; a = a.Next() {
		out = append(out, a.String())
	}
	return out
}

type space struct{ *netns.Host }

func (space) Behind() netip.Addr { return netip.Addr{} }

func (h space) Also(party string, _ ...proxy.Door) (netip.Addr, error) { return h.Host.Also(party) }

// relayed is a lab of relays.
type relayed struct{ *proxy.Lab }

func (r relayed) Host(name string, doors ...proxy.Door) (Host, error) {
	h, err := r.Lab.Host(name, doors...)
	if err != nil {
		return nil, err
	}
	return h, nil
}

func (r relayed) Pool(n int) []string { return pool(r.First(), 4*n) }

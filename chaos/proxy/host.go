//go:build linux

package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"backstitch/chaos/process"
	"backstitch/chaos/rule"
)

// Host is where processes listen behind relays.
type Host struct {
	lab    *Lab
	name   string
	behind netip.Addr

	mu   sync.Mutex
	pids []int // of processes that were started here
}

// Name is the host's name, and that of its first party.
func (h *Host) Name() string { return h.name }

// Addr is the address of the host's first party, which everybody knows.
func (h *Host) Addr() netip.Addr { return h.lab.Addr(h.name) }

// Behind is the address that the host's processes have to listen on.
func (h *Host) Behind() netip.Addr { return h.behind }

// Start starts a process of the host.
func (h *Host) Start(spec process.Spec) (*process.Process, error) {
	p, err := process.Start(spec)
	if err == nil {
		h.mu.Lock()
		h.pids = append(h.pids, p.PID())
		h.mu.Unlock()
	}
	return p, err
}

// Also gives the host one more party, with an address of its own.
func (h *Host) Also(name string, doors ...Door) (netip.Addr, error) {
	public, err := h.lab.free()
	if err != nil {
		return public, err
	}
	ctx, shut := context.WithCancel(h.lab.ctx)
	p := &party{name: name, host: h, public: public, doors: doors, shut: shut, datagrams: map[uint16]*net.UDPConn{}}
	var relays []func()
	for _, d := range doors {
		run, err := p.open(ctx, d)
		if err != nil {
			shut()
			return netip.Addr{}, fmt.Errorf("relay to %s: %w", name, err)
		}
		relays = append(relays, run)
	}
	h.lab.mu.Lock()
	h.lab.byName[name] = p
	h.lab.mu.Unlock()
	for _, run := range relays {
		p.relays.Add(1)
		h.lab.ended.Go(func() {
			defer p.relays.Done()
			run()
		})
	}
	return public, nil
}

// Move gives a party of the host another address, and takes the old one away, with every connection through it.
func (h *Host) Move(name string) (netip.Addr, error) {
	h.lab.mu.Lock()
	p := h.lab.byName[name]
	h.lab.mu.Unlock()
	if p == nil {
		return netip.Addr{}, fmt.Errorf("there is no party %s", name)
	}
	p.shut()
	p.relays.Wait()
	return h.Also(name, p.doors...)
}

// open listens at a door and returns what runs its relay until ctx ends.
func (p *party) open(ctx context.Context, d Door) (run func(), err error) {
	at, to := netip.AddrPortFrom(p.public, d.Port), netip.AddrPortFrom(p.host.behind, d.Port)
	switch d.Proto {
	case rule.TCP:
		l, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(at))
		if err != nil {
			return nil, err
		}
		return func() { p.relayStreams(ctx, l, to) }, nil
	case rule.UDP:
		c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
		if err != nil {
			return nil, err
		}
		p.datagrams[d.Port] = c
		return func() { p.relayDatagrams(ctx, c, to) }, nil
	}
	return nil, errors.New("a door is of TCP or of UDP")
}

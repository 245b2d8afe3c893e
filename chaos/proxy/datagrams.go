//go:build linux

package proxy

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"backstitch/chaos/rule"
)

// Datagrams are passed on from the address by which everybody knows their sender, so that an answer takes the way back through a
// relay too.

// relayDatagrams passes on what arrives at a door until ctx ends.
func (p *party) relayDatagrams(ctx context.Context, c *net.UDPConn, to netip.AddrPort) {
	defer context.AfterFunc(ctx, func() { c.Close() })()
	lab := p.host.lab
	links := map[string]chan piece{} // by sender
	var writers sync.WaitGroup
	defer writers.Wait()
	last := map[string]time.Time{}
	buf := make([]byte, 1<<16)
	for {
		n, at, err := c.ReadFromUDPAddrPort(buf)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			continue // an ICMP error about an earlier one: nobody listened behind
		}
		from := lab.sender(at.Addr().Unmap())
		v := lab.rules.Judge(from, p.name, rule.Unit{Proto: rule.UDP, FromPort: at.Port(), ToPort: to.Port(), Size: n}, time.Now())
		if v.Lost {
			continue
		}
		queue := links[from]
		if queue == nil {
			queue = make(chan piece, inQueue)
			links[from] = queue
			writers.Go(func() { p.deliver(ctx, from, queue, to) })
		}
		due := time.Now().Add(v.Late)
		if due.Before(last[from]) {
			due = last[from]
		}
		last[from] = due
		select {
		case queue <- piece{due: due, data: append([]byte(nil), buf[:n]...)}:
		default: // a full queue loses it, as a network does
		}
	}
}

// deliver writes what one sender has sent, each when it is due.
func (p *party) deliver(ctx context.Context, from string, queue <-chan piece, to netip.AddrPort) {
	for {
		select {
		case d := <-queue:
			if sleep(ctx, time.Until(d.due)) != nil {
				return
			}
			p.host.lab.send(from, d.data, to)
		case <-ctx.Done():
			return
		}
	}
}

// send writes one datagram from where its sender is reached, or from anywhere when the sender is not.
func (l *Lab) send(from string, data []byte, to netip.AddrPort) {
	l.mu.Lock()
	p := l.byName[from]
	l.mu.Unlock()
	if p != nil {
		if c := p.datagrams[to.Port()]; c != nil {
			_, _ = c.WriteToUDPAddrPort(data, to) // a network says nothing of what it loses
			return
		}
	}
	c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = c.Write(data)
}

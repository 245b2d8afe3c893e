package inject

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// Transport is gossip with the faults of a set on it: packets are lost both ways, and exchanges do not get through.
type Transport struct {
	base    memberlist.Transport
	set     *Set
	packets chan *memberlist.Packet
	streams chan net.Conn
	done    chan struct{}
	once    sync.Once
	passing sync.WaitGroup
}

var _ memberlist.Transport = (*Transport)(nil)

// Gossip puts base under the set. Shutdown ends its goroutines.
func (s *Set) Gossip(base memberlist.Transport) *Transport {
	t := &Transport{base: base, set: s, packets: make(chan *memberlist.Packet), streams: make(chan net.Conn), done: make(chan struct{})}
	t.passing.Add(2)
	go t.passPackets()
	go t.passStreams()
	return t
}

func (t *Transport) cut(addr string) bool {
	e, _ := t.set.find(func(e *entry) bool { return e.Kind == CutGossip && e.gossips(addr) })
	return e.hit()
}

func (t *Transport) passPackets() {
	defer t.passing.Done()
	for {
		select {
		case p := <-t.base.PacketCh():
			if t.cut(p.From.String()) {
				continue
			}
			select {
			case t.packets <- p:
			case <-t.done:
				return
			}
		case <-t.done:
			return
		}
	}
}

// passStreams lets exchanges through that others begin. Their port says nothing about who it is, so only a cut from everybody
// stops them; the others' own cut stops the rest.
func (t *Transport) passStreams() {
	defer t.passing.Done()
	for {
		select {
		case c := <-t.base.StreamCh():
			if t.cut(c.RemoteAddr().String()) {
				c.Close()
				continue
			}
			select {
			case t.streams <- c:
			case <-t.done:
				c.Close()
				return
			}
		case <-t.done:
			return
		}
	}
}

// FinalAdvertiseAddr is that of the base.
func (t *Transport) FinalAdvertiseAddr(ip string, port int) (net.IP, int, error) {
	return t.base.FinalAdvertiseAddr(ip, port)
}

// WriteTo sends a packet, or loses it.
func (t *Transport) WriteTo(b []byte, addr string) (time.Time, error) {
	if t.cut(addr) {
		return t.set.clock(), nil
	}
	return t.base.WriteTo(b, addr)
}

// PacketCh has what came through.
func (t *Transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

// DialTimeout opens an exchange; with who is cut off it ends with the timeout.
func (t *Transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	e, changed := t.set.find(func(e *entry) bool { return e.Kind == CutGossip && e.gossips(addr) })
	if !e.hit() {
		return t.base.DialTimeout(addr, timeout)
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	t.set.until(ctx, e.ID, changed)
	return nil, fmt.Errorf("dial %s: cut off on purpose (%s)", addr, e.ID)
}

// StreamCh has the exchanges that others begin.
func (t *Transport) StreamCh() <-chan net.Conn { return t.streams }

// Shutdown closes the base and waits for what passes.
func (t *Transport) Shutdown() error {
	t.once.Do(func() { close(t.done) })
	err := t.base.Shutdown()
	t.passing.Wait()
	return err
}

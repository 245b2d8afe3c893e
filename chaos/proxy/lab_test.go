//go:build linux

package proxy

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"backstitch/chaos/rule"

	"go.uber.org/goleak"
)

const (
	port  = 7431
	limit = 10 * time.Second
)

// pair is two hosts. This process is host a's, and at b there is an echo.
type pair struct {
	*Lab
	t    *testing.T
	a, b *Host
}

func newPair(t *testing.T) *pair {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
	p := &pair{Lab: New(uint64(os.Getpid())), t: t}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	doors := []Door{{rule.TCP, port}, {rule.UDP, port}}
	var err error
	if p.a, err = p.Host("a", doors...); err == nil {
		p.b, err = p.Host("b", doors...)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.a.pids = []int{os.Getpid()}
	l, err := net.Listen("tcp4", netip.AddrPortFrom(p.b.Behind(), port).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return p
}

func (p *pair) apply(m rule.Match, e rule.Effect) *rule.Rule {
	p.t.Helper()
	r, err := p.Apply(m, e)
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

func (p *pair) dial() net.Conn {
	p.t.Helper()
	c, err := net.DialTimeout("tcp4", netip.AddrPortFrom(p.b.Addr(), port).String(), limit)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { c.Close() })
	return c
}

// echo sends a word and says how long its echo took, or why there is none within d.
func (p *pair) echo(c net.Conn, d time.Duration) (time.Duration, error) {
	p.t.Helper()
	began := time.Now()
	if err := c.SetDeadline(began.Add(d)); err != nil {
		p.t.Fatal(err)
	}
	if _, err := c.Write([]byte("word")); err != nil {
		return 0, err
	}
	_, err := io.ReadFull(c, make([]byte, 4))
	return time.Since(began), err
}

var both = rule.Match{From: []string{"a"}, To: []string{"b"}, Both: true}

func TestACutHoldsWhatIsSentUntilItHeals(t *testing.T) {
	p := newPair(t)
	c := p.dial()
	if _, err := p.echo(c, limit); err != nil {
		t.Fatal(err)
	}
	others := p.apply(rule.Match{From: []string{"b"}, To: []string{Operator}, Both: true}, rule.Effect{Lose: 1})
	cut := p.apply(both, rule.Effect{Lose: 1})
	if _, err := p.echo(c, 300*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("through a cut: got %v, want nothing in time", err)
	}
	fresh := p.dial()
	if _, err := p.echo(fresh, 300*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a new connection through a cut: got %v, want nothing in time", err)
	}
	cut.Remove()
	for _, c := range []net.Conn{c, fresh} {
		if err := c.SetDeadline(time.Now().Add(limit)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
			t.Errorf("healed: %v, want what was sent before", err)
		}
	}
	if cut.Hits().Lost < 2 || others.Hits().Matched != 0 {
		t.Errorf("hits: %+v, and of a rule about others %+v", cut.Hits(), others.Hits())
	}
}

func TestOneWayIsOneWay(t *testing.T) {
	p := newPair(t)
	c := p.dial()
	if _, err := p.echo(c, limit); err != nil {
		t.Fatal(err)
	}
	back := p.apply(rule.Match{From: []string{"b"}, To: []string{"a"}}, rule.Effect{Lose: 1})
	there := p.apply(rule.Match{From: []string{"a"}, To: []string{"b"}}, rule.Effect{Delay: time.Millisecond})
	if _, err := p.echo(c, 300*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want nothing in time", err)
	}
	if back.Hits().Lost == 0 || there.Hits().Delayed == 0 {
		t.Errorf("hits: %+v back, %+v there", back.Hits(), there.Hits())
	}
}

func TestAPieceThatIsLateIsLateAndNotMore(t *testing.T) {
	p := newPair(t)
	c := p.dial()
	slow := p.apply(both, rule.Effect{Delay: 40 * time.Millisecond, Jitter: 10 * time.Millisecond})
	took, err := p.echo(c, limit)
	if err != nil || took < 60*time.Millisecond {
		t.Errorf("an echo took %s (%v), want at least 60ms", took, err)
	}
	slow.Remove()
	lossy := p.apply(both, rule.Effect{Lose: 0.5})
	for range 10 {
		if _, err := p.echo(c, limit); err != nil {
			t.Fatalf("half of the pieces are lost: %v", err)
		}
	}
	if slow.Hits().Delayed == 0 || lossy.Hits().Lost == 0 {
		t.Errorf("hits: %+v, %+v", slow.Hits(), lossy.Hits())
	}
}

func TestARateHoldsAStreamBack(t *testing.T) {
	p := newPair(t)
	c := p.dial()
	slow := p.apply(rule.Match{From: []string{"a"}, To: []string{"b"}}, rule.Effect{Rate: 200_000})
	began := time.Now()
	go func() { _, _ = c.Write(make([]byte, 100_000)) }()
	if err := c.SetReadDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 300*time.Millisecond || slow.Hits().Harmed() == 0 {
		t.Errorf("100 kB at 200 kB/s took %s, %+v", took, slow.Hits())
	}
}

func TestAResetEndsConnectionsAndRefusesNewOnes(t *testing.T) {
	p := newPair(t)
	c := p.dial()
	if _, err := p.echo(c, limit); err != nil {
		t.Fatal(err)
	}
	r := p.apply(both, rule.Effect{Reset: true})
	for _, c := range []net.Conn{c, p.dial()} {
		if _, err := p.echo(c, limit); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
			t.Errorf("got %v, want a reset", err)
		}
	}
	r.Remove()
	if _, err := p.echo(p.dial(), limit); err != nil || r.Hits().Reset < 2 {
		t.Errorf("healed: %v, %+v", err, r.Hits())
	}
}

func TestADatagramComesFromWhereItsSenderIsReached(t *testing.T) {
	p := newPair(t)
	open := func(h *Host) *net.UDPConn {
		t.Helper()
		c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(h.Behind(), port)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	a, b := open(p.a), open(p.b)
	receive := func(within time.Duration) (netip.AddrPort, error) {
		t.Helper()
		if err := b.SetReadDeadline(time.Now().Add(within)); err != nil {
			t.Fatal(err)
		}
		_, from, err := b.ReadFromUDPAddrPort(make([]byte, 100))
		return from, err
	}
	send := func() {
		t.Helper()
		if _, err := a.WriteToUDPAddrPort([]byte("word"), netip.AddrPortFrom(p.b.Addr(), port)); err != nil {
			t.Fatal(err)
		}
	}
	send()
	if from, err := receive(limit); err != nil || from != netip.AddrPortFrom(p.a.Addr(), port) {
		t.Errorf("from %s (%v), want %s", from, err, p.a.Addr())
	}
	gossip := p.apply(rule.Match{From: []string{"a"}, Proto: rule.UDP, Port: port}, rule.Effect{Lose: 1})
	send()
	if _, err := receive(100 * time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) || gossip.Hits().Lost != 1 {
		t.Errorf("a lost datagram: got %v, %+v", err, gossip.Hits())
	}
	if _, err := p.echo(p.dial(), limit); err != nil {
		t.Errorf("a cut of datagrams holds streams back: %v", err)
	}
}

func TestAHostThatMovesIsFoundElsewhereOnly(t *testing.T) {
	p := newPair(t)
	c, old := p.dial(), p.b.Addr()
	if _, err := p.echo(c, limit); err != nil {
		t.Fatal(err)
	}
	now, err := p.b.Move("b")
	if err != nil || now == old || now != p.b.Addr() {
		t.Fatalf("moved from %s to %s (%v)", old, now, err)
	}
	if _, err := p.echo(c, limit); err == nil {
		t.Error("a connection outlived the move")
	}
	if _, err := net.DialTimeout("tcp4", netip.AddrPortFrom(old, port).String(), limit); err == nil {
		t.Error("it is still where it was")
	}
	if _, err := p.echo(p.dial(), limit); err != nil {
		t.Errorf("at its new place: %v", err)
	}
}

func TestWhatARelayCanNotDoIsRefused(t *testing.T) {
	p := newPair(t)
	for _, e := range []rule.Effect{{Reorder: 1}, {Duplicate: 1}, {Corrupt: 1}, {Longer: 600}} {
		if _, err := p.Apply(both, e); err == nil {
			t.Errorf("%+v: got nil error", e)
		}
	}
	if _, err := p.Apply(rule.Match{To: []string{"nobody"}}, rule.Effect{Lose: 1}); err == nil {
		t.Error("a rule about nobody: got nil error")
	}
}

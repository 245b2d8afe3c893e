//go:build linux && chaos

package netns

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"backstitch/chaos/process"
	"backstitch/chaos/rule"
)

// TestMain lets the test binary play a process in a host, and goes into a user namespace where there is no root.
func TestMain(m *testing.M) {
	if os.Getenv("NETNS_TEST_CHILD") != "" {
		devices, err := net.Interfaces()
		fmt.Println(len(devices), err)
		select {}
	}
	if status, did := Enter(); did {
		os.Exit(status)
	}
	os.Exit(m.Run())
}

const limit = 10 * time.Second

// pair is two hosts and, in b, an echo on UDP and on TCP.
type pair struct {
	*Lab
	a, b    *Host
	udp     netip.AddrPort
	tcp     netip.AddrPort
	arrived atomic.Int64 // datagrams at b
}

func newPair(t *testing.T) *pair {
	t.Helper()
	if err := Available(); err != nil {
		t.Skipf("NOT TESTED: %v", err)
	}
	l, err := New(1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	p := &pair{Lab: l}
	for name, h := range map[string]**Host{"a": &p.a, "b": &p.b} {
		if *h, err = l.Host(name); err != nil {
			t.Fatal(err)
		}
	}
	p.udp, p.tcp = netip.AddrPortFrom(p.b.Addr(), 7422), netip.AddrPortFrom(p.b.Addr(), 7421)
	err = p.b.Do(func() error {
		u, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(p.udp))
		if err != nil {
			return err
		}
		t.Cleanup(func() { u.Close() })
		go p.echoUDP(u)
		l, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(p.tcp))
		if err != nil {
			return err
		}
		t.Cleanup(func() { l.Close() })
		go echoTCP(l)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *pair) echoUDP(u *net.UDPConn) {
	buf := make([]byte, 2048)
	for {
		n, from, err := u.ReadFrom(buf)
		if err != nil {
			return
		}
		p.arrived.Add(1)
		_, _ = u.WriteTo(buf[:n], from)
	}
}

func echoTCP(l *net.TCPListener) {
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
}

// dial opens a connection from a to b.
func (p *pair) dial(t *testing.T, network string, to netip.AddrPort) net.Conn {
	t.Helper()
	var c net.Conn
	err := p.a.Do(func() (err error) {
		c, err = net.DialTimeout(network, to.String(), limit)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ping sends n datagrams from a to b one after the other, each of size bytes, and returns how many came back within wait and
// what the quickest took.
func (p *pair) ping(t *testing.T, n, size int, wait time.Duration) (back int, quickest time.Duration) {
	t.Helper()
	c := p.dial(t, "udp4", p.udp)
	buf := make([]byte, 2048)
	quickest = limit
	for range n {
		at := time.Now()
		if _, err := c.Write(buf[:size]); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(at.Add(wait))
		if _, err := c.Read(buf); err == nil {
			back++
			quickest = min(quickest, time.Since(at))
		}
	}
	return back, quickest
}

func (p *pair) apply(t *testing.T, m rule.Match, e rule.Effect) *rule.Rule {
	t.Helper()
	r, err := p.Apply(m, e)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestACutIsOfOneDirectionOneProtocolAndOnePort(t *testing.T) {
	p := newPair(t)
	if back, _ := p.ping(t, 3, 10, limit); back != 3 {
		t.Fatalf("without rules: %d of 3 came back", back)
	}
	r := p.apply(t, rule.Match{From: []string{"b"}, To: []string{"a"}}, rule.Effect{Lose: 1})
	before := p.arrived.Load()
	if back, _ := p.ping(t, 3, 10, 20*time.Millisecond); back != 0 {
		t.Errorf("answers are cut: %d of 3 came back", back)
	}
	if got := p.arrived.Load() - before; got != 3 {
		t.Errorf("requests while answers are cut: %d of 3 arrived", got)
	}
	if h := r.Hits(); h.Lost != 3 || h.Matched != 3 || h.Harmed() != 3 {
		t.Errorf("hits of the cut: got %+v, want 3 lost", h)
	}
	r.Pause(true)
	if back, _ := p.ping(t, 1, 10, limit); back != 1 {
		t.Error("a rule that is paused still cuts")
	}
	r.Pause(false)
	r.Remove()
	gossip := p.apply(t, rule.Match{From: []string{"a"}, Both: true, Proto: rule.UDP, Port: 7422}, rule.Effect{Lose: 1})
	raft := p.apply(t, rule.Match{Proto: rule.TCP, Port: 7999}, rule.Effect{Lose: 1})
	if back, _ := p.ping(t, 1, 10, 20*time.Millisecond); back != 0 {
		t.Error("gossip is cut, and a datagram came back")
	}
	p.dial(t, "tcp4", p.tcp)
	if gossip.Hits().Lost == 0 || raft.Hits().Matched != 0 {
		t.Errorf("hits: gossip %+v, another port %+v", gossip.Hits(), raft.Hits())
	}
}

func TestDelayLossDuplicatesAndCorruption(t *testing.T) {
	p := newPair(t)
	to := rule.Match{From: []string{"a"}, To: []string{"b"}}
	r := p.apply(t, to, rule.Effect{Delay: 30 * time.Millisecond, Jitter: 5 * time.Millisecond})
	if back, quickest := p.ping(t, 3, 10, limit); back != 3 || quickest < 25*time.Millisecond {
		t.Errorf("delay of 30 ms ± 5 ms: %d of 3 came back, the first after %s", back, quickest)
	}
	r.Remove()

	r = p.apply(t, to, rule.Effect{Lose: 0.3})
	back, _ := p.ping(t, 200, 10, 10*time.Millisecond)
	if h := r.Hits(); h.Lost < 30 || h.Lost > 90 || back > 200-int(h.Lost) {
		t.Errorf("loss of 30 %%: lost %d of 200, and %d came back", h.Lost, back)
	}
	r.Remove()

	r = p.apply(t, to, rule.Effect{Duplicate: 1})
	before := p.arrived.Load()
	p.ping(t, 5, 10, limit)
	eventually(t, "each datagram twice", func() bool { return p.arrived.Load()-before == 10 })
	if h := r.Hits(); h.Duplicated != 5 {
		t.Errorf("hits: got %+v, want 5 duplicated", h)
	}
	r.Remove()

	r = p.apply(t, to, rule.Effect{Corrupt: 1})
	if back, _ := p.ping(t, 20, 1000, 5*time.Millisecond); back > 1 { // a bit of the port leads nowhere; none passes the checksum
		t.Errorf("one bit turned over: %d of 20 passed", back)
	}
	if h := r.Hits(); h.Corrupted != 20 {
		t.Errorf("hits: got %+v, want 20 corrupted", h)
	}
}

func TestLargePacketsFallIntoTheHoleAndSlowLinksQueue(t *testing.T) {
	p := newPair(t)
	to := rule.Match{From: []string{"a"}, To: []string{"b"}}
	hole := p.apply(t, to, rule.Effect{Longer: 600})
	large, _ := p.ping(t, 2, 1000, 20*time.Millisecond)
	small, _ := p.ping(t, 2, 500, limit)
	if large != 0 || small != 2 || hole.Hits().Lost != 2 {
		t.Errorf("hole above 600 bytes: %d large and %d small ones of 2 passed, %+v", large, small, hole.Hits())
	}
	hole.Remove()
	slow := p.apply(t, to, rule.Effect{Rate: 100_000})
	c := p.dial(t, "tcp4", p.tcp)
	at := time.Now()
	message := make([]byte, 60_000)
	go func() { _, _ = c.Write(message) }()
	if _, err := io.ReadFull(c, make([]byte, len(message))); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(at); took < 400*time.Millisecond {
		t.Errorf("60 kB at 100 kB/s took %s", took)
	}
	if h := slow.Hits(); h.Delayed == 0 {
		t.Errorf("hits: got %+v, want some delayed", h)
	}
}

func TestOrderIsKeptUnlessARuleSaysOtherwise(t *testing.T) {
	p := newPair(t)
	to := rule.Match{From: []string{"a"}, To: []string{"b"}}
	disorder := func() int {
		c := p.dial(t, "udp4", p.udp)
		const n = 100
		for i := range byte(n) {
			if _, err := c.Write([]byte{i}); err != nil {
				t.Fatal(err)
			}
		}
		out, last, buf := 0, -1, make([]byte, 1)
		for range n {
			_ = c.SetReadDeadline(time.Now().Add(limit))
			if _, err := c.Read(buf); err != nil {
				t.Fatal(err)
			}
			if int(buf[0]) < last {
				out++
			}
			last = max(last, int(buf[0]))
		}
		return out
	}
	jitter := p.apply(t, to, rule.Effect{Delay: 5 * time.Millisecond, Jitter: 5 * time.Millisecond})
	if n := disorder(); n != 0 {
		t.Errorf("jitter: %d datagrams out of order, want 0", n)
	}
	jitter.Remove()
	reorder := p.apply(t, to, rule.Effect{Reorder: 0.3})
	if n := disorder(); n == 0 || reorder.Hits().Reordered == 0 {
		t.Errorf("reorder: %d datagrams out of order, %+v", n, reorder.Hits())
	}
}

func TestAResetEndsConnectionsAtBothEndsAndRefusesNewOnes(t *testing.T) {
	p := newPair(t)
	c := p.dial(t, "tcp4", p.tcp)
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	r := p.apply(t, rule.Match{From: []string{"a"}, Both: true}, rule.Effect{Reset: true})
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(limit))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read: got %v, want a reset connection", err)
	}
	err := p.a.Do(func() error {
		_, err := net.DialTimeout("tcp4", p.tcp.String(), limit)
		return err
	})
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial: got %v, want refused", err)
	}
	if h := r.Hits(); h.Reset < 2 {
		t.Errorf("hits: got %+v, want at least 2 resets", h)
	}
}

func TestAHostMovesToAnotherAddress(t *testing.T) {
	p := newPair(t)
	old := p.b.Addr()
	moved, err := p.b.Move("b")
	if err != nil {
		t.Fatal(err)
	}
	if moved == old || p.Addr("b") != moved {
		t.Errorf("moved from %s to %s, and the lab says %s", old, moved, p.Addr("b"))
	}
	if back, _ := p.ping(t, 1, 10, 20*time.Millisecond); back != 0 {
		t.Error("the old address still answers")
	}
	if second, err := p.b.Also("store"); err != nil || p.Addr("store") != second {
		t.Errorf("a second party: got %s, %v", second, err)
	}
	if _, err := p.Apply(rule.Match{To: []string{"nobody"}}, rule.Effect{Lose: 1}); err == nil {
		t.Error("a rule for nobody: got nil error")
	}
}

// The child says how many devices it sees, which in a host are two, and ends with the lab.
func TestProcessesLiveAndDieWithTheirHost(t *testing.T) {
	if err := Available(); err != nil {
		t.Skipf("NOT TESTED: %v", err)
	}
	l, err := New(1)
	if err != nil {
		t.Fatal(err)
	}
	h, err := l.Host("a")
	if err != nil {
		t.Fatal(err)
	}
	log := t.TempDir() + "/child.log"
	child, err := h.Start(process.Spec{Name: "child", Path: os.Args[0], Env: []string{"NETNS_TEST_CHILD=1"}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(child.Kill)
	eventually(t, "the child to count its devices", func() bool {
		said, _ := os.ReadFile(log)
		return string(said) == "2 <nil>\n"
	})
	device := l.operator.device
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the child to end", func() bool { return !child.Running() })
	eventually(t, device+" to be gone", func() bool {
		_, err := net.InterfaceByName(device)
		return err != nil
	})
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s", limit, what)
		}
		<-tick.C
	}
}

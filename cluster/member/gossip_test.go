package member_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster/clustertest"
	"backstitch/cluster/member"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/memberlist"
)

func meta(id string) member.Meta {
	return member.Meta{Cluster: "c1", ID: id, Name: "node-" + id, RPCAddr: "127.0.0.1:7421", Role: 1, Version: "1.0", MaxOp: 94}
}

// node is one taker-part in gossip on a host of its own.
type node struct {
	*member.Gossip
	host string
	stop func()
}

func start(t *testing.T, net *clustertest.Network, host string, m member.Meta, join ...string) *node {
	t.Helper()
	return startKeyed(t, net, host, m, nil, join...)
}

// startKeyed is start with keys.
func startKeyed(t *testing.T, net *clustertest.Network, host string, m member.Meta, ring *member.Ring, join ...string) *node {
	t.Helper()
	net.Up(host)
	transport, err := net.Gossip(host, 7422)
	if err != nil {
		t.Fatal(err)
	}
	g, err := member.New(member.Config{
		Meta: m, BindAddr: host + ":7422", AdvertiseAddr: host + ":7422", RetryJoin: join, Ring: ring, Timings: member.DefaultTimings(),
		Clock: time.Now, Logger: slog.New(slog.DiscardHandler), Transport: transport,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		defer done.Done()
		if err := g.Run(ctx); err != nil {
			t.Errorf("run %s: %v", m.ID, err)
		}
	}()
	n := &node{Gossip: g, host: host, stop: func() { cancel(); done.Wait() }}
	t.Cleanup(func() {
		n.stop()
		<-time.After(5 * time.Second) // the library does not wait for its last probe
	})
	<-g.Up()
	return n
}

// until waits for news of g until cond holds, and returns how long that took.
func until(t *testing.T, g *node, what string, cond func([]member.Peer) bool) time.Duration {
	t.Helper()
	began := time.Now()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	for {
		peers, changed := g.Peers()
		if cond(peers) {
			return time.Since(began)
		}
		select {
		case <-changed:
		case <-limit.C:
			t.Fatalf("%s waited in vain for %s; peers: %+v", g.host, what, peers)
		}
	}
}

func state(id string, alive bool) func([]member.Peer) bool {
	return func(peers []member.Peer) bool {
		for _, p := range peers {
			if p.ID == id {
				return p.Alive == alive
			}
		}
		return false
	}
}

func TestNodesMeetAndHearOfChangesAndDeaths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := clustertest.NewNetwork()
		a := start(t, net, "127.0.0.1", meta("a"))
		b := start(t, net, "127.0.0.2", meta("b"), "127.0.0.1:7422")
		c := start(t, net, "127.0.0.3", meta("c"), "127.0.0.1:7422")
		until(t, a, "b", state("b", true))
		until(t, b, "c", state("c", true))
		until(t, c, "b", state("b", true))
		if err := b.Update(func(m *member.Meta) { m.Load = 99 }); err != nil {
			t.Fatal(err)
		}
		until(t, a, "the new load", func(all []member.Peer) bool { return len(all) == 2 && all[0].Load == 99 })
		if err := b.Update(func(m *member.Meta) { m.Zone = strings.Repeat("z", 300) }); err == nil {
			t.Errorf("an update that does not fit: accepted")
		}

		// A pause of two seconds kills nobody.
		net.Isolate(b.host, a.host, c.host)
		<-time.After(2 * time.Second)
		net.Heal()
		<-time.After(10 * time.Second)
		for _, g := range []*node{a, c} {
			if p, ok := g.Peer("b"); !ok || !p.Alive {
				t.Errorf("after a pause of two seconds: %s thinks b is dead", g.host)
			}
		}
		// A kill is heard of in a few seconds, and so is the return.
		net.Down(b.host)
		if took := until(t, a, "the death of b", state("b", false)); took > 5*time.Second {
			t.Errorf("kill to dead: %s, want at most 5s", took)
		}
		b.stop()
		back := start(t, net, "127.0.0.2", meta("b"), "127.0.0.1:7422")
		for _, g := range []*node{a, c} {
			if took := until(t, g, "the return of b", state("b", true)); took > 2*time.Second {
				t.Errorf("return to alive at %s: %s, want at most 2s", g.host, took)
			}
		}
		// A goodbye needs no detection.
		back.stop()
		if took := until(t, a, "the farewell of b", state("b", false)); took > time.Second {
			t.Errorf("farewell to dead: %s, want at most 1s", took)
		}
	})
}

func TestForgedAndForeignNodesAreIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := clustertest.NewNetwork()
		a := start(t, net, "127.0.0.1", meta("a"))
		foreign := meta("b")
		foreign.Cluster = "c2"
		encode := func(m member.Meta) []byte {
			b, err := m.Encode()
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		n := 1
		for id, m := range map[string][]byte{
			"garbage": []byte("not metadata"), "none": nil, "liar": encode(meta("someone-else")), "b": encode(foreign), "d": encode(meta("d")),
		} {
			n++
			transport, err := net.Gossip(fmt.Sprintf("127.0.0.%d", n), 7422)
			if err != nil {
				t.Fatal(err)
			}
			conf := memberlist.DefaultLANConfig()
			conf.Name, conf.Transport, conf.Logger = id, transport, log.New(discard{}, "", 0)
			conf.Delegate = fixed(m)
			list, err := memberlist.Create(conf)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = list.Shutdown() })
			_, _ = list.Join([]string{"127.0.0.1:7422"})
		}
		until(t, a, "the honest node", state("d", true))
		<-time.After(time.Minute)
		if peers, _ := a.Peers(); len(peers) != 1 {
			t.Errorf("peers: got %+v, want only the honest node", peers)
		}
		if a.Ignored() == 0 {
			t.Errorf("ignored messages: got 0, want some")
		}
		net.Send("127.0.0.1:7422", []byte("\x04 is the type of an alive message, and this is none"))
		<-time.After(time.Second)
	})
}

// Whoever has no key of the ring is not heard, however right his words are, by packet or by stream; and it costs those that have one nothing.
func TestGossipInTheOpenOrUnderAnotherKeyIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := clustertest.NewNetwork()
		old, key := member.NewKey(), member.NewKey()
		a := startKeyed(t, net, "127.0.0.1", meta("a"), ringOf(t, old, key))
		b := startKeyed(t, net, "127.0.0.2", meta("b"), ringOf(t, key, old), "127.0.0.1:7422") // in the middle of a rotation
		open := start(t, net, "127.0.0.3", meta("open"), "127.0.0.1:7422", "127.0.0.2:7422")
		stranger := startKeyed(t, net, "127.0.0.4", meta("stranger"), ringOf(t, member.NewKey()), "127.0.0.1:7422", "127.0.0.2:7422")
		until(t, a, "b", state("b", true))
		for _, to := range []*node{a, b, open} {
			net.Send(to.host+":7422", inTheOpen(t, meta("forged")))
		}
		net.Send("127.0.0.1:7422", []byte(strings.Repeat("noise", 100)))
		<-time.After(time.Minute)
		for _, n := range []struct {
			*node
			sees string
		}{{a, "b"}, {b, "a"}, {open, "forged"}, {stranger, ""}} {
			peers, _ := n.Peers()
			var sees []string
			for _, p := range peers {
				sees = append(sees, p.ID)
			}
			if got := strings.Join(sees, " "); got != n.sees {
				t.Errorf("%s hears of %q, want %q", n.host, got, n.sees)
			}
		}
		if p, ok := b.Peer("a"); !ok || !p.Alive {
			t.Errorf("of a, b thinks: %+v", p)
		}
	})
}

// inTheOpen is a packet that says that a node lives, as the library sends it without encryption.
func inTheOpen(t *testing.T, m member.Meta) []byte {
	t.Helper()
	about, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	const alive = 4
	packet := append([]byte{alive, 0x86}, "\xabIncarnation\x01\xa4Node"...)
	packet = append(append(packet, 0xa0|byte(len(m.ID))), m.ID...)
	packet = append(packet, "\xa4Addr\xa4\x7f\x00\x00\x09\xa4Port\xcd\x1c\xfe\xa4Meta\xda"...)
	packet = append(binary.BigEndian.AppendUint16(packet, uint16(len(about))), about...)
	return append(packet, "\xa3Vsn\xa6\x01\x05\x02\x00\x00\x00"...)
}

func ringOf(t *testing.T, keys ...member.Key) *member.Ring {
	t.Helper()
	path, text := filepath.Join(t.TempDir(), "gossip.key"), ""
	for _, k := range keys {
		text += k.Secret() + "\n"
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	fs := vfs.NewMem()
	if err := fs.MkdirAll("data", 0o700); err != nil {
		t.Fatal(err)
	}
	ring, err := member.OpenRing(fs, "data", path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// fixed is a delegate that says the same metadata always.
type fixed []byte

func (f fixed) NodeMeta(int) []byte           { return f }
func (fixed) NotifyMsg([]byte)                {}
func (fixed) GetBroadcasts(int, int) [][]byte { return nil }
func (fixed) LocalState(bool) []byte          { return nil }
func (fixed) MergeRemoteState([]byte, bool)   {}

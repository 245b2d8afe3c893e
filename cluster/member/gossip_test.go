package member_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster/clustertest"
	"backstitch/cluster/member"

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
	net.Up(host)
	transport, err := net.Gossip(host, 7422)
	if err != nil {
		t.Fatal(err)
	}
	g, err := member.New(member.Config{
		Meta: m, BindAddr: host + ":7422", AdvertiseAddr: host + ":7422", RetryJoin: join, Timings: member.DefaultTimings(),
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

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// fixed is a delegate that says the same metadata always.
type fixed []byte

func (f fixed) NodeMeta(int) []byte           { return f }
func (fixed) NotifyMsg([]byte)                {}
func (fixed) GetBroadcasts(int, int) [][]byte { return nil }
func (fixed) LocalState(bool) []byte          { return nil }
func (fixed) MergeRemoteState([]byte, bool)   {}

package member_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster/clustertest"
	"backstitch/cluster/discover"
	"backstitch/cluster/member"
)

// names is DNS: hosts of each service by their IPs; a service without a list hangs.
type names struct {
	mu  sync.Mutex
	ips map[string][]string
}

func (n *names) LookupSRV(ctx context.Context, _, _, name string) (string, []*net.SRV, error) {
	n.mu.Lock()
	ips, ok := n.ips[name]
	n.mu.Unlock()
	if !ok {
		<-ctx.Done()
		return "", nil, ctx.Err()
	}
	var out []*net.SRV
	for _, ip := range ips {
		out = append(out, &net.SRV{Target: ip + ".", Port: 7422})
	}
	return name, out, nil
}

func (n *names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr(host)}, nil
}

// log is what a node logs, from any goroutine.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), text)
}

// seek starts a node that looks for others by each of entries.
func seek(t *testing.T, network *clustertest.Network, host string, m member.Meta, dns *names, entries ...string) (*node, *lines) {
	t.Helper()
	transport, err := network.Gossip(host, 7422)
	if err != nil {
		t.Fatal(err)
	}
	log := &lines{}
	conf := member.Config{
		Meta: m, BindAddr: host + ":7422", AdvertiseAddr: host + ":7422", Timings: member.DefaultTimings(),
		Clock: time.Now, Logger: slog.New(slog.NewTextHandler(log, nil)), Transport: transport,
	}
	for _, text := range entries {
		e, err := discover.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		conf.Finders = append(conf.Finders, discover.New(e, discover.Deps{Resolver: dns, Clock: time.Now}))
	}
	g, err := member.New(conf)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		if err := g.Run(ctx); err != nil {
			t.Errorf("run %s: %v", m.ID, err)
		}
	})
	n := &node{Gossip: g, host: host, stop: func() { cancel(); done.Wait() }}
	t.Cleanup(func() {
		n.stop()
		<-time.After(5 * time.Second) // the library does not wait for its last probe
	})
	<-g.Up()
	return n, log
}

// One way that hangs keeps neither the other ones nor what this node says of itself.
func TestAWayThatHangsKeepsNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, dns := clustertest.NewNetwork(), &names{ips: map[string][]string{"works.internal": {"127.0.0.1", "127.0.0.2"}}}
		early := meta("b")
		early.Cluster = "" // it looks on for as long as it belongs to no cluster
		a := start(t, network, "127.0.0.1", meta("a"))
		b, _ := seek(t, network, "127.0.0.2", early, dns, "dns+srv://hangs.internal", "dns+srv://works.internal")
		if took := until(t, a, "b", state("b", true)); took > time.Second {
			t.Errorf("met after %s beside an entry that hangs", took)
		}
		if err := b.Update(func(m *member.Meta) { m.Load = 7 }); err != nil {
			t.Fatal(err)
		}
		if took := until(t, a, "the new load", func(all []member.Peer) bool { return len(all) == 1 && all[0].Load == 7 }); took > time.Second {
			t.Errorf("a change was heard of after %s", took)
		}
	})
}

// A node that finds only itself has met nobody, says so once, and meets whoever comes.
func TestANodeThatFindsOnlyItselfIsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, dns := clustertest.NewNetwork(), &names{ips: map[string][]string{"us.internal": {"127.0.0.1"}}}
		a, log := seek(t, network, "127.0.0.1", meta("a"), dns, "dns+srv://us.internal")
		<-time.After(time.Minute)
		if got, want := a.Trouble(), "dns+srv://us.internal: only this node"; got != want {
			t.Errorf("trouble: got %q, want %q", got, want)
		}
		if n := log.count("finds only this node"); n != 1 {
			t.Errorf("logged %d times, want once", n)
		}
		if n := log.count("node of retry join answers"); n != 0 {
			t.Errorf("it tried to meet itself %d times", n)
		}
		// Found by somebody else, it has no trouble any more; and it says so anew once it is alone again.
		c := start(t, network, "127.0.0.3", meta("c"), "127.0.0.1:7422")
		until(t, a, "c", state("c", true))
		<-time.After(2 * time.Second)
		if got := a.Trouble(); got != "" {
			t.Errorf("trouble of a node that was found: %q", got)
		}
		c.stop()
		<-time.After(10 * time.Second)
		if n := log.count("finds only this node"); n != 2 {
			t.Errorf("alone again: logged %d times in all, want twice", n)
		}
		b := start(t, network, "127.0.0.2", meta("b"))
		dns.mu.Lock()
		dns.ips["us.internal"] = append(dns.ips["us.internal"], "127.0.0.2")
		dns.mu.Unlock()
		until(t, b, "a", state("a", true))
		<-time.After(2 * time.Second)
		if got := a.Trouble(); got != "" {
			t.Errorf("trouble among others: %q", got)
		}
	})
}

// A great many addresses that answer nothing delay neither the one that does by more than their share, nor the end.
func TestManySilentAddressesAreTriedAbreast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, dns := clustertest.NewNetwork(), &names{ips: map[string][]string{}}
		var silent []string
		for i := range 200 {
			silent = append(silent, fmt.Sprintf("127.1.0.%d", i+1))
		}
		network.Isolate("127.0.0.2", silent...)
		dns.ips["us.internal"] = append(silent, "127.200.0.1")
		a := start(t, network, "127.200.0.1", meta("a"))
		b, _ := seek(t, network, "127.0.0.2", meta("b"), dns, "dns+srv://us.internal")
		if took := until(t, a, "b", state("b", true)); took > time.Minute {
			t.Errorf("met after %s", took)
		}
		network.Isolate("127.0.0.2", "127.200.0.1")
		<-time.After(15 * time.Second) // a is dead to b, which tries all of them again
		began := time.Now()
		b.stop()
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("the end took %s", took)
		}
	})
}

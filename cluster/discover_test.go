package cluster_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster"
	"backstitch/cluster/clustertest"
)

// records is DNS with the SRV records of one service. A node gets what its view holds, whichever node it is.
type records struct {
	mu    sync.Mutex
	fails int               // so many lookups fail first
	hosts map[string]string // IP by name of host
	asked int
}

const service = "_gossip._tcp.backstitch.internal"

func (r *records) LookupSRV(_ context.Context, _, _, name string) (string, []*net.SRV, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	if r.fails > 0 {
		r.fails--
		return "", nil, &net.DNSError{Err: "server misbehaving", Name: name, IsTemporary: true}
	}
	if name != service || len(r.hosts) == 0 {
		return "", nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	var out []*net.SRV
	for host := range r.hosts {
		out = append(out, &net.SRV{Target: host + ".", Port: clustertest.GossipPort})
	}
	return name, out, nil
}

func (r *records) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ip, ok := r.hosts[host]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return []netip.Addr{netip.MustParseAddr(ip)}, nil
}

func (r *records) set(members ...*clustertest.Member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hosts = map[string]string{}
	for _, m := range members {
		r.hosts[m.Name+".internal"] = m.Host
	}
}

// found is a cluster whose nodes know nothing of each other but a name in DNS.
func found(t *testing.T, n int, r *records) *clustertest.Cluster {
	c := clustertest.New(t, n)
	c.Discover.Resolver = r
	c.Configure = func(_ int, conf *cluster.Config) { conf.RetryJoin = []string{"dns+srv://" + service} }
	return c
}

func TestNodesMeetByANameInDNSAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &records{fails: 20}
		c := found(t, 3, r)
		// The first lookups fail, then there is no record yet.
		for _, m := range c.Members() {
			m.Start()
		}
		<-time.After(10 * time.Second)
		for _, m := range c.Members() {
			health := m.Node.Health().Ready[0]
			if health.OK || !strings.Contains(health.Reason, "retry join: dns+srv://"+service+": finds nobody") {
				t.Errorf("%s, while DNS has nothing: %+v", m.Name, health)
			}
			for _, cause := range []string{"DNS does not answer", "DNS has no SRV record"} {
				if n := strings.Count(m.Log.String(), cause); n != 1 {
					t.Errorf("%s logs %d times that %s, want once", m.Name, n, cause)
				}
			}
			if !strings.Contains(m.Log.String(), `entry=dns+srv://`+service+` code=BST-E0422`) || !strings.Contains(m.Log.String(), "dig +short SRV") {
				t.Errorf("%s: no line names the entry and says what to do:\n%s", m.Name, m.Log)
			}
		}
		r.set(c.Members()...)
		c.WaitServing(c.Members()...)
		c.WaitVoters(3)
		// Whoever looks first finds all. The others may have been met by then, and have no need to look.
		if !slices.ContainsFunc(c.Members(), func(m *clustertest.Member) bool { return saysFound(m, "127.0.0.1:7422 127.0.0.2:7422 127.0.0.3:7422") }) {
			t.Errorf("what was found is in no log, such as:\n%s", c.Member(0).Log)
		}
		if health := c.Member(0).Node.Health(); !cluster.OK(health.Ready) || strings.Contains(fmt.Sprint(health), "retry join") {
			t.Errorf("after all: %+v", health)
		}

		// All move while they are down. Two come back and are a cluster, which asks no more. The third one's first answers are those of yesterday, so
		// nobody but itself can bring it back: it has to ask again.
		last := c.Member(2)
		for i, m := range c.Members() {
			m.Stop()
			m.Move(fmt.Sprintf("127.0.0.%d", 11+i))
		}
		r.set(c.Members()[:2]...)
		for _, m := range c.Members()[:2] {
			m.Start()
		}
		c.WaitServing(c.Members()[:2]...)
		r.mu.Lock()
		r.hosts = map[string]string{"node-a.internal": "127.0.0.1", "node-b.internal": "127.0.0.2"}
		r.mu.Unlock()
		last.Start()
		<-time.After(10 * time.Second)
		if cluster.OK(last.Node.Health().Ready) {
			t.Errorf("%s serves, and has met nobody", last.Name)
		}
		r.set(c.Members()...)
		c.WaitServing(last)
		c.WaitVoters(3)
		if !saysFound(last, "127.0.0.11:7422") && !saysFound(last, "127.0.0.12:7422") { // or both: records may change in the middle of its lookup
			t.Errorf("%s is back, and does not say what it has found:\n%s", last.Name, last.Log)
		}
		// Nobody who knows others goes on asking.
		r.mu.Lock()
		before := r.asked
		r.mu.Unlock()
		<-time.After(time.Minute)
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.asked != before {
			t.Errorf("a whole cluster asked DNS %d more times in a minute", r.asked-before)
		}
	})
}

// saysFound reports whether a node's log has what its lookups gave.
func saysFound(m *clustertest.Member, addrs string) bool {
	for line := range strings.Lines(m.Log.String()) {
		if strings.Contains(line, "retry join finds addresses") && strings.Contains(line, addrs) {
			return true
		}
	}
	return false
}

// Lookups that give only some of the nodes make pairs that know each other and nobody else. They go on looking for as long as there is no cluster.
func TestPairsThatFoundOnlyEachOtherGoOnLooking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &records{}
		c := found(t, 5, r)
		for _, pair := range [][]*clustertest.Member{c.Members()[:2], c.Members()[2:4]} {
			r.set(pair...)
			for _, m := range pair {
				m.Start()
			}
			c.Eventually("a pair", func() bool {
				return strings.Contains(pair[0].Log.String(), "gossip hears of node") && strings.Contains(pair[1].Log.String(), "gossip hears of node")
			})
		}
		<-time.After(10 * time.Second)
		r.set(c.Members()[:4]...)
		// The fifth one, which would bring them together by asking, never comes; four of five are enough for a cluster only if they meet.
		c.Eventually("four that know each other", func() bool {
			for _, m := range c.Members()[:4] {
				if strings.Count(m.Log.String(), "gossip hears of node") < 3 {
					return false
				}
			}
			return true
		})
	})
}

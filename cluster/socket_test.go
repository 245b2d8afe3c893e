package cluster_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"backstitch/cluster"
	"backstitch/fsm"
)

// TestRealSocketsAndDisks is the one test of this room that does without a bubble: three nodes with TLS on loopback, with data
// directories on disk, in real time.
func TestRealSocketsAndDisks(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds of real time")
	}
	dir := certificates(t, time.Now())
	names := []string{"node-a", "node-b", "node-c"}
	addrs := freeAddresses(t, 2*len(names))
	var nodes []*cluster.Node
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	log := &clog{}
	for i, name := range names {
		conf := cluster.DefaultConfig()
		conf.Name, conf.DataDir = name, filepath.Join(t.TempDir(), name)
		conf.BindAddr, conf.GossipBindAddr = addrs[2*i], addrs[2*i+1]
		conf.BootstrapExpect, conf.RetryJoin = len(names), []string{addrs[1], addrs[3]}
		conf.TLS, conf.GossipKeyFile = files(dir, name), filepath.Join(dir, "gossip.key")
		n, err := cluster.New(conf, cluster.Deps{Logger: slog.New(slog.NewTextHandler(log, nil)), Clock: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, n)
		running.Add(1)
		go func() {
			defer running.Done()
			if err := n.Run(ctx); err != nil {
				t.Errorf("run %s: %v", name, err)
			}
		}()
	}
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for _, n := range nodes {
		for !cluster.OK(n.Health().Ready) {
			select {
			case <-tick.C:
			case <-limit.C:
				t.Fatalf("%s never served: %+v\n%s", n.Name(), n.Health().Ready, log)
			}
		}
	}
	for i, n := range nodes {
		env := fsm.Envelope{Actor: "test", RequestID: cluster.NewRequestID()}
		id := fmt.Sprintf("bs-%c", 'a'+i)
		res, err := n.Propose(ctx, env, fsm.SubmitJob{ID: jobID(id), Recipe: []byte("{}"), Locks: []string{"dir:/" + id + "/0"}, Slices: 1})
		if err != nil || res.Code != fsm.OK {
			t.Errorf("propose through %s: got %+v, %v, want OK", n.Name(), res, err)
		}
	}
}

type clog struct {
	mu sync.Mutex
	b  []byte
}

func (c *clog) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.b = append(c.b, p...)
	return len(p), nil
}

func (c *clog) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.b)
}

// freeAddresses finds n loopback ports that are free now, for TCP; gossip uses the same numbers for UDP.
func freeAddresses(t *testing.T, n int) []string {
	t.Helper()
	var out []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		out = append(out, l.Addr().String())
	}
	return out
}

package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"backstitch/cluster"
	"backstitch/cluster/conductor"
	"backstitch/cluster/program"
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
	var err error
	for i, name := range names {
		conf := cluster.DefaultConfig()
		conf.Name, conf.DataDir = name, filepath.Join(t.TempDir(), name)
		conf.BindAddr, conf.GossipBindAddr = addrs[2*i], addrs[2*i+1]
		conf.BootstrapExpect, conf.RetryJoin = len(names), []string{addrs[1], addrs[3]}
		conf.TLS, conf.GossipKeyFile = files(dir, name), filepath.Join(dir, "gossip.key")
		deps := cluster.Deps{Logger: slog.New(slog.NewTextHandler(log, nil)), Clock: time.Now}
		if name == "node-b" {
			if deps.Programs, err = program.Open(program.Config{Dir: filepath.Join(conf.DataDir, "programs"), Clock: time.Now, Logger: slog.New(slog.DiscardHandler),
				Allowed: map[string]program.Entry{"note": {Path: script(t)}}}); err != nil {
				t.Fatal(err)
			}
			defer deps.Programs.Close()
		}
		n, err := cluster.New(conf, deps)
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
	programsElsewhere(ctx, t, nodes)
}

// script writes a program that says its arguments.
func script(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "note")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho \"said $*\"\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// Every node has node-b run the program that it allows, and is told what became of it; what no node allows is refused with the key that is missing.
func programsElsewhere(ctx context.Context, t *testing.T, nodes []*cluster.Node) {
	var b fsm.Member
	view, err := nodes[0].View()
	if err != nil {
		t.Fatal(err)
	}
	members, err := view.Members()
	if err = errors.Join(err, view.Close()); err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		if m.Name == "node-b" {
			b = m
		}
	}
	for i, n := range nodes {
		if err := n.MayExec(ctx, "node-b", "note"); err != nil {
			t.Errorf("%s: may node-b: %v", n.Name(), err)
		}
		for node, want := range map[string]string{"node-a": "exec.allow.note.path is not set", "node-x": "no member is called node-x"} {
			if err := n.MayExec(ctx, node, "note"); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: may %s: got %v, want %q", n.Name(), node, err, want)
			}
		}
		o := program.Order{Token: strings.Repeat(fmt.Sprint(i), 32), Attempt: 1, Program: "note", Args: []string{"a b"}, Flow: "fl-a", Step: "s", Timeout: 10 * time.Second}
		var st program.State
		for end := time.Now().Add(10 * time.Second); st.Phase != program.Ended && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if st, err = n.Exec(ctx, b, o); err != nil {
				t.Fatalf("%s: %v", n.Name(), err)
			}
		}
		if st.Exit != 3 || st.Output != "said a b" {
			t.Errorf("%s: got %+v, want status 3 and what it said", n.Name(), st)
		}
		other := b
		other.Instance = [16]byte{9}
		if _, err := n.Exec(ctx, other, o); !errors.Is(err, conductor.ErrRefused) {
			t.Errorf("%s: a node with other data: got %v, want refused", n.Name(), err)
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

//go:build linux

package matrix

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"backstitch/chaos/depot"
	"backstitch/chaos/process"
	"backstitch/chaos/proxy"
	"backstitch/chaos/testbed"
)

// What a run needs before its first record: the network, the servers behind it, and agents.

// open makes the network, the depot and the fleet.
func (r *Run) open(cfg Config) {
	t := r.T
	lab, err := newLab(cfg.Seed, cfg.Relays)
	if err != nil {
		t.Fatal(err)
	}
	r.Lab, r.Hosts = lab, map[string]Host{}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	servers := r.host(brokerParty, brokerDoors)
	if _, err := servers.Also(storeParty, storeDoors...); err != nil {
		t.Fatal(err)
	}
	broker, store := r.brokerAddr(), netip.AddrPortFrom(lab.Addr(storeParty), storePort).String()
	r.Depot = depot.Control{Addr: netip.AddrPortFrom(lab.Addr(brokerParty), controlPort).String()}
	serves := depot.Config{Dir: filepath.Join(r.Dir, "data", "depot"), Broker: broker, Store: store, Control: r.Depot.Addr, Seed: cfg.Seed, Behind: behind(servers)}
	if r.broker = r.Depot; cfg.Broker == RealBroker {
		serves.Broker = ""
	}
	env, err := depot.Environment(serves)
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	testbed.StartIn(t, servers.Start, process.Spec{Name: "depot", Path: own, Env: env, Log: filepath.Join(r.Dir, "depot.log")})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := r.Depot.Await(ctx); err != nil {
		t.Fatal(err)
	}
	if cfg.Broker == RealBroker {
		r.broker = realBroker(r, servers)
		r.Say("the real broker answers")
	}

	names := r.Scenario.Topology.Names()
	var seats []testbed.Seat
	for _, name := range names {
		seats = append(seats, r.seat(name))
	}
	r.Fleet = testbed.NewFleet(t, testbed.Layout{
		Dir: r.Dir, Seats: seats, Broker: broker, Endpoint: "http://" + store,
		Access: testbed.NewAccess(t, filepath.Join(r.Dir, "pki"), len(names)+1, lab.Pool(2*len(names)+6)),
	})
	for _, n := range r.Fleet.Nodes {
		r.agents.reached(n.Name, n.Client())
	}
	r.Fleet.StartAll(t)
	looking, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.agents.watch(looking)
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	r.Say("%d agents are ready", len(names))
}

// seat is a place for a node that no node has had: a host of its own, and a directory.
func (r *Run) seat(name string) testbed.Seat {
	h := r.host(name, agentDoors)
	r.Hosts[name] = h
	seat := testbed.Seat{Host: h.Addr().String(), Behind: behind(h), Start: h.Start, Path: r.program, Data: filepath.Join(r.Dir, "data", name)}
	for _, i := range r.injectors {
		if err := i.Prepare(r, name, &seat); err != nil {
			r.T.Fatal(err)
		}
	}
	start := seat.Start
	seat.Start = func(spec process.Spec) (*process.Process, error) {
		p, err := start(spec)
		if err == nil {
			r.agents.started(name, p)
		}
		return p, err
	}
	return seat
}

func (r *Run) host(name string, doors []proxy.Door) Host {
	h, err := r.Lab.Host(name, doors...)
	if err != nil {
		r.T.Fatal(err)
	}
	return h
}

// behind is where a host's processes listen, "" when that is where everybody reaches them.
func behind(h Host) string {
	if a := h.Behind(); a.IsValid() {
		return a.String()
	}
	return ""
}

func (r *Run) brokerAddr() string {
	return netip.AddrPortFrom(r.Lab.Addr(brokerParty), brokerPort).String()
}

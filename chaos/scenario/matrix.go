package scenario

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"backstitch/chaos/fault"
)

// row is one fault of the matrix: each is put to clusters of two sizes under three loads.
type row struct {
	name  string
	fault string // text; it begins when the work is under way
	code  int    // the status with which the agents that are hit end, 0 when they go on
	aside bool   // agents that are hit set their data aside
	busy  bool   // an idle agent does not feel it: it has nothing to do with the broker, and fits into little memory
}

// rows has every infrastructure fault that real processes can be given. Its order is that of fault.Table.
var rows = []row{
	{name: "kill-leader", fault: "kill leader"},
	{name: "kill-follower", fault: "kill follower"},
	{name: "kill-busiest", fault: "kill busiest"},
	{name: "kill-all", fault: "kill all"},
	{name: "kill-in-snapshot", fault: "kill leader in snapshot"},
	{name: "pause", fault: "for 20s pause busiest"},
	{name: "leave", fault: "leave busiest"},
	{name: "rolling-restart", fault: "rolling restart"},
	{name: "crash-loop", fault: "crash busiest 5 times"},

	{name: "partition-minority", fault: "partition minority"},
	{name: "partition-majority", fault: "partition majority"},
	{name: "bridge", fault: "bridge over follower"},
	{name: "one-way-out", fault: "one-way out on leader"},
	{name: "one-way-in", fault: "one-way in on leader"},
	{name: "flap", fault: "for 15s flap leader every 2s"},
	{name: "loss", fault: "loss 30% on all"},
	{name: "delay", fault: "delay 50ms±30ms loss 1% on all"},
	{name: "reorder", fault: "reorder 25% on all"},
	{name: "duplicate", fault: "duplicate 10% on all"},
	{name: "corrupt", fault: "corrupt 1% on all"},
	{name: "bandwidth", fault: "bandwidth 256KiB/s on leader"},
	{name: "reset", fault: "reset on leader"},
	{name: "gossip-cut", fault: "cut gossip on minority"},
	{name: "raft-cut", fault: "cut raft on leader"},
	{name: "broker-cut", fault: "cut broker on busiest", busy: true},
	{name: "mtu-hole", fault: "mtu 600B on leader"},

	{name: "disk-full", fault: "disk full on busiest", code: 22},
	{name: "disk-slow", fault: "disk slow 20ms on leader"},
	{name: "disk-eio", fault: "disk eio on busiest"},
	{name: "disk-fsync", fault: "disk fsync error on busiest", code: 23},
	{name: "disk-read-only", fault: "disk read-only on busiest", code: 23},
	{name: "disk-lying", fault: "disk lying on follower"},
	{name: "power-loss-one", fault: "power loss on busiest"},
	{name: "power-loss-all", fault: "power loss on all"},
	{name: "bit-flip", fault: "flip bit in log on follower", aside: true},
	{name: "truncated-tail", fault: "truncate log on follower", aside: true},
	{name: "lost-snapshot", fault: "lose snapshot on follower"},
	{name: "old-disk", fault: "old disk on follower"},

	{name: "cpu", fault: "cpu 10% on busiest"},
	{name: "memory", fault: "for 15s memory 20MiB on busiest", busy: true},
	{name: "descriptors", fault: "fds 16 on busiest"},
	{name: "clock-skew", fault: "clock skew +1h on leader"},
	{name: "clock-jump", fault: "clock jump -1h on leader"},
	{name: "clock-freeze", fault: "clock freeze on leader"},
}

// loads are what a cluster of the matrix is busy with.
var loads = []struct {
	name     string
	workload Workload
}{
	{"idle", Workload{}},
	{"backfill", matrixWork(0)},
	{"live", matrixWork(200)},
}

func matrixWork(live int64) Workload {
	return Workload{
		Records: 60_000, Partitions: defaultPartitions, Keys: defaultKeys, Value: defaultValue, Topic: Plain, Layout: Archive, Live: live,
		Lost: Lost{How: Holes, Percent: 40, Runs: 8, Singles: 50},
	}
}

const (
	matrixBegin = 2 * time.Second  // when the fault comes: the job is under way
	matrixLimit = 90 * time.Second // of a run
)

// Matrix returns the full product: every infrastructure fault that real processes can be given, on clusters of three and of
// five, idle, during a backfill, and during a backfill beside live writes. Names are such as kill-leader.n3.live.
func Matrix() []Scenario { return slices.Clone(matrix()) }

var matrix = sync.OnceValue(func() []Scenario {
	var out []Scenario
	for _, r := range rows {
		f := fault.MustParse(r.fault)
		f.At = matrixBegin
		for _, nodes := range []int{3, 5} {
			for _, load := range loads {
				if r.busy && load.workload.Idle() {
					continue
				}
				s := Scenario{
					Name:     fmt.Sprintf("%s.n%d.%s", r.name, nodes, load.name),
					Promise:  fmt.Sprintf("A cluster of %d keeps every promise through: %s.", nodes, r.fault),
					Topology: Topology{Nodes: nodes}, Workload: load.workload,
					Timeline: []fault.Fault{f}, Layers: fault.RealProcess, Limit: matrixLimit,
					Expects: Expects{Leader: 5 * time.Second, Exit: r.code, SetAside: r.aside},
				}
				if load.workload.Idle() {
					s.Timeline = []fault.Fault{idleTarget(f)}
				}
				out = append(out, s)
			}
		}
	}
	return out
})

// idleTarget aims at a follower what is aimed at an owner: in an idle cluster nobody owns work.
func idleTarget(f fault.Fault) fault.Fault {
	if f.Target == fault.Owner || f.Target == fault.Busiest {
		f.Target = fault.Follower
	}
	return f
}

package inject

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind is what is done to the node.
type Kind string

// Kinds. The last three are done at once, and there is nothing to heal.
const (
	CutRPC    Kind = "cut-rpc"    // Raft and RPC connections to the peers break, and new ones are not answered
	CutGossip Kind = "cut-gossip" // gossip with the peers is lost, both ways
	DelayRPC  Kind = "delay-rpc"  // each write on a Raft or RPC connection to the peers takes longer
	RefuseAPI Kind = "refuse-api" // the HTTP API refuses everything but health, metrics and faults
	Pause     Kind = "pause"      // the worker hears nothing from the leader, and the leader nothing from it
	SlowDisk  Kind = "slow-disk"  // each write and sync takes longer
	Crash     Kind = "crash"      // the process ends at once, as by SIGKILL
	Stop      Kind = "stop"       // the process is asked to end, as by SIGTERM
	StepDown  Kind = "step-down"  // this node, which leads, hands over
)

// Kinds lists all of them.
func Kinds() []Kind {
	return []Kind{CutRPC, CutGossip, DelayRPC, RefuseAPI, Pause, SlowDisk, Crash, Stop, StepDown}
}

// MaxTTL bounds how long a fault lasts, and MaxDelay how slow it makes anything.
const (
	MaxTTL   = 10 * time.Minute
	MaxDelay = 10 * time.Second
)

// maxFaults bounds how many are active at once.
const maxFaults = 64

// ErrInvalid says that a fault can not be what it says.
var ErrInvalid = errors.New("fault")

// Fault is one of them. TTL is needed also for what is done at once, so that whoever asks has thought about it.
type Fault struct {
	Kind  Kind
	Peers []string      // names or ids of other nodes, for the kinds that have any; none stands for all
	Delay time.Duration // of DelayRPC and SlowDisk
	TTL   time.Duration
	By    string // who asked
}

// AtOnce says whether there is nothing to heal.
func (k Kind) AtOnce() bool { return k == Crash || k == Stop || k == StepDown }

// Validate refuses what can not be done, and what would be accepted and ignored.
func (f Fault) Validate() error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
	}
	if !slices.Contains(Kinds(), f.Kind) {
		var all []string
		for _, k := range Kinds() {
			all = append(all, string(k))
		}
		return refuse("there is no kind %q: want one of %s", string(f.Kind), strings.Join(all, ", "))
	}
	if f.TTL <= 0 || f.TTL > MaxTTL {
		return refuse("ttl %s: want more than 0 and at most %s", f.TTL, MaxTTL)
	}
	slows := f.Kind == DelayRPC || f.Kind == SlowDisk
	if slows && (f.Delay <= 0 || f.Delay > MaxDelay) {
		return refuse("%s: delay %s: want more than 0 and at most %s", f.Kind, f.Delay, MaxDelay)
	}
	if !slows && f.Delay != 0 {
		return refuse("%s has no delay", f.Kind)
	}
	if len(f.Peers) > 0 && f.Kind != CutRPC && f.Kind != CutGossip && f.Kind != DelayRPC {
		return refuse("%s has no peers", f.Kind)
	}
	return nil
}

// Active is a fault that was injected.
type Active struct {
	Fault
	ID    string
	Began time.Time
	Ends  time.Time
	Hits  int64 // how often it bit: connections, packets, writes, requests, renewals
}

package bubble

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"backstitch/chaos/fault"
)

// Plan is all that a seed decides before anything runs.
type Plan struct {
	Seed          uint64
	During        time.Duration // in which faults begin and end
	Nodes         int           // voters at the beginning: 3 or 5
	Partitions    int           // of the topic
	Records       int           // of the reference, in each partition
	SliceRecords  int
	CommitRecords int
	// Pace is what each request to the broker takes without any fault. It decides how long jobs last, and what faults can hit.
	Pace time.Duration
	// Jobs are when each job is submitted. Job j repairs the partitions whose number is j modulo the number of jobs.
	Jobs    []time.Duration
	Clients int  // that use the job API beside
	Shelf   bool // the target is an object store
	Faults  []fault.Fault
}

// During is drawn between these.
const (
	shortest = 70 * time.Second
	longest  = 120 * time.Second
)

// Kinds are the faults that this layer injects, and how often each is drawn. What leaves one side in doubt about what the other did
// comes up more often: most of what can go wrong begins with it.
func Kinds() []fault.Weighted {
	nodes := []fault.Target{fault.Leader, fault.Follower, fault.Owner, fault.Busiest, fault.One, fault.Minority}
	more := append([]fault.Target{fault.Majority, fault.All}, nodes...)
	some := append([]fault.Target{fault.Majority}, nodes...)
	return []fault.Weighted{
		{Kind: fault.Kill, Weight: 4, Targets: more},
		{Kind: fault.PowerLoss, Weight: 2, Targets: more},
		{Kind: fault.TornWrite, Weight: 2, Targets: more},
		{Kind: fault.CrashLoop, Weight: 1, Targets: nodes},
		{Kind: fault.Pause, Weight: 4, Targets: nodes},
		{Kind: fault.Leave, Weight: 1, Targets: nodes},
		{Kind: fault.RollingRestart, Weight: 1},

		{Kind: fault.Partition, Weight: 4, Targets: some},
		{Kind: fault.Bridge, Weight: 1},
		{Kind: fault.OneWay, Weight: 3, Targets: some},
		{Kind: fault.Flap, Weight: 1, Targets: some},
		{Kind: fault.Loss, Weight: 3, Targets: more},
		{Kind: fault.Delay, Weight: 2, Targets: more},
		{Kind: fault.Reorder, Weight: 1, Targets: more},
		{Kind: fault.Duplicate, Weight: 1, Targets: more},
		{Kind: fault.GossipCut, Weight: 1, Targets: more},
		{Kind: fault.RaftCut, Weight: 2, Targets: nodes},
		{Kind: fault.ServerCut, Weight: 3, Targets: more},

		// No failing disks: Raft panics when it can not save its term, and only the exit of a process comes before that.

		{Kind: fault.ClockSkew, Weight: 1, Targets: nodes},
		{Kind: fault.ClockJump, Weight: 2, Targets: more},
		{Kind: fault.ClockFreeze, Weight: 1, Targets: more},

		{Kind: fault.Drain, Weight: 1},
		{Kind: fault.StepDown, Weight: 2},

		{Kind: fault.BrokerRestart, Weight: 2},
		{Kind: fault.BrokerError, Weight: 2},
		{Kind: fault.BrokerThrottle, Weight: 1},
		{Kind: fault.BrokerSlow, Weight: 1},
		{Kind: fault.BrokerCut, Weight: 2},
		{Kind: fault.BrokerAmbiguous, Weight: 4},
	}
}

// ShelfKinds are the faults of an object store, for runs whose target is one. They are drawn beside the others.
func ShelfKinds() []fault.Weighted {
	return []fault.Weighted{
		{Kind: fault.StoreSlowdown, Weight: 1},
		{Kind: fault.StoreError, Weight: 2},
		{Kind: fault.StoreTruncated, Weight: 2},
		{Kind: fault.StoreChecksum, Weight: 1},
		{Kind: fault.StoreStale, Weight: 2},
		{Kind: fault.StoreSlow, Weight: 1},
		{Kind: fault.StoreAmbiguous, Weight: 4},
	}
}

// shelves is of how many runs one has an object store as its target.
const shelves = 4

// NewPlan draws the plan of a seed.
func NewPlan(seed uint64) (Plan, error) {
	r := rand.New(rand.NewPCG(seed, 0xb0bb1e))
	p := Plan{
		Seed: seed, During: shortest + time.Duration(r.Int64N(int64(longest-shortest)/int64(time.Second)))*time.Second, Nodes: 3, Partitions: 2 + r.IntN(3), Records: 80 + r.IntN(140), SliceRecords: 15 + r.IntN(40),
		CommitRecords: 4 + r.IntN(8), Pace: time.Duration(60+r.IntN(180)) * time.Millisecond, Clients: 2 + r.IntN(3),
	}
	if r.IntN(4) == 0 {
		p.Nodes = 5
	}
	for range 1 + r.IntN(p.Partitions) {
		p.Jobs = append(p.Jobs, time.Duration(r.IntN(int(p.During*2/3/time.Millisecond)))*time.Millisecond)
	}
	p.Jobs[0] = 0
	var err error
	p.Faults, err = fault.Plan(r, mix(r), p.During)
	if err != nil {
		return Plan{}, fmt.Errorf("draw faults: %w", err)
	}
	own := rand.New(rand.NewPCG(seed, 0x5e1f)) // what else a seed decides stays as it was
	if p.Shelf = own.IntN(shelves) == 0; p.Shelf {
		more, err := fault.Plan(own, fault.Mix{Kinds: ShelfKinds(), Every: 4 * time.Second, Together: 2}, p.During)
		if err != nil {
			return Plan{}, fmt.Errorf("draw faults of the store: %w", err)
		}
		p.Faults = append(p.Faults, more...)
	}
	for i := range p.Faults {
		if p.Faults[i].Kind == fault.ServerCut && !p.Shelf {
			p.Faults[i].What = "broker" // the reference is a topic here, so there is no store to cut off
		}
	}
	return p, nil
}

// mix draws what a plan is made of: some runs have a lot of few kinds, others a little of all.
func mix(r *rand.Rand) fault.Mix {
	m := fault.Mix{Every: time.Duration(1200+r.IntN(2000)) * time.Millisecond, Together: 1 + r.IntN(3)}
	few := r.IntN(2) == 0
	for _, w := range Kinds() {
		if !few || r.IntN(3) == 0 {
			m.Kinds = append(m.Kinds, w)
		}
	}
	if len(m.Kinds) == 0 {
		m.Kinds = fault.Of(fault.Kill, fault.Pause)
	}
	return m
}

// String lists what was decided, one thing a line; the faults can be pasted into a scenario.
func (p Plan) String() string {
	var b strings.Builder
	into := ""
	if p.Shelf {
		into = ", into an object store"
	}
	fmt.Fprintf(&b, "seed %d: %s, %d nodes, %d partitions of %d records, slices of %d, commits of %d, %s a request, jobs at %v%s, %d clients\n",
		p.Seed, p.During, p.Nodes, p.Partitions, p.Records, p.SliceRecords, p.CommitRecords, p.Pace, p.Jobs, into, p.Clients)
	for _, f := range p.Faults {
		fmt.Fprintf(&b, "  %s\n", f)
	}
	return b.String()
}

package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"backstitch/chaos/fault"
)

// Plan is all that a seed decides before anything runs. What happens while it runs follows from Plan and the seed.
type Plan struct {
	Seed       uint64
	Nodes      int
	Partitions int
	Records    int // of the reference, in each partition
	SliceSize  int // records in a slice, about
	Jobs       int
	// Step is about how long one step of a slice takes: it decides how long the job is, and what faults can hit.
	Step time.Duration
	// Rumours says that gossip is wrong now and then.
	Rumours bool
	// Copies says that others write some of the lost records before the job begins.
	Copies bool
	// Poison says that the target refuses some records and that some of the reference can not be read.
	Poison bool
	// Operator says what people do beside: "", "pause", "drain", "cancel".
	Operator string
	Faults   []fault.Fault
}

// during is the time in which faults begin and end.
const during = 9 * time.Second

// Kinds are the faults that this layer can inject.
func Kinds() []fault.Kind { return fault.Kinds(fault.Sim) }

// NewPlan draws the plan of a seed.
func NewPlan(seed uint64) (Plan, error) {
	r := rand.New(rand.NewPCG(seed, 1))
	p := Plan{
		Seed: seed, Nodes: 3, Partitions: 1 + r.IntN(4), Records: 30 + r.IntN(90), SliceSize: 10 + r.IntN(30), Jobs: 1,
		Step: time.Duration(40+r.IntN(160)) * time.Millisecond, Rumours: r.IntN(4) == 0, Copies: r.IntN(3) == 0, Poison: r.IntN(6) == 0,
	}
	if r.IntN(4) == 0 {
		p.Nodes = 5
	}
	if r.IntN(5) == 0 && p.Partitions > 1 {
		p.Jobs = 2
	}
	switch n := r.IntN(100); {
	case n < 12:
		p.Operator = "pause"
	case n < 24:
		p.Operator = "drain"
	case n < 29:
		p.Operator = "cancel"
	}
	var err error
	p.Faults, err = fault.Plan(r, mix(r), during)
	if err != nil {
		return Plan{}, fmt.Errorf("draw faults: %w", err)
	}
	return p, nil
}

// rare are faults after which a job may fail, by right. There have to be many runs in which it must not.
var rare = map[fault.Kind]bool{fault.Retention: true, fault.UncleanElection: true}

// between are faults that leave one side in doubt about what the other did. Most of what can go wrong begins with one of them.
var between = map[fault.Kind]bool{
	fault.BrokerAmbiguous: true, fault.BrokerCut: true, fault.Pause: true, fault.OneWay: true, fault.Partition: true, fault.Loss: true,
}

// mix draws what a plan is made of: some runs have a lot of few kinds, others a little of all.
func mix(r *rand.Rand) fault.Mix {
	m := fault.Mix{Every: time.Duration(300+r.IntN(2100)) * time.Millisecond, Together: 1 + r.IntN(3)}
	few := r.IntN(2) == 0
	hard := r.IntN(10) == 0
	for _, w := range fault.Of(Kinds()...) {
		switch {
		case rare[w.Kind] && !hard, few && r.IntN(4) > 0:
			continue
		}
		if between[w.Kind] {
			w.Weight = 3
		}
		m.Kinds = append(m.Kinds, w)
	}
	if len(m.Kinds) == 0 {
		m.Kinds = fault.Of(fault.Kill, fault.Pause)
	}
	return m
}

// String lists what was decided, one thing a line.
func (p Plan) String() string {
	s := fmt.Sprintf("seed %d: %d nodes, %d jobs over %d partitions of %d records, slices of %d, steps of %s, rumours %t, copies %t, poison %t, operator %q\n",
		p.Seed, p.Nodes, p.Jobs, p.Partitions, p.Records, p.SliceSize, p.Step, p.Rumours, p.Copies, p.Poison, p.Operator)
	for _, f := range p.Faults {
		s += "  " + f.String() + "\n"
	}
	return s
}

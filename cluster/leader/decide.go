package leader

import (
	"slices"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/plan"
)

// Decide returns the commands that are due, in the order in which they are to be proposed. It changes nothing in in.
//
// A command that refers to an earlier one of the same decision (FinishJob to RecordProof) relies on the book's refusals: if
// the earlier one fails, the later one is refused, and both are decided again in the next turn.
func Decide(in Input) []Proposal {
	d := &decision{in: in, health: assess(in)}
	d.jobs.slots = func(m fsm.Member) (weight, perWeight uint32) { return m.Weight, in.Limits.LanesPerWeight }
	d.scans.slots = func(m fsm.Member) (weight, perWeight uint32) { return min(m.Weight, 1), in.Limits.ScanLanes }
	for _, j := range ranked(in.Jobs) {
		d.job(j)
	}
	d.askFor()
	d.grant(&d.jobs)
	d.grant(&d.scans)
	d.orderScans()
	d.lookInto()
	d.upkeep()
	return d.out
}

// decision is one call of Decide.
type decision struct {
	in     Input
	health map[partition.NodeID]health
	jobs   pool // of jobs that write
	scans  pool // of scans, so that one which takes hours never keeps a repair waiting
	out    []Proposal
	asks   map[string][]fsm.Lease // of jobs that rest, by the reason
	taken  []fsm.Lease            // of jobs that rest, from owners that do not answer
}

// pool is lanes that share the slots of the members.
type pool struct {
	running []lane // leased to a member that keeps its leases
	wanted  []lane // need an owner, those whose turn it is first
	// slots is how many of these lanes a member may run: the product of the two.
	slots func(m fsm.Member) (weight, perWeight uint32)
}

func (d *decision) propose(p Proposal) { d.out = append(d.out, p) }

// ranked returns jobs in the order of their turn.
func ranked(jobs []Job) []Job {
	jobs = slices.Clone(jobs)
	slices.SortFunc(jobs, func(a, b Job) int { return a.turn().Compare(b.turn()) })
	return jobs
}

// turn is what decides when j gets its turn, as long as nobody has waited.
func (j Job) turn() plan.Rank {
	return plan.Rank{Job: j.ID, Priority: j.Priority, DeadlineUnixNanos: j.Terms.DeadlineUnixNanos, CreatedUnixNanos: j.CreatedUnixNanos}
}

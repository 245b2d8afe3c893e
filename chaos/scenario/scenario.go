package scenario

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"backstitch/chaos/fault"
)

// Scenario is one story.
type Scenario struct {
	Name    string // lower-case letters, digits, dots and dashes
	Story   string // where it comes from, e.g. S12; "" when it is of no story
	Promise string // one sentence: what stays true whatever is done
	Seed    uint64 // 0: the runner draws one

	Topology Topology
	Workload Workload

	// Before is what is wrong, when the plan is made, with the records that were archived or with the store that lists them. What
	// lasts is healed when the plan has run.
	Before []fault.Fault

	// Between is done after the plan was made and before it runs, in order, each when the one before is done.
	Between []fault.Fault

	// Timeline begins when the job was submitted; of an idle cluster, when it is ready. Exactly one of Timeline and Random is
	// there, or none of them when Before or Between has something or the promise is about a quiet run.
	Timeline []fault.Fault
	Random   *Random

	Layers  fault.Layers // where it is run
	Expects Expects
	Limit   time.Duration // of the whole run, in the time of its layer
}

// Topology is the cluster.
type Topology struct {
	Nodes   int // voters, named node-a, node-b, ...
	Workers int // agents that do not vote, named after them
}

// Names lists voters and workers.
func (t Topology) Names() []string {
	var out []string
	for i := range t.Nodes + t.Workers {
		out = append(out, fmt.Sprintf("node-%c", 'a'+i))
	}
	return out
}

// Workload is what is in the topic, what is lost of it, and what goes on meanwhile.
type Workload struct {
	Records    int64  // made and archived; 0: the cluster is idle and there is no job
	Partitions int    // of the topic
	Keys       int64  // different keys
	Value      int64  // bytes of a value
	Topic      Topic  // how the topic is kept and written
	Layout     Layout // of the archive
	Lost       Lost
	Live       int64 // records per second that somebody writes into the topic while the job runs, 0 for none
}

// Idle says that there is no job.
func (w Workload) Idle() bool { return w.Records == 0 }

// Topic is how the topic is kept and written.
type Topic string

// Topics.
const (
	Plain         Topic = "plain"
	Transactional Topic = "transactional" // written in transactions, of which some are aborted
	Compacted     Topic = "compacted"     // only the last record of each key is kept
)

// Layout is that of the archive.
type Layout string

// Layouts.
const (
	Archive   Layout = "archive"   // what backstitch archive writes
	Confluent Layout = "confluent" // that of the Confluent S3 sink
)

// Lost says which records the topic lacks when the plan is made.
type Lost struct {
	How     How
	Percent float64 // of the records, above 0 and at most 100; 100 for How Everything
	Runs    int     // Holes: how many runs of neighbours that share is taken in
	Singles int64   // Holes: records lost besides, one here and one there
}

// How records were lost.
type How string

// Ways to lose records.
const (
	Nothing    How = "nothing"
	Holes      How = "holes"      // runs of neighbours, as an outage takes them, and single ones
	Head       How = "head"       // the oldest of each partition, by retention
	Tail       How = "tail"       // the newest of each partition, by an unclean election; their offsets are used again by others
	Everything How = "everything" // the topic was deleted and made again
	Object     How = "object"     // of the archive: a part of one object is not there, and the topic has it
)

// Random is a timeline that the seed decides.
type Random struct {
	Kinds    []fault.Kind // one that is there twice is drawn twice as often
	Every    time.Duration
	During   time.Duration
	Together int
}

// Plan returns the faults of a run: the timeline, or what the seed draws.
func (s Scenario) Plan(seed uint64) ([]fault.Fault, error) {
	if s.Random == nil {
		return s.Timeline, nil
	}
	mix := fault.Mix{Every: s.Random.Every, Together: s.Random.Together}
	for _, k := range s.Random.Kinds {
		mix.Kinds = append(mix.Kinds, fault.Weighted{Kind: k, Weight: 1})
	}
	out, err := fault.Plan(rand.New(rand.NewPCG(seed, 0)), mix, s.Random.During)
	if err != nil {
		return nil, fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	return out, nil
}

// Kinds lists the kinds of faults that a run may see, each once, in the order of fault.Table.
func (s Scenario) Kinds() []fault.Kind {
	seen := map[fault.Kind]bool{}
	for _, f := range slices.Concat(s.Before, s.Between, s.Timeline) {
		seen[f.Kind] = true
	}
	if s.Random != nil {
		for _, k := range s.Random.Kinds {
			seen[k] = true
		}
	}
	var out []fault.Kind
	for _, row := range fault.Table {
		if seen[row.Kind] {
			out = append(out, row.Kind)
		}
	}
	return out
}

// Root says whether real processes need root for the faults.
func (s Scenario) Root() bool {
	for _, k := range s.Kinds() {
		if k.Spec().Root {
			return true
		}
	}
	return false
}

// AboutData says that the story is about how records were lost or how they are kept, and not about a cluster that is hurt
// while it works. Such a story needs ways to lose and to keep records that the others do without.
func (s Scenario) AboutData() bool {
	w := s.Workload
	plain := (w.Topic == "" || w.Topic == Plain) && (w.Layout == "" || w.Layout == Archive)
	expires := func(f fault.Fault) bool { return f.Kind == fault.Retention }
	if len(s.Before) > 0 || len(s.Between) > 0 || slices.ContainsFunc(s.Timeline, expires) {
		return true
	}
	return !w.Idle() && len(s.Timeline) == 0 && s.Random == nil && (!plain || w.Lost.How != Holes)
}

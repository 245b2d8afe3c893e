//go:build linux

package matrix

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"backstitch/chaos/fault"
	"backstitch/chaos/report"
	"backstitch/chaos/scenario"
	"backstitch/chaos/testbed"
	"backstitch/cluster/client"
)

// Config is what a run needs besides its scenario.
type Config struct {
	Seed      uint64
	Injectors []Injector
	Broker    string // FakeBroker or RealBroker; "" is FakeBroker
	Program   string // "" is testbed.Program
	Builds    Builds
	Relays    bool // a network of relays, and not of namespaces
}

// Verdict is what a run came to, in figures.
type Verdict struct {
	Scenario string           `json:"scenario"`
	Seed     uint64           `json:"seed"`
	Kept     bool             `json:"kept"` // the promise
	Faults   fault.Tally      `json:"faults"`
	Hits     map[string]int64 `json:"hits"`

	Records  int64 `json:"records"`
	Lost     int64 `json:"lost"`
	Refilled int64 `json:"refilled"`
	Missing  int64 `json:"missing"`
	Surplus  int64 `json:"surplus"`
	Disorder int64 `json:"disorder"`
	Rework   int64 `json:"rework"` // records that were written and never committed

	PeakBytes int64 `json:"peak_bytes"` // the largest resident set of an agent

	rework float64 // of the worst partition, in commits
	losses int
	raced  bool

	FailoverMs []int64 `json:"failover_ms,omitempty"` // loss of an owner to the next commit in one of its lanes
	LeaderMs   int64   `json:"leader_ms"`             // last healing to a leader that a majority knows
	DoneMs     int64   `json:"done_ms,omitempty"`     // last healing to the end of the job
	TookMs     int64   `json:"took_ms"`
}

// Missing says why a scenario can not be run here, nil when it can.
func Missing(s scenario.Scenario, injectors []Injector) error {
	if !s.Layers.Has(fault.RealProcess) {
		return fmt.Errorf("it is not for real processes: %s", s.Layers)
	}
	if s.Topology.Workers > 0 {
		return errors.New("agents that do not vote are not started here")
	}
	if l := s.Workload; !s.Workload.Idle() && (l.Topic != scenario.Plain || l.Layout != scenario.Archive || l.Lost.How != scenario.Holes && l.Lost.How != scenario.Everything) {
		return fmt.Errorf("a workload of %s, %s and %s can not be made here", l.Topic, l.Layout, l.Lost.How)
	}
	if s.AboutData() {
		return errors.New("it is about how records are kept and lost, which chaos/stories tells")
	}
	for _, key := range s.Expects.Set() {
		if !slices.Contains([]string{"leader", "done", "failover", "rework", "exit", "setAside", "vacuous"}, key) {
			return fmt.Errorf("nobody here can check %q", key)
		}
	}
	for _, k := range s.Kinds() {
		i := injector(injectors, k)
		if i == nil {
			return fmt.Errorf("nobody here can do %s", k)
		}
		if err := i.Missing(k); err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
	}
	return nil
}

func injector(all []Injector, k fault.Kind) Injector {
	if i := slices.IndexFunc(all, func(i Injector) bool { return slices.Contains(i.Kinds(), k) }); i >= 0 {
		return all[i]
	}
	return nil
}

// Do runs one scenario, which Missing has let pass, and fails the test when a promise is broken. judged is told the verdict, also of a
// run that gave up.
func Do(t *testing.T, s scenario.Scenario, cfg Config, judged func(Verdict)) {
	t.Helper()
	v := Verdict{Scenario: s.Name, Seed: cfg.Seed, raced: cfg.Program != "", Faults: fault.Tally{}, Hits: map[string]int64{}}
	faults, err := s.Plan(cfg.Seed)
	if err != nil {
		t.Fatal(err)
	}
	r := &Run{
		T: t, Scenario: s, Faults: faults, Seed: cfg.Seed, Random: rand.New(rand.NewPCG(cfg.Seed, 6)), Builds: cfg.Builds,
		injectors: cfg.Injectors, program: cfg.Program, agents: newAgents(), raced: cfg.Program != "",
	}
	r.record = report.ForTest(t, t.ArtifactDir(), report.Spec{Scenario: s, Layer: fault.RealProcess, Seed: cfg.Seed, Faults: faults, Command: Command(s, cfg.Seed)})
	r.Dir = r.record.Dir()
	r.began = time.Now()
	// Registered first, so it runs when everything else has been cleaned up.
	t.Cleanup(func() {
		left, err := leftovers(r.Dir)
		if err != nil || len(left) > 0 {
			t.Errorf("processes are left: %v %v", left, err)
		}
	})
	defer r.record.Guard()
	whole := false
	defer func() { // also when a wait gives up
		v.TookMs, v.Kept = time.Since(r.began).Milliseconds(), whole && !t.Failed()
		judged(v)
		if err := v.Publish(); err != nil {
			t.Error(err)
		}
	}()
	r.Say("seed %d; %s", cfg.Seed, s.Promise)
	r.open(cfg)
	r.play(cfg, &v)
	logs(r)
	if !t.Failed() {
		verdict, err := r.record.Finish(v.Figures(), s.Expects.Vacuous)
		if err != nil || verdict.Outcome != report.Kept {
			t.Errorf("evidence: %s %v (%v)", verdict.Outcome, verdict.Missed, err)
		}
	}
	whole = true
}

// Command runs the same again.
func Command(s scenario.Scenario, seed uint64) string {
	return fmt.Sprintf("go test -tags chaos ./chaos/matrix -run TestMatrix -matrix.set full -matrix.run '^%s$' -matrix.seed %d", s.Name, seed)
}

// play does the work and the faults, and judges.
func (r *Run) play(cfg Config, v *Verdict) {
	t := r.T
	var w *work
	var l *lanes
	if !r.Scenario.Workload.Idle() {
		w = prepare(r, r.brokerAddr())
		if err := slow(r); err != nil {
			t.Fatal(err)
		}
		w.submit(lasts(r.Faults))
		l = follow(r, w.topic)
	}
	q := startQuarrel(r)
	losses := r.faults(cfg, l, v)
	healed := time.Now()
	r.Say("everything is healed")
	r.leader(v, healed)
	if w != nil {
		r.finish(v, healed)
		w.join()
		r.takeovers(l, losses, v)
		w.judge(v, len(losses))
		v.losses = len(losses)
		r.Say("failover %v ms, rework %d records", v.FailoverMs, v.Rework)
	}
	for _, n := range r.Fleet.Nodes {
		r.Fleet.Ready(t, n)
	}
	q.end()
	r.agree()
	q.judge()
	r.ended()
	r.bounded(v)
	r.Say("judged; an agent took %d MiB at most", v.PeakBytes>>20)
}

// leader waits until somebody leads and a majority knows it.
func (r *Run) leader(v *Verdict, healed time.Time) {
	testbed.Eventually(r.T, limitOfJudge, "a leader", func() bool {
		knows := map[string]int{}
		for _, n := range r.Fleet.Nodes {
			if !n.Running() {
				continue
			}
			if c, err := r.Fleet.Cluster(r.T, n); err == nil && c.Leader != nil {
				knows[c.Leader.Name]++
			}
		}
		for _, n := range knows {
			if n > len(r.Fleet.Nodes)/2 {
				return true
			}
		}
		return false
	})
	took := time.Since(healed)
	v.LeaderMs = took.Milliseconds()
	if bar := r.Scenario.Expects.Leader; bar > 0 && took > bar {
		r.T.Errorf("a leader after %s, want at most %s after the last healing", took, bar)
	}
}

// finish waits until the job has ended, and it has to have succeeded.
func (r *Run) finish(v *Verdict, healed time.Time) {
	bar := r.Scenario.Expects.Done
	if bar == 0 {
		bar = r.Scenario.Limit
	}
	var job client.Job
	deadline := healed.Add(bar)
	testbed.Eventually(r.T, bar+2*time.Second, "the job to end", func() bool {
		got, _, err := r.Fleet.Client.Job(r.T.Context(), jobName, client.Blocking{})
		if err == nil {
			job = got
		}
		if !job.Terminal() && time.Now().After(deadline) {
			r.T.Fatalf("the job has not ended %s after the last healing: %+v (%v)", bar, job, err)
		}
		return job.Terminal()
	})
	v.DoneMs = time.Since(healed).Milliseconds()
	r.Say("the job is %s: %d records written", job.State, job.Progress.Written)
	if job.State != "succeeded" {
		r.T.Errorf("job: got %s (%s), want succeeded", job.State, job.Why)
	}
}

//go:build linux

package matrix

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"backstitch/chaos/depot"
	"backstitch/chaos/fault"
	"backstitch/chaos/netns"
	"backstitch/chaos/process"
	"backstitch/chaos/report"
	"backstitch/chaos/scenario"
	"backstitch/chaos/testbed"
	"backstitch/cluster/client"
)

// Config is what a run needs besides its scenario.
type Config struct {
	Seed      uint64
	Injectors []Injector
	Program   string                 // "" is testbed.Program
	Other     func() (string, error) // builds the program with another version
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

	rework float64 // of the worst partition, in commits
	losses int

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
	if err := netns.Available(); err != nil {
		return err
	}
	if s.Topology.Workers > 0 {
		return errors.New("agents that do not vote are not started here")
	}
	if l := s.Workload; !s.Workload.Idle() && (l.Topic != scenario.Plain || l.Layout != scenario.Archive || l.Lost.How != scenario.Holes && l.Lost.How != scenario.Everything) {
		return fmt.Errorf("a workload of %s, %s and %s can not be made here", l.Topic, l.Layout, l.Lost.How)
	}
	if len(s.Between) > 0 {
		return errors.New("nothing is done between plan and run here")
	}
	for _, key := range s.Expects.Set() {
		if !slices.Contains([]string{"leader", "done", "failover", "rework", "exit", "vacuous"}, key) {
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

// Do runs one scenario, which Missing has let pass, and fails the test when a promise is broken.
func Do(t *testing.T, s scenario.Scenario, cfg Config) (v Verdict) {
	t.Helper()
	v = Verdict{Scenario: s.Name, Seed: cfg.Seed, Faults: fault.Tally{}, Hits: map[string]int64{}}
	faults, err := s.Plan(cfg.Seed)
	if err != nil {
		t.Fatal(err)
	}
	r := &Run{T: t, Scenario: s, Faults: faults, Seed: cfg.Seed, Random: rand.New(rand.NewPCG(cfg.Seed, 6)), Other: cfg.Other}
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
	judged := false
	defer func() { // also when a wait gives up
		v.TookMs, v.Kept = time.Since(r.began).Milliseconds(), judged && !t.Failed()
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
	judged = true
	return v
}

// Command runs the same again.
func Command(s scenario.Scenario, seed uint64) string {
	return fmt.Sprintf("go test -tags chaos ./chaos/matrix -run TestMatrix -matrix.set full -matrix.run '^%s$' -matrix.seed %d", s.Name, seed)
}

// open makes the network, the depot and the fleet.
func (r *Run) open(cfg Config) {
	t := r.T
	lab, err := netns.New(cfg.Seed)
	if err != nil {
		t.Fatal(err)
	}
	r.Lab, r.Hosts = lab, map[string]*netns.Host{}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	servers := r.host(brokerParty)
	if _, err := servers.Also(storeParty); err != nil {
		t.Fatal(err)
	}
	broker, store := fmt.Sprintf("%s:9092", lab.Addr(brokerParty)), fmt.Sprintf("%s:9000", lab.Addr(storeParty))
	r.Depot = depot.Control{Addr: fmt.Sprintf("%s:9001", lab.Addr(brokerParty))}
	env, err := depot.Environment(depot.Config{Dir: filepath.Join(r.Dir, "data", "depot"), Broker: broker, Store: store, Control: r.Depot.Addr, Seed: cfg.Seed})
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

	names := r.Scenario.Topology.Names()
	var seats []testbed.Seat
	for _, name := range names {
		h := r.host(name)
		r.Hosts[name] = h
		seat := testbed.Seat{Host: h.Addr().String(), Start: h.Start, Path: cfg.Program, Data: filepath.Join(r.Dir, "data", name)}
		for _, i := range cfg.Injectors {
			if err := i.Prepare(r, name, &seat); err != nil {
				t.Fatal(err)
			}
		}
		seats = append(seats, seat)
	}
	r.Fleet = testbed.NewFleet(t, testbed.Layout{
		Dir: r.Dir, Seats: seats, Broker: broker, Endpoint: "http://" + store,
		Access: testbed.NewAccess(t, filepath.Join(r.Dir, "pki"), len(names), r.addresses(2*len(names)+4)),
	})
	r.Fleet.StartAll(t)
	r.Say("%d agents are ready", len(names))
}

func (r *Run) host(name string) *netns.Host {
	h, err := r.Lab.Host(name)
	if err != nil {
		r.T.Fatal(err)
	}
	return h
}

// addresses are the first n that the network gives out: those of today, and those after a move.
func (r *Run) addresses(n int) []string {
	var out []string
	for a := r.Lab.Addr(netns.Operator); len(out) < n; a = a.Next() {
		out = append(out, a.String())
	}
	return out
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
	losses := r.faults(cfg, l, v)
	healed := time.Now()
	r.Say("everything is healed")
	r.leader(v, healed)
	if w != nil {
		r.finish(v, healed)
		w.join()
		w.judge(v)
		r.takeovers(l, losses, v)
		v.losses = len(losses)
		r.Say("failover %v ms, rework %d records", v.FailoverMs, v.Rework)
	}
	for _, n := range r.Fleet.Nodes {
		r.Fleet.Ready(t, n)
	}
	agree(r)
	r.Say("judged")
}

func (r *Run) brokerAddr() string { return fmt.Sprintf("%s:9092", r.Lab.Addr(brokerParty)) }

// ongoing is a fault that has begun.
type ongoing struct {
	Injected
	fault  fault.Fault
	nodes  []*testbed.Node
	due    time.Time // when it is healed: it lasts from when it was injected, however late that was
	healed bool
}

// faults does the timeline. What did not heal by itself is healed at its end.
func (r *Run) faults(cfg Config, l *lanes, v *Verdict) []loss {
	t := r.T
	ctx, cancel := context.WithTimeout(t.Context(), r.Scenario.Limit)
	defer cancel()
	var order []*ongoing
	var losses []loss
	// Whatever goes wrong in between, a node that is frozen must not stay so.
	defer func() {
		for _, o := range order {
			if !o.healed && o.Heal != nil {
				_ = o.Heal(context.WithoutCancel(ctx))
			}
		}
	}()
	began := time.Now()
	for _, f := range slices.SortedStableFunc(slices.Values(r.Faults), func(a, b fault.Fault) int { return cmp.Compare(a.At, b.At) }) {
		r.healUntil(ctx, order, began.Add(f.At))
		o := &ongoing{fault: f, nodes: r.pick(ctx, f)}
		if l != nil {
			losses = append(losses, r.losing(ctx, l, o)...)
		}
		var err error
		if o.Injected, err = injector(cfg.Injectors, f.Kind).Inject(ctx, r, f, o.nodes); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		o.due = time.Now().Add(f.Lasts())
		r.T.Logf("%6.2f s  %s: %v", time.Since(r.began).Seconds(), f, Names(o.nodes))
		r.record.Fault(f, Names(o.nodes)...)
		order = append(order, o)
	}
	r.healUntil(ctx, order, time.Now().Add(r.Scenario.Limit))
	for _, o := range order {
		hits := o.Hits()
		v.Hits[string(o.fault.Kind)] += hits
		v.Faults.Add(o.fault.Kind, hits > 0)
		if hits == 0 && !r.Scenario.Expects.Vacuous {
			t.Errorf("vacuous: %s has hit nothing", o.fault)
		}
	}
	return losses
}

// healUntil heals what is due, one after the other, and returns at that time, or as soon as nothing is left to heal when that
// is the end.
func (r *Run) healUntil(ctx context.Context, order []*ongoing, until time.Time) {
	for {
		var next *ongoing
		for _, o := range order {
			if !o.healed && (next == nil || o.due.Before(next.due)) {
				next = o
			}
		}
		if next == nil || next.due.After(until) {
			break
		}
		testbed.During(r.T, time.Until(next.due))
		r.heal(ctx, next)
	}
	if len(order) < len(r.Faults) {
		testbed.During(r.T, time.Until(until))
	}
}

func (r *Run) heal(ctx context.Context, o *ongoing) {
	r.exits(o)
	o.healed = true
	if o.Heal != nil {
		if err := o.Heal(ctx); err != nil {
			r.T.Fatalf("heal %s: %v", o.fault, err)
		}
	}
	hits := o.Hits()
	r.T.Logf("%6.2f s  healed: %s (%d hits)", time.Since(r.began).Seconds(), o.fault, hits)
	r.record.Healed(o.fault, hits > 0, hits)
}

// exits holds the ends of agents that were hit against what the scenario expects.
func (r *Run) exits(o *ongoing) {
	want := r.Scenario.Expects.Exit
	if want == 0 {
		return
	}
	for _, n := range o.nodes {
		ctx, cancel := context.WithTimeout(r.T.Context(), limitOfJudge)
		status, err := n.Wait(ctx)
		cancel()
		if err != nil || status != want {
			r.T.Errorf("%s: exit status %d (%v), want %d", n.Name, status, err, want)
		}
	}
}

// pick looks up the target. An owner is waited for: between two slices a node owns nothing.
func (r *Run) pick(ctx context.Context, f fault.Fault) []*testbed.Node {
	if f.Target == "" || f.Target == fault.TheBroker || f.Target == fault.TheStore {
		return nil
	}
	var out []*testbed.Node
	var why error
	deadline := time.Now().Add(20 * time.Second)
	testbed.Eventually(r.T, 21*time.Second, "somebody who can be hit", func() bool {
		view, err := r.view(ctx)
		if err == nil {
			var names []string
			if names, err = f.Target.In(view, r.Random); err == nil {
				out = nil
				for _, name := range names {
					out = append(out, r.Fleet.Node(name))
				}
				return true
			}
		}
		if why = err; time.Now().After(deadline) {
			r.T.Fatalf("%s: %v", f, why)
		}
		return false
	})
	return out
}

func (r *Run) view(ctx context.Context) (fault.View, error) {
	view := fault.View{Owned: map[string]int{}}
	for _, n := range r.Fleet.Nodes {
		view.Nodes = append(view.Nodes, n.Name)
	}
	c, err := r.Fleet.Client.Cluster(ctx)
	if err != nil {
		return view, err
	}
	if c.Leader != nil {
		view.Leader = c.Leader.Name
	}
	if r.Scenario.Workload.Idle() {
		return view, nil
	}
	slices, _, err := r.Fleet.Client.Slices(ctx, jobName, client.Blocking{})
	view.Owned = testbed.Owned(slices)
	return view, err
}

// takes lists the kinds that take a node's work away at once, after which somebody else has to go on.
var takes = []fault.Kind{fault.Kill, fault.Pause, fault.Partition, fault.PowerLoss}

// losing remembers the lanes of nodes that a fault is about to take.
func (r *Run) losing(ctx context.Context, l *lanes, o *ongoing) []loss {
	if !slices.Contains(takes, o.fault.Kind) || len(o.nodes) > (len(r.Fleet.Nodes)-1)/2 || o.fault.Lasts() < 3*time.Second {
		return nil // nobody is left who could go on, or the node itself is back before anybody has to
	}
	states, _, err := r.Fleet.Client.Slices(ctx, jobName, client.Blocking{})
	if err != nil {
		r.T.Fatal(err)
	}
	var out []loss
	for _, n := range o.nodes {
		var lanes []int32
		for _, s := range states {
			if s.Kind == "fill" && s.Status == "leased" && s.OwnerName == n.Name {
				lanes = append(lanes, s.Partition)
			}
		}
		if len(lanes) > 0 {
			out = append(out, l.lose(r, n.Name, lanes, time.Now()))
		}
	}
	return out
}

// takeovers measures how long each loss kept work standing still.
func (r *Run) takeovers(l *lanes, losses []loss, v *Verdict) {
	for _, lost := range losses {
		took, ok := l.takeover(lost)
		if !ok {
			r.T.Errorf("nobody committed in a lane of %s after it was lost", lost.node)
			continue
		}
		v.FailoverMs = append(v.FailoverMs, took.Milliseconds())
		if bar := r.Scenario.Expects.Failover; bar > 0 && took > bar {
			r.T.Errorf("failover of %s took %s, want at most %s", lost.node, took, bar)
		}
	}
	if bar := r.Scenario.Expects.Rework; bar > 0 && v.Rework > bar*int64(r.Scenario.Workload.Partitions)*int64(max(1, len(losses))) {
		r.T.Errorf("rework: %d records were written in vain, want at most %d per slice", v.Rework, bar)
	}
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

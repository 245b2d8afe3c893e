package staging

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"backstitch/chaos/fault"
	"backstitch/chaos/report"
	"backstitch/chaos/scenario"
	"backstitch/cluster/client"
)

// This file is the run: look, hurt, heal, wait, verify. Whatever goes wrong on the way, healing comes before the verdict.

// Config says what to do to which cluster. Client, Dial, Scenario, Job, MaxDuration, Verify and Root are required.
type Config struct {
	Client   *client.Client                            // asks any node
	Dial     func(addr string) (*client.Client, error) // makes one that asks one node only
	Scenario scenario.Scenario
	Seed     uint64        // of random plans and of the choice of nodes
	Faults   []fault.Fault // nil is what scenario and seed say
	Job      string        // runs while the faults come, and is verified after

	MaxDuration time.Duration // of all, from the first fault to the end of the job
	Meant       bool          // more nodes may be hurt at once than the cluster can do without

	Verify  func(ctx context.Context) (verdict string, err error) // pass, fail or indeterminate
	Root    string                                                // gets a directory with the evidence
	Command string                                                // that does the same again
	Version string
	Say     func(format string, args ...any) // progress, for people; nil for none
}

// Result is what came of it.
type Result struct {
	Dir           string         `json:"dir"`
	Seed          uint64         `json:"seed"`
	Verdict       report.Verdict `json:"verdict"`
	Indeterminate bool           `json:"indeterminate"` // verify had nothing to compare
}

// Patience, in the time of the cluster.
const (
	tick       = 500 * time.Millisecond
	leaderless = 20 * time.Second // while a quorum is unhurt
	lostFor    = 20 * time.Second // of a node that nobody hurts
	comesBack  = time.Minute      // a node that was killed, or the cluster after the last fault
	healing    = 30 * time.Second // to take everything back, also after Ctrl-C
)

// Run tells the story. Its error is ErrRefused when nothing was done, and that of ctx when it was interrupted; a promise that was
// broken is no error but a verdict.
func Run(ctx context.Context, cfg Config) (Result, error) {
	if cfg.Say == nil {
		cfg.Say = func(string, ...any) {}
	}
	if err := Can(cfg.Scenario); err != nil {
		return Result{}, err
	}
	faults := cfg.Faults
	if faults == nil {
		var err error
		if faults, err = cfg.Scenario.Plan(cfg.Seed); err != nil {
			return Result{}, err
		}
	}
	m, err := meet(ctx, cfg.Client, cfg.Dial)
	if err != nil {
		return Result{}, err
	}
	defer m.close()
	if err := allow(faults, len(m.voters()), cfg.MaxDuration, cfg.Meant); err != nil {
		return Result{}, err
	}
	if err := ready(ctx, cfg, m); err != nil {
		return Result{}, err
	}
	evidence, err := report.Start(cfg.Root, report.Spec{
		Scenario: cfg.Scenario, Layer: fault.Staging, Seed: cfg.Seed, Faults: faults, Command: cfg.Command, Version: cfg.Version,
	})
	if err != nil {
		return Result{}, err
	}
	defer evidence.Guard()
	r := &run{cfg: cfg, m: m, evidence: evidence, random: rand.New(rand.NewPCG(cfg.Seed, 1)), hurtAt: map[string]time.Time{}}
	return r.do(ctx, faults)
}

// ready refuses a cluster that is not well, and a job that would not notice.
func ready(ctx context.Context, cfg Config, m *members) error {
	state, err := cfg.Client.Cluster(ctx)
	if err != nil {
		return err
	}
	if !state.Healthy {
		return refuse("the cluster is not healthy before anything was done: %s", strings.Join(state.Reasons, "; "))
	}
	for _, n := range m.nodes {
		if now, err := n.api.Faults(ctx); err != nil || len(now.Faults) > 0 {
			return refuse("%s has faults already, or can not say: %d, %v", n.Name, len(now.Faults), err)
		}
	}
	job, _, err := cfg.Client.Job(ctx, cfg.Job, client.Blocking{})
	if err != nil {
		return err
	}
	if ended(job) && !cfg.Scenario.Workload.Idle() {
		return refuse("job %s has %s already: nothing would be hurt in its work", job.ID, job.State)
	}
	return nil
}

func ended(j client.Job) bool {
	return slices.Contains([]string{"succeeded", "failed", "cancelled"}, j.State)
}

type run struct {
	cfg      Config
	m        *members
	evidence *report.Run
	random   *rand.Rand

	active   map[int]*active
	hurtAt   map[string]time.Time // when a node was hurt last, also while it still is
	lost     map[string]time.Time // since when a node that nobody hurts is gone
	noLeader time.Time
}

func (r *run) do(ctx context.Context, faults []fault.Fault) (Result, error) {
	began := time.Now()
	result := Result{Dir: r.evidence.Dir(), Seed: r.cfg.Seed}
	bounded, cancel := context.WithTimeout(ctx, r.cfg.MaxDuration)
	defer cancel()
	r.active, r.lost = map[int]*active{}, map[string]time.Time{}
	r.evidence.Phase("faults")
	broken := r.timeline(bounded, faults)
	r.heal(ctx)
	if ctx.Err() != nil {
		r.evidence.Notef("interrupted; everything was healed")
		return result, ctx.Err()
	}
	if broken != nil {
		r.violate("the run was ended early: %v", broken)
	}
	healed := time.Now()
	r.evidence.Phase("wait")
	r.recovered(bounded, healed)
	job := r.jobEnds(bounded, healed)
	if ctx.Err() != nil {
		return result, ctx.Err()
	}
	if job.State == "succeeded" || job.Verdict != "" {
		r.evidence.Phase("verify")
		verdict, err := r.cfg.Verify(ctx)
		switch {
		case ctx.Err() != nil:
			return result, ctx.Err()
		case err != nil:
			return result, errors.Join(fmt.Errorf("verify %s: %w", r.cfg.Job, err), r.evidence.Skip("verify: "+err.Error()))
		case verdict == "indeterminate":
			result.Indeterminate = true
		case verdict != "pass":
			r.violate("verify of %s: the data differ (%s)", r.cfg.Job, verdict)
		}
	}
	var err error
	result.Verdict, err = r.evidence.Finish(report.Figures{Suite: "staging", Seconds: time.Since(began).Seconds()},
		r.cfg.Scenario.Expects.Vacuous)
	return result, err
}

func (r *run) violate(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.evidence.Break(text)
	r.cfg.Say("==> %s", text)
}

// timeline does one step after the other. Its error says why it ended early.
func (r *run) timeline(ctx context.Context, faults []fault.Fault) error {
	began := time.Now()
	for _, step := range fault.Steps(faults) {
		if err := r.watchUntil(ctx, began.Add(step.At)); err != nil {
			return err
		}
		if step.Heal {
			if err := r.endOne(ctx, step.Index); err != nil {
				return err
			}
			continue
		}
		if err := r.beginOne(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) beginOne(ctx context.Context, step fault.Step) error {
	targets, err := r.targets(ctx, step.Fault)
	if err != nil {
		return err
	}
	for _, name := range targets {
		r.hurtAt[name] = time.Now().Add(step.Fault.Lasts())
	}
	r.evidence.Fault(step.Fault, targets...)
	r.cfg.Say("==> %s   %s", step.Fault, strings.Join(targets, " "))
	a, err := r.m.begin(ctx, step.Fault, targets)
	r.active[step.Index] = a
	if err != nil {
		return err
	}
	if step.Fault.Lasts() == 0 {
		delete(r.active, step.Index)
		r.evidence.Healed(step.Fault, a.hit, nil)
	}
	return nil
}

// targets looks up whom a fault is for. Roles may be vacant for a moment after the fault before.
func (r *run) targets(ctx context.Context, f fault.Fault) ([]string, error) {
	role := f.Target
	if f.Kind == fault.StepDown {
		role = fault.Leader
	}
	deadline := time.Now().Add(comesBack)
	for {
		view, _, err := r.m.view(ctx)
		if err == nil {
			var names []string
			if names, err = role.In(view, r.random); err == nil {
				return names, nil
			}
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		if err := pause(ctx, tick); err != nil {
			return nil, err
		}
	}
}

func (r *run) endOne(ctx context.Context, index int) error {
	a := r.active[index]
	if a == nil {
		return nil
	}
	delete(r.active, index)
	r.m.end(ctx, a)
	r.evidence.Healed(a.fault, a.hit, nil)
	for _, name := range a.targets {
		r.hurtAt[name] = time.Now()
	}
	if a.fault.Kind != fault.Kill && a.fault.Kind != fault.Leave {
		return nil
	}
	for _, name := range a.targets {
		if err := r.returns(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// returns waits for a node that was ended. Nothing here can start it: that is for its supervisor.
func (r *run) returns(ctx context.Context, name string) error {
	deadline := time.Now().Add(comesBack)
	for {
		ask, cancel := context.WithTimeout(ctx, answer)
		health, err := r.m.find(name).api.Health(ask, "ready")
		cancel()
		if err == nil && health.OK {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s was ended and has not come back within %s: does a supervisor start it again?", name, comesBack)
		}
		if err := pause(ctx, tick); err != nil {
			return err
		}
	}
}

// watchUntil waits and looks whether the cluster keeps what the story leaves it.
func (r *run) watchUntil(ctx context.Context, at time.Time) error {
	for {
		if err := r.look(ctx); err != nil {
			return err
		}
		left := time.Until(at)
		if left <= 0 {
			return nil
		}
		if err := pause(ctx, min(left, tick)); err != nil {
			return err
		}
	}
}

// look is one look. A node that nobody hurts must be there, and somebody must lead while a quorum is unhurt.
func (r *run) look(ctx context.Context) error {
	ask, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	view, alive, err := r.m.view(ask)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	now := time.Now()
	hurt := 0
	for _, n := range r.m.nodes {
		calm := now.Sub(r.hurtAt[n.Name]) > lostFor
		if !calm {
			hurt++
		}
		if err != nil || alive[n.Name] || !calm {
			delete(r.lost, n.Name)
			continue
		}
		if r.lost[n.Name].IsZero() {
			r.lost[n.Name] = now
		}
		if since := now.Sub(r.lost[n.Name]); since > lostFor {
			return fmt.Errorf("%s, which nobody hurt, is gone since %s", n.Name, since.Round(time.Second))
		}
	}
	if (err == nil && view.Leader != "") || hurt > (len(r.m.voters())-1)/2 {
		r.noLeader = time.Time{}
		return nil
	}
	if r.noLeader.IsZero() {
		r.noLeader = now
	}
	if since := now.Sub(r.noLeader); since > leaderless {
		return fmt.Errorf("nobody leads since %s while a quorum is unhurt: %v", since.Round(time.Second), err)
	}
	return nil
}

// heal takes everything back, whatever has happened to ctx.
func (r *run) heal(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healing)
	defer cancel()
	for index, a := range r.active {
		r.m.end(ctx, a)
		r.evidence.Healed(a.fault, a.hit, nil)
		delete(r.active, index)
	}
	n, silent := r.m.healAll(ctx)
	if n > 0 {
		r.evidence.Notef("%d faults were left and are healed", n)
	}
	if len(silent) > 0 {
		r.evidence.Notef("could not be asked, so their faults end by themselves: %s", strings.Join(silent, ", "))
		r.cfg.Say("==> %s: no answer; what is done there ends by itself", strings.Join(silent, ", "))
	}
	r.cfg.Say("==> everything is healed")
}

// recovered waits until somebody leads, all nodes are there, and checks how long that took.
func (r *run) recovered(ctx context.Context, healed time.Time) {
	limit := r.cfg.Scenario.Expects.Leader
	led := false
	for {
		state, err := r.cfg.Client.Cluster(ctx)
		if err == nil && state.Leader != nil && !led {
			led = true
			if took := time.Since(healed); limit > 0 && took > limit {
				r.violate("somebody led %s after the last fault was healed, want within %s", took.Round(time.Millisecond), limit)
			}
		}
		if err == nil && state.Healthy {
			return
		}
		if time.Since(healed) > comesBack || ctx.Err() != nil {
			r.violate("the cluster is not healthy %s after the last fault was healed: %v %s", time.Since(healed).Round(time.Second), err,
				strings.Join(state.Reasons, "; "))
			return
		}
		if pause(ctx, tick) != nil {
			continue // said above
		}
	}
}

// jobEnds waits for the job, within what is left of the time.
func (r *run) jobEnds(ctx context.Context, healed time.Time) client.Job {
	limit := r.cfg.Scenario.Expects.Done
	for {
		job, _, err := r.cfg.Client.Job(ctx, r.cfg.Job, client.Blocking{})
		took := time.Since(healed)
		switch {
		case err == nil && ended(job):
			if job.State != "succeeded" {
				r.violate("job %s %s: %s %s", job.ID, job.State, job.Why, job.Verdict)
			}
			if limit > 0 && took > limit {
				r.violate("job %s ended %s after the last fault was healed, want within %s", job.ID, took.Round(time.Second), limit)
			}
			return job
		case ctx.Err() != nil:
			r.violate("job %s had not ended when --max-duration was over: %v", r.cfg.Job, err)
			return job
		}
		_ = pause(ctx, tick) // looked at above
	}
}

// pause waits for d, or for the end of ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

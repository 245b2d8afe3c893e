package staging

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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

	MaxDuration time.Duration // of all, from the first fault to the end of the job; the comparison takes the time that it needs
	Meant       bool          // more nodes may be hurt at once than the cluster can do without

	Verify  func(ctx context.Context) (Proof, error) // compares what the job wrote, record by record
	Root    string                                   // gets a directory with the evidence
	Command string                                   // that does the same again
	Version string
	Say     func(format string, args ...any) // progress, for people; nil for none
}

// Proof is what a comparison came to.
type Proof struct {
	Verdict     string   // pass, fail or indeterminate
	Differences []string // one line for each partition that has some
}

// Result is what came of it.
type Result struct {
	Dir     string         `json:"dir"`
	Seed    uint64         `json:"seed"`
	Verdict report.Verdict `json:"verdict"`
}

// patience is how long is waited, in the time of the cluster.
type patience struct {
	tick       time.Duration // between two looks
	leaderless time.Duration // while a quorum is unhurt
	lost       time.Duration // of a node that nobody hurts
	comesBack  time.Duration // of a node that was killed, and of the cluster after the last fault
	standstill time.Duration // of a job that nobody hurts any more
}

var usual = patience{tick: 500 * time.Millisecond, leaderless: 20 * time.Second, lost: 20 * time.Second, comesBack: time.Minute, standstill: time.Minute}

// Run tells the story. Its error is ErrRefused when nothing was done, and that of ctx when it was interrupted; a promise that was
// broken is no error but a verdict.
func Run(ctx context.Context, cfg Config) (Result, error) { return tell(ctx, cfg, usual) }

func tell(ctx context.Context, cfg Config, p patience) (Result, error) {
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
	r := &run{
		cfg: cfg, patience: p, m: m, evidence: evidence, random: rand.New(rand.NewPCG(cfg.Seed, 1)), figures: report.Figures{Suite: "staging"},
		active: map[int]*active{}, hurtAt: map[string]time.Time{}, lost: map[string]time.Time{},
	}
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

type run struct {
	cfg      Config
	patience patience
	m        *members
	evidence *report.Run
	random   *rand.Rand

	active    map[int]*active
	hurtAt    map[string]time.Time // when a node was hurt last, also while it still is
	lost      map[string]time.Time // since when a node that nobody hurts is gone
	noLeader  time.Time
	takeovers takeovers

	figures report.Figures
	missing []string // what would have shown the promise and did not happen
}

func (r *run) do(ctx context.Context, faults []fault.Fault) (Result, error) {
	began := time.Now()
	result := Result{Dir: r.evidence.Dir(), Seed: r.cfg.Seed}
	bounded, cancel := context.WithTimeout(ctx, r.cfg.MaxDuration)
	defer cancel()
	watching, stop := context.WithCancel(bounded)
	r.takeovers.stop = stop
	defer r.takeovers.end()

	r.evidence.Phase("faults")
	early := r.timeline(bounded, watching, faults)
	switch {
	case ctx.Err() != nil:
		r.cfg.Say("==> interrupted: every fault is taken back; a second Ctrl-C ends this at once, and the faults end by themselves")
	case early != nil && bounded.Err() != nil:
		r.unshown("--max-duration was over before the story was")
	case early != nil:
		r.violate("the run was ended early: %v", early)
	}
	r.heal(ctx)
	if ctx.Err() == nil {
		r.aftermath(ctx, bounded)
	}
	if ctx.Err() != nil {
		r.unshown("interrupted before %s was verified; backstitch verify %s compares it", r.cfg.Job, r.cfg.Job)
	}
	r.figures.Seconds = time.Since(began).Seconds()
	var err error
	if len(r.missing) > 0 {
		result.Verdict, err = r.evidence.Unshown(strings.Join(r.missing, "; "), r.figures)
	} else {
		result.Verdict, err = r.evidence.Finish(r.figures, r.cfg.Scenario.Expects.Vacuous)
	}
	return result, errors.Join(ctx.Err(), err)
}

// violate says that a promise is broken.
func (r *run) violate(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.evidence.Break(text)
	r.cfg.Say("==> %s", text)
}

// unshown says what keeps the run from showing anything.
func (r *run) unshown(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.missing = append(r.missing, text)
	r.notef("%s", text)
}

// notef says what is worth knowing.
func (r *run) notef(format string, args ...any) {
	r.evidence.Notef(format, args...)
	r.cfg.Say("==> %s", fmt.Sprintf(format, args...))
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

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"backstitch/cluster/conductor"
	"backstitch/cmd/backstitch/config"
	"backstitch/fsm"
	"backstitch/replay/gap"
	"backstitch/replay/gap/match"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/scan"
	"backstitch/replay/spec"
	"backstitch/storage/spill"
)

// flowPlanner makes the plans of recovery steps of flows, with this agent's connections, as backstitch plan does it.
type flowPlanner struct {
	app     *app
	cfg     config.Agent
	cluster func() string // id
	sweep   sync.Once
}

var _ conductor.Planner = (*flowPlanner)(nil)

// Plan compares anew what the spec says and freezes what is missing. Partitions that can not be compared are a warning, since no proof will
// cover them.
func (p *flowPlanner) Plan(ctx context.Context, text []byte) (*fsm.MadePlan, *fsm.JobTerms, error) {
	kinds := map[string]string{}
	for name, c := range p.cfg.Connections {
		kinds[name] = c.Kind()
	}
	r, err := spec.Parse("of the step", text, spec.Options{Connections: kinds})
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", conductor.ErrRefused, err)
	}
	sets, err := p.sets()
	if err != nil {
		return nil, nil, err
	}
	cfg := gap.DefaultConfig()
	cfg.NewBag, cfg.Spill = match.Spill(sets), sets
	plan, err := recovery.Build(ctx, r, reach.New(openConfig(p.cfg.Connections, p.app.lookup)), recovery.Options{Cluster: p.cluster(), Now: agentClock, Scan: cfg})
	var known *recovery.Error
	switch {
	case errors.As(err, &known):
		return nil, nil, fmt.Errorf("%w: %w", conductor.ErrRefused, err)
	case err != nil:
		return nil, nil, err
	case len(plan.Slices) == 0 && plan.Totals.Cannot > 0:
		return nil, nil, fmt.Errorf("%w: nothing is written, and %d partitions can not be compared", conductor.ErrRefused, plan.Totals.Cannot)
	case len(plan.Slices) == 0:
		return nil, nil, nil
	}
	m, err := scan.Freeze(plan)
	if err == nil && plan.Totals.Cannot > 0 {
		m.Warnings = append(m.Warnings, fmt.Sprintf("%d partitions can not be compared, and no proof will cover them", plan.Totals.Cannot))
	}
	return m, scan.Terms(plan), err
}

// sets is where hashes go that do not fit into memory.
func (p *flowPlanner) sets() (spill.Options, error) {
	dir := filepath.Join(p.cfg.DataDir, "flow-plans")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return spill.Options{}, err
	}
	var err error
	p.sweep.Do(func() { err = spill.Sweep(dir) })
	return spill.Options{Dir: dir, MemoryBytes: spillMemory}, err
}
